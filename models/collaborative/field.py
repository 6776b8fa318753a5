"""The ground that models are compared on: who is judged, by what they turned to next, and in which segment they are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.evidence import Contender, hashed, rounded
from models.collaborative.features import Feedback, Interactions, Split, depths, interaction_matrix
from models.collaborative.model import BLOCK, Floats, Recommender, top_items

CUT = 20
MOST_JUDGED = 20_000  # shoppers, those of the least hash
TIMED = 100  # shoppers whose scores are timed one by one
DEPTHS = {"cold": 1, "light": 3, "heavy": 10}  # products touched, from which a shopper counts as such
REFUSALS = ("hide", "report")
UNKNOWN = "unknown"
Truth = list[NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Field:
    """Shoppers with something new in the future, over the products of the past.

    Parameters
    ----------
    past
        All that a model may learn from.
    histories : (shoppers, items)
        What those who are judged did before.
    truth
        The columns that each of them turned to and had not touched.
    """

    past: Interactions
    shoppers: tuple[str, ...]
    histories: sp.csr_matrix
    truth: Truth
    segments: Mapping[str, tuple[str, ...]]
    sellers: NDArray[np.int64]
    split_at: str


def field_of(split: Split, facts: pd.DataFrame, feedback: Feedback | None) -> Field:
    """The field of a split.

    Parameters
    ----------
    facts
        Columns seller_id, country and language, by product_id.
    """
    past = interaction_matrix(split.past, feedback, split.at)
    wanted = split.future[~split.future["kind"].isin(REFUSALS)]
    rows = pd.Index(past.users).get_indexer(pd.Index(wanted["user_id"]))
    columns = pd.Index(past.items).get_indexer(pd.Index(wanted["product_id"]))
    known = (rows >= 0) & (columns >= 0)
    turned = sp.csr_matrix((np.ones(known.sum()), (rows[known], columns[known])), shape=past.matrix.shape)
    found = [(row, np.setdiff1d(_of(turned, row), _of(past.matrix, row))) for row in np.unique(rows[known]).tolist()]
    found = [(row, new) for row, new in found if len(new)]
    names = hashed([str(past.users[row]) for row, _ in found])
    order = sorted(range(len(found)), key=names.__getitem__)[:MOST_JUDGED]
    judged = np.array([found[place][0] for place in order], dtype=np.intp)
    histories = past.matrix[judged]
    told = facts.reindex(past.items)
    return Field(
        past,
        tuple(names[place] for place in order),
        histories,
        [found[place][1] for place in order],
        {
            "depth": _depth_of(histories),
            "market": _most(histories, told["country"]),
            "language": _most(histories, told["language"]),
        },
        told["seller_id"].fillna(-1).to_numpy(dtype=np.int64),
        split.at.isoformat(),
    )


def scores_on(model: Recommender, field: Field, rows: slice) -> Floats:
    """Scores of some of the judged, (rows, items); minus infinity for what they touched before."""
    histories = field.histories[rows]
    scores = model.scores(histories)
    scores[histories.nonzero()] = -np.inf
    return scores


def judge(name: str, kind: str, model: Recommender, field: Field) -> tuple[Contender, NDArray[np.float64]]:
    """The model as a contender, and its mean recall at every cut, (20,)."""
    lists = np.concatenate(
        [
            top_items(scores_on(model, field, slice(start, start + BLOCK)), CUT)
            for start in range(0, len(field.shoppers), BLOCK)
        ]
        or [np.zeros((0, CUT), dtype=np.intp)]
    )
    hits = np.zeros((len(lists), CUT), dtype=bool)
    for row, wanted in enumerate(field.truth):
        hits[row, : lists.shape[1]] = np.isin(lists[row], wanted)
    sizes = np.array([len(wanted) for wanted in field.truth], dtype=np.float64)
    recall, ndcg, average = _recall(hits, sizes), _ndcg(hits, sizes), _average_precision(hits, sizes)
    means = {
        "recall_at_20": _mean(recall[:, -1]),
        "ndcg_at_20": _mean(ndcg),
        "map_at_20": _mean(average),
        **_beyond(lists, field),
    }
    made = Contender(name, kind, means, rounded(ndcg), rounded(recall[:, -1]), _latency_p99_ms(model, field))
    return made, recall.mean(axis=0) if len(recall) else np.zeros(CUT)


def gini(amounts: NDArray[np.floating]) -> float:
    """How unequal the amounts are: 0 where all are alike, towards 1 where one has everything; 0 of none.

    Source: Gini, "Variabilità e mutabilità", 1912, by the sorted form.
    """
    ordered = np.sort(np.asarray(amounts, dtype=np.float64))
    if not len(ordered) or ordered.sum() == 0:
        return 0.0
    ranks = np.arange(1, len(ordered) + 1)
    return float(((2 * ranks - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum()))


def _recall(hits: NDArray[np.bool_], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share found at every cut, (shoppers, 20), of what could be found there, so that a perfect list scores 1."""
    cuts = np.arange(1, CUT + 1)
    return np.asarray(np.cumsum(hits, axis=1) / np.minimum(cuts[None, :], sizes[:, None]))


def _ndcg(hits: NDArray[np.bool_], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, binary gains."""
    discounts = 1 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(discounts)[np.minimum(sizes, CUT).astype(int) - 1]
    return np.asarray((hits * discounts).sum(axis=1) / ideal)


def _average_precision(hits: NDArray[np.bool_], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    precision = np.cumsum(hits, axis=1) / np.arange(1, CUT + 1)
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(sizes, CUT))


def _beyond(lists: NDArray[np.intp], field: Field) -> dict[str, float]:
    """What lists are worth to others than their reader: how much of the shelf they show, and whose.

    Novelty is the mean self-information of what is shown, in bits; popularity bias the mean rank by popularity of what
    is shown, from 0 for the least popular to 1. Source: Vargas and Castells, "Rank and relevance in novelty and
    diversity metrics", RecSys 2011.
    """
    shown = lists[lists >= 0]
    if not len(shown):
        return dict.fromkeys(("coverage_at_20", "novelty", "popularity_bias", "seller_gini"), 0.0)
    interest = np.asarray((field.past.matrix > 0).sum(axis=0), dtype=np.float64).ravel()
    order = np.argsort(np.argsort(interest, kind="stable"), kind="stable") / max(len(interest) - 1, 1)
    chance = (interest[shown] + 1) / (len(field.past.users) + 1)
    known = np.unique(field.sellers)
    exposure = pd.Series(1.0, index=field.sellers[shown]).groupby(level=0).sum().reindex(known, fill_value=0)
    return {
        "coverage_at_20": len(np.unique(shown)) / len(interest),
        "novelty": float(-np.log2(chance).mean()),
        "popularity_bias": float(order[shown].mean()),
        "seller_gini": gini(exposure.to_numpy()),
    }


def _latency_p99_ms(model: Recommender, field: Field) -> float:
    seconds = []
    for row in range(min(TIMED, len(field.shoppers))):
        started = time.perf_counter()
        top_items(model.scores(field.histories[row]), CUT)
        seconds.append(time.perf_counter() - started)
    return round(float(np.percentile(seconds, 99)) * 1000, 3) if seconds else 0.0


def _depth_of(histories: sp.csr_matrix) -> tuple[str, ...]:
    names, starts = list(DEPTHS), list(DEPTHS.values())
    return tuple(names[max(place - 1, 0)] for place in np.searchsorted(starts, depths(histories), side="right"))


def _most(histories: sp.csr_matrix, labels: pd.Series[str]) -> tuple[str, ...]:
    """Of each shopper the label that most of the products they touched have."""
    named = labels.fillna(UNKNOWN).replace("", UNKNOWN).astype(str).to_numpy()
    kinds, codes = np.unique(named, return_inverse=True)
    touched = sp.csr_matrix((np.ones(histories.nnz), histories.indices, histories.indptr), shape=histories.shape)
    counts = touched @ sp.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    return tuple(str(kinds[place]) for place in np.asarray(counts.argmax(axis=1)).ravel().tolist())


def _of(matrix: sp.csr_matrix, row: int) -> NDArray[np.intp]:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.intp)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
