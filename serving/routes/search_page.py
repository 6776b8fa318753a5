"""The storefront's search: by words from its address, by a photo from a form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from marketplace.catalog.prices import SHOWN
from marketplace.errors import ArtifactUnavailable, InputRejected, MarketplaceError, NotFound
from marketplace.search.asking import Filters, SearchQuery
from marketplace.storage.shelf import categories, on_shelf, seller_of
from serving.dependencies import Shop, ShopDep
from serving.findings import Findings
from serving.problems import said
from serving.rendering import render
from serving.routes.search import FORM_FIELDS, fields_of, image_of
from serving.search_presenting import search_results
from serving.search_schemas import SearchAsked, SearchResults
from serving.search_state import asked_in, chips, examples, pairs_of, without

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
CHIPS = 12
FILTERS = ("categories", "price_min", "price_max", "currency", "city", "country", "seller_id", "in_stock")
ANYWHERE = Filters(in_stock=False)
Piece = Annotated[bool, Query(description="only what was found, for a page that is open already")]
Divided = Annotated[bool, Query(description="what comes close has begun on a page before")]
PhotoKey = Annotated[str, Query(description="names a photo that only the shopper's browser holds", max_length=64)]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a shopper asks for, what of it made no sense, and the photo that came with it."""

    asked: SearchAsked
    passed_over: tuple[str, ...] = ()
    image: bytes | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to search for."""
        asked = self.asked
        examples = asked.product_id is not None or asked.like or asked.unlike
        return not (asked.text or self.image or examples or asked.cursor)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a search's findings are shown: as a piece of a page, after others, without script."""

    piece: bool
    divided: bool = False
    posted: bool = False


async def posted_form(request: Request) -> Asking:
    """What the form of a photo search asks for."""
    async with request.form(max_files=1, max_fields=FORM_FIELDS) as form:
        asked, passed_over = asked_in(fields_of(form))
        return Asking(asked, passed_over, await image_of(form))


@router.get("/search")
def show_search(request: Request, shop: ShopDep, piece: Piece = False, photo: PhotoKey = "") -> Response:
    """What was found by words and examples; a photo named here is asked for, as it lies with the shopper."""
    asking = Asking(*asked_in(fields_of(request.query_params)))
    if photo:
        return render(request, "photo.html", q=asking.asked.text or "", is_kept=True)
    if asking.is_nothing:
        return RedirectResponse(_nearest_shelf(asking.asked), 303)
    return _findings(request, shop, asking, Sheet(piece))


@router.get("/search/photo")
def show_photo_form(request: Request, q: Annotated[str, Query(max_length=300)] = "") -> Response:
    """A form for a photo and words, which needs no script."""
    return render(request, "photo.html", q=q.strip(), is_kept=False)


@router.post("/search")
def show_photo_search(
    request: Request,
    shop: ShopDep,
    asking: Annotated[Asking, Depends(posted_form)],
    piece: Piece = False,
    divided: Divided = False,
) -> Response:
    """What was found by a photo, and words if there were any; or the next page of any search."""
    if asking.is_nothing:
        return RedirectResponse("/search/photo", 303)
    return _findings(request, shop, asking, Sheet(piece, divided, posted=True))


def _nearest_shelf(asked: SearchAsked) -> str:
    """Where a search goes that has filters, and nothing to search for."""
    wanted = [asked.category] if asked.category else asked.categories
    return f"/?{urlencode({'category': wanted[0]})}" if wanted else "/"


def _findings(request: Request, shop: Shop, asking: Asking, sheet: Sheet) -> Response:
    if asking.asked.cursor is not None:
        return _next_page(request, shop, asking.asked.cursor, sheet)
    sheet = replace(sheet, divided=not _is_by_words(asking))
    asked, found, status, refusal = asking.asked, None, 200, ""
    try:
        query = replace(asked.query(asking.image), facets=True)
        found = shop.finder.find(query)
    except (InputRejected, NotFound, ArtifactUnavailable) as error:
        status, refusal = _status(error), said(error)
    if found is not None and found.degraded:
        shop.metrics.degraded.labels("search").inc()
    values = _asked_values(shop, asking, found, sheet) | _page_values(shop, found, asked, sheet)
    template = "findings.html" if sheet.piece else "search.html"
    return render(request, template, status=status, **values, refusal=refusal)


def _next_page(request: Request, shop: Shop, cursor: str, sheet: Sheet) -> Response:
    """The page after a cursor; what was asked stands in the address that the cursor is sent to."""
    asked, _ = asked_in(fields_of(request.query_params))
    found = shop.finder.find(SearchQuery(cursor=cursor, limit=asked.limit))
    values = _page_values(shop, found, asked, sheet)
    if sheet.piece:
        return render(request, "found_cards.html", **values)
    pairs = pairs_of(asked)
    return render(request, "search_more.html", **values, q=asked.text or "", state=pairs, first_page=urlencode(pairs))


def _status(error: MarketplaceError) -> int:
    if isinstance(error, NotFound):
        return 404
    return 422 if isinstance(error, InputRejected) else 503


def _page_values(shop: Shop, found: Findings | None, asked: SearchAsked, sheet: Sheet) -> dict[str, Any]:
    """A page of findings, where what only comes close begins, and how to go on."""
    items = found.items if found else ()
    exact = items if sheet.divided else list(takewhile(lambda item: "words" in item.matched, items))
    close = items[len(exact) :]
    pairs = pairs_of(asked)
    return {
        "exact": exact,
        "close": close,
        "cursor": found.next_cursor if found else None,
        "reason": found.reason if found else None,
        "more_query": urlencode([*pairs, ("divided", "true")] if close or sheet.divided else pairs),
        "pictures": shop.pictures,
    }


def _is_by_words(asking: Asking) -> bool:
    """Whether words decide the order, so that what holds them all comes first."""
    asked = asking.asked
    others = asking.image is not None or asked.product_id is not None or asked.like or asked.unlike
    return asked.text is not None and asked.sort == "relevance" and not others


def _asked_values(shop: Shop, asking: Asking, found: Findings | None, sheet: Sheet) -> dict[str, Any]:
    """What was asked, said back, with every way to ask for more, less or something else."""
    asked = asking.asked
    shown: SearchResults | None = search_results(found) if found else None
    filters = found_filters(asked)
    titles = _titles(shop, asked)
    pairs = pairs_of(asked)
    sellers = _seller(shop, asked.seller_id)
    return {
        "q": asked.text or "",
        "category": None,
        "asked": asked,
        "filters": filters,
        "shown": shown,
        "state": pairs,
        "chips": chips(asked, filters, shown.facets if shown else None, sellers),
        "seller_name": sellers.get(asked.seller_id or -1, "This shop"),
        "examples": examples(asked, titles),
        "here": urlencode(pairs),
        "cleared": without(pairs, *FILTERS),
        "unpriced": without(pairs, "price_min", "price_max", "currency"),
        "by_photo": asking.image is not None,
        "by_post": sheet.posted and not sheet.piece,
        "subject": titles.get(asked.product_id or -1, ""),
        "passed_over": asking.passed_over,
        "currencies": SHOWN,
        "categories": () if found and found.items else categories(shop.warehouse, limit=CHIPS),
    }


def found_filters(asked: SearchAsked) -> Filters:
    """The filters of the search; none where they contradict each other, which the refusal says."""
    try:
        return asked.query().filters
    except InputRejected:
        return Filters()


def _titles(shop: Shop, asked: SearchAsked) -> dict[int, str]:
    named = [*asked.like, *asked.unlike, *([] if asked.product_id is None else [asked.product_id])]
    return {one.product_id: one.title for one in on_shelf(shop.warehouse, named, ANYWHERE)}


def _seller(shop: Shop, seller_id: int | None) -> dict[int, str]:
    if seller_id is None:
        return {}
    try:
        return {seller_id: seller_of(shop.warehouse, seller_id).name}
    except NotFound:
        return {}
