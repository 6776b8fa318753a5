"""How good rankings are, told from grades: 0 for a product that does not fit, up to 3 for one that fits wholly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

DEPTH = 20  # places of a ranking that are looked at
CUTS = (1, 5, 10)
RELEVANT = 2  # grades from here on count as found, where a metric knows only yes and no
MOST = 3
Grades = NDArray[np.int64]
Values = NDArray[np.float64]
Gain = Literal["exponential", "linear"]


@dataclass(frozen=True, slots=True)
class Graded:
    """Rankings as grades, one row per query.

    Parameters
    ----------
    found : (queries, places)
        Grade at each place, best place first; 0 for a product nobody judged, and past the end of a ranking.
    ideal : (queries, places)
        The grades of all judged products, highest first: the best ranking there could be.
    relevant : (queries,)
        How many judged products count as relevant.
    """

    found: Grades
    ideal: Grades
    relevant: Grades


def graded(rankings: Sequence[Sequence[int]], judgements: Sequence[Mapping[int, int]], *, depth: int = DEPTH) -> Graded:
    """What was found and what could be found, as grades.

    Parameters
    ----------
    rankings
        Products of each query, best first.
    judgements
        Grade by product of each query.

    Raises
    ------
    InputRejected
        If a product stands twice in a ranking, a grade is not 0, 1, 2 or 3, or a query has nothing relevant.
    """
    found, ideal = (np.zeros((len(rankings), depth), dtype=np.int64) for _ in range(2))
    relevant = np.zeros(len(rankings), dtype=np.int64)
    for row, (ranking, grades) in enumerate(zip(rankings, judgements, strict=True)):
        _refuse_unsound(row, ranking, grades)
        here = [grades.get(product_id, 0) for product_id in ranking[:depth]]
        best = sorted(grades.values(), reverse=True)[:depth]
        found[row, : len(here)] = here
        ideal[row, : len(best)] = best
        relevant[row] = sum(grade >= RELEVANT for grade in grades.values())
    return Graded(found, ideal, relevant)


def metrics(answers: Graded) -> dict[str, Values]:
    """Every metric of every query, (queries,) each, by names that MLflow takes."""
    return {
        "ndcg_at_10": ndcg(answers, 10),
        **{f"recall_at_{cut}": recall(answers, cut) for cut in CUTS},
        "precision_at_10": precision(answers, 10),
        "mrr": reciprocal_rank(answers),
        **{f"hit_at_{cut}": hit(answers, cut) for cut in CUTS},
    }


def ndcg(answers: Graded, cut: int, *, gain: Gain = "exponential") -> Values:
    """Discounted gain of the first `cut` over that of the best ranking there could be, (queries,).

    A grade gains 2^grade - 1, so that one product that fits wholly outweighs two that fit half; "linear" gains the
    grade itself.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; the exponential
    gain is that of Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """
    discounts = 1 / np.log2(np.arange(2, cut + 2))[: answers.found.shape[1]]
    mine, best = ((_gain(grades[:, :cut], gain) * discounts).sum(axis=1) for grades in (answers.found, answers.ideal))
    ratio: Values = mine / best
    return ratio


def recall(answers: Graded, cut: int) -> Values:
    """The share of the relevant products that stand among the first `cut`, (queries,).

    The share is of min(cut, relevant), so that a perfect ranking scores 1 however many are relevant.

    Source: the capped recall of Thakur et al., "BEIR", NeurIPS 2021, appendix.
    """
    share: Values = _relevant(answers, cut).sum(axis=1) / np.minimum(cut, answers.relevant)
    return share


def precision(answers: Graded, cut: int) -> Values:
    """The share of the first `cut` places that hold a relevant product, (queries,)."""
    share: Values = _relevant(answers, cut).sum(axis=1) / cut
    return share


def reciprocal_rank(answers: Graded) -> Values:
    """One over the place of the first relevant product, 0 where none was found, (queries,).

    Source: Voorhees, "The TREC-8 question answering track report", 1999.
    """
    is_relevant = answers.found >= RELEVANT
    first: Values = np.where(is_relevant.any(axis=1), 1 / (is_relevant.argmax(axis=1) + 1), 0.0)
    return first


def hit(answers: Graded, cut: int) -> Values:
    """1 where a relevant product stands among the first `cut`, else 0, (queries,)."""
    is_hit: Values = np.asarray(_relevant(answers, cut).any(axis=1), dtype=np.float64)
    return is_hit


def _relevant(answers: Graded, cut: int) -> NDArray[np.bool_]:
    is_relevant: NDArray[np.bool_] = answers.found[:, :cut] >= RELEVANT
    return is_relevant


def _gain(grades: Grades, gain: Gain) -> Values:
    exact = grades.astype(np.float64)
    return np.exp2(exact) - 1 if gain == "exponential" else exact


def _refuse_unsound(row: int, ranking: Sequence[int], grades: Mapping[int, int]) -> None:
    if len(set(ranking)) != len(ranking):
        twice = next(product_id for product_id in ranking if list(ranking).count(product_id) > 1)
        raise InputRejected(f"product {twice} stands twice in the ranking of query {row}")
    if wrong := [grade for grade in grades.values() if grade not in range(MOST + 1)]:
        raise InputRejected(f"a grade is 0 to {MOST}, not {wrong[0]} (query {row})")
    if all(grade < RELEVANT for grade in grades.values()):
        raise InputRejected(f"query {row} has no product of grade {RELEVANT} or {MOST}, so it measures nothing")
