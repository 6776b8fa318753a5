"""The page on which people decide about flagged products."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from marketplace.storage.quality import usual_prices_of
from marketplace.storage.reviews import Order, queue, reasons_waiting, review
from serving.cursors import queue_cursor_of, queue_place_of
from serving.dependencies import TEXT, Cursor, NowDep, ProductId, ShopDep
from serving.rendering import render
from serving.routes.quality import COOKIE, FOREIGN, REASON, ReviewerDep, check_token

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
PAGE = 24
DAY = 86_400
Reviewer = Annotated[str, Form(min_length=1, max_length=80, pattern=TEXT)]


@router.get("/review")
def show_queue(
    request: Request,
    shop: ShopDep,
    now: NowDep,
    order: Order = "newest",
    reason: Annotated[str | None, Query(pattern=REASON)] = None,
    cursor: Cursor = None,
) -> Response:
    """Flagged products with what speaks against them, and a way to decide."""
    try:
        check_token(request, shop, request.headers.get("x-soko-token") or request.cookies.get(COOKIE))
    except HTTPException as error:
        return render(request, "review_token.html", status=error.status_code, refusal=str(error.detail))
    page = queue(shop.warehouse, now=now, limit=PAGE, order=order, reason=reason, after=queue_place_of(cursor))
    chosen = {"order": order} | ({"reason": reason} if reason else {})
    more = queue_cursor_of(page.next_place)
    return render(
        request,
        "review.html",
        items=page.products,
        waiting=page.waiting,
        usual=usual_prices_of(
            shop.warehouse, [one.product_id for one in page.products if "price_unusual" in one.reasons]
        ),
        why=reasons_waiting(shop.warehouse),
        order=order,
        reason=reason,
        chosen=urlencode(chosen),
        more=f"/review?{urlencode(chosen | {'cursor': more})}" if more else None,
        reviewer=unquote(request.cookies.get("reviewer", "")),
        pictures=shop.pictures,
    )


@router.post("/review/{product_id}")
def decide(
    product_id: ProductId,
    shop: ReviewerDep,
    now: NowDep,
    verdict: Annotated[Literal["approved", "rejected"], Form()],
    reviewer: Reviewer,
    seen: Annotated[str | None, Query(max_length=128, pattern=TEXT)] = None,
    order: Order = "newest",
    reason: Annotated[str | None, Query(pattern=REASON)] = None,
) -> Response:
    """Decide without script; back to the queue."""
    review(shop.warehouse, product_id, verdict, reviewer=reviewer.strip(), seen_hash=seen, now=now)
    back = urlencode({"order": order} | ({"reason": reason} if reason else {}))
    return RedirectResponse(f"/review?{back}", 303)


@router.post("/review-token")
def give_token(request: Request, shop: ShopDep, token: Annotated[str, Form(max_length=500)]) -> Response:
    """Keep the reviewer's token in their browser for a day, where no script can read it."""
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise HTTPException(403, "reviews are not taken from other sites")
    try:
        check_token(request, shop, token)
    except HTTPException:
        return render(request, "review_token.html", status=401, refusal="That is not the token of this market.")
    answer = RedirectResponse("/review", 303)
    is_safe = shop.settings.public_url.startswith("https://")
    answer.set_cookie(COOKIE, token, max_age=DAY, httponly=True, samesite="strict", secure=is_safe)
    return answer
