"""What routes are given: the parts of the running app, and values every route bounds alike."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from fastapi import Depends, Form, Header, Path, Query, Request
from starlette.exceptions import HTTPException

from marketplace.crm.sealing import Seal
from marketplace.settings import Settings
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.chats import Chats
from serving.credentials import Credentials
from serving.encoder import WarmEncoder
from serving.exposing import Exposing
from serving.finder import Finder
from serving.kept_answers import KeptAnswers
from serving.kept_dashboards import KeptDashboards
from serving.metrics import Metrics
from serving.pictures import Pictures
from serving.rate_limits import RateLimits, address_of
from serving.recommender.recommender import Recommender

LARGEST_ID = 2**53 - 1
MOST_ITEMS = 100
USER_ID = r"^[A-Za-z0-9._:@-]{1,128}$"
TEXT = r"^[^\x00]*$"  # Postgres holds no NUL

SellerId = Annotated[int, Path(ge=0, le=LARGEST_ID, examples=[2251799813685248])]


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
    recommender: Recommender
    exposing: Exposing
    kept: KeptAnswers
    credentials: Credentials
    limits: RateLimits
    chats: Chats
    seal: Seal
    dashboards: KeptDashboards = field(default_factory=KeptDashboards)


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


def refuse_stranger(request: Request, settings: Settings, token: str) -> None:
    """Returns for who may steer: with the operator's token or an admin's key, or all where SOKO_AUTH is open.

    Raises
    ------
    HTTPException
        403 for a page of another site and where no token is set; 401 for a wrong or missing one.
    """
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "a page of another site may not steer this market")
    if is_admin(request):
        return
    wanted = settings.operator_token.get_secret_value()
    if not wanted and settings.auth != "open":
        raise HTTPException(403, "only an admin's key steers this market until its operator sets SOKO_OPERATOR_TOKEN")
    if not secrets.compare_digest(token.encode(), wanted.encode()) and wanted:
        limits = shop_of(request).limits
        limits.count(limits.sign_in, "sign-in", address_of(request.scope))
        raise HTTPException(401, "send the operator's token in X-Soko-Token", {"WWW-Authenticate": "X-Soko-Token"})


def is_seller_of(request: Request, seller_id: int) -> bool:
    """Whether this seller's own key or sign-in came with the request, as the guard of its route found."""
    found = request.scope.get("soko.access", {}).get("principal")
    return found is not None and found.role == "seller" and found.seller_id == seller_id


def is_admin(request: Request) -> bool:
    """Whether an admin's key or sign-in came with the request, as the guard of its route found."""
    found = request.scope.get("soko.access", {}).get("principal")
    return found is not None and found.role == "admin"


def operator(
    request: Request,
    token: Annotated[
        str, Header(alias="X-Soko-Token", max_length=512, description="the operator's token, where one is set")
    ] = "",
) -> None:
    """Returns when the header lets its sender steer."""
    refuse_stranger(request, shop_of(request).settings, token)


def owner(
    request: Request,
    seller_id: SellerId,
    token: Annotated[
        str, Header(alias="X-Soko-Token", max_length=512, description="the operator's token, where one is set")
    ] = "",
) -> None:
    """Returns for the seller of the path and for who may steer."""
    if not is_seller_of(request, seller_id):
        refuse_stranger(request, shop_of(request).settings, token)


def operator_at_form(request: Request, token: Annotated[str, Form(max_length=512)] = "") -> None:
    """Returns when the token that stands in a page's form lets its sender steer."""
    refuse_stranger(request, shop_of(request).settings, token)


ShopDep = Annotated[Shop, Depends(shop_of)]
NowDep = Annotated[datetime, Depends(now)]
OperatorDep = Depends(operator)
OwnerDep = Depends(owner)
OperatorFormDep = Depends(operator_at_form)
ProductId = Annotated[int, Path(ge=0, le=LARGEST_ID, examples=[4503599627370496])]
UserId = Annotated[str, Path(pattern=USER_ID, examples=["shopper-001"])]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many, at most")]
CategoryFilter = Annotated[str | None, Query(max_length=200, pattern=TEXT, description="only this category")]
SellerFilter = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="only this seller")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; leave out for the first")
]
