"""The storefront's pages, and the pieces of them that its script asks for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from marketplace.storage.history import versions_of
from marketplace.storage.matches import offers_of
from marketplace.storage.shelf import ShelfPage, browse, categories, product_of, seller_of
from serving.cursors import cursor_of, place_of
from serving.dependencies import USER_ID, CategoryFilter, Cursor, NowDep, ProductId, SellerId, Shop, ShopDep
from serving.presenting import chat_path
from serving.price_line import price_line
from serving.recommender.asking import Ask
from serving.recommender.reasons import summary
from serving.rendering import error_page, render, shopper_of
from serving.routes.recommendations import demo_shoppers

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
PAGE = 24
ROW = 12
CHIPS = 24
PRICES = 40
YEAR = 31_536_000
Piece = Annotated[bool, Query(description="only the cards, for a page that is open already")]


@router.get("/")
def show_home(
    request: Request, shop: ShopDep, category: CategoryFilter = None, cursor: Cursor = None, piece: Piece = False
) -> Response:
    """The shelf, with what this shopper may like above it."""
    page = browse(shop.warehouse, limit=PAGE, after=place_of(cursor), category=category)
    values = _shelf(shop, page, "/", {"category": category})
    if piece:
        return render(request, "cards.html", **values)
    is_front = category is None and cursor is None
    if is_front:
        values |= _for_you(shop, shopper_of(request))
    return render(
        request,
        "home.html",
        **values,
        is_front=is_front,
        category=category,
        categories=categories(shop.warehouse, limit=CHIPS),
    )


@router.get("/products/{product_id}")
def show_product(request: Request, shop: ShopDep, product_id: ProductId, now: NowDep) -> Response:
    """One product, its seller, its prices over time, and products like it."""
    product = product_of(shop.warehouse, product_id)
    if product.is_gone:
        detail = f"“{product.title}” is no longer sold. Its category may hold something like it."
        return error_page(request, 410, "No longer sold", detail)
    alike = shop.finder.similar(product_id, limit=ROW, threshold=0)
    prices = versions_of(shop.warehouse, product_id, field="price", limit=PRICES)
    return render(
        request,
        "product.html",
        product=product,
        elsewhere=offers_of(shop.warehouse, product_id).elsewhere,
        alike=alike,
        prices=price_line(prices, now),
        pictures=shop.pictures,
        public_url=shop.settings.public_url,
        chat=chat_path(shop.chats.codes, product, "product"),
        category=product.category or None,
    )


@router.get("/sellers/{seller_id}")
def show_seller(
    request: Request, shop: ShopDep, seller_id: SellerId, cursor: Cursor = None, piece: Piece = False
) -> Response:
    """A seller and what they sell."""
    seller = seller_of(shop.warehouse, seller_id)
    page = browse(shop.warehouse, limit=PAGE, after=place_of(cursor), seller_id=seller_id)
    values = _shelf(shop, page, f"/sellers/{seller_id}", {})
    return render(request, "cards.html" if piece else "seller.html", **values | {"seller": seller, "surface": "seller"})


@router.get("/for-you")
def show_for_you(
    request: Request, shop: ShopDep, shopper: Annotated[str | None, Query(pattern=USER_ID)] = None
) -> Response:
    """The row of recommendations, for a page that is open already."""
    return render(request, "for_you.html", pictures=shop.pictures, **_for_you(shop, shopper or shopper_of(request)))


@router.post("/shopper")
def choose_shopper(shopper: Annotated[str, Form(pattern=r"^([A-Za-z0-9._:@-]{1,128})?$")] = "") -> Response:
    """Look through the eyes of another shopper; an empty choice is oneself again."""
    answer = RedirectResponse("/", 303)
    if shopper:
        answer.set_cookie("shopper", shopper, max_age=YEAR, samesite="lax")
    else:
        answer.delete_cookie("shopper")
    return answer


@router.get("/docs")
def show_api(request: Request) -> Response:
    """The API, endpoint by endpoint, made from the same description as `/openapi.json`."""
    return render(request, "api.html", api=request.app.openapi())


@router.get("/favicon.ico")
def show_icon() -> Response:
    """Where the icon is."""
    return RedirectResponse("/static/icon.svg", 308)


@router.get("/robots.txt")
def show_robots() -> Response:
    """What crawlers may read."""
    hidden = "".join(f"Disallow: {path}\n" for path in ("/api/", "/search", "/heartbeat", "/review", "/r/", "/sign-in"))
    return Response(f"User-agent: *\n{hidden}", media_type="text/plain")


def _shelf(shop: Shop, page: ShelfPage, path: str, query: dict[str, str | None]) -> dict[str, Any]:
    cursor = cursor_of(page.next_place)
    kept = {name: value for name, value in query.items() if value is not None}
    more = None if cursor is None else (path, {**kept, "cursor": cursor})
    return {"items": page.products, "more": more, "pictures": shop.pictures, "surface": "grid"}


def _for_you(shop: Shop, shopper: str | None) -> dict[str, Any]:
    suggestions = shop.recommender.answer(Ask(ROW, user_id=shopper))
    shop.exposing.add(suggestions)
    return {
        "suggestions": suggestions,
        "summary": summary(suggestions.source)["title"],
        "shopper": shopper,
        "shoppers": demo_shoppers(shop),
    }
