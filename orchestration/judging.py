"""Judging search: the queries, what was found for each, what that is worth, and how it is told."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from marketplace.errors import InputRejected
from marketplace.local.golden import golden_market
from marketplace.local.golden_folders import grocery
from marketplace.local.market import draw_market
from marketplace.search.asking import SearchQuery
from marketplace.search.fusion import TUNED, FusionWeights
from marketplace.search.golden import GoldenQuery, GoldenSet, read_judgements
from marketplace.settings import Settings
from marketplace.storage.evaluations import Evaluation, Judged, baseline, evaluation_of, newest, record
from marketplace.storage.shelf import on_shelf
from marketplace.storage.warehouse import Warehouse
from models.retrieval.bootstrap import Interval
from models.retrieval.evaluation import Asked, Comparison, Moved, Report, Row, compared, evaluate
from models.retrieval.metrics import DEPTH

WORST_FALL = 0.02  # of the mean nDCG at 10 over all queries
WORST_FALL_OF_GROUP = 0.05  # of a modality or language: a dozen groups each have their own chance to fall by chance
KEPT_FOR = timedelta(days=7)  # an unchanged search is judged again after it: products come and go
HEADINGS = {"ndcg_at_10": "nDCG@10", "recall_at_10": "recall@10", "mrr": "MRR", "hit_at_1": "first is right"}


class Searcher(Protocol):
    """Whatever can be asked."""

    def search(self, query: SearchQuery) -> list[int]:
        """The products that match, best first."""
        ...


class Judgements:
    """The judged queries there are, of the sample market and a market's own, and the weights that they judge.

    Parameters
    ----------
    sample
        Judged queries of the sample market, if not all of those that its truth gives.
    """

    def __init__(self, settings: Settings, *, weights: FusionWeights = TUNED, sample: GoldenSet | None = None) -> None:
        self.settings = settings
        self.weights = weights
        self._sample = sample

    def load(self) -> list[GoldenSet]:
        """Every set, with all that was judged, whether or not it is on the shelf.

        Raises
        ------
        InputRejected
            If the market's own judgements cannot be read, or two sets have one name.
        """
        sets = [self._sample or golden_market(draw_market(kinds=True))]
        for named in filter(None, map(str.strip, self.settings.search_judgements.split(","))):
            own = _own(named)
            if own.name in {one.name for one in sets}:
                raise InputRejected(f"two sets of judged queries are called {own.name!r}; rename {named}")
            sets.append(own)
        return sets


def _own(named: str) -> GoldenSet:
    """The judged queries of a CSV; of `handle=folder` those of shelf photos whose products that seller has."""
    handle, is_folder, folder = named.partition("=")
    if not is_folder:
        return read_judgements(Path(named))
    _, golden = grocery(Path(folder.strip()), handle.strip())
    return replace(golden, name=handle.strip())


@dataclass(frozen=True, slots=True)
class Searched:
    """What is judged: whose vectors, in which collection, weighed how."""

    encoder: str
    collection: str
    weights: FusionWeights


@dataclass(frozen=True, slots=True)
class Answers:
    """Judged queries that fit the shelf, the products found for each, and what they are worth."""

    golden: GoldenSet
    rankings: tuple[tuple[int, ...], ...]
    report: Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """An evaluation as it is kept, and how it compares; `answers` is None where an earlier one still holds.

    `comparison` is None where there is nothing to compare with: before the second evaluation, and where the shelf has
    turned over so far that no query was asked both times.
    """

    kept: Evaluation
    before: Evaluation | None
    comparison: Comparison | None
    answers: Answers | None

    @property
    def is_no_worse(self) -> bool:
        """Whether search may go on like this."""
        return self.kept.status == "accepted"

    @property
    def fallen(self) -> list[Moved]:
        """What fell further than it may, whether or not a person accepted that."""
        if self.comparison is None:
            return []
        return self.comparison.fallen(by=WORST_FALL, group_by=WORST_FALL_OF_GROUP)


def on_the_shelf(warehouse: Warehouse, golden: GoldenSet) -> GoldenSet:
    """What can be asked now: queries with something to find, grades of what can be bought."""
    shelf = {product.product_id: product.title for product in on_shelf(warehouse, sorted(golden.product_ids))}
    return golden.fitting(shelf)


def answered(searcher: Searcher, golden: GoldenSet) -> Answers:
    """What the searcher finds for every query.

    Raises
    ------
    InputRejected
        If there is no query.
    """
    rankings = tuple(tuple(searcher.search(query.asked(limit=DEPTH))) for query in golden.queries)
    return Answers(golden, rankings, evaluate([asked_of(query) for query in golden.queries], rankings))


def asked_of(query: GoldenQuery) -> Asked:
    """The query as a report needs it."""
    return Asked(query.name, query.language, query.modality, query.grades, query.topic)


def still_holds(warehouse: Warehouse, golden: GoldenSet, searched: Searched, *, now: datetime) -> Outcome | None:
    """The last evaluation, if nothing that it judged has changed since and it is not old."""
    last = newest(warehouse, golden.hash)
    if last is None or now - last.evaluated_at > KEPT_FOR:
        return None
    judged = (last.judged.encoder, last.judged.collection, dict(last.judged.weights))
    is_same = judged == (searched.encoder, searched.collection, asdict(searched.weights))
    if not is_same:
        return None
    before = evaluation_of(warehouse, last.compared_with) if last.compared_with else None
    return Outcome(last, before, _compared(golden, last.judged.scores, before), None)


def settled(
    warehouse: Warehouse, golden: GoldenSet, answers: Answers, searched: Searched, *, run_id: str, now: datetime
) -> Outcome:
    """The evaluation, kept: accepted unless it is worse than what these queries are held to.

    Parameters
    ----------
    golden
        The whole set, of which the answers hold what fits the shelf.
    """
    report = answers.report
    before = baseline(warehouse, golden.hash, queries=report.names, not_of=run_id)
    comparison = _compared(golden, report.by_query, before)
    judged = Judged(
        golden=golden.name,
        golden_hash=golden.hash,
        encoder=searched.encoder,
        collection=searched.collection,
        weights=asdict(searched.weights),
        score=report.score,
        means=means_of(report),
        scores=report.by_query,
    )
    has_fallen = comparison is not None and comparison.fallen(by=WORST_FALL, group_by=WORST_FALL_OF_GROUP)
    kept = record(
        warehouse,
        judged,
        run_id=run_id,
        status="refused" if has_fallen else "accepted",
        compared_with=before.evaluation_id if before else None,
        now=now,
    )
    return Outcome(kept, before, comparison, answers)


def _compared(golden: GoldenSet, scores: Mapping[str, float], before: Evaluation | None) -> Comparison | None:
    if before is None:
        return None
    return compared([asked_of(query) for query in golden.queries], scores, before.judged.scores)


def means_of(report: Report) -> dict[str, dict[str, list[float]]]:
    """Mean, low and high of every group and metric."""
    return {
        row.group: {name: [mean.mean, mean.low, mean.high] for name, mean in row.means.items()} for row in report.rows
    }


def flat(report: Report) -> dict[str, float]:
    """Every mean by a name that MLflow takes and groups, such as `words/sw/ndcg_at_10`."""
    return {
        f"{row.group.replace(', ', '/').replace(' ', '_')}/{name}": mean.mean
        for row in report.rows
        for name, mean in row.means.items()
    }


def table_of(rows: Sequence[Row]) -> str:
    """Groups with their means and intervals, in Markdown."""
    lines = [f"| queries | how many | {' | '.join(HEADINGS.values())} |", "|---|---:" + "|---:" * len(HEADINGS) + "|"]
    for row in rows:
        cells = " | ".join(spanned(row.means[name]) for name in HEADINGS)
        lines.append(f"| {row.group} | {row.queries} | {cells} |")
    return "\n".join(lines)


def beside(before: Mapping[str, Mapping[str, Sequence[float]]], report: Report) -> str:
    """Each group's nDCG at 10 before and now, in Markdown."""
    lines = ["| queries | nDCG@10 before | now |", "|---|---:|---:|"]
    for row in report.rows:
        old = f"{before[row.group]['ndcg_at_10'][0]:.3f}" if row.group in before else "not asked"
        lines.append(f"| {row.group} | {old} | {row.means['ndcg_at_10'].mean:.3f} |")
    return "\n".join(lines)


def spanned(interval: Interval) -> str:
    """A mean with its interval, as it is printed."""
    return f"{interval.mean:.3f} ({interval.low:.2f} to {interval.high:.2f})"


def rows_of(answers: Answers) -> bytes:
    """A CSV of every query: what was asked, every metric, and the first products with their grades."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["query", "language", "modality", "text", *answers.report.values, "found"])
    for number, (query, ranking) in enumerate(zip(answers.golden.queries, answers.rankings, strict=True)):
        found = " ".join(f"{product_id}:{query.grades.get(product_id, 0)}" for product_id in ranking[:10])
        values = [f"{values[number]:.4f}" for values in answers.report.values.values()]
        writer.writerow([query.name, query.language, query.modality, query.text or "", *values, found])
    return target.getvalue().encode()
