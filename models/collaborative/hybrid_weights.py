"""How much collaborative interest is worth beside likeness, learned for every depth of history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.collaborative.hybrid import CF_WEIGHT, calibrated
from models.collaborative.model import Floats, top_items

DEPTHS = (1, 3, 10, 30)  # products touched, from which a bucket begins
GRID = tuple(step / 10 for step in range(11))
LEAST = 30  # shoppers of a bucket, below which the documented weight stays
LEAST_GAIN = 0.005  # in mean nDCG@20, below which it stays too: a difference that small is chance
CUT = 20


@dataclass(frozen=True, slots=True)
class HybridWeights:
    """Of every bucket of depth the collaborative weight, and what it gave beside the documented one."""

    depths: NDArray[np.int64]
    weights: NDArray[np.float64]
    shoppers: tuple[int, ...] = ()
    learned_ndcg: tuple[float, ...] = ()
    documented_ndcg: tuple[float, ...] = ()

    @classmethod
    def documented(cls) -> HybridWeights:
        """The documented weight for everyone."""
        return cls(np.array([1], dtype=np.int64), np.array([CF_WEIGHT]))


def learned_weights(
    cf: Floats, visual: Floats, truth: Sequence[NDArray[np.integer]], depth: NDArray[np.integer]
) -> HybridWeights:
    """For every bucket the weight with the best mean nDCG@20; of equal ones the nearest to the documented one.

    Parameters
    ----------
    cf, visual : (users, items)
        Scores of shoppers with a future, minus infinity for what must not be shown.
    truth
        The columns that each of them turned to.
    depth : (users,)
        How many products each had touched.
    """
    hits = _gains(cf, visual, truth)  # (weights, users)
    bucket = np.maximum(np.searchsorted(DEPTHS, depth, side="right") - 1, 0)
    documented = GRID.index(CF_WEIGHT)
    order = sorted(range(len(GRID)), key=lambda place: (abs(GRID[place] - CF_WEIGHT), place))
    weights, counts, best, plain = [], [], [], []
    for number in range(len(DEPTHS)):
        members = np.flatnonzero(bucket == number)
        means = hits[:, members].mean(axis=1) if len(members) else np.zeros(len(GRID))
        chosen = max(order, key=lambda place: means[place])
        if len(members) < LEAST or means[chosen] - means[documented] < LEAST_GAIN:
            chosen = documented
        weights.append(GRID[chosen])
        counts.append(len(members))
        best.append(float(means[chosen]))
        plain.append(float(means[documented]))
    return HybridWeights(np.array(DEPTHS, dtype=np.int64), np.array(weights), tuple(counts), tuple(best), tuple(plain))


def _gains(cf: Floats, visual: Floats, truth: Sequence[NDArray[np.integer]]) -> NDArray[np.float64]:
    """The nDCG@20 of every shopper under every weight, (weights, users)."""
    barred = np.isneginf(cf) | np.isneginf(visual)
    by_interest, by_likeness = calibrated(cf), calibrated(visual)
    discounts = 1 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(discounts)
    gains = np.zeros((len(GRID), len(cf)))
    for place, weight in enumerate(GRID):
        lists = top_items(np.where(barred, -np.inf, weight * by_interest + (1 - weight) * by_likeness), CUT)
        for row, wanted in enumerate(truth):
            found = np.isin(lists[row], wanted)
            gains[place, row] = (found * discounts[: len(found)]).sum() / ideal[min(CUT, len(wanted)) - 1]
    return gains
