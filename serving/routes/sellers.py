"""Sellers: taken in, shown, and moved from state to state."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from marketplace.catalog.onboarding import Profile, seller_of
from marketplace.catalog.products import Seller, SellerState
from marketplace.ingestion.addresses import refuse_unfit
from marketplace.storage import catalog
from marketplace.storage.onboarding import sellers_in, set_state, take_in
from serving.dependencies import TEXT, Limit, OperatorDep, SellerId, ShopDep
from serving.schemas import Problem
from serving.seller_schemas import SellerKept, SellerPage, SellerSent, StateSent

router = APIRouter(prefix="/api/sellers", tags=["sellers"])


@router.post("", status_code=201, responses={409: {"model": Problem}})
def add_seller(sent: SellerSent, shop: ShopDep, response: Response) -> SellerKept:
    """Take a seller in: active in development, in production pending until a person activates them.

    The same seller again answers 200 and changes nothing; another source under the same name answers 409.
    """
    refuse_unfit(sent.source_url, allow_private=shop.settings.allow_private_hosts)
    given = Profile(sent.name, sent.country, sent.currency or "", sent.city or "", sent.phone or "")
    state: SellerState = "pending" if shop.settings.environment == "production" else "active"
    described = seller_of(given, sent.source_kind, sent.source_url, known=None, state=state)
    kept, is_new = take_in(shop.warehouse, described, given)
    response.status_code = 201 if is_new else 200
    return _shown(kept)


@router.get("")
def read_sellers(
    shop: ShopDep,
    state: Annotated[SellerState | None, Query(description="only those in this state")] = None,
    after: Annotated[str, Query(max_length=400, pattern=TEXT, description="`next_after` of the page before")] = "",
    limit: Limit = 100,
) -> SellerPage:
    """Sellers by handle, of every state. One row per seller."""
    found = sellers_in(shop.warehouse, state=state, after=after, limit=limit + 1)
    more = found[limit - 1].handle if len(found) > limit else None
    return SellerPage(items=[_shown(one) for one in found[:limit]], next_after=more)


@router.get("/{seller_id}", responses={404: {"model": Problem}})
def read_seller(seller_id: SellerId, shop: ShopDep) -> SellerKept:
    """One seller, of any state."""
    return _shown(catalog.seller(shop.warehouse, seller_id))


@router.patch(
    "/{seller_id}/state",
    dependencies=[OperatorDep],
    responses={status: {"model": Problem} for status in (401, 403, 404, 409)},
)
def move_seller(seller_id: SellerId, sent: StateSent, shop: ShopDep) -> SellerKept:
    """Move a seller to another state.

    Pending becomes active; active becomes paused and back; each of them becomes suspended, and that pending.
    Only active sellers are read and shown. Needs the operator's token where one is set.
    """
    return _shown(set_state(shop.warehouse, seller_id, sent.state))


def _shown(seller: Seller) -> SellerKept:
    return SellerKept(
        seller_id=seller.seller_id,
        handle=seller.handle,
        name=seller.name,
        city=seller.city,
        country=seller.country,
        currency=seller.currency,
        source_kind=seller.source_kind,
        source_url=seller.source_url,
        state=seller.state,
        has_phone=seller.phone is not None,
    )
