"""Recommendations as rows for serving: personal lists, neighbours, and popularity for everyone else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.blending import HybridWeights
from models.collaborative.features import Interactions, aligned, depths
from models.collaborative.hybrid import blended, visual_scores, weight_of
from models.collaborative.model import Floats, Recommender, neighbours, top_items

PERSONAL = 50
NEIGHBOURS = 20
POPULAR = 50
POPULAR_HALF_LIFE_DAYS = 14.0
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Offered:
    """What may be shown: a product, its category, and the city of its seller; empty where nobody knows."""

    product_id: int
    category: str
    city: str


def personal_rows(
    model: Recommender, interactions: Interactions, alike: sp.csr_matrix, weights: HybridWeights, offered: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """What to show each shopper whom somebody's product interested, best first; nothing they touched or refused.

    Whoever only refused has no list: that one product is not wanted speaks for no other.

    Parameters
    ----------
    alike : (items, items)
        Cosines over the items of the model.
    """
    aligned_to_model = aligned(interactions, model.items)
    interested = np.flatnonzero(depths(aligned_to_model) > 0)
    histories, users = aligned_to_model[interested], interactions.users[interested]
    hidden = ~np.isin(model.items, np.asarray(offered, dtype=np.int64))
    for start in range(0, len(users), BLOCK):
        block = histories[start : start + BLOCK]
        barred = hidden[None, :] | (block.toarray() != 0)
        cf = np.where(barred, -np.inf, model.scores(block)).astype(np.float32)
        visual = np.where(barred, -np.inf, visual_scores(block, alike)).astype(np.float32)
        share = weight_of(depths(block), weights.depths, weights.weights)
        yield from _ranked_rows(model.items, users[start : start + BLOCK], cf, visual, share)


def together_rows(model: Recommender, offered: Sequence[int]) -> Iterator[dict[str, Any]]:
    """For each product those that interest in it speaks for most. One row per product and rank."""
    shown = set(offered)
    ids, scores = neighbours(model, NEIGHBOURS)
    for product_id, near, found in zip(model.items.tolist(), ids.tolist(), scores.tolist(), strict=True):
        kept = [pair for pair in zip(near, found, strict=True) if pair[0] in shown and pair[1] > 0]
        for rank, (other, score) in enumerate(kept, 1):
            yield _neighbour(product_id, "together", rank, other, score)


def alike_rows(vectors: Mapping[int, NDArray[np.float32]]) -> Iterator[dict[str, Any]]:
    """For each product those whose hybrid vectors are nearest, by cosine. One row per product and rank."""
    ids = np.array(sorted(vectors), dtype=np.int64)
    if len(ids) < 2:
        return
    unit = np.stack([vectors[product_id] for product_id in ids.tolist()]).astype(np.float32)
    for start in range(0, len(ids), BLOCK):
        cosines = unit[start : start + BLOCK] @ unit.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        best = top_items(cosines, NEIGHBOURS)
        for row, columns in enumerate(best):
            for rank, column in enumerate(columns[columns >= 0].tolist(), 1):
                if cosines[row, column] > 0:
                    yield _neighbour(int(ids[start + row]), "alike", rank, int(ids[column]), cosines[row, column])


def alike_matrix(rows: Sequence[Mapping[str, Any]], items: NDArray[np.int64]) -> sp.csr_matrix:
    """The rows of kind `alike` as a matrix over some items, (items, items); others are left out."""
    found = [(row["product_id"], row["neighbour_id"], row["score"]) for row in rows if row["kind"] == "alike"]
    frame = pd.DataFrame(found, columns=["product_id", "neighbour_id", "score"])
    index = pd.Index(items)
    here, there = index.get_indexer(pd.Index(frame["product_id"])), index.get_indexer(pd.Index(frame["neighbour_id"]))
    known = (here >= 0) & (there >= 0)
    data = frame["score"].to_numpy(dtype=np.float32)[known]
    return sp.csr_matrix((data, (here[known], there[known])), shape=(len(items), len(items)))


def popular_rows(events: pd.DataFrame, offered: Sequence[Offered], now: datetime) -> Iterator[dict[str, Any]]:
    """What draws interest, by category and city and for all, each event half as heavy every 14 days.

    One row per category, city and rank; the empty name stands for all.

    Parameters
    ----------
    events
        Columns product_id, weight, occurred_at; refusals, of weight 0 or less, do not count.
    """
    liked = events[events["weight"] > 0]
    days = (pd.Timestamp(now) - liked["occurred_at"]).dt.total_seconds().to_numpy() / 86_400
    aged = liked["weight"].to_numpy(dtype=float) * 0.5 ** (np.maximum(days, 0) / POPULAR_HALF_LIFE_DAYS)
    interest = pd.Series(aged).groupby(liked["product_id"].to_numpy(dtype=np.int64)).sum().to_dict()
    ranks: Counter[tuple[str, str]] = Counter()
    for one in sorted(offered, key=lambda one: (-interest.get(one.product_id, 0.0), one.product_id)):
        if one.product_id not in interest:
            break
        for place in dict.fromkeys(product(("", one.category), ("", one.city))):
            if ranks[place] < POPULAR:
                ranks[place] += 1
                score = float(interest[one.product_id])
                yield _popular(place, ranks[place], one.product_id, score)


def _popular(place: tuple[str, str], rank: int, product_id: int, score: float) -> dict[str, Any]:
    return {"category": place[0], "city": place[1], "rank": rank, "product_id": product_id, "score": score}


def _neighbour(product_id: int, kind: str, rank: int, other: int, score: float) -> dict[str, Any]:
    return {"product_id": product_id, "kind": kind, "rank": rank, "neighbour_id": other, "score": float(score)}


def _ranked_rows(
    items: NDArray[np.int64], users: NDArray[np.str_], cf: Floats, visual: Floats, share: Floats
) -> Iterator[dict[str, Any]]:
    mixed = blended(cf, visual, share)
    for place, columns in enumerate(top_items(mixed, PERSONAL)):
        worth = columns[(columns >= 0) & (mixed[place, columns] > 0)]  # what nothing speaks for is no recommendation
        for rank, column in enumerate(worth.tolist(), 1):
            yield {
                "user_id": str(users[place]),
                "rank": rank,
                "product_id": int(items[column]),
                "score": float(mixed[place, column]),
                "cf_score": float(cf[place, column]),
                "visual_score": float(visual[place, column]),
            }
