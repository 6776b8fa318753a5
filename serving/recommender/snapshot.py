"""The market at one moment, in arrays that nobody changes: every answer is made from one of them, whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.experiments.assignment import Experiment
from marketplace.storage.publications import Publication
from marketplace.storage.standing import Likenesses, Popular, Standing
from models.collaborative.model import Floats, ItemModel
from models.collaborative.ready import Ready, made_ready
from serving.recommender.loading import LoadedModel

COLD_DAYS = 30
COLD_IMPRESSIONS = 100
Columns = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every product by column, ids ascending; each array is (products,)."""

    items: NDArray[np.int64]
    titles: tuple[str, ...]
    sellers: NDArray[np.int64]
    categories: NDArray[np.int64]
    category_codes: Mapping[str, int]
    offered: NDArray[np.bool_]
    first_seen: NDArray[np.float64]
    newest: Columns  # offered ones, the newest first

    def columns(self, product_ids: Sequence[int] | NDArray[np.int64]) -> tuple[Columns, NDArray[np.bool_]]:
        """Where the products stand, and which of them are there; the place of one that is not says nothing."""
        wanted = np.asarray(product_ids, dtype=np.int64)
        if not len(self.items):
            return np.zeros(len(wanted), dtype=np.intp), np.zeros(len(wanted), dtype=bool)
        found = np.minimum(np.searchsorted(self.items, wanted), len(self.items) - 1)
        return found, self.items[found] == wanted

    def known(self, product_ids: Sequence[int] | NDArray[np.int64]) -> Columns:
        """Where those of the products stand that are there."""
        found, is_there = self.columns(product_ids)
        return found[is_there]


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model among the columns of the shelf; `loaded` is None for one that was made of published neighbours."""

    ready: Ready
    loaded: LoadedModel | None
    places: Columns  # (model items,): the column of each, -1 where the shelf never had it
    within: NDArray[np.int64]  # (products,): the item of the model, -1 where it knows none
    size: int

    def scores(self, columns: Columns, interest: Floats) -> Floats:
        """The score of every product, (products,); 0 where the model knows nothing of it, or of what was done."""
        scores = np.zeros(len(self.within), dtype=np.float32)
        history, _ = self._history(columns, interest)
        if history.nnz:
            is_there = self.places >= 0
            scores[self.places[is_there]] = self.ready.scores(history)[is_there]
        return scores

    def shares(self, columns: Columns, interest: Floats, wanted: Columns) -> Floats:
        """What each thing that was done adds to the score of each wanted product, (done, wanted)."""
        shares = np.zeros((len(columns), len(wanted)), dtype=np.float32)
        history, rows = self._history(columns, interest)
        known = self.within[wanted] >= 0
        if history.nnz and known.any():
            shares[np.ix_(rows, known)] = self.ready.shares(history, self.within[wanted[known]])
        return shares

    def depth(self, columns: Columns, interest: Floats) -> int:
        """How many products that the model knows drew interest."""
        return int(((self.within[columns] >= 0) & (interest > 0)).sum())

    def _history(self, columns: Columns, interest: Floats) -> tuple[sp.csr_matrix, Columns]:
        """The history in the model's own columns, and which of what was done it holds."""
        rows = np.flatnonzero(self.within[columns] >= 0)
        rows = rows[np.argsort(self.within[columns[rows]], kind="stable")]
        places = self.within[columns[rows]]
        return sp.csr_matrix((interest[rows], places, np.array([0, len(rows)])), shape=(1, self.size)), rows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the market; `number` differs from that of every other moment."""

    number: int
    shelf: Shelf
    alike: sp.csr_matrix  # (products, products): cosines of the nearest ones
    cold: NDArray[np.bool_]  # (products,): on offer, new, and hardly shown yet
    popular: Mapping[tuple[str, str], Columns]
    publication: Publication | None
    champion: ModelView | None
    challenger: ModelView | None
    trouble: str | None
    challenger_trouble: str | None
    experiment: Experiment | None
    filled: int  # products whose neighbours were asked of the index

    @property
    def index_version(self) -> str | None:
        """The index that the published likenesses come from."""
        named = self.publication.details.get("index") if self.publication else None
        return None if named is None else str(named)


def shelf_of(standings: Sequence[Standing]) -> Shelf:
    """The shelf as arrays.

    Parameters
    ----------
    standings
        By ascending id.
    """
    names = sorted({one.category for one in standings if one.category})
    codes = {name: code for code, name in enumerate(names)}
    offered = np.array([one.is_offered for one in standings], dtype=bool)
    first_seen = np.array([one.first_seen_at.timestamp() for one in standings], dtype=np.float64)
    newest = np.argsort(-first_seen, kind="stable")
    return Shelf(
        np.array([one.product_id for one in standings], dtype=np.int64),
        tuple(one.title for one in standings),
        np.array([one.seller_id for one in standings], dtype=np.int64),
        np.array([codes.get(one.category, -1) for one in standings], dtype=np.int64),
        codes,
        offered,
        first_seen,
        newest[offered[newest]] if len(standings) else newest,
    )


def view_of(loaded: LoadedModel, shelf: Shelf) -> ModelView:
    """The model as the shelf sees it."""
    return _view(loaded.model.items, loaded.ready, loaded, shelf)


def view_of_neighbours(pairs: Likenesses, shelf: Shelf) -> ModelView | None:
    """What published neighbours say, as a model; None where none are published."""
    if not len(pairs.products):
        return None
    items = np.unique(np.concatenate([pairs.products, pairs.neighbours]))
    places = (pairs.scores, (np.searchsorted(items, pairs.products), np.searchsorted(items, pairs.neighbours)))
    links = sp.csr_matrix(places, shape=(len(items), len(items)), dtype=np.float32)
    model = ItemModel(items, links, np.ones(len(items), dtype=np.float32), "together")
    return _view(items, made_ready(model), None, shelf)


def likeness_matrix(
    shelf: Shelf, pairs: Likenesses, filled: Mapping[int, Sequence[tuple[int, float]]]
) -> sp.csr_matrix:
    """Cosines of products with their nearest ones, (products, products).

    What the index was asked about new products counts both ways, so that interest in an old one reaches a new one.
    """
    asked = [(one, other, cosine) for one, near in filled.items() for other, cosine in near]
    new = np.array(asked, dtype=np.float64).reshape(-1, 3)
    rows = np.concatenate([pairs.products, new[:, 0].astype(np.int64), new[:, 1].astype(np.int64)])
    columns = np.concatenate([pairs.neighbours, new[:, 1].astype(np.int64), new[:, 0].astype(np.int64)])
    cosines = np.concatenate([pairs.scores, new[:, 2], new[:, 2]]).astype(np.float32)
    row, has_row = shelf.columns(rows)
    column, has_column = shelf.columns(columns)
    kept = has_row & has_column & (row != column)
    keys, first = np.unique(row[kept] * max(1, len(shelf.items)) + column[kept], return_index=True)
    count = max(1, len(shelf.items))
    parts = (cosines[kept][first], (keys // count, keys % count))
    return sp.csr_matrix(parts, shape=(len(shelf.items), len(shelf.items)), dtype=np.float32)


def popular_columns(rows: Sequence[Popular], shelf: Shelf) -> dict[tuple[str, str], Columns]:
    """Where the popular products of each category and city stand, best first."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        grouped.setdefault((row.category, row.city), []).append(row.product_id)
    return {key: shelf.known(ids) for key, ids in grouped.items()}


def cold_products(shelf: Shelf, shown: Mapping[int, int], now: datetime, model: ModelView | None) -> NDArray[np.bool_]:
    """Which products on offer are new, or unknown to the model, and were hardly shown, (products,)."""
    is_new = shelf.first_seen > now.timestamp() - COLD_DAYS * 86_400
    if model is not None and model.loaded is not None:
        is_new |= model.within < 0
    often = shelf.known([product_id for product_id, count in shown.items() if count >= COLD_IMPRESSIONS])
    is_new[often] = False
    cold: NDArray[np.bool_] = shelf.offered & is_new
    return cold


def _view(items: NDArray[np.int64], ready: Ready, loaded: LoadedModel | None, shelf: Shelf) -> ModelView:
    columns, is_there = shelf.columns(items)
    places: Any = np.where(is_there, columns, -1)
    within = np.full(len(shelf.items), -1, dtype=np.int64)
    within[columns[is_there]] = np.flatnonzero(is_there)
    return ModelView(ready, loaded, places, within, len(items))
