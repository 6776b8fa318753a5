"""Collaborative interest and visual likeness as one order, each brought to the same scale by rank."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.model import Floats

CF_WEIGHT = 0.6
VISUAL_WEIGHT = 0.4


def calibrated(scores: Floats) -> Floats:
    """Each row's scores by rank: 1 for the best, `1 - log(rank) / log(items + 1)` for others, 0 without evidence.

    Dot products of different models have different scales, and their spread differs from shopper to shopper; ranks do
    not. The logarithm keeps what counts apart, the head of the list. Equal scores share their best rank.

    Parameters
    ----------
    scores : (users, items)
        Any scale. Zero, less, and minus infinity are no evidence.
    """
    items = scores.shape[1]
    worth = np.zeros_like(scores, dtype=np.float32)
    for row, found in enumerate(scores):
        known = np.flatnonzero(found > 0)
        ordered = np.sort(found[known])
        rank = len(ordered) - np.searchsorted(ordered, found[known], side="right") + 1
        worth[row, known] = 1 - np.log(rank) / np.log(items + 1)
    return worth


def blended(cf: Floats, visual: Floats, weight: float | NDArray[np.floating] = CF_WEIGHT) -> Floats:
    """The two orders together, `weight` of the collaborative one; minus infinity in either stays.

    Parameters
    ----------
    cf, visual : (users, items)
    weight
        One for all, or (users,).
    """
    share = np.asarray(weight, dtype=np.float32).reshape(-1, 1)
    mixed = share * calibrated(cf) + (1 - share) * calibrated(visual)
    return np.where(np.isneginf(cf) | np.isneginf(visual), -np.inf, mixed).astype(np.float32)


def visual_scores(histories: sp.csr_matrix, alike: sp.csr_matrix) -> Floats:
    """How alike each item is to what was touched, (users, items): the sum of cosines by interest.

    Parameters
    ----------
    alike : (items, items)
        Cosines of each item with its nearest ones, zero elsewhere.
    """
    return np.asarray((histories @ alike).toarray(), dtype=np.float32)


def weight_of(depth: NDArray[np.integer], depths: NDArray[np.integer], weights: NDArray[np.floating]) -> Floats:
    """The collaborative weight of users who touched so many items.

    Parameters
    ----------
    depth : (users,)
    depths, weights : (buckets,)
        Where each bucket begins, ascending, and its weight; fewer than the first count as the first.
    """
    bucket = np.maximum(np.searchsorted(depths, depth, side="right") - 1, 0)
    return np.asarray(weights[bucket], dtype=np.float32)
