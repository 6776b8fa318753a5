"""What a gate is given: how each contender did for every judged shopper, as plain numbers that can be kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

MOST_SHOPPERS = 20_000  # that are kept with a decision: those of the least hash, a draw that is always the same
DECIMALS = 4
GAINS: Mapping[str, str] = {"ndcg_at_20": "nDCG@20", "recall_at_20": "recall@20"}
NEEDED = ("recall_at_20", "ndcg_at_20", "map_at_20", "coverage", "novelty", "popularity_bias", "seller_gini")


@dataclass(frozen=True, slots=True)
class Contender:
    """One model as it was judged: its means over all shoppers, and its gains for each that is kept, in their order."""

    name: str
    kind: str
    means: Mapping[str, float]
    ndcg_at_20: tuple[float, ...]
    recall_at_20: tuple[float, ...]
    latency_p99_ms: float

    def __post_init__(self) -> None:
        if missing := set(NEEDED) - set(self.means):
            raise InputRejected(f"the measures of {self.name} lack {', '.join(sorted(missing))}")
        numbers = [*self.means.values(), *self.ndcg_at_20, *self.recall_at_20, self.latency_p99_ms]
        if not all(map(math.isfinite, numbers)):
            raise InputRejected(f"a measure of {self.name} is not a finite number")

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Contender:
        """The contender that `asdict` took apart."""
        gains = {metric: tuple(kept[metric]) for metric in GAINS}
        return cls(kept["name"], kept["kind"], dict(kept["means"]), **gains, latency_p99_ms=kept["latency_p99_ms"])

    def per_shopper(self, metric: str) -> tuple[float, ...]:
        """The gains by which models are compared, one per shopper."""
        gains: tuple[float, ...] = getattr(self, metric)
        return gains

    def taken(self, places: Sequence[int]) -> Contender:
        """The same with these shoppers, in this order."""
        ndcg, recall = (tuple(values[place] for place in places) for values in (self.ndcg_at_20, self.recall_at_20))
        return replace(self, ndcg_at_20=ndcg, recall_at_20=recall)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that rules are given; shoppers by hash and ascending, however they came.

    Parameters
    ----------
    champion
        None before the first.
    segments
        Of each dimension (depth, language, market) the segment of every shopper.
    seed
        Of the bootstrap.
    """

    challenger: Contender
    champion: Contender | None
    popularity: Contender
    shoppers: tuple[str, ...]
    segments: Mapping[str, tuple[str, ...]]
    data_version: str
    split_at: str
    seed: int = 7

    def __post_init__(self) -> None:
        count = len(self.shoppers)
        if len(set(self.shoppers)) != count:
            raise InputRejected("a shopper was judged twice")
        sizes = {name: len(labels) for name, labels in self.segments.items()}
        for one in self.contenders:
            sizes |= {f"{metric} of {one.name}": len(one.per_shopper(metric)) for metric in GAINS}
        if wrong := [name for name, size in sizes.items() if size != count]:
            raise InputRejected(f"{wrong[0]} has {sizes[wrong[0]]} values for {count} shoppers")
        order = sorted(range(count), key=self.shoppers.__getitem__)[:MOST_SHOPPERS]
        if order != list(range(count)):
            self._take(order)

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """The challenger, the champion if there is one, and popularity."""
        return tuple(one for one in (self.challenger, self.champion, self.popularity) if one is not None)

    def members(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """Each segment's name and the places of its shoppers."""
        for dimension, labels in sorted(self.segments.items()):
            named = np.array(labels, dtype=np.str_)
            for label in sorted(set(labels)):
                yield f"{dimension} {label}", np.flatnonzero(named == label)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Evidence:
        """The evidence that `as_json` took apart.

        Raises
        ------
        InputRejected
            If something is missing or does not fit together.
        """
        try:
            champion = None if kept["champion"] is None else Contender.from_json(kept["champion"])
            segments = {str(name): tuple(labels) for name, labels in kept["segments"].items()}
            return cls(
                Contender.from_json(kept["challenger"]),
                champion,
                Contender.from_json(kept["popularity"]),
                tuple(kept["shoppers"]),
                segments,
                kept["data_version"],
                kept["split_at"],
                kept["seed"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InputRejected(f"the evidence cannot be read: {error!r}") from error

    def _take(self, order: Sequence[int]) -> None:
        for name in ("challenger", "champion", "popularity"):
            one: Contender | None = getattr(self, name)
            object.__setattr__(self, name, None if one is None else one.taken(order))
        taken = {name: tuple(labels[place] for place in order) for name, labels in self.segments.items()}
        object.__setattr__(self, "segments", taken)
        object.__setattr__(self, "shoppers", tuple(self.shoppers[place] for place in order))


def hashed(user_ids: Sequence[str]) -> tuple[str, ...]:
    """Sixteen hex digits for each shopper, so that evidence names nobody."""
    return tuple(hashlib.sha256(user_id.encode()).hexdigest()[:16] for user_id in user_ids)


def rounded(values: NDArray[np.floating[Any]]) -> tuple[float, ...]:
    """Gains as they are kept: what is below the fourth decimal decides nothing."""
    return tuple(np.round(np.asarray(values, dtype=np.float64), DECIMALS).tolist())
