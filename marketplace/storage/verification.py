"""Whether a collection may be served: whole, sound, of one model, and finding what it holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from marketplace.storage.golden import Truth
from marketplace.storage.index_types import breadths
from marketplace.storage.vector_filters import other_models
from marketplace.storage.vector_rows import UNIT_TOLERANCE, fingerprint, unit_vector
from marketplace.storage.vectors import BATCH, FIRST_BREADTH, Served, Vectors

log = logging.getLogger(__name__)

LEAST_RECALL = 0.95
AIMED_RECALL = 0.985
WORTH_MORE = 0.005  # looking further must find at least this much more
MOST_PROBLEMS = 20
SAMPLE = 32
TWINS = 10  # products of one picture and text share a vector, and any of them may be found first
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found in a collection; `problems` is empty when it may be served.

    `recall` is the share of the ten nearest of each golden query that a search as `breadth` says finds.
    """

    collection: str
    model_version: str
    expected: int
    found: int
    checked_neighbours: int
    problems: tuple[str, ...]
    recall: float | None = None
    golden_queries: int = 0
    breadth: int = FIRST_BREADTH

    @property
    def passed(self) -> bool:
        """Whether the collection may be served."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The report for a JSON column or page."""
        return {**asdict(self), "problems": list(self.problems), "passed": self.passed}


def verify(
    vectors: Vectors,
    collection: str,
    *,
    expected: Mapping[int, int],
    model_version: str,
    truth: Truth | None = None,
    checked: Step = lambda _: None,
) -> Report:
    """Whether the collection holds exactly these products, whole and of one model, and finds them.

    All rows are read back and compared with their fingerprints; some of them, spread evenly, must be found by their
    own vector, and the golden queries must find at least 0.95 of what is nearest to them.

    Parameters
    ----------
    expected
        Fingerprint by product id, in order of id.
    checked
        Told how many rows were read back, again and again.
    """
    problems: list[str] = []
    found = vectors.count(collection)
    if found != len(expected):
        problems.append(f"holds {found} rows, not {len(expected)}")
    if strangers := vectors.count(collection, other_models(model_version)):
        problems.append(f"{strangers} products are of another model than {model_version}")
    chosen: dict[int, NDArray[np.float32]] = {}
    ids = list(expected)
    sample = set(ids[:: max(1, len(ids) // SAMPLE)])
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        rows = {int(row["product_id"]): row for row in vectors.entities(collection, batch)}
        if len(problems) < MOST_PROBLEMS:
            problems += _flaws(batch, rows, expected)
        chosen |= {
            one: np.asarray(rows[one]["embedding"], np.float32) for one in batch if one in sample and one in rows
        }
        checked(start + len(batch))
    served = vectors.described(collection)
    problems += _lost(vectors, served, chosen)
    report = Report(collection, model_version, len(expected), found, len(chosen), (), breadth=served.breadth)
    if truth is not None:
        report = replace(report, recall=recall_of(vectors, served, truth), golden_queries=len(truth.right))
        if report.recall is not None and report.recall < LEAST_RECALL:
            problems.append(
                f"finds {report.recall:.3f} of what golden queries are nearest to, less than {LEAST_RECALL}"
            )
    return replace(report, problems=tuple(problems[:MOST_PROBLEMS]))


def calibrated(vectors: Vectors, collection: str, truth: Truth) -> int:
    """The least breadth that finds enough of what the queries are nearest to; searches use it from now on.

    Enough is 0.985, or all but 0.005 of what the widest search finds where a compressed index cannot do better.
    """
    served = vectors.described(collection)
    steps = breadths(served.index_type, served.nlist)
    aim = min(AIMED_RECALL, recall_of(vectors, replace(served, breadth=steps[-1]), truth) - WORTH_MORE)
    chosen = steps[-1]
    for step in steps[:-1]:
        if recall_of(vectors, replace(served, breadth=step), truth) >= aim:
            chosen = step
            break
    vectors.set_breadth(collection, chosen)
    log.info("%s is searched with a breadth of %d of %d", collection, chosen, steps[-1])
    return chosen


def recall_of(vectors: Vectors, served: Served, truth: Truth) -> float:
    """The share of what the queries are nearest to that searches of the collection find."""
    if not truth.right:
        return 1.0
    answers = vectors.nearest(served.collection, list(truth.queries), truth.depth, served.index_type, served.breadth)
    return truth.recall([{hit.product_id: hit.similarity for hit in hits} for hits in answers])


def _flaws(ids: Sequence[int], rows: Mapping[int, Mapping[str, Any]], expected: Mapping[int, int]) -> Iterator[str]:
    for product_id in ids:
        row = rows.get(product_id)
        if row is None:
            yield f"product {product_id} is missing"
            continue
        try:
            unit_vector(np.asarray(row["embedding"], np.float32), f"product {product_id}")
        except InputRejected as error:
            yield str(error)
            continue
        if not row["fingerprint"] == fingerprint(row) == expected[product_id]:
            yield f"product {product_id} is not as it was put in"


def _lost(vectors: Vectors, served: Served, chosen: Mapping[int, NDArray[np.float32]]) -> list[str]:
    if not chosen:
        return []
    lost = []
    answers = vectors.nearest(served.collection, list(chosen.values()), TWINS, served.index_type, served.breadth)
    for product_id, hits in zip(chosen, answers, strict=True):
        nearest = {hit.product_id for hit in hits if hit.similarity > 1 - UNIT_TOLERANCE}
        if product_id not in nearest and len(nearest) < TWINS:
            lost.append(f"product {product_id} is not found by its own vector")
    return lost
