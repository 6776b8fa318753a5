"""Judging recommendations honestly: by time, over the whole catalogue, beside popularity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.collaborative.features import Interactions, interaction_matrix, split_by_time
from models.collaborative.model import BLOCK, Floats, top_items
from models.collaborative.training import AlsParameters, popularity, seen, train_als

CUTS = (10, 20)
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Report:
    """Mean metrics of the model and of popularity, over shoppers with something new in the future.

    `gain_low` and `gain_high` bound the gain in recall@10 over popularity: the 95 % bootstrap interval over shoppers.
    """

    model: dict[str, float]
    popularity: dict[str, float]
    shoppers: int
    split_at: str
    gain_low: float
    gain_high: float

    @property
    def beats_popularity(self) -> bool:
        """Whether the gain over popularity is above zero beyond chance."""
        return self.gain_low > 0


def evaluate(events: pd.DataFrame, parameters: AlsParameters, *, future_days: int = 14) -> Report:
    """How well a model trained on the past names what shoppers turned to in the future.

    Every product of the past is ranked for every shopper; those the shopper had touched are left out, on both sides.
    Shoppers and products that the past does not know cannot be recommended and are not counted.

    Raises
    ------
    InputRejected
        If the events cannot be split by time.
    """
    split = split_by_time(events, future_days=future_days)
    past = interaction_matrix(split.past)
    relevant = _relevant(split.future, past.users, past.items)
    rows = np.array(sorted(relevant), dtype=np.intp)
    truth = [np.setdiff1d(relevant[row], past.matrix[row].indices) for row in rows]
    kept = np.array([place for place, new in enumerate(truth) if len(new)], dtype=np.intp)
    rows, truth = rows[kept], [truth[place] for place in kept]
    model = train_als(past, parameters)
    popular = popularity(past)
    by_model = ranked(past, rows, model.scores)
    by_popularity = ranked(past, rows, lambda block: np.tile(popular, (len(block), 1)))
    gains = recalls(by_model, truth, 10) - recalls(by_popularity, truth, 10)
    low, high = bootstrap_interval(gains, seed=parameters.seed)
    return Report(
        metrics(by_model, truth, len(past.items)),
        metrics(by_popularity, truth, len(past.items)),
        len(rows),
        split.at.isoformat(),
        low,
        high,
    )


def ranked(past: Interactions, rows: NDArray[np.intp], score: Callable[[NDArray[np.intp]], Floats]) -> NDArray[np.intp]:
    """The best items that each user has not touched, (rows, 20), -1 where there are fewer.

    Parameters
    ----------
    score
        Gives the scores of some users for every item, (users, items).
    """
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    lists = [top_items(np.where(seen(past, block), -np.inf, score(block)), max(CUTS)) for block in blocks]
    return np.concatenate(lists) if lists else np.zeros((0, max(CUTS)), dtype=np.intp)


def metrics(lists: NDArray[np.intp], truth: list[NDArray[np.intp]], items: int) -> dict[str, float]:
    """Mean recall and NDCG at 10 and 20, and the share of the catalogue that is ever shown.

    Names hold no `@`, which MLflow refuses.
    """
    found: dict[str, float] = {}
    for cut in CUTS:
        found[f"recall_at_{cut}"] = float(np.mean(recalls(lists, truth, cut))) if truth else 0.0
        found[f"ndcg_at_{cut}"] = float(np.mean(ndcgs(lists, truth, cut))) if truth else 0.0
    shown = np.unique(lists[:, : CUTS[0]])
    found["coverage_at_10"] = float((shown >= 0).sum() / items)
    return found


def recalls(lists: NDArray[np.intp], truth: list[NDArray[np.intp]], cut: int) -> NDArray[np.float64]:
    """The share of each row's relevant items among its first `cut`, (rows,).

    The share is of min(cut, relevant), so that a perfect list scores 1.
    """
    return np.array(
        [np.isin(row[:cut], items).sum() / min(cut, len(items)) for row, items in zip(lists, truth, strict=True)]
    )


def ndcgs(lists: NDArray[np.intp], truth: list[NDArray[np.intp]], cut: int) -> NDArray[np.float64]:
    """Discounted gain of each row's first `cut` over that of a perfect list, (rows,).

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, binary gains.
    """
    discounts = 1 / np.log2(np.arange(2, cut + 2))
    return np.array(
        [
            (np.isin(row[:cut], items) * discounts[: len(row[:cut])]).sum() / discounts[: min(cut, len(items))].sum()
            for row, items in zip(lists, truth, strict=True)
        ]
    )


def bootstrap_interval(values: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, resampling values; (0, 0) for none.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3.
    """
    if len(values) == 0:
        return 0.0, 0.0
    generator = np.random.default_rng(seed)
    means = values[generator.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _relevant(future: pd.DataFrame, users: NDArray[np.str_], items: NDArray[np.int64]) -> dict[int, NDArray[np.intp]]:
    places = {product_id: place for place, product_id in enumerate(items.tolist())}
    rows = {user_id: row for row, user_id in enumerate(users.tolist())}
    known = future[future["user_id"].isin(rows) & future["product_id"].isin(places)]
    return {
        rows[str(user_id)]: np.unique([places[int(product_id)] for product_id in group])
        for user_id, group in known.groupby("user_id")["product_id"]
    }
