"""A search judged over many queries: every metric of every query, and its mean by group with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.retrieval.bootstrap import Interval, by_group, difference
from models.retrieval.metrics import graded, metrics

SCORE = "ndcg_at_10"  # what weights are tuned for, and what a gate compares
SEED = 20260301
ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged query as a report needs it; `grades` by product."""

    name: str
    language: str
    modality: str
    grades: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One group of queries: how many, and the mean of each metric."""

    group: str
    queries: int
    means: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Report:
    """What a search is worth; `values` holds each metric of each query, (queries,), in the order of `names`."""

    names: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    rows: tuple[Row, ...]

    @property
    def score(self) -> float:
        """The mean nDCG at 10 of all queries."""
        return float(self.values[SCORE].mean())

    @property
    def by_query(self) -> dict[str, float]:
        """The nDCG at 10 of each query."""
        return dict(zip(self.names, self.values[SCORE].tolist(), strict=True))

    def row(self, group: str) -> Row:
        """The row of a group."""
        return next(row for row in self.rows if row.group == group)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report beside an earlier one, over the queries that both asked."""

    queries: int
    before: float
    after: float
    gain: Interval

    def has_fallen(self, by: float) -> bool:
        """Whether the mean fell by more than `by`, and by more than chance may do."""
        return self.gain.mean < -by and self.gain.excludes_zero


def evaluate(asked: Sequence[Asked], rankings: Sequence[Sequence[int]], *, seed: int = SEED) -> Report:
    """What the rankings are worth: over all queries, by modality, and by modality and language.

    Raises
    ------
    InputRejected
        If there is no query, or what a query found or how it is judged is unsound.
    """
    if not asked:
        raise InputRejected("no query fits what is on the shelf, so search cannot be judged")
    values = metrics(graded(rankings, [query.grades for query in asked]))
    table = np.stack(list(values.values()), axis=1)  # (queries, metrics)
    rows = []
    for labels in _groupings(asked):
        for group, (count, means) in by_group(table, labels, seed=seed).items():
            rows.append(Row(group, count, dict(zip(values, means, strict=True))))
    once = {row.group: row for row in rows}
    return Report(tuple(query.name for query in asked), values, tuple(once.values()))


def compared(after: Mapping[str, float], before: Mapping[str, float], *, seed: int = SEED) -> Comparison:
    """How the scores of queries moved, over those that are in both.

    Raises
    ------
    InputRejected
        If no query is in both.
    """
    both = sorted(after.keys() & before.keys())
    new, old = (np.array([scores[name] for name in both], dtype=np.float64) for scores in (after, before))
    if not both:
        raise InputRejected("the two evaluations share no query")
    return Comparison(len(both), float(old.mean()), float(new.mean()), difference(new, old, seed=seed))


def _groupings(asked: Sequence[Asked]) -> Iterator[list[str]]:
    yield [ALL] * len(asked)
    yield [query.modality for query in asked]
    yield [f"{query.modality}, {query.language}" if query.language else query.modality for query in asked]
