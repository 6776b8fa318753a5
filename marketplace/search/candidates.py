"""Products that a search may show, with what decides their order and their company."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from marketplace.search.asking import Sort


class Candidate(NamedTuple):
    """A product that met the filters.

    `phash` is of its picture, `match_id` names the offers of the same product, `original_id` the product whose photo
    it took.
    """

    product_id: int
    title: str
    category: str
    price_minor: int | None
    currency: str | None
    in_stock: bool
    first_seen_at: datetime
    image_sha256: str | None
    seller_id: int
    seller: str
    city: str | None
    country: str
    phash: int | None = None
    match_id: int | None = None
    original_id: int | None = None


Group = tuple[Candidate, ...]


def ordered(candidates: Sequence[Candidate], sort: Sort, currency: str | None = None) -> list[Candidate]:
    """The candidates, which come by relevance, as they are to be shown; equals stay in that order.

    Prices of different currencies are never compared: first come products priced in `currency` (without one, in the
    currency of most), then each other currency by itself, then those without a price.
    """
    if sort == "relevance":
        return list(candidates)
    if sort == "newest":
        return sorted(candidates, key=lambda one: one.first_seen_at, reverse=True)
    sign = 1 if sort == "price_low" else -1
    first = currency or usual_currency(candidates)

    def place(one: Candidate) -> tuple[int, str, int]:
        if one.price_minor is None or one.currency is None:
            return 2, "", 0
        return int(one.currency != first), one.currency, sign * one.price_minor

    return sorted(candidates, key=place)


def usual_currency(candidates: Iterable[Candidate]) -> str | None:
    """The currency that most are priced in, the first of the alphabet among equals; None where none has a price."""
    counts = Counter(one.currency for one in candidates if one.currency)
    return min(counts, key=lambda code: (-counts[code], code), default=None)


def at_most_per_seller(groups: Iterable[Group], most: int) -> tuple[list[Group], dict[int, int]]:
    """The first `most` groups of each seller in the order they came, and how many more each seller has.

    A group belongs to the seller of its first product.
    """
    shown: Counter[int] = Counter()
    kept = []
    for group in groups:
        shown[group[0].seller_id] += 1
        if shown[group[0].seller_id] <= most:
            kept.append(group)
    return kept, {seller: count - most for seller, count in shown.items() if count > most}
