"""Recommenders as plain arrays: each scores every product for whoever did something, and says why.

There is no table of users. A shopper is what they did, so that what was done a second ago counts,
and what is judged offline is what answers online.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected

GROUP = 16  # columns that are looked at together
BLOCK = 1024  # rows at once, so that memory grows with the items and not with their square
Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


class Recommender(Protocol):
    """What every family offers once it is fitted."""

    @property
    def kind(self) -> str:
        """The family."""
        ...

    @property
    def items(self) -> NDArray[np.int64]:
        """Product ids, ascending, in column order."""
        ...

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """Predicted interest, (users, items) from the summed interest of each user, (users, items)."""
        ...

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """What each thing of one history, (1, items), adds to the score of one column, (history.nnz,)."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays, which `read_model` puts together again."""
        ...


@dataclass(frozen=True, slots=True)
class PopularModel:
    """The same order for everyone: how much interest each item has drawn, `interest` (items,)."""

    items: NDArray[np.int64]
    interest: Floats
    kind: str = "popular"

    def __post_init__(self) -> None:
        _require(self.items, interest=(self.interest, (len(self.items),)))

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """As the contract says."""
        return np.tile(self.interest, (histories.shape[0], 1))

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """Nothing a shopper did changes what is popular."""
        return np.zeros(history.nnz, dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the contract says."""
        return {"kind": np.array(self.kind), "items": self.items, "interest": self.interest}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The model that `to_arrays` took apart."""
        return cls(_ids(arrays), _floats(arrays, "interest"), str(arrays["kind"]))


@dataclass(frozen=True, slots=True)
class ItemModel:
    """How much interest in one item says about another: the scores are `(histories * into) @ links`.

    `links` is (items, items), sparse; `into` (items,) scales what was touched. Every linear model of items is of this
    form: item-to-item, EASE, the filters of a graph.
    """

    items: NDArray[np.int64]
    links: sp.csr_matrix
    into: Floats
    kind: str

    def __post_init__(self) -> None:
        count = len(self.items)
        _require(self.items, links=(self.links, (count, count)), into=(self.into, (count,)))
        if not np.isfinite(self.links.data).all():
            raise InputRejected("links between items hold a number that is not finite")

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """As the contract says."""
        weighed = sp.csr_matrix(histories.multiply(self.into[None, :]), dtype=np.float32)
        return np.asarray((weighed @ self.links).toarray(), dtype=np.float32)

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """As the contract says; they sum to the score."""
        touched = history.indices
        links = self.links[touched][:, [column]].toarray().ravel()
        return np.asarray(history.data * self.into[touched] * links, dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the contract says."""
        return {
            "kind": np.array(self.kind),
            "items": self.items,
            "into": self.into,
            "links_data": self.links.data.astype(np.float32),
            "links_indices": self.links.indices.astype(np.int32),
            "links_indptr": self.links.indptr.astype(np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The model that `to_arrays` took apart."""
        items = _ids(arrays)
        parts = (_floats(arrays, "links_data"), arrays["links_indices"], arrays["links_indptr"])
        try:
            links = sp.csr_matrix(parts, shape=(len(items), len(items)))
            links.check_format(full_check=True)
        except ValueError as error:
            raise InputRejected(f"the links between items are broken: {error}") from error
        return cls(items, links, _floats(arrays, "into"), str(arrays["kind"]))


@dataclass(frozen=True, slots=True)
class FoldIn:
    """How a history becomes factors: weighted least squares against the factors of all items.

    Every item has target 0 with weight `unobserved`. An observed one adds `alpha * interest + base` to the squares and
    `alpha * interest + base_target` to the targets (a refusal only to the squares); `is_binary` takes any interest as
    1. The penalty is `regularization * (observed + counted * items) ** frequency`, so frequency 0 is a plain one.
    As they stand, the bases are those of `implicit`, whose confidence in an observed item is `alpha * interest`.
    """

    regularization: float
    alpha: float
    unobserved: float = 1.0
    base: float = -1.0
    base_target: float = 0.0
    frequency: float = 0.0
    counted: float = 0.0
    is_binary: bool = False

    def weights(self, interest: NDArray[np.floating[Any]]) -> tuple[Floats, Floats]:
        """What each observed item adds to the squares, and to the targets."""
        size = self.alpha * (np.ones_like(interest) if self.is_binary else np.abs(interest))
        targets = np.where(interest > 0, size + self.base_target, 0)
        return np.asarray(size + self.base, dtype=np.float32), np.asarray(targets, dtype=np.float32)

    def penalty(self, observed: int, items: int) -> float:
        """The penalty of a row with so many observed items."""
        return float(self.regularization * (observed + self.counted * items) ** self.frequency)

    def to_array(self) -> NDArray[np.float64]:
        """The numbers in the order of the fields."""
        return np.array([float(getattr(self, one.name)) for one in fields(self)], dtype=np.float64)

    @classmethod
    def from_array(cls, numbers: NDArray[Any]) -> Self:
        """What `to_array` wrote down.

        Raises
        ------
        InputRejected
            If there are more or fewer numbers.
        """
        if numbers.shape != (len(fields(cls)),):
            raise InputRejected(f"fold_in has shape {numbers.shape} where {len(fields(cls))} numbers are due")
        given = dict(zip((one.name for one in fields(cls)), numbers.astype(np.float64).tolist(), strict=True))
        return cls(**{**given, "is_binary": bool(given["is_binary"])})


@dataclass(frozen=True, slots=True)
class FactorModel:
    """Latent factors of items, `item_factors` (items, factors), and how a history is folded in.

    Source: Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008, equation 4;
    with `frequency`: Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
    RecSys 2022.
    """

    item_factors: Floats
    items: NDArray[np.int64]
    fold: FoldIn
    kind: str = "als"
    _gram: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.item_factors.ndim != 2 or len(self.item_factors) != len(self.items):
            raise InputRejected(f"item factors have shape {self.item_factors.shape} for {len(self.items)} items")
        if not np.isfinite(self.item_factors).all():
            raise InputRejected("the factors hold a number that is not finite")
        object.__setattr__(self, "_gram", np.float32(self.fold.unobserved) * (self.item_factors.T @ self.item_factors))

    def factors_of(self, histories: sp.csr_matrix) -> Floats:
        """The factors of users who did this, (users, factors); zeros for nothing."""
        found = np.zeros((histories.shape[0], self.item_factors.shape[1]), dtype=np.float32)
        for row, (start, end) in enumerate(pairwise(histories.indptr.tolist())):
            if end > start:
                system, touched, targets = self.system_of(histories.indices[start:end], histories.data[start:end])
                found[row] = np.linalg.solve(system, touched.T @ targets)
        return found

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """As the contract says."""
        return np.asarray(self.factors_of(histories) @ self.item_factors.T, dtype=np.float32)

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """As the contract says; they sum to the score, section 5 of the paper."""
        system, touched, targets = self.system_of(history.indices, history.data)
        towards = np.linalg.solve(system, self.item_factors[column])
        return np.asarray((touched @ towards) * targets, dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the contract says."""
        return {
            "kind": np.array(self.kind),
            "items": self.items,
            "item_factors": self.item_factors,
            "fold_in": self.fold.to_array(),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The model that `to_arrays` took apart."""
        fold = FoldIn.from_array(np.asarray(arrays["fold_in"]))
        return cls(_floats(arrays, "item_factors"), _ids(arrays), fold, str(arrays["kind"]))

    def system_of(self, columns: NDArray[np.integer], interest: Floats) -> tuple[Floats, Floats, Floats]:
        """What a history is folded in by: the matrix (factors, factors), its items' factors, and their targets."""
        touched = self.item_factors[columns]  # (n, factors)
        added, targets = self.fold.weights(interest)
        system = self._gram + (touched * added[:, None]).T @ touched
        system[np.diag_indices_from(system)] += self.fold.penalty(len(columns), len(self.items))
        return system, touched, targets


@dataclass(frozen=True, slots=True)
class BlendModel:
    """Several models together: the sum of their scores, each brought to unit spread within a row, by `weights`."""

    parts: tuple[Recommender, ...]
    weights: tuple[float, ...]
    kind: str = "blend"

    def __post_init__(self) -> None:
        if not self.parts or len(self.parts) != len(self.weights):
            raise InputRejected(f"a blend of {len(self.parts)} models has {len(self.weights)} weights")
        if any(not np.array_equal(part.items, self.items) for part in self.parts):
            raise InputRejected("the models of a blend know different items")

    @property
    def items(self) -> NDArray[np.int64]:
        """Of the models alike."""
        return self.parts[0].items

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """As the contract says."""
        total = np.zeros(histories.shape, dtype=np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            scores = part.scores(histories)
            total += weight * (scores / spread(scores))
        return total

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """As the contract says."""
        total = np.zeros(history.nnz, dtype=np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            total += weight * part.shares(history, column) / spread(part.scores(history))[0, 0]
        return total

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the contract says; the parts' arrays under their number."""
        arrays: dict[str, NDArray[Any]] = {
            "kind": np.array(self.kind),
            "items": self.items,
            "weights": np.array(self.weights, dtype=np.float64),
        }
        for number, part in enumerate(self.parts):
            arrays |= {f"{number}/{name}": array for name, array in part.to_arrays().items() if name != "items"}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The model that `to_arrays` took apart."""
        weights = tuple(np.asarray(arrays["weights"], dtype=np.float64).tolist())
        parts = tuple(read_model(_part(arrays, number)) for number in range(len(weights)))
        return cls(parts, weights, str(arrays["kind"]))


def read_model(arrays: Arrays) -> Recommender:
    """The model that its `to_arrays` took apart.

    Raises
    ------
    InputRejected
        If an array is missing, of another shape, or not of a family that is known.
    """
    from models.collaborative.graph import GraphModel

    families: dict[str, type[PopularModel | ItemModel | FactorModel | BlendModel | GraphModel]] = {
        "walks_indptr": GraphModel,
        "interest": PopularModel,
        "links_data": ItemModel,
        "item_factors": FactorModel,
        "weights": BlendModel,
    }
    if "kind" not in arrays or "items" not in arrays:
        raise InputRejected("the model lacks its kind or its items")
    family = next((made for name, made in families.items() if name in arrays), None)
    if family is None:
        raise InputRejected(f"a model of kind {arrays['kind']} is not known")
    try:
        return family.from_arrays(arrays)
    except KeyError as error:
        raise InputRejected(f"the {arrays['kind']} model lacks {error.args[0]}") from error


def spread(scores: Floats) -> Floats:
    """The standard deviation of each row, (rows, 1); 1 where all are alike."""
    deviation = scores.std(axis=1, keepdims=True)
    return np.where(deviation > 0, deviation, 1).astype(np.float32)


def top_items(scores: Floats, count: int) -> NDArray[np.intp]:
    """Columns of the highest finite scores of each row, best first, (rows, count); -1 where there are fewer.

    Ties go to the lower column, so that the same scores always give the same list.
    """
    rows, columns = scores.shape
    kept = min(count, columns)
    if kept == 0:
        return np.full((rows, 0), -1)
    if columns < GROUP * kept * 2:
        return _best_few(scores, kept)
    lists = _best_of_groups(scores, kept)
    unsure = lists[:, 0] < 0
    if unsure.any():
        lists[unsure] = _best_few(scores[unsure], kept)
    return lists


def _best_of_groups(scores: Floats, kept: int) -> NDArray[np.intp]:
    """As `top_items`, by looking only into the groups of columns whose highest score is best.

    A row begins with -1 where that cannot tell: groups that are level with the last one, or scores that are no number.
    """
    rows, columns = scores.shape
    groups = columns // GROUP
    # A group is every n-th column, so that the highest of all groups are found by comparing whole stretches.
    highest = scores[:, : groups * GROUP].reshape(rows, GROUP, groups).max(axis=1)
    best = np.argpartition(-highest, kept - 1, axis=1)[:, :kept]
    least = np.take_along_axis(highest, best, axis=1).min(axis=1, keepdims=True)
    is_sure = ((highest >= least).sum(axis=1) == kept) & np.isfinite(least[:, 0]) & (highest < np.inf).all(axis=1)
    inside = (best[:, None, :] + np.arange(GROUP)[:, None] * groups).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(groups * GROUP, columns), (rows, columns - groups * GROUP))
    candidates = np.sort(np.concatenate([inside, rest], axis=1), axis=1)
    found = _best_few(np.take_along_axis(scores, candidates, axis=1), kept)
    chosen = np.take_along_axis(candidates, np.maximum(found, 0), axis=1)
    return np.where(is_sure[:, None] & (found >= 0), chosen, -1)


def _best_few(scores: Floats, kept: int) -> NDArray[np.intp]:
    """As `top_items`, by looking at every score."""
    ranked = np.where(np.isfinite(scores), scores, -np.inf)
    least = -np.partition(-ranked, kept - 1, axis=1)[:, kept - 1 : kept]  # (rows, 1): the last score that is kept
    above, level = ranked > least, ranked == least
    room = kept - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1) <= room))
    columns = np.nonzero(chosen)[1].reshape(len(ranked), kept)
    values = np.take_along_axis(ranked, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.take_along_axis(columns, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(ranked, best, axis=1)), best, -1)


def neighbours(model: Recommender, keep: int) -> tuple[NDArray[np.int64], Floats]:
    """Ids of the items that interest in each item raises most, and by how much, (items, keep) each, best first.

    An item that says nothing about others has scores of 0.
    """
    count = len(model.items)
    keep = min(keep, count - 1)
    everyone = sp.identity(count, dtype=np.float32, format="csr")
    ids = np.zeros((count, keep), dtype=np.int64)
    scores = np.zeros((count, keep), dtype=np.float32)
    for start in range(0, count, BLOCK):
        found = model.scores(everyone[start : start + BLOCK])
        rows = np.arange(len(found))
        found[rows, start + rows] = -np.inf
        best = top_items(found, keep)
        ids[start : start + BLOCK] = model.items[best]
        scores[start : start + BLOCK] = np.take_along_axis(found, best, axis=1)
    return ids, scores


def _part(arrays: Arrays, number: int) -> dict[str, NDArray[Any]]:
    mark = f"{number}/"
    found = {name.removeprefix(mark): array for name, array in arrays.items() if name.startswith(mark)}
    return {**found, "items": arrays["items"]}


def _ids(arrays: Arrays) -> NDArray[np.int64]:
    items = np.asarray(arrays["items"], dtype=np.int64)
    if (np.diff(items) <= 0).any():
        raise InputRejected("the items of a model must ascend, each once")
    return items


def _floats(arrays: Arrays, name: str) -> Floats:
    return np.asarray(arrays[name], dtype=np.float32)


def _require(items: NDArray[np.int64], **shaped: tuple[Any, tuple[int, ...]]) -> None:
    for name, (array, shape) in shaped.items():
        if array.shape != shape:
            raise InputRejected(f"{name} has shape {array.shape} for {len(items)} items")
