"""Recommendations as rows for serving: personal lists, neighbours, and popularity for everyone else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.features import interaction_matrix
from models.collaborative.model import FactorModel, Floats, hybrid_scores, neighbours, top_items

PERSONAL = 50
NEIGHBOURS = 20
POPULAR = 50
POPULAR_DAYS = 30
BLOCK = 512


@dataclass(frozen=True, slots=True)
class ServingRows:
    """Rows of the three tables that serving reads, ranks from 1."""

    personal: list[dict[str, Any]]
    neighbours: list[dict[str, Any]]
    popular: list[dict[str, Any]]


def draw_recommendations(
    model: FactorModel,
    events: pd.DataFrame,
    offered: Sequence[tuple[int, str]],
    vectors: Mapping[int, NDArray[np.float32]],
    *,
    now: datetime,
) -> ServingRows:
    """What each shopper of the model is shown, what is like each product, and what is popular.

    Parameters
    ----------
    events
        Columns user_id, product_id, weight, occurred_at.
    offered
        Id and category of what may be shown; nothing else is.
    vectors
        Unit vectors of products, (768,) each; one without has no visual score.
    now
        The end of the days that popularity counts.
    """
    return ServingRows(
        list(_personal(model, events, {product_id for product_id, _ in offered}, vectors)),
        list(_neighbours(model, {product_id for product_id, _ in offered})),
        list(_popular(events, dict(offered), now)),
    )


def _personal(
    model: FactorModel, events: pd.DataFrame, offered: set[int], vectors: Mapping[int, NDArray[np.float32]]
) -> Iterator[dict[str, Any]]:
    interest = interest_of(model, events)
    pictures = _stacked(model.items, vectors)
    hidden = ~np.isin(model.items, np.array(sorted(offered), dtype=np.int64))
    for start in range(0, len(model.users), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(model.users)))
        touched = interest[rows].toarray()
        barred = hidden[None, :] | (touched > 0)
        cf = np.where(barred, -np.inf, model.scores(rows)).astype(np.float32)
        visual = np.where(barred, -np.inf, visual_likeness(touched, pictures)).astype(np.float32)
        yield from _ranked_rows(model, rows, cf, visual)


def interest_of(model: FactorModel, events: pd.DataFrame) -> sp.csr_matrix:
    """The summed interest of the events in the model's own order, (users, items).

    Shoppers and products that the model does not know are left out; those without an event are zero.
    """
    known = events[events["user_id"].isin(model.users) & events["product_id"].isin(model.items)]
    history = interaction_matrix(known)
    entries = history.matrix.tocoo()
    rows = pd.Index(model.users).get_indexer(pd.Index(history.users))[entries.row]
    columns = pd.Index(model.items).get_indexer(pd.Index(history.items))[entries.col]
    return sp.csr_matrix((entries.data, (rows, columns)), shape=(len(model.users), len(model.items)))


def visual_likeness(touched: Floats, pictures: Floats) -> Floats:
    """The cosine of each product with the weighted mean of what each shopper touched, (users, items).

    Parameters
    ----------
    touched : (users, items)
        Summed interest.
    pictures : (items, 768)
        Unit vectors, zero where there is none.
    """
    tastes = touched @ pictures  # (users, 768)
    lengths = np.linalg.norm(tastes, axis=1, keepdims=True)
    return np.asarray((tastes / np.where(lengths > 0, lengths, 1)) @ pictures.T, dtype=np.float32)


def _ranked_rows(model: FactorModel, rows: NDArray[np.intp], cf: Floats, visual: Floats) -> Iterator[dict[str, Any]]:
    blended = hybrid_scores(cf, visual)
    for place, columns in enumerate(top_items(blended, PERSONAL)):
        for rank, column in enumerate(columns[columns >= 0].tolist(), 1):
            yield {
                "user_id": str(model.users[rows[place]]),
                "rank": rank,
                "product_id": int(model.items[column]),
                "score": float(blended[place, column]),
                "cf_score": float(cf[place, column]),
                "visual_score": float(visual[place, column]),
            }


def _neighbours(model: FactorModel, offered: set[int]) -> Iterator[dict[str, Any]]:
    ids, cosines = neighbours(model, NEIGHBOURS)
    for product_id, near, likeness in zip(model.items.tolist(), ids.tolist(), cosines.tolist(), strict=True):
        kept = [
            (other, cosine) for other, cosine in zip(near, likeness, strict=True) if other in offered and cosine > 0
        ]
        for rank, (other, cosine) in enumerate(kept, 1):
            yield {"product_id": product_id, "rank": rank, "neighbour_id": other, "score": cosine}


def _popular(events: pd.DataFrame, offered: Mapping[int, str], now: datetime) -> Iterator[dict[str, Any]]:
    recent = events[events["occurred_at"] > now - timedelta(days=POPULAR_DAYS)]
    interest = recent.groupby("product_id")["weight"].sum()
    ids, weights = interest.index.to_numpy(dtype=np.int64).tolist(), interest.to_numpy(dtype=float).tolist()
    found = [(weight, product_id) for product_id, weight in zip(ids, weights, strict=True) if product_id in offered]
    ranks: Counter[str] = Counter()
    for weight, product_id in sorted(found, key=lambda pair: (-pair[0], pair[1])):
        for category in {"", offered[product_id]}:
            if ranks[category] < POPULAR:
                ranks[category] += 1
                yield {"category": category, "rank": ranks[category], "product_id": product_id, "score": weight}


def _stacked(items: NDArray[np.int64], vectors: Mapping[int, NDArray[np.float32]]) -> Floats:
    width = len(next(iter(vectors.values()))) if vectors else 1
    stacked = np.zeros((len(items), width), dtype=np.float32)
    for row, product_id in enumerate(items.tolist()):
        if product_id in vectors:
            stacked[row] = vectors[product_id]
    return stacked
