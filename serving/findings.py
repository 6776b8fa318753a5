"""What a search found, and the part of it that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from marketplace.search.advice import Advice
from marketplace.search.asking import Filters
from marketplace.search.facets import Facet, FacetName
from marketplace.search.understanding import Understood
from marketplace.storage.shelf import ShelfProduct, on_shelf
from marketplace.storage.warehouse import Warehouse
from serving.search_cursors import Match, Place, groups_of


@dataclass(frozen=True, slots=True)
class Found:
    """A product, how well it fits (0..1), its cosine where vectors found it, what found it, and who else offers it.

    `more_from_seller` counts what else of its seller was found and left out, where so many of each are shown.
    """

    product: ShelfProduct
    similarity: float | None
    matched: tuple[Match, ...]
    score: float = 0.0
    also_at: tuple[ShelfProduct, ...] = ()
    more_from_seller: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """Products, best first; `reason` says why the answer is degraded, None when it is whole.

    `words` is how the words of the query were read.
    `total` counts what all pages hold, and is the least there is where `is_exact` is false. `facets` are None unless
    asked for. Versions are None for a part that was away or not needed.
    """

    items: tuple[Found, ...]
    reason: str | None
    encoder: str | None
    index: str | None
    next_cursor: str | None = None
    total: int = 0
    is_exact: bool = True
    facets: Mapping[FacetName, Facet] | None = None
    advice: tuple[Advice, ...] = ()
    words: Understood | None = None

    @property
    def degraded(self) -> bool:
        """Whether a part of the search was away."""
        return self.reason is not None


@dataclass(frozen=True, slots=True)
class Alike:
    """Products like another; from its category instead, with the reason, while likeness cannot be told."""

    source: Literal["likeness", "same_category"]
    items: tuple[Found, ...]
    reason: str | None
    encoder: str | None
    index: str | None


def shown(
    warehouse: Warehouse, places: Sequence[Place], limit: int, filters: Filters
) -> tuple[tuple[Found, ...], tuple[Place, ...]]:
    """The first groups of which something can still be bought, and the places after them."""
    groups = groups_of(places)
    items: list[Found] = []
    taken = 0
    while taken < len(groups) and len(items) < limit:
        chunk = groups[taken : taken + limit]
        ids = [place.product_id for group in chunk for place in group]
        awake = {product.product_id: product for product in on_shelf(warehouse, ids, filters)}
        for group in chunk:
            taken += 1
            items += _found(group, awake)
            if len(items) == limit:
                break
    return tuple(items), tuple(place for group in groups[taken:] for place in group)


def _found(group: Iterable[Place], awake: Mapping[int, ShelfProduct]) -> list[Found]:
    """The first of the group that is on the shelf, with the others; nothing where none is."""
    places = [place for place in group if place.product_id in awake]
    if not places:
        return []
    first, *others = places
    also_at = tuple(awake[place.product_id] for place in others)
    return [Found(awake[first.product_id], first.similarity, first.matched, first.score, also_at)]
