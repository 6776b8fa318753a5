"""What the search box proposes while a shopper types."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from marketplace.storage.suggestions import suggest
from serving.dependencies import TEXT, ShopDep
from serving.schemas import Suggestions, SuggestionShown

router = APIRouter(prefix="/api", tags=["search"])
KEPT_SECONDS = 60


@router.get("/search/suggestions")
def read_suggestions(
    shop: ShopDep,
    response: Response,
    q: Annotated[str, Query(max_length=200, pattern=TEXT, description="what is typed so far")] = "",
    limit: Annotated[int, Query(ge=1, le=20, description="how many, at most")] = 8,
) -> Suggestions:
    """Categories, phrases, sellers and products that begin as typed, in any language. One row per suggestion."""
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    found = suggest(shop.warehouse, q, limit=limit)
    return Suggestions(items=[SuggestionShown(text=one.text, kind=one.kind, products=one.products) for one in found])
