"""What a product looked like, and what was known of it when."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from marketplace.catalog.history import VersionedField, instant_of
from marketplace.errors import NotFound
from marketplace.storage.history import FieldValue, product_as_of, versions_of
from serving.dependencies import NowDep, ProductId, ShopDep
from serving.ingestion_schemas import FieldShown, ProductAsOf, ProductHistory, VersionShown
from serving.presenting import kept_price, shown_price
from serving.schemas import PriceShown, Problem

router = APIRouter(prefix="/api/products", tags=["history"])
Instant = Annotated[
    str | None,
    Query(max_length=40, description="2026-11-21T08:00Z, or a day, meant to its end in UTC; now if left out"),
]


@router.get("/{product_id}/history", responses={404: {"model": Problem}})
def read_history(
    product_id: ProductId,
    shop: ShopDep,
    field: Annotated[VersionedField | None, Query(description="only this field")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="how many, at most")] = 200,
) -> ProductHistory:
    """Every value that a product's fields held, with when, and by what evidence. One row per field and value.

    Also of products that are gone or hidden from shoppers.
    """
    found = versions_of(shop.warehouse, product_id, field=field, limit=limit + 1)
    shown = [VersionShown(**asdict(one), price=_price(one.field, one)) for one in found[:limit]]
    return ProductHistory(product_id=product_id, versions=shown, more=len(found) > limit)


@router.get("/{product_id}/as-of", responses={404: {"model": Problem}})
def read_as_of(
    product_id: ProductId, shop: ShopDep, now: NowDep, valid_at: Instant = None, known_at: Instant = None
) -> ProductAsOf:
    """A product as its source showed it at `valid_at`, by what was known at `known_at`. One row per field."""
    valid, known = (instant_of(text) if text else now for text in (valid_at, known_at))
    found = product_as_of(shop.warehouse, product_id, valid, known)
    if found is None:
        raise NotFound(f"product {product_id} was not known: nothing of {valid} was recorded by {known}")
    fields = {name: FieldShown(**asdict(one), price=_price(name, one)) for name, one in found.items()}
    return ProductAsOf(product_id=product_id, valid_at=valid, known_at=known, fields=fields)


def _price(field: str, kept: FieldValue) -> PriceShown | None:
    return shown_price(kept_price(kept.value)) if field == "price" else None
