"""Sellers: taken in, shown, and moved from state to state."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from marketplace.catalog.onboarding import Profile, seller_of
from marketplace.catalog.products import Seller, SellerState
from marketplace.errors import Conflict
from marketplace.ingestion.addresses import refuse_unfit
from marketplace.ingestion.feed_kinds import BY_CONTENT_TYPE
from marketplace.ingestion.uploads import keep_upload
from marketplace.storage import catalog
from marketplace.storage.onboarding import sellers_in, set_state, take_in
from marketplace.storage.quotas import count_upload
from marketplace.storage.requests import WorkRequest, ask_for
from serving.dependencies import TEXT, Limit, OperatorDep, OwnerDep, SellerId, Shop, ShopDep, now
from serving.schemas import Problem, WorkAccepted
from serving.seller_schemas import SellerKept, SellerPage, SellerSent, StateSent

router = APIRouter(prefix="/api/sellers", tags=["sellers"])
_FILE = {"type": "string", "format": "binary"}
_FEED = {"requestBody": {"required": True, "content": {kind: {"schema": _FILE} for kind in sorted(BY_CONTENT_TYPE)}}}


@router.post("", status_code=201, responses={409: {"model": Problem}})
def add_seller(sent: SellerSent, shop: ShopDep, response: Response) -> SellerKept:
    """Take a seller in: active in development, in production pending until a person activates them.

    The same seller again answers 200 and changes nothing; another source under the same name answers 409.
    """
    if sent.source_kind != "feed" or sent.source_url:
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


@router.put(
    "/{seller_id}/feed",
    status_code=202,
    dependencies=[OwnerDep],
    responses={status: {"model": Problem} for status in (401, 403, 404, 409, 413, 429)},
    openapi_extra=_FEED,
)
async def put_feed(seller_id: SellerId, request: Request, shop: ShopDep) -> WorkAccepted:
    """Hand over a seller's feed (CSV, TSV, JSON, XLSX or Google Merchant XML) in place of the one before.

    It is read at once and with every heartbeat. A seller may hand over only so many in an hour; one more is answered
    429 with `Retry-After`. Needs the seller's own key, an admin's, or the operator's token.
    """
    content = await request.body()
    return await run_in_threadpool(_keep_feed, seller_id, content, request.headers.get("content-type", ""), shop)


def _keep_feed(seller_id: int, content: bytes, content_type: str, shop: Shop) -> WorkAccepted:
    seller = catalog.seller(shop.warehouse, seller_id)
    if seller.source_kind != "feed":
        raise Conflict(f"seller {seller.handle} is read from {seller.source_url}, not from feeds")
    count_upload(shop.warehouse, seller, per_hour=shop.settings.feed_uploads_per_hour, now=now())
    where = keep_upload(shop.settings.uploads_folder, seller_id, content, content_type)
    catalog.move_source(shop.warehouse, seller_id, where)
    asked = ask_for(shop.warehouse, WorkRequest(uuid4().hex, "sync", seller_id))
    return WorkAccepted(request_id=asked.request_id, kind=asked.kind, seller_id=asked.seller_id)


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
