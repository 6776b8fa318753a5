"""How unlikely a count, an amount, a duration or a share is, as a z-score; and the band that is not unlikely.

Signed deviance residuals with a continuity correction are close to the normal quantile of the exact tail, also where
five or none were expected, so that small counts do not alarm.

Source: McCullagh and Nelder, "Generalized Linear Models", 1989, 2.4 and 12.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 0.02  # what is expected at least, so that a first event ever is rare but possible
STEPS = 60  # of the bisection for a band's end


def count_scores(values: Floats, expected: Floats, excess: Floats) -> Floats:
    """Z-scores of counts whose variance is `expected + excess * expected ** 2`, the negative binomial's."""
    mean = np.maximum(expected, LEAST)
    moved = np.where(values > mean, np.maximum(values - 0.5, mean), np.minimum(values + 0.5, mean))
    size = 1.0 / np.maximum(excess, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(moved > 0, moved * np.log(moved / mean), 0.0)
    deviance = 2 * (first - (moved + size) * np.log1p((moved - mean) / (mean + size)))
    scores: Floats = np.sign(moved - mean) * np.sqrt(np.maximum(deviance, 0.0))
    return scores


def duration_scores(values: Floats, expected: Floats, excess: Floats) -> Floats:
    """Z-scores of amounts that vary by a factor: `excess` is the variance of their logarithms."""
    scores: Floats = (np.log1p(values) - np.log1p(expected)) / np.sqrt(np.maximum(excess, 1e-9))
    return scores


def share_scores(hits: Floats, tries: Floats, share: Floats) -> Floats:
    """Z-scores of so many hits in so many tries, each with this chance; 0 where nothing was tried."""
    chance = np.clip(share, 1e-4, 1 - 1e-4)
    mean = tries * chance
    moved = np.where(hits > mean, np.maximum(hits - 0.5, mean), np.minimum(hits + 0.5, mean))
    misses = tries - moved
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(moved > 0, moved * np.log(moved / mean), 0.0)
        second = np.where(misses > 0, misses * np.log(misses / (tries - mean)), 0.0)
    deviance = np.where(tries > 0, 2 * (first + second), 0.0)
    scores: Floats = np.sign(moved - mean) * np.sqrt(np.maximum(deviance, 0.0))
    return scores


def band(
    score: Callable[[Floats], Floats], low: Floats, middle: Floats, high: Floats, limit: float
) -> tuple[Floats, Floats]:
    """The values between which no score is beyond the limit, found between `low` and `high`."""
    lower = _crossing(lambda value: score(value) > -limit, low, middle)
    upper = _crossing(lambda value: score(value) >= limit, middle, high)
    return np.where(score(low) > -limit, low, lower), upper


def _crossing(is_above: Callable[[Floats], NDArray[np.bool_]], below: Floats, above: Floats) -> Floats:
    for _ in range(STEPS):
        half = (below + above) / 2
        is_over = is_above(half)
        below, above = np.where(is_over, below, half), np.where(is_over, half, above)
    return (below + above) / 2
