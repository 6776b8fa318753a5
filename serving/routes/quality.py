"""The review queue: what is flagged, why, and what people decide about it."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.exceptions import HTTPException

from marketplace.storage.reviews import Order, quality_of, queue, review
from serving.cursors import queue_cursor_of, queue_place_of
from serving.dependencies import Cursor, Limit, NowDep, ProductId, Shop, ShopDep, is_admin
from serving.reviewing import quality_record, queue_shown
from serving.schemas import Problem, QualityRecordShown, ReviewQueue, ReviewSent

REASON = r"^[a-z0-9_]{1,64}$"
COOKIE = "review_token"
FOREIGN = ("cross-site", "same-site")  # what a browser says of a request that another site made


def may_review(
    request: Request,
    shop: ShopDep,
    x_soko_token: Annotated[str | None, Header(description="`SOKO_REVIEW_TOKEN`, where one is set")] = None,
) -> Shop:
    """The app's parts, for someone who may review: who knows the token, admins, anyone where SOKO_AUTH is open."""
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise HTTPException(403, "reviews are not taken from other sites")
    check_token(request, shop, x_soko_token or request.cookies.get(COOKIE))
    return shop


def check_token(request: Request, shop: Shop, given: str | None) -> None:
    """Returns if the token opens the reviews, and raises what a stranger is told otherwise."""
    wanted = shop.settings.review_token.get_secret_value()
    if is_admin(request):
        return
    if not wanted and shop.settings.auth != "open":
        raise HTTPException(403, "reviews are closed: SOKO_REVIEW_TOKEN is not set, and no admin's key was sent")
    if wanted and not hmac.compare_digest((given or "").encode(), wanted.encode()):
        raise HTTPException(401, "reviews need the token of SOKO_REVIEW_TOKEN in the header X-Soko-Token")


ReviewerDep = Annotated[Shop, Depends(may_review)]
ReasonFilter = Annotated[str | None, Query(pattern=REASON, description="only products flagged for this")]
Ordered = Annotated[Order, Query(description="`most_seen` by views of the last 30 days")]
_REFUSALS: dict[int | str, dict[str, type[Problem]]] = {status: {"model": Problem} for status in (401, 403, 404)}
router = APIRouter(prefix="/api/quality", tags=["quality"], responses=_REFUSALS)


@router.get("/queue")
def read_queue(
    shop: ReviewerDep,
    now: NowDep,
    limit: Limit = 24,
    cursor: Cursor = None,
    order: Ordered = "newest",
    reason: ReasonFilter = None,
) -> ReviewQueue:
    """Flagged products that wait for a person, newest or most seen first. One row per product."""
    after = queue_place_of(cursor)
    page = queue(shop.warehouse, now=now, limit=limit, order=order, reason=reason, after=after)
    return queue_shown(page, queue_cursor_of(page.next_place))


@router.get("/products/{product_id}")
def read_quality(product_id: ProductId, shop: ReviewerDep, now: NowDep) -> QualityRecordShown:
    """A product's verdict, reasons in words, usual price, and what people and models said of it."""
    return quality_record(quality_of(shop.warehouse, product_id, now=now))


@router.post("/products/{product_id}/review", status_code=201)
def record_review(product_id: ProductId, sent: ReviewSent, shop: ReviewerDep, now: NowDep) -> QualityRecordShown:
    """Decide on a product; the decision is kept, and is the verdict from now on. The index follows within a minute."""
    review(
        shop.warehouse,
        product_id,
        sent.verdict,
        reviewer=sent.reviewer,
        note=sent.note,
        seen_hash=sent.content_hash,
        now=now,
    )
    return quality_record(quality_of(shop.warehouse, product_id, now=now))
