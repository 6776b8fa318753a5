"""What routes are given: the parts of the running app, and values every route bounds alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from fastapi import Depends, Path, Query, Request

from marketplace.settings import Settings
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.encoder import WarmEncoder
from serving.finder import Finder
from serving.metrics import Metrics
from serving.pictures import Pictures

LARGEST_ID = 2**53 - 1
MOST_ITEMS = 100
USER_ID = r"^[A-Za-z0-9._:@-]{1,128}$"
TEXT = r"^[^\x00]*$"  # Postgres holds no NUL


@dataclass(frozen=True, slots=True)
class Shop:
    """The parts of one running app."""

    settings: Settings
    warehouse: Warehouse
    vectors: Vectors
    encoder: WarmEncoder
    finder: Finder
    pictures: Pictures
    metrics: Metrics


class State(TypedDict):
    """What the lifespan hands to every request."""

    shop: Shop


def shop_of(request: Request) -> Shop:
    """The running app's parts."""
    shop: Shop = request.state.shop
    return shop


def now() -> datetime:
    """The instant at which a request is answered."""
    return datetime.now(UTC)


ShopDep = Annotated[Shop, Depends(shop_of)]
NowDep = Annotated[datetime, Depends(now)]
ProductId = Annotated[int, Path(ge=0, le=LARGEST_ID, examples=[4503599627370496])]
SellerId = Annotated[int, Path(ge=0, le=LARGEST_ID, examples=[2251799813685248])]
UserId = Annotated[str, Path(pattern=USER_ID, examples=["shopper-001"])]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many, at most")]
CategoryFilter = Annotated[str | None, Query(max_length=200, pattern=TEXT, description="only this category")]
SellerFilter = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="only this seller")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; leave out for the first")
]
