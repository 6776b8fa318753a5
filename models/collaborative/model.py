"""A factor model as plain arrays: scoring, neighbours, and the blend with visual likeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

CF_WEIGHT = 0.6
VISUAL_WEIGHT = 0.4
BLOCK = 1024  # rows at once, so that memory grows with the items and not with their square
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FactorModel:
    """Latent factors: `user_factors` (users, factors) and `item_factors` (items, factors) with their ids."""

    user_factors: Floats
    item_factors: Floats
    users: NDArray[np.str_]
    items: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.user_factors.shape != (len(self.users), self.item_factors.shape[1]):
            raise InputRejected(f"user factors have shape {self.user_factors.shape} for {len(self.users)} users")
        if len(self.item_factors) != len(self.items):
            raise InputRejected(f"{len(self.item_factors)} item factors for {len(self.items)} items")
        if not (np.isfinite(self.user_factors).all() and np.isfinite(self.item_factors).all()):
            raise InputRejected("the factors hold a number that is not finite")

    def scores(self, rows: NDArray[np.intp]) -> Floats:
        """Predicted interest of some users in every item, (rows, items)."""
        return self.user_factors[rows] @ self.item_factors.T

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays."""
        return {
            "user_factors": self.user_factors,
            "item_factors": self.item_factors,
            "users": self.users,
            "items": self.items,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model that `to_arrays` took apart.

        Raises
        ------
        InputRejected
            If an array is missing or of another shape.
        """
        if missing := {"user_factors", "item_factors", "users", "items"} - set(arrays):
            raise InputRejected(f"the model lacks {', '.join(sorted(missing))}")
        return cls(
            np.asarray(arrays["user_factors"], dtype=np.float32),
            np.asarray(arrays["item_factors"], dtype=np.float32),
            np.asarray(arrays["users"], dtype=np.str_),
            np.asarray(arrays["items"], dtype=np.int64),
        )


def top_items(scores: Floats, count: int) -> NDArray[np.intp]:
    """Columns of the highest finite scores of each row, best first, (rows, count); -1 where there are fewer.

    Ties go to the lower column, so that the same scores always give the same list.
    """
    ranked = np.where(np.isfinite(scores), scores, -np.inf)
    kept = min(count, ranked.shape[1])
    if kept == 0:
        return np.full((len(ranked), 0), -1)
    least = -np.partition(-ranked, kept - 1, axis=1)[:, kept - 1 : kept]  # (rows, 1): the last score that is kept
    above, level = ranked > least, ranked == least
    room = kept - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1) <= room))
    columns = np.nonzero(chosen)[1].reshape(len(ranked), kept)
    values = np.take_along_axis(ranked, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.take_along_axis(columns, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(ranked, best, axis=1)), best, -1)


def neighbours(model: FactorModel, keep: int) -> tuple[NDArray[np.int64], Floats]:
    """Ids of the items most like each item, and their cosines, (items, keep) each, most alike first.

    An item without factors is like nothing: its cosines are 0.

    Source: Sarwar et al., "Item-based collaborative filtering", WWW 2001, on latent factors.
    """
    exact = model.item_factors.astype(np.float64)  # the squares of small factors are too small for 32 bits
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = (exact / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    near = [_nearest(unit, start, min(keep, len(unit) - 1)) for start in range(0, len(unit), BLOCK)]
    best = np.concatenate([columns for columns, _ in near])
    return model.items[best], np.concatenate([cosines for _, cosines in near])


def _nearest(unit: Floats, start: int, keep: int) -> tuple[NDArray[np.intp], Floats]:
    cosine = unit[start : start + BLOCK] @ unit.T  # (block, items)
    rows = np.arange(len(cosine))
    cosine[rows, start + rows] = -np.inf
    best = top_items(cosine, keep)
    return best, np.take_along_axis(cosine, best, axis=1)


def hybrid_scores(cf: Floats, visual: Floats) -> Floats:
    """0.6 of collaborative interest plus 0.4 of visual likeness, each brought to 0..1 within a row.

    Parameters
    ----------
    cf, visual : (users, items)
        Any scale; minus infinity marks an item that must not be shown, and stays so.
    """
    return CF_WEIGHT * _between_0_and_1(cf) + VISUAL_WEIGHT * _between_0_and_1(visual)


def _between_0_and_1(scores: Floats) -> Floats:
    finite = np.isfinite(scores)
    low = np.where(finite, scores, np.inf).min(axis=1, keepdims=True)
    high = np.where(finite, scores, -np.inf).max(axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1)
    with np.errstate(invalid="ignore"):
        scaled = (scores - np.where(np.isfinite(low), low, 0)) / np.where(np.isfinite(span), span, 1)
    return np.where(finite, scaled, -np.inf).astype(np.float32)
