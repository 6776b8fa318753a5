"""Weights that score best on judged queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from marketplace.errors import InputRejected

MARGIN = 1e-6  # a gain below this is no reason to leave the weights one has
Weighing = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best weights that were tried, their score, that of the weights one began with, and all that was tried."""

    weights: Weighing
    score: float
    before: float
    tried: tuple[tuple[Weighing, float], ...]


def tuned(score: Callable[[Weighing], float], start: Weighing, grid: Mapping[str, Sequence[float]]) -> Tuned:
    """The best weights of a whole grid, the same for the same scores.

    Every combination is tried, for weights lean on each other: one at a time they end on a ridge. Of equal scores
    the weights one began with are kept, then those that come first in the grid.

    Parameters
    ----------
    score
        The mean metric under some weights; higher is better.
    start
        The weights to begin with, and to beat.
    grid
        The values to try of each weight that may change.

    Raises
    ------
    InputRejected
        If the grid names a weight that there is none of.
    """
    if strangers := grid.keys() - start.keys():
        raise InputRejected(f"the grid names {min(strangers)!r}, the weights are {', '.join(sorted(start))}")
    best, before = dict(start), score(start)
    highest = before
    tried: list[tuple[Weighing, float]] = [(dict(start), before)]
    for values in product(*grid.values()):
        weights = {**start, **dict(zip(grid, values, strict=True))}
        if weights == start:
            continue
        reached = score(weights)
        tried.append((weights, reached))
        if reached > highest + MARGIN:
            best, highest = weights, reached
    return Tuned(best, highest, before, tuple(tried))
