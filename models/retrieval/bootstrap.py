"""How sure a mean over queries is: intervals by resampling their topics.

Queries of one topic ask for the same thing in other words and succeed or fail together, so they are drawn together:
drawn one by one they would make a mean look surer than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

RESAMPLES = 2000
LEVEL = 0.95
Values = NDArray[np.float64]
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the bounds that hold the true one with 95 % confidence."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean differs from zero beyond chance."""
        return self.low > 0 or self.high < 0


def intervals(
    values: Values, *, seed: int, topics: Sequence[str] | None = None, resamples: int = RESAMPLES
) -> list[Interval]:
    """The mean of each column and its 95 % interval, bias-corrected and accelerated (BCa).

    Every column sees the same resamples. Means of few queries that score near 0 or 1 are skewed, which
    the plain percentile interval ignores.

    Parameters
    ----------
    values : (queries, metrics)
    topics
        One of each query; None where every query is one of its own.

    Raises
    ------
    InputRejected
        If there is no query, or a value is not finite.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, equations 14.10, 14.14 and 14.15; Field and
    Welsh, "Bootstrapping clustered data", JRSS B 2007, section 2.2, for topics drawn whole.
    """
    if len(values) == 0:
        raise InputRejected("an interval needs at least one query")
    if not np.isfinite(values).all():
        raise InputRejected("a metric of a query is not finite")
    sums, sizes = _by_topic(values, topics)
    means = values.mean(axis=0)  # (metrics,)
    drawn = resampled_means(sums, sizes, seed=seed, resamples=resamples)  # (resamples, metrics)
    levels = _levels(_jackknifed(sums, sizes), means, drawn)  # (2, metrics)
    bounds = [np.quantile(drawn[:, column], levels[:, column]) for column in range(values.shape[1])]
    return [
        Interval(float(mean), float(min(low, mean)), float(max(high, mean)))
        for mean, (low, high) in zip(means, bounds, strict=True)
    ]


def difference(
    ours: Values, theirs: Values, *, seed: int, topics: Sequence[str] | None = None, resamples: int = RESAMPLES
) -> Interval:
    """How much better ours is on the same queries, and the interval of that: the queries are resampled in pairs.

    Parameters
    ----------
    ours, theirs : (queries,)
    topics
        One of each query; None where every query is one of its own.

    Raises
    ------
    InputRejected
        If the two are not of the same queries, or there is none.

    Source: Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006, section 3.
    """
    if ours.shape != theirs.shape:
        raise InputRejected(f"{len(ours)} values cannot be paired with {len(theirs)}")
    return intervals((ours - theirs)[:, None], seed=seed, topics=topics, resamples=resamples)[0]


def by_group(
    values: Values, labels: Sequence[str], *, seed: int, topics: Sequence[str] | None = None
) -> dict[str, tuple[int, list[Interval]]]:
    """How many queries each label has, and the intervals of every column over them, labels in order.

    Parameters
    ----------
    values : (queries, metrics)
    labels
        One of each query.
    topics
        One of each query; None where every query is one of its own.
    """
    found = {}
    for group in sorted(set(labels)):
        places = [place for place, label in enumerate(labels) if label == group]
        own = None if topics is None else [topics[place] for place in places]
        found[group] = (len(places), intervals(values[places], seed=seed, topics=own))
    return found


def resampled_means(sums: Values, sizes: Values, *, seed: int, resamples: int) -> Values:
    """Means over the queries of topics drawn with replacement, (resamples, metrics).

    Parameters
    ----------
    sums : (topics, metrics)
    sizes : (topics,)
        How many queries each topic has.
    """
    count = len(sums)
    counts = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    means: Values = counts @ sums / (counts @ sizes)[:, None]
    return means


def _by_topic(values: Values, topics: Sequence[str] | None) -> tuple[Values, Values]:
    """The sums of each topic's values, (topics, metrics), and how many queries it has, (topics,)."""
    if topics is None:
        return values, np.ones(len(values))
    _, places, sizes = np.unique(np.array(topics, dtype=np.str_), return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, places, values)
    return sums, sizes.astype(np.float64)


def _jackknifed(sums: Values, sizes: Values) -> Values:
    """How far the mean without each topic lies below the mean of all such means, (topics, metrics)."""
    if len(sums) == 1:
        return np.zeros_like(sums)
    without = (sums.sum(axis=0) - sums) / (sizes.sum() - sizes)[:, None]
    apart: Values = without.mean(axis=0) - without
    return apart


def _levels(apart: Values, means: Values, drawn: Values) -> Values:
    """The shares of the resamples at which each column's interval begins and ends, (2, metrics)."""
    tolerance = 1e-12  # sums of the same numbers in another order
    below = ((drawn < means - tolerance).mean(axis=0) + (drawn <= means + tolerance).mean(axis=0)) / 2
    bias = np.array([_NORMAL.inv_cdf(float(share)) for share in np.clip(below, 1e-9, 1 - 1e-9)])
    largest = np.abs(apart).max(axis=0)
    apart = np.divide(apart, largest, out=np.zeros_like(apart), where=largest > 0)  # cubes of small numbers vanish
    spread = (apart**2).sum(axis=0)
    skew = np.divide((apart**3).sum(axis=0), 6 * spread**1.5, out=np.zeros_like(spread), where=spread > 0)
    ends = np.array([_NORMAL.inv_cdf((1 - LEVEL) / 2), _NORMAL.inv_cdf((1 + LEVEL) / 2)])[:, None]
    shifted = bias + (bias + ends) / (1 - skew * (bias + ends))
    levels: Values = np.vectorize(_NORMAL.cdf, otypes=[np.float64])(shifted)
    return levels
