"""What a shopper's past says of their interest, kept until they do something new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from marketplace.events.weights import WEIGHTS
from marketplace.storage.tastes import Past, past_of
from marketplace.storage.warehouse import Warehouse
from models.collaborative.model import Floats
from serving.recommender.asking import Ask
from serving.recommender.snapshot import Columns, Shelf

REFUSED = {"hide": -1.0, "report": -2.0}
INTEREST: dict[str, float] = dict(WEIGHTS) | REFUSED
CONTEXT = 3.0  # what is being looked at weighs as much as what was bought
KEPT = 5000
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class History:
    """What was done, by column: the summed interest, and the kind that weighed most; "context" for what is looked at.

    Where the interest is positive, the kind is one that draws interest. `settled` are products that were bought or
    refused.
    """

    columns: Columns
    interest: Floats
    kinds: tuple[str, ...]
    settled: frozenset[int]
    is_own: bool  # whether any of it comes from the shopper's record

    @property
    def is_liking(self) -> bool:
        """Whether anything drew interest."""
        return bool((self.interest > 0).any())


class TasteBook:
    """The pasts of those who came last, each read once until it is forgotten."""

    def __init__(self, warehouse: Warehouse, most_events: int) -> None:
        self._warehouse = warehouse
        self._most_events = most_events
        self._pasts: OrderedDict[str, Past] = OrderedDict()
        self._changes: dict[str, int] = {}
        self._count = 0
        self._floor = 0
        self._lock = Lock()

    def past(self, user_id: str) -> Past:
        """What the shopper did.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer.
        """
        with self._lock:
            if (known := self._pasts.get(user_id)) is not None:
                self._pasts.move_to_end(user_id)
                return known
            mark = self._count
        past = past_of(self._warehouse, user_id, limit=self._most_events)
        with self._lock:
            if self._unchanged(user_id, mark):
                self._pasts[user_id] = past
                while len(self._pasts) > KEPT:
                    self._pasts.popitem(last=False)
        return past

    def forget(self, user_ids: Iterable[str]) -> None:
        """Their pasts are read anew from now on."""
        with self._lock:
            for user_id in user_ids:
                self._count += 1
                self._pasts.pop(user_id, None)
                self._changes[user_id] = self._count
            if len(self._changes) > KEPT:
                self._changes.clear()
                self._floor = self._count

    def forget_all(self) -> None:
        """Every past is read anew from now on."""
        with self._lock:
            self._count += 1
            self._floor = self._count
            self._pasts.clear()
            self._changes.clear()

    def __len__(self) -> int:
        return len(self._pasts)

    def _unchanged(self, user_id: str, mark: int) -> bool:
        return self._floor <= mark and self._changes.get(user_id, 0) <= mark


def history_of(ask: Ask, past: Past, shelf: Shelf, now: datetime, half_life_days: float) -> History:
    """The interest that the past and the session show, newer deeds more: halved with every half-life."""
    ids = [deed.product_id for deed in past.deeds]
    kinds = [str(deed.kind) for deed in past.deeds]
    ages = [max(0.0, (now - deed.occurred_at).total_seconds()) / DAY for deed in past.deeds]
    for product_id, kind in ask.deeds:
        ids, kinds, ages = [*ids, product_id], [*kinds, str(kind)], [*ages, 0.0]
    if ask.context is not None:
        ids, kinds, ages = [*ids, ask.context], [*kinds, "context"], [*ages, 0.0]
    weights = np.array([CONTEXT if kind == "context" else INTEREST[kind] for kind in kinds], dtype=np.float64)
    faded = weights * 0.5 ** (np.array(ages) / half_life_days)
    columns, is_there = shelf.columns(ids)
    known, inverse = np.unique(columns[is_there], return_inverse=True)
    interest = np.bincount(inverse, faded[is_there], minlength=len(known)).astype(np.float32)
    refused = {product_id for product_id, kind in ask.deeds if kind in REFUSED or kind == "purchase"}
    return History(
        known,
        interest,
        _strongest(interest, inverse, faded[is_there], [kinds[place] for place in np.flatnonzero(is_there)]),
        past.settled | refused,
        bool(past.deeds),
    )


def _strongest(interest: Floats, inverse: Columns, weights: NDArray[np.float64], kinds: list[str]) -> tuple[str, ...]:
    """The kind of deed that says most about each product, of those that point where their sum does."""
    best = [("view", -np.inf)] * len(interest)
    towards = np.where(interest > 0, 1, -1)[inverse] * weights
    for place, weight, kind in zip(inverse.tolist(), towards.tolist(), kinds, strict=True):
        if weight > best[place][1]:
            best[place] = (kind, weight)
    return tuple(kind for kind, _ in best)
