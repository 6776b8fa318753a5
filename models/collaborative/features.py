"""Events as a matrix of shoppers and products: weighed, aged, and split so that nothing looks ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected

COLUMNS = ("user_id", "product_id", "kind", "weight", "occurred_at")
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """How much an event counts beside its documented weight: it halves in `half_life_days`, None for never.

    `hide` and `report` are what a shopper's refusal of a product adds to their interest in it.
    """

    half_life_days: float | None = 60.0
    hide: float = -1.0
    report: float = -2.0

    def __post_init__(self) -> None:
        if self.half_life_days is not None and self.half_life_days <= 0:
            raise InputRejected(f"half_life_days is {self.half_life_days}; it must be positive, or None for no decay")
        if self.hide > 0 or self.report > 0:
            raise InputRejected(f"hide ({self.hide}) and report ({self.report}) are refusals and cannot be positive")

    def refusals(self) -> Mapping[str, float]:
        """The weights of refusals by kind."""
        return {"hide": self.hide, "report": self.report}


@dataclass(frozen=True, slots=True)
class Interactions:
    """Summed interest: `matrix` (users, items), with the ids of its rows and columns, ascending."""

    matrix: sp.csr_matrix
    users: NDArray[np.str_]
    items: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """What a model may learn from, what it is judged on, and the instant between."""

    past: pd.DataFrame
    future: pd.DataFrame
    at: pd.Timestamp


def interest(
    events: pd.DataFrame, feedback: Feedback | None = None, now: datetime | None = None
) -> NDArray[np.float32]:
    """What each event adds to interest, (events,): its weight, less with age, negative for a refusal.

    Parameters
    ----------
    events
        Columns product_id, user_id and weight; with `kind` refusals are told apart; with `occurred_at` events age.
    feedback
        None counts the weights as they are.
    now
        Age 0; the last event if left out. A later event has age 0 too.

    Raises
    ------
    InputRejected
        If a column or an id is missing, or a weight is not a finite number, or not positive where there is no refusal.
    """
    _require_columns(events)
    weights = events["weight"].to_numpy(dtype=np.float32).copy()
    refused = _refusals(events, weights, feedback)
    if not np.isfinite(weights).all() or (weights[~refused] <= 0).any():
        raise InputRejected("interaction weights must be positive and finite")
    if feedback is None or feedback.half_life_days is None or "occurred_at" not in events or events.empty:
        return weights
    at = pd.to_datetime(events["occurred_at"], utc=True)
    latest = pd.Timestamp(now) if now is not None else at.max()
    days = np.maximum((latest - at).dt.total_seconds().to_numpy() / DAY_SECONDS, 0)
    return np.asarray(weights * 0.5 ** (days / feedback.half_life_days), dtype=np.float32)


def interaction_matrix(
    events: pd.DataFrame, feedback: Feedback | None = None, now: datetime | None = None
) -> Interactions:
    """The summed interest of each shopper in each product; ids in ascending order.

    Raises
    ------
    InputRejected
        As `interest`.
    """
    weights = interest(events, feedback, now)
    users, rows = np.unique(events["user_id"].to_numpy(dtype=np.str_), return_inverse=True)
    items, columns = np.unique(events["product_id"].to_numpy(dtype=np.int64), return_inverse=True)
    matrix = sp.coo_matrix((weights, (rows, columns)), shape=(len(users), len(items)), dtype=np.float64).tocsr()
    return Interactions(settled(matrix), users, items)


def settled(matrix: sp.spmatrix) -> sp.csr_matrix:
    """The matrix with sorted columns, repeats summed, and no zeros, in 32 bits: equal data gives equal arrays."""
    csr = sp.csr_matrix(matrix)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr.astype(np.float32)


def history_of(touched: Mapping[int, float], items: NDArray[np.int64]) -> sp.csr_matrix:
    """One shopper's interest by product id as a row over `items`, (1, items); products not among them are left out."""
    ids = np.array(sorted(touched), dtype=np.int64)
    places = np.searchsorted(items, ids)
    known = (places < len(items)) & (items[np.minimum(places, len(items) - 1)] == ids) if len(items) else ids < 0
    columns = places[known]
    data = np.array([touched[product_id] for product_id in ids[known].tolist()], dtype=np.float32)
    return sp.csr_matrix((data, columns, [0, len(columns)]), shape=(1, len(items)))


def aligned(interactions: Interactions, items: NDArray[np.int64]) -> sp.csr_matrix:
    """The matrix over other items, (users, items); those that are not among them are left out."""
    entries = interactions.matrix.tocoo()
    places = pd.Index(items).get_indexer(pd.Index(interactions.items))[entries.col]
    known = places >= 0
    shape = (len(interactions.users), len(items))
    return settled(sp.coo_matrix((entries.data[known], (entries.row[known], places[known])), shape=shape))


def split_by_time(events: pd.DataFrame, *, future_days: int) -> Split:
    """The events before and in the last `future_days`, counted from the last event.

    The border is at an instant, not at a share of rows, so that the split depends on the data and not on the clock.

    Raises
    ------
    InputRejected
        If either side is empty.
    """
    if events.empty:
        raise InputRejected("there are no interactions to split")
    border = events["occurred_at"].max() - pd.Timedelta(days=future_days)
    is_future = events["occurred_at"] > border
    if is_future.all() or not is_future.any():
        raise InputRejected(f"interactions span less than {future_days} days, too little to split by time")
    return Split(events[~is_future], events[is_future], border)


def _require_columns(events: pd.DataFrame) -> None:
    if missing := {"user_id", "product_id", "weight"} - set(events.columns):
        raise InputRejected(f"interactions lack {', '.join(sorted(missing))}")
    for column in ("user_id", "product_id"):
        if events[column].isna().any():
            raise InputRejected(f"{int(events[column].isna().sum())} interactions have no {column}")


def _refusals(events: pd.DataFrame, weights: NDArray[np.float32], feedback: Feedback | None) -> NDArray[np.bool_]:
    """Which events are refusals; their weights are set in place."""
    if "kind" not in events:
        return np.zeros(len(events), dtype=bool)
    kinds = events["kind"].to_numpy(dtype=np.str_)
    refused = np.zeros(len(events), dtype=bool)
    for kind, weight in (feedback or Feedback()).refusals().items():
        weights[kinds == kind] = weight
        refused |= kinds == kind
    return refused


def depths(matrix: sp.csr_matrix) -> NDArray[np.int64]:
    """How many items each user took interest in, (users,); refusals do not count."""
    positive = sp.csr_matrix((matrix.data > 0, matrix.indices, matrix.indptr), shape=matrix.shape)
    return np.asarray(positive.sum(axis=1)).ravel().astype(np.int64)


def positive_part(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The matrix without refusals."""
    kept = matrix.copy()
    kept.data = np.maximum(kept.data, 0)
    kept.eliminate_zeros()
    return kept
