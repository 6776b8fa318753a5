"""A search as it is asked: words, a photo, products that are like it, and what may be found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from marketplace.errors import InputRejected

Sort = Literal["relevance", "price_low", "price_high", "newest"]
Fusion = Literal["weighted", "rrf"]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a product must be to be found; empty filters let every product on the shelf through.

    `categories` are alternatives. A price range is of one currency, in minor units, ends included; products without
    a price never meet one. `in_stock` keeps to what can be bought now; without it sold-out products are found too.

    Raises
    ------
    InputRejected
        If a price range has no currency, or ends before it begins.
    """

    categories: tuple[str, ...] = ()
    seller_id: int | None = None
    country: str | None = None  # ISO 3166 alpha-2
    city: str | None = None
    currency: str | None = None
    least_minor: int | None = None
    most_minor: int | None = None
    in_stock: bool = True

    def __post_init__(self) -> None:
        if (self.least_minor, self.most_minor) != (None, None) and self.currency is None:
            raise InputRejected("a price range needs a currency, for example KES")
        if self.least_minor is not None and self.most_minor is not None and self.least_minor > self.most_minor:
            raise InputRejected(f"the price range begins at {self.least_minor} and ends at {self.most_minor}")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a photo, as shares of its width and height, the top left corner being the origin."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise InputRejected(f"a box lies within 0 and 1 and has a size, not {self}")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a shopper looks for; `image_weight` None leaves the weight of photo against words to what was tuned.

    `product_id` stands for that product's own picture and words. `like` and `unlike` are products to move towards
    and away from. `per_seller` is the most products of one seller, None for any number.
    """

    text: str | None = None
    image: bytes | None = None
    product_id: int | None = None
    box: Box | None = None
    image_weight: float | None = None
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    filters: Filters = field(default_factory=Filters)
    sort: Sort = "relevance"
    fusion: Fusion = "weighted"
    limit: int = 24
    cursor: str | None = None
    per_seller: int | None = None
    collapse: bool = True
    facets: bool = False
