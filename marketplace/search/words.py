"""The words' side of a search."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.search.asking import Filters
from marketplace.search.fusion import EVERY_CONCEPT
from marketplace.storage.shelf import find_words
from marketplace.storage.warehouse import Warehouse

SOME = 0.5


@dataclass(frozen=True, slots=True)
class WordHit:
    """A product that words found: its score, and the share of the query that it holds."""

    product_id: int
    score: float
    share: float


def by_words(warehouse: Warehouse, text: str, *, filters: Filters, limit: int) -> list[WordHit]:
    """The products under the filters that hold the words, best first."""
    found = find_words(warehouse, text, limit=limit, filters=filters)
    ids = [(one, EVERY_CONCEPT) for one in found.every_word] + [(one, SOME) for one in found.some_words]
    return [WordHit(one, 1 - place / len(ids), share) for place, (one, share) in enumerate(ids)]
