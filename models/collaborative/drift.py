"""Whether data and scores still look as they did when a model was trained, from small profiles kept with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketplace.errors import InputRejected

MIXES = ("kind", "surface", "country")
SESSION_GAP = timedelta(minutes=30)
MOST_PRODUCTS = 200  # that a profile names; all others are one
POINTS = 101  # of a distribution that are kept: its percentiles
UNSAID = "not said"
OTHERS = "others"
PSI_LIMIT = 0.2  # beyond it a mix has moved, by the usual reading of the index
DISTANCE_LIMIT = 0.1  # of the spread that the distribution had
LEAST = 1e-4  # share of what is absent, so that the index stays finite


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of what can be named, and percentiles of what can be measured, with how many of each were seen."""

    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    percentiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)

    def beside(self, other: Profile) -> Profile:
        """What both hold."""
        return Profile(
            {**self.shares, **other.shares},
            {**self.percentiles, **other.percentiles},
            {**self.seen, **other.seen},
        )

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Profile:
        """The profile that `as_json` took apart.

        Raises
        ------
        InputRejected
            If a part is missing.
        """
        try:
            percentiles = {name: tuple(points) for name, points in kept["percentiles"].items()}
            return cls(kept["shares"], percentiles, kept["seen"])
        except (KeyError, TypeError, AttributeError) as error:
            raise InputRejected(f"the profile cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one feature has moved by one measure, and how far it may.

    `limit` is what the measure would be called drift beyond, plus what chance alone makes of so few rows.
    """

    feature: str
    measure: str
    value: float
    limit: float

    @property
    def has_drifted(self) -> bool:
        """Whether it moved further than it may."""
        return self.value > self.limit


def profile_of_events(events: pd.DataFrame) -> Profile:
    """What the events look like: their mixes, which products draw them, how long sessions are.

    Parameters
    ----------
    events
        Columns user_id, product_id, kind, surface, country, occurred_at.
    """
    shares = {name: _shares(events[name].fillna(UNSAID).astype(str)) for name in MIXES}
    shares["product"] = _shares(events["product_id"].astype(str), most=MOST_PRODUCTS)
    lengths = session_lengths(events)
    of_each = events.groupby("product_id").size().to_numpy(dtype=np.float64)
    seen = dict.fromkeys(shares, len(events)) | {"session_length": len(lengths), "interest_per_product": len(of_each)}
    percentiles = {
        "session_length": _points(lengths),
        "interest_per_product": _points(of_each / max(of_each.mean(), 1)),
    }
    return Profile(shares, percentiles, seen)


def profile_of_scores(scores: NDArray[np.floating[Any]], *, cut: int = 20) -> Profile:
    """How a model's scores, (users, items), spread: the best of each shopper, the last shown, and all between."""
    if not len(scores):
        return Profile()
    best = -np.sort(-np.where(np.isfinite(scores), scores, -np.inf), axis=1)[:, :cut].astype(np.float64)
    kept = {"score_of_the_first": best[:, 0], "score_of_the_last": best[:, -1], "scores": best.ravel()}
    finite = {name: values[np.isfinite(values)] for name, values in kept.items()}
    points = {name: _points(values) for name, values in finite.items()}
    return Profile({}, points, {name: len(values) for name, values in finite.items()})


def moved(before: Profile, now: Profile) -> list[Moved]:
    """How far every feature that both profiles hold has moved, in order of names.

    Sources: Siddiqi, "Credit risk scorecards", 2006, for the population stability index and its limit; Yurdakul,
    "Statistical properties of population stability index", 2018, for its mean under no drift.
    """
    found = []
    for name in sorted(before.shares.keys() & now.shares.keys()):
        rows = (before.seen.get(name, 0), now.seen.get(name, 0))
        if min(rows) > 0:
            found += _mix(name, before.shares[name], now.shares[name], rows)
    for name in sorted(before.percentiles.keys() & now.percentiles.keys()):
        rows = (before.seen.get(name, 0), now.seen.get(name, 0))
        if min(rows) > 0:
            value = distance(before.percentiles[name], now.percentiles[name])
            chance = 2 * float(np.sqrt(1 / rows[0] + 1 / rows[1]))
            found.append(Moved(name, "distance in spreads (Wasserstein)", value, DISTANCE_LIMIT + chance))
    return found


def stability_index(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """The population stability index of two mixes: 0 for equal ones."""
    first, second = _aligned(before, now)
    return float(((second - first) * np.log(second / first)).sum())


def divergence(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """The Jensen-Shannon divergence of two mixes, in bits: 0 for equal ones, 1 for those that share nothing."""
    first, second = _aligned(before, now, least=0.0)
    middle = (first + second) / 2
    halves = [np.where(one > 0, one * np.log2(np.where(one > 0, one, 1) / middle), 0).sum() for one in (first, second)]
    return float(sum(halves) / 2)


def distance(before: Sequence[float], now: Sequence[float]) -> float:
    """The Wasserstein distance of two distributions by their percentiles, in standard deviations of the first.

    Where all of the first were alike, in its own size.
    """
    first, second = np.array(before, dtype=np.float64), np.array(now, dtype=np.float64)
    scale = float(first.std()) or float(np.abs(first).max()) or 1.0
    return float(np.abs(first - second).mean() / scale)


def session_lengths(events: pd.DataFrame) -> NDArray[np.float64]:
    """Events of each session; one ends when its shopper does nothing for half an hour."""
    ordered = events[["user_id", "occurred_at"]].sort_values(["user_id", "occurred_at"])
    is_new = (ordered["user_id"] != ordered["user_id"].shift()) | (ordered["occurred_at"].diff() > SESSION_GAP)
    return np.bincount(is_new.to_numpy().cumsum())[1:].astype(np.float64)


def _mix(name: str, before: Mapping[str, float], now: Mapping[str, float], rows: tuple[int, int]) -> list[Moved]:
    groups = len(before.keys() | now.keys())
    chance = (groups - 1) * (1 / rows[0] + 1 / rows[1])
    bits = divergence(before, now)
    return [
        Moved(name, "stability index", stability_index(before, now), PSI_LIMIT + 2 * chance),
        Moved(name, "divergence in bits (Jensen-Shannon)", bits, DISTANCE_LIMIT + chance),
    ]


def _shares(values: pd.Series[str], *, most: int | None = None) -> dict[str, float]:
    counted = values.value_counts()
    named = counted if most is None else counted.head(most)
    shares = {str(label): float(count) / len(values) for label, count in named.items()}
    rest = len(values) - int(named.sum())
    return shares | ({OTHERS: rest / len(values)} if rest else {})


def _points(values: NDArray[np.float64]) -> tuple[float, ...]:
    if not len(values):
        return ()
    return tuple(np.round(np.percentile(values, np.linspace(0, 100, POINTS)), 6).tolist())


def _aligned(
    before: Mapping[str, float], now: Mapping[str, float], *, least: float = LEAST
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of everything that either names, in one order, each adding up to 1."""
    labels = sorted(before.keys() | now.keys())
    both = [np.array([max(one.get(label, 0.0), least) for label in labels]) for one in (before, now)]
    return both[0] / both[0].sum(), both[1] / both[1].sum()
