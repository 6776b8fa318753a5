"""How deep a search looks, and the nearest products where some have no picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from marketplace.storage.vectors import Hit

DEPTH = 500  # products that one search ranks at most; pages end there
# What vectors add to a list by relevance: its tail is far from what is meant, and each hit costs time.
NEAR_DEPTH = 144


def nearest(search: Callable[[bool | None], list[Hit]], *, bare_weight: float, limit: int) -> list[Hit]:
    """The nearest products, most similar first, those without a picture weighed so that they compare with the others.

    Parameters
    ----------
    search
        Gives the nearest products: all of them, or only those with or without a picture.
    """
    if bare_weight == 1.0:
        return search(None)
    weighed = [replace(hit, similarity=bare_weight * hit.similarity) for hit in search(False)]
    return sorted([*search(True), *weighed], key=lambda hit: -hit.similarity)[:limit]
