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
LEAST_QUERIES = 20  # of a group that is compared by itself; of fewer, one or two decide


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged query as a report needs it; `grades` by product, and `topic` where others ask for the same."""

    name: str
    language: str
    modality: str
    grades: Mapping[int, int]
    topic: str = ""


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
class Moved:
    """How one group of queries moved, over those that both evaluations asked."""

    group: str
    queries: int
    before: float
    after: float
    gain: Interval

    def has_fallen(self, by: float) -> bool:
        """Whether the mean fell by more than `by`, and by more than chance may do."""
        return self.gain.mean < -by and self.gain.excludes_zero


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report beside an earlier one: all queries of both, and the groups that are large enough to tell."""

    whole: Moved
    groups: tuple[Moved, ...]

    def fallen(self, *, by: float, group_by: float) -> list[Moved]:
        """What fell: the whole by more than `by`, a group by more than `group_by`, and each by more than chance."""
        whole = [self.whole] if self.whole.has_fallen(by) else []
        return [*whole, *(one for one in self.groups if one.has_fallen(group_by))]


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
        for group, (count, means) in by_group(table, labels, seed=seed, topics=_topics(asked)).items():
            rows.append(Row(group, count, dict(zip(values, means, strict=True))))
    once = {row.group: row for row in rows}
    return Report(tuple(query.name for query in asked), values, tuple(once.values()))


def compared(
    asked: Sequence[Asked], after: Mapping[str, float], before: Mapping[str, float], *, seed: int = SEED
) -> Comparison | None:
    """How the scores of queries moved, over those that are in both; None where no query is.

    Parameters
    ----------
    asked
        The queries that the scores are of, or more.
    """
    both = [one for one in asked if one.name in after and one.name in before]
    if not both:
        return None
    moved: dict[str, Moved] = {}
    for labels in _groupings(both):
        for group in sorted(set(labels)):
            some = [one for one, label in zip(both, labels, strict=True) if label == group]
            moved.setdefault(group, _moved(group, some, after, before, seed))
    whole = moved.pop(ALL)
    return Comparison(whole, tuple(one for one in moved.values() if one.queries >= LEAST_QUERIES))


def _moved(
    group: str, asked: Sequence[Asked], after: Mapping[str, float], before: Mapping[str, float], seed: int
) -> Moved:
    new, old = (np.array([scores[one.name] for one in asked], dtype=np.float64) for scores in (after, before))
    gain = difference(new, old, seed=seed, topics=_topics(asked))
    return Moved(group, len(asked), float(old.mean()), float(new.mean()), gain)


def _topics(asked: Sequence[Asked]) -> list[str]:
    return [one.topic or one.name for one in asked]


def _groupings(asked: Sequence[Asked]) -> Iterator[list[str]]:
    yield [ALL] * len(asked)
    yield [query.modality for query in asked]
    yield [f"{query.modality}, {query.language}" if query.language else query.modality for query in asked]
