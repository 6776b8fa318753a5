"""Which of the nearest products are near at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from marketplace.storage.vectors import Hit

NEAR_SHARE = 0.6  # of the best cosine


def near(cosines: Mapping[int, float], floor: float) -> dict[int, float]:
    """The products that words alone may stand for: the nearest vector is always there, but it may be far away."""
    least = max(floor, NEAR_SHARE * max(cosines.values(), default=0.0))
    return {product_id: cosine for product_id, cosine in cosines.items() if cosine >= least}


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
