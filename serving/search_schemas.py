"""What a search asks, and what it answers, as its clients read it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from marketplace.catalog.prices import minor_digits
from marketplace.search.asking import Box, Filters, Fusion, SearchQuery, Sort
from serving.dependencies import LARGEST_ID, MOST_ITEMS, TEXT
from serving.schemas import PriceShown, ProductShown, SellerShown
from serving.search_cursors import LONGEST, Match

MOST_EXAMPLES = 20
MOST_CATEGORIES = 20
MOST_PER_SELLER = 20
MOST_MONEY = 10**12
MOST_DIGITS, MOST_PLACES = 20, 6  # a price of 1E-999999 is a page of zeros where it is written out
Identity = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Examples = Annotated[tuple[Identity, ...], Field(max_length=MOST_EXAMPLES)]
Category = Annotated[str, Field(max_length=200, pattern=TEXT)]
Money = Annotated[
    Decimal, Field(ge=0, le=MOST_MONEY, max_digits=MOST_DIGITS, decimal_places=MOST_PLACES, allow_inf_nan=False)
]
Share = Annotated[float, Field(ge=0, le=1)]

EXAMPLES: dict[str, dict[str, Any]] = {
    "words": {"summary": "by words", "value": {"text": "blue kitenge dress", "limit": 12}},
    "filtered": {
        "summary": "cheapest first, in a price range, with facets",
        "value": {
            "text": "basket",
            "city": "Mombasa",
            "currency": "KES",
            "price_min": 500,
            "price_max": 3000,
            "sort": "price_low",
            "facets": True,
        },
    },
    "more_like": {
        "summary": "more like these, less like that",
        "value": {"like": [4503599627370496, 4503599627370497], "unlike": [4503599627370498]},
    },
    "product": {
        "summary": "by a product's picture, with other words",
        "value": {"product_id": 4503599627370496, "text": "in red", "image_weight": 0.7},
    },
    "next_page": {"summary": "the next page of any search", "value": {"cursor": "<next_cursor of the answer before>"}},
}


class SearchAsked(BaseModel):
    """A search: words, a product, examples, or a cursor; a multipart body may hold a photo beside these."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "blue kitenge dress", "limit": 12}}
    )

    text: Annotated[str | None, Field(min_length=1, max_length=300, pattern=TEXT)] = None
    product_id: Annotated[Identity | None, Field(description="stands for this product's picture and words")] = None
    box: Annotated[
        tuple[Share, Share, Share, Share] | None,
        Field(description="left, top, right, bottom of the part to search by, as shares of the photo's sides"),
    ] = None
    image_weight: Annotated[
        Share | None, Field(description="weight of the photo against the words; left out, the tuned one")
    ] = None
    like: Annotated[Examples, Field(description="products to move towards")] = ()
    unlike: Annotated[Examples, Field(description="products to move away from")] = ()
    category: Category | None = None
    categories: Annotated[tuple[Category, ...], Field(max_length=MOST_CATEGORIES, description="any of these")] = ()
    seller_id: Identity | None = None
    city: Annotated[str | None, Field(max_length=100, pattern=TEXT)] = None
    country: Annotated[str | None, Field(pattern="^[A-Z]{2}$", description="ISO 3166 alpha-2")] = None
    currency: Annotated[
        str | None, Field(pattern="^[A-Z]{3}$", description="ISO 4217; only products priced in it are found")
    ] = None
    price_min: Annotated[Money | None, Field(description="in major units of `currency`, which it needs")] = None
    price_max: Annotated[Money | None, Field(description="in major units of `currency`, which it needs")] = None
    in_stock: Annotated[bool, Field(description="false finds sold-out products as well")] = True
    sort: Sort = "relevance"
    fusion: Annotated[Fusion, Field(description="how words and likeness are made one ranking")] = "weighted"
    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS)] = 24
    cursor: Annotated[
        str | None, Field(max_length=LONGEST, description="`next_cursor` of the page before; may be sent alone")
    ] = None
    per_seller: Annotated[
        int | None,
        Field(
            ge=1, le=MOST_PER_SELLER, description="most products of one seller; `more_from_seller` counts the others"
        ),
    ] = None
    collapse: Annotated[bool, Field(description="show near-duplicates once, the others under `also_at`")] = True
    facets: Annotated[bool, Field(description="count the choices; on the first page only")] = False

    def query(self, image: bytes | None = None) -> SearchQuery:
        """The search in the market's own words.

        Raises
        ------
        InputRejected
            If the box has no size, or a price range no currency.
        """
        return SearchQuery(
            text=(self.text or "").strip() or None,
            image=image,
            product_id=self.product_id,
            box=None if self.box is None else Box(*self.box),
            image_weight=self.image_weight,
            like=tuple(dict.fromkeys(self.like)),
            unlike=tuple(dict.fromkeys(self.unlike)),
            filters=self._filters(),
            sort=self.sort,
            fusion=self.fusion,
            limit=self.limit,
            cursor=self.cursor,
            per_seller=self.per_seller,
            collapse=self.collapse,
            facets=self.facets,
        )

    def _filters(self) -> Filters:
        named = [self.category] if self.category is not None else []
        return Filters(
            categories=tuple(dict.fromkeys([*named, *self.categories])),
            seller_id=self.seller_id,
            country=self.country,
            city=self.city,
            currency=self.currency,
            least_minor=_minor(self.price_min, self.currency, ROUND_CEILING),
            most_minor=_minor(self.price_max, self.currency, ROUND_FLOOR),
            in_stock=self.in_stock,
        )


def _minor(amount: Decimal | None, currency: str | None, rounding: str) -> int | None:
    if amount is None:
        return None
    return int((amount * 10 ** minor_digits(currency or "")).to_integral_value(rounding))


class OfferShown(BaseModel):
    """The same product, or nearly, from someone else or listed again."""

    product_id: int
    title: str
    price: PriceShown | None
    seller: SellerShown


class SearchHit(ProductShown):
    """A product that was found.

    `score` says how well it fits, 1 being what words and likeness both put first; `similarity` is its cosine to the
    query where vectors found it; `matched` what it was found by, `photo` being the very photo that was sent, which is
    all that a photo finds while vectors are away; `also_at` names its near-duplicates; `more_from_seller` counts what
    `per_seller` left out of this seller.
    """

    score: float = Field(examples=[0.83])
    similarity: float | None = Field(examples=[0.71])
    matched: list[Match] = Field(examples=[["words", "likeness"]])
    also_at: list[OfferShown]
    more_from_seller: int = Field(examples=[0])


class Total(BaseModel):
    """How many products all pages hold; not exact means at least so many."""

    products: int = Field(examples=[57])
    is_exact: bool


class FacetValue(BaseModel):
    """A choice: send `value` in the field that the facet is named for."""

    value: str | int | bool = Field(examples=["Dresses"])
    label: str = Field(examples=["Dresses"])
    products: int = Field(examples=[42])
    is_chosen: bool


class ValueFacet(BaseModel):
    """Choices, fullest first; not exact means that only the best placed products were counted."""

    values: list[FacetValue]
    is_exact: bool


class PriceBand(BaseModel):
    """A range of prices: send `price_min` and `price_max` with `currency`; null at the top means no end."""

    currency: str = Field(examples=["KES"])
    price_min: float = Field(examples=[500])
    price_max: float | None = Field(examples=[1000])
    formatted: str = Field(examples=["KSh 500 - 1,000"])
    products: int = Field(examples=[7])


class PriceFacet(BaseModel):
    """Ranges of prices from low to high, of one currency."""

    bands: list[PriceBand]
    is_exact: bool


class Facets(BaseModel):
    """How many products each choice would leave, a facet's own filter being lifted, and before `per_seller`."""

    categories: ValueFacet
    sellers: ValueFacet
    cities: ValueFacet
    in_stock: ValueFacet
    prices: PriceFacet


class AdviceShown(BaseModel):
    """What would make the search better: a code for programs, a sentence for the shopper."""

    code: str = Field(examples=["photo_too_dark"])
    message: str = Field(examples=["The photo is too dark: take it near a window or with a light on."])


class Correction(BaseModel):
    """A word that was read as another."""

    written: str = Field(examples=["kitnge"])
    read_as: str = Field(examples=["kitenge"])


class UnderstoodShown(BaseModel):
    """What the words were taken for; `language` is ISO 639, am-Latn for romanised Amharic."""

    language: str | None = Field(examples=["sw"])
    corrections: list[Correction]
    did_you_mean: str | None = Field(examples=["kitenge dress"])


class SearchResults(BaseModel):
    """What was found, best first; `degraded` says that a part of the search was away, `reason` which.

    `facets` is null unless asked for, `understood` without words. A page of a cursor keeps the order, the total and
    the versions of the search that it goes on with.
    """

    items: list[SearchHit]
    next_cursor: str | None = Field(description="null at the end")
    total: Total
    facets: Facets | None
    advice: list[AdviceShown]
    understood: UnderstoodShown | None
    degraded: bool
    reason: str | None
    versions: dict[str, str | None] = Field(
        examples=[{"encoder": "compact-1", "index": "product_embeddings_050389a4b1d05f42"}]
    )


class SimilarProduct(ProductShown):
    """A product and how alike it is: the cosine of both vectors, null when it could not be told."""

    similarity: float | None = Field(examples=[0.87])
    also_at: list[OfferShown]


class SimilarProducts(BaseModel):
    """Products like another; `source` is `same_category` while likeness cannot be told."""

    product_id: int
    source: Literal["likeness", "same_category"]
    degraded: bool
    reason: str | None
    versions: dict[str, str | None] = Field(
        examples=[{"encoder": "compact-1", "index": "product_embeddings_050389a4b1d05f42"}]
    )
    items: list[SimilarProduct]
