"""Weighted interactions as a matrix of shoppers and products, and splits that never look ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected

COLUMNS = ("user_id", "product_id", "weight", "occurred_at")


@dataclass(frozen=True, slots=True)
class Interactions:
    """Summed interest: `matrix` (users, items), with the ids of its rows and columns in order."""

    matrix: sp.csr_matrix
    users: NDArray[np.str_]
    items: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """What a model may learn from, what it is judged on, and the instant between."""

    past: pd.DataFrame
    future: pd.DataFrame
    at: pd.Timestamp


def interaction_matrix(events: pd.DataFrame) -> Interactions:
    """The summed weight of each shopper's events on each product; ids in ascending order.

    Parameters
    ----------
    events
        Columns user_id, product_id, weight, one row per event, in any order.

    Raises
    ------
    InputRejected
        If a column or an id is missing, or a weight is not a positive finite number.
    """
    if missing := {"user_id", "product_id", "weight"} - set(events.columns):
        raise InputRejected(f"interactions lack {', '.join(sorted(missing))}")
    for column in ("user_id", "product_id"):
        if events[column].isna().any():
            raise InputRejected(f"{int(events[column].isna().sum())} interactions have no {column}")
    weights = events["weight"].to_numpy(dtype=np.float32)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise InputRejected("interaction weights must be positive and finite")
    users, rows = np.unique(events["user_id"].to_numpy(dtype=np.str_), return_inverse=True)
    items, columns = np.unique(events["product_id"].to_numpy(dtype=np.int64), return_inverse=True)
    matrix = sp.coo_matrix((weights, (rows, columns)), shape=(len(users), len(items))).tocsr()  # sums repeats
    return Interactions(matrix, users, items)


def split_by_time(events: pd.DataFrame, *, future_days: int) -> Split:
    """The last days as the future, everything before as the past.

    The border is `future_days` before the newest event, so that the split depends on the data and not on the clock.

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
