"""Judging recommendations honestly: by time, over the whole catalogue, beside popularity, and for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.features import (
    Feedback,
    Interactions,
    depths,
    interaction_matrix,
    positive_part,
    split_by_time,
)
from models.collaborative.model import BLOCK, Floats, Recommender, top_items

DEPTH = 20
SHOWN = 10  # of each list, when all lists are looked at together
LIGHT, HEAVY = 3, 20  # products touched: fewer than the first is cold, from the second on heavy
Score = Callable[[sp.csr_matrix], Floats]


@dataclass(frozen=True, slots=True)
class Examination:
    """What models are asked: the past to learn from, and for each shopper who did something new what it was.

    `histories` and `truth` are (shoppers, items) over the items of the past; `segments` name groups of shoppers as
    masks (shoppers,). `sellers` (items,) is who sells each item, -1 where nobody knows.
    """

    past: Interactions
    users: NDArray[np.str_]
    histories: sp.csr_matrix
    truth: sp.csr_matrix
    sellers: NDArray[np.int64]
    split_at: str
    segments: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one model answered: its lists (shoppers, 20), each shopper's measures, and what the lists are like together.

    `coverage` is the share of the catalogue shown to anybody, `novelty` the mean surprise of a shown item in bits,
    `popularity_bias` the mean popularity percentile of what is shown, `seller_gini` how unequally sellers are shown.
    """

    kind: str
    lists: NDArray[np.intp]
    recall_at_10: NDArray[np.float64]
    recall_at_20: NDArray[np.float64]
    ndcg_at_10: NDArray[np.float64]
    ndcg_at_20: NDArray[np.float64]
    map_at_20: NDArray[np.float64]
    coverage: float
    novelty: float
    popularity_bias: float
    seller_gini: float

    def means(self) -> dict[str, float]:
        """Every measure's mean by name; names hold no `@`, which MLflow refuses."""
        found = {name: float(getattr(self, name).mean()) if len(self.lists) else 0.0 for name in MEASURES}
        beyond = ("coverage", "novelty", "popularity_bias", "seller_gini")
        return {**found, **{name: getattr(self, name) for name in beyond}}


MEASURES = ("recall_at_10", "recall_at_20", "ndcg_at_10", "ndcg_at_20", "map_at_20")


def examination(
    events: pd.DataFrame,
    *,
    future_days: int = 14,
    feedback: Feedback | None = None,
    sellers: Mapping[int, int] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> Examination:
    """Questions from the last `future_days`: what each shopper touched for the first time, of what the past knows.

    Parameters
    ----------
    events
        Columns user_id, product_id, weight, occurred_at, and kind where refusals are to count.
    sellers
        Who sells each product.
    labels
        Groups to report apart, by name and then by shopper: `{"market": {"shopper-1": "KE"}}`.

    Raises
    ------
    InputRejected
        If the events cannot be split by time, or nobody turned to anything new.
    """
    split = split_by_time(events, future_days=future_days)
    past = interaction_matrix(split.past, feedback, split.at)
    wanted = split.future[split.future["weight"] > 0]
    truth, users = _truth(wanted, past)
    if not len(users):
        raise InputRejected(f"nobody turned to a product that was new to them in the last {future_days} days")
    histories = _histories(past, users)
    found = np.array([(sellers or {}).get(product_id, -1) for product_id in past.items.tolist()], dtype=np.int64)
    groups = {**_by_depth(histories), **_by_label(users, labels or {})}
    return Examination(past, users, histories, truth, found, split.at.isoformat(), groups)


def judge(model: Recommender, exam: Examination) -> Judged:
    """What the model answers to every question; whom it has nothing to say to is shown what is popular."""
    return judged(model.kind, ranked(model.scores, exam.histories, _popular(exam.past)), exam)


def judged(kind: str, lists: NDArray[np.intp], exam: Examination) -> Judged:
    """The measures of some lists, (shoppers, 20), -1 where there are fewer."""
    hits = _hits(lists, exam.truth)
    wanted = np.diff(exam.truth.indptr)
    coverage, novelty, popularity_bias, seller_gini = _beyond_accuracy(lists, exam)
    return Judged(
        kind,
        lists,
        recall_at_10=recalls(hits, wanted, 10),
        recall_at_20=recalls(hits, wanted, 20),
        ndcg_at_10=ndcgs(hits, wanted, 10),
        ndcg_at_20=ndcgs(hits, wanted, 20),
        map_at_20=average_precisions(hits, wanted, 20),
        coverage=coverage,
        novelty=novelty,
        popularity_bias=popularity_bias,
        seller_gini=seller_gini,
    )


def ranked(score: Score, histories: sp.csr_matrix, popular: Floats, *, keep: int = DEPTH) -> NDArray[np.intp]:
    """The best items that each shopper has not touched, (shoppers, keep), -1 where there are fewer.

    Parameters
    ----------
    score
        Gives the scores of some shoppers for every item.
    popular
        (items,), the order for whom every score is equal.
    """
    blocks = (histories[start : start + BLOCK] for start in range(0, histories.shape[0], BLOCK))
    lists = [listed(score(block), block, popular, keep=keep) for block in blocks]
    return np.concatenate(lists) if lists else np.zeros((0, keep), dtype=np.intp)


def listed(scores: Floats, histories: sp.csr_matrix, popular: Floats, *, keep: int = DEPTH) -> NDArray[np.intp]:
    """As `ranked`, of scores that are there, (shoppers, items)."""
    silent = scores.max(axis=1) == scores.min(axis=1)
    open_scores = np.where(silent[:, None], popular[None, :], scores)
    open_scores[np.repeat(np.arange(len(scores)), np.diff(histories.indptr)), histories.indices] = -np.inf
    return top_items(open_scores, keep)


def recalls(hits: NDArray[np.bool_], wanted: NDArray[np.integer], cut: int) -> NDArray[np.float64]:
    """The share of what each shopper wanted among the first `cut`, (shoppers,), of all that they wanted."""
    return np.asarray(hits[:, :cut].sum(axis=1) / np.maximum(wanted, 1), dtype=np.float64)


def ndcgs(hits: NDArray[np.bool_], wanted: NDArray[np.integer], cut: int) -> NDArray[np.float64]:
    """Discounted gain of the first `cut` over that of a perfect list, (shoppers,).

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, binary gains.
    """
    discounts = 1 / np.log2(np.arange(2, cut + 2))
    perfect = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(wanted, cut)]
    gained = hits[:, :cut] @ discounts[: hits[:, :cut].shape[1]]
    return np.asarray(gained / np.where(perfect > 0, perfect, 1), dtype=np.float64)


def average_precisions(hits: NDArray[np.bool_], wanted: NDArray[np.integer], cut: int) -> NDArray[np.float64]:
    """Mean precision at each hit among the first `cut`, (shoppers,)."""
    found = hits[:, :cut]
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return np.asarray((precision * found).sum(axis=1) / np.maximum(np.minimum(wanted, cut), 1), dtype=np.float64)


def gini(amounts: NDArray[Any]) -> float:
    """How unequally the amounts are shared, 0 for equal, towards 1 for all with one; 0 where there is nothing.

    Source: Gini, "Variabilità e mutabilità", 1912, by the mean difference of sorted amounts.
    """
    total = float(amounts.sum())
    if total <= 0:
        return 0.0
    ordered = np.sort(amounts.astype(np.float64))
    places = np.arange(1, len(ordered) + 1)
    return float(2 * (places * ordered).sum() / (len(ordered) * total) - (len(ordered) + 1) / len(ordered))


def _truth(wanted: pd.DataFrame, past: Interactions) -> tuple[sp.csr_matrix, NDArray[np.str_]]:
    """What each shopper newly wanted, and who they are; shoppers whom the past does not know are among them."""
    columns = pd.Index(past.items).get_indexer(pd.Index(wanted["product_id"]))
    known = wanted[columns >= 0]
    users, rows = np.unique(known["user_id"].to_numpy(dtype=np.str_), return_inverse=True)
    shape = (len(users), len(past.items))
    asked = sp.csr_matrix((np.ones(len(known), dtype=np.float32), (rows, columns[columns >= 0])), shape=shape)
    asked.data[:] = 1
    touched = _histories(past, users)
    touched.data[:] = 1
    new = sp.csr_matrix(asked - asked.multiply(touched))
    new.eliminate_zeros()
    new.sort_indices()
    kept = np.flatnonzero(np.diff(new.indptr))
    return new[kept], users[kept]


def _histories(past: Interactions, users: NDArray[np.str_]) -> sp.csr_matrix:
    rows = pd.Index(past.users).get_indexer(pd.Index(users))
    chosen = sp.csr_matrix(past.matrix[np.maximum(rows, 0)])
    return sp.csr_matrix(sp.diags((rows >= 0).astype(np.float32)) @ chosen, dtype=np.float32)


def _by_depth(histories: sp.csr_matrix) -> dict[str, NDArray[np.bool_]]:
    depth = depths(histories)
    return {
        "depth: cold": depth < LIGHT,
        "depth: light": (depth >= LIGHT) & (depth < HEAVY),
        "depth: heavy": depth >= HEAVY,
    }


def _by_label(users: NDArray[np.str_], labels: Mapping[str, Mapping[str, str]]) -> dict[str, NDArray[np.bool_]]:
    groups: dict[str, NDArray[np.bool_]] = {}
    for name, of in labels.items():
        found = np.array([of.get(user, "unknown") for user in users.tolist()])
        groups |= {f"{name}: {value}": found == value for value in np.unique(found).tolist()}
    return groups


def _popular(past: Interactions) -> Floats:
    return np.asarray(past.matrix.sum(axis=0), dtype=np.float32).ravel()


def _hits(lists: NDArray[np.intp], truth: sp.csr_matrix) -> NDArray[np.bool_]:
    """Which places of each list hold what was wanted, (shoppers, 20)."""
    keys = np.repeat(np.arange(truth.shape[0]), np.diff(truth.indptr)) * truth.shape[1] + truth.indices
    places = np.arange(len(lists))[:, None] * truth.shape[1] + lists
    return np.asarray(np.isin(places, keys) & (lists >= 0))


def _beyond_accuracy(lists: NDArray[np.intp], exam: Examination) -> tuple[float, float, float, float]:
    """Coverage, novelty, popularity bias, and the Gini of sellers."""
    shown = lists[:, :SHOWN]
    shown = shown[shown >= 0]
    people = np.bincount(positive_part(exam.past.matrix).indices, minlength=len(exam.past.items)).astype(np.float64)
    percentile = np.argsort(np.argsort(people, kind="stable"), kind="stable") / max(len(people) - 1, 1)
    surprise = -np.log2(np.maximum(people, 1) / max(len(exam.past.users), 1))
    sellers, place = np.unique(exam.sellers, return_inverse=True)
    seen = np.bincount(place[shown], minlength=len(sellers))[sellers >= 0]
    if not len(shown):
        return 0.0, 0.0, 0.0, 0.0
    covered = float(len(np.unique(shown)) / len(exam.past.items))
    return covered, float(surprise[shown].mean()), float(percentile[shown].mean()), gini(seen)
