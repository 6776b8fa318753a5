"""A filter of the graph of shoppers and products: training-free, exact, and as small as the interactions.

Interest walks from a product to those who share it and on to what they touched. How much a popular product or a busy
shopper spreads is an exponent each, chosen on validation; a second walk with a negative weight takes back what the
first smoothed away (sharpening), and a projection on the slowest waves of the graph adds what no shared shopper shows.

Source: Shen et al., "How powerful is graph convolution for recommendation?" (GF-CF), CIKM 2021, for the filter and the
low pass; Choi et al., "Blurring-sharpening process models for collaborative filtering" (BSPM), SIGIR 2023, for the
sharpening; Fu et al., "Revisiting neighborhood-based link prediction for collaborative filtering" (LinkProp), 2022,
for an exponent of its own at each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.model import Floats

if TYPE_CHECKING:  # pandas is not where models are only read
    from models.collaborative.features import Interactions

BLOCK = 512


@dataclass(frozen=True, slots=True)
class GraphParameters:
    """How interest walks; degrees are raised to minus these exponents.

    `touched`, `shoppers` and `reached` belong to where a walk begins, who it passes, and where it ends; `sharpen` is
    the weight that a second, symmetric walk is taken back with, `low_pass` that of the projection on `waves`
    eigenvectors, both in units of the first walk's spread; `tilt` is the exponent by which the projection is held near
    what is popular.
    """

    touched: float = 0.65
    shoppers: float = 0.7
    reached: float = 0.25
    sharpen: float = 0.15
    low_pass: float = 0.1
    tilt: float = 0.3
    waves: int = 256
    seed: int = 7

    def as_dict(self) -> dict[str, float]:
        """Parameter names and values, for the record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GraphModel:
    """The graph itself, `walks` (shoppers, items) of ones, and what each step is scaled by.

    `into`, `out` (items,) and `through` (shoppers,) are of the first walk; `smooth_items` and `smooth_shoppers` of the
    second; `waves` (items, k) and `tilt` (items,) are the low pass; there may be no wave.
    """

    items: NDArray[np.int64]
    walks: sp.csr_matrix
    into: Floats
    through: Floats
    out: Floats
    smooth_items: Floats
    smooth_shoppers: Floats
    waves: Floats
    tilt: Floats
    sharpen: float
    low_pass: float
    kind: str = "graph_filter"
    _back: sp.csr_matrix = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shoppers, count = self.walks.shape
        shapes = dict.fromkeys(("into", "out", "smooth_items", "tilt"), count)
        for name, length in {**shapes, "through": shoppers, "smooth_shoppers": shoppers}.items():
            if (found := getattr(self, name)).shape != (length,) or not np.isfinite(found).all():
                raise InputRejected(f"{name} must be {length} finite numbers, not of shape {found.shape}")
        if count != len(self.items) or len(self.waves) != count:
            raise InputRejected(f"the graph has {count} items, its ids {len(self.items)}, its waves {len(self.waves)}")
        object.__setattr__(self, "_back", sp.csr_matrix(self.walks.T))

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """As the contract says."""
        starts = range(0, histories.shape[0], BLOCK)
        found = [self._scores(histories[start : start + BLOCK]) for start in starts]
        return np.concatenate(found) if found else np.zeros(histories.shape, dtype=np.float32)

    def _scores(self, histories: sp.csr_matrix) -> Floats:
        scaled = sp.csr_matrix(histories.multiply(self.into[None, :]), dtype=np.float32)
        met = sp.csr_matrix((scaled @ self._back).multiply(self.through[None, :]))  # (users, shoppers)
        first = np.asarray((met @ self.walks).toarray(), dtype=np.float32) * self.out
        total = first
        if self.sharpen:
            again = self.walks @ (first * self.smooth_items).T  # (shoppers, users)
            second = (self._back @ (again * self.smooth_shoppers[:, None])).T * self.smooth_items
            total = first - np.float32(self.sharpen) * second
        if self.low_pass and self.waves.shape[1]:
            slow = np.asarray(sp.csr_matrix(histories.multiply(1 / self.tilt[None, :])) @ self.waves) @ self.waves.T
            total = total + np.float32(self.low_pass) * (slow * self.tilt)
        return np.asarray(total, dtype=np.float32)

    def shares(self, history: sp.csr_matrix, column: int) -> Floats:
        """As the contract says; they sum to the score, for every step is linear."""
        row = np.zeros(len(self.items), dtype=np.float32)
        row[column] = 1
        ending = row - np.float32(self.sharpen) * self._smoothed(row) if self.sharpen else row
        met = self.walks @ (ending * self.out)
        worth = self.into * (self._back @ (met * self.through))
        if self.low_pass and self.waves.shape[1]:
            worth = (
                worth + np.float32(self.low_pass) * (self.waves @ self.waves[column]) * self.tilt[column] / self.tilt
            )
        return np.asarray(history.data * worth[history.indices], dtype=np.float32)

    def _smoothed(self, row: Floats) -> Floats:
        passed = self.walks @ (row * self.smooth_items)
        return np.asarray(self.smooth_items * (self._back @ (passed * self.smooth_shoppers)), dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As the contract says."""
        return {
            "kind": np.array(self.kind),
            "items": self.items,
            "walks_indices": self.walks.indices.astype(np.int32),
            "walks_indptr": self.walks.indptr.astype(np.int64),
            "steps": np.array([self.sharpen, self.low_pass], dtype=np.float64),
            **{name: getattr(self, name) for name in _SCALES},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model that `to_arrays` took apart."""
        items = np.asarray(arrays["items"], dtype=np.int64)
        indices, indptr = arrays["walks_indices"], arrays["walks_indptr"]
        try:
            ones = np.ones(len(indices), dtype=np.float32)
            walks = sp.csr_matrix((ones, indices, indptr), shape=(len(indptr) - 1, len(items)))
            walks.check_format(full_check=True)
        except ValueError as error:
            raise InputRejected(f"the graph is broken: {error}") from error
        sharpen, low_pass = np.asarray(arrays["steps"], dtype=np.float64).tolist()
        scales = {name: np.asarray(arrays[name], dtype=np.float32) for name in _SCALES}
        return cls(items, walks, **scales, sharpen=sharpen, low_pass=low_pass, kind=str(arrays["kind"]))


_SCALES = ("into", "through", "out", "smooth_items", "smooth_shoppers", "waves", "tilt")


def fit_graph(interactions: Interactions, parameters: GraphParameters) -> GraphModel:
    """The filter of these interactions; each counts once, however strong.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.
    """
    from models.collaborative.features import positive_part

    walks = positive_part(interactions.matrix)
    if walks.nnz == 0:
        raise InputRejected("there are no interactions to train on")
    walks.data[:] = 1
    busy = np.maximum(np.diff(walks.indptr), 1).astype(np.float64)
    drawn = np.maximum(np.bincount(walks.indices, minlength=walks.shape[1]), 1).astype(np.float64)
    bare = GraphModel(
        interactions.items,
        walks,
        into=_power(drawn, parameters.touched),
        through=_power(busy, parameters.shoppers),
        out=_power(drawn, parameters.reached),
        smooth_items=_power(drawn, 0.5),
        smooth_shoppers=_power(busy, 1.0),
        waves=np.zeros((walks.shape[1], 0), dtype=np.float32),
        tilt=_power(drawn, -parameters.tilt),
        sharpen=0.0,
        low_pass=0.0,
    )
    return _with_steps(bare, _low_pass(walks, busy, drawn, parameters), parameters)


def _with_steps(bare: GraphModel, waves: Floats, parameters: GraphParameters) -> GraphModel:
    """The walk with its sharpening and low pass, each in units of the first walk's spread over some shoppers."""
    generator = np.random.default_rng(parameters.seed)
    some = generator.choice(bare.walks.shape[0], min(bare.walks.shape[0], BLOCK), replace=False)
    histories = bare.walks[np.sort(some)]
    first = bare.scores(histories)
    parts = {name: getattr(bare, name) for name in _SCALES if name != "waves"}

    def model(sharpen: float, low_pass: float) -> GraphModel:
        return GraphModel(bare.items, bare.walks, **parts, waves=waves, sharpen=sharpen, low_pass=low_pass)

    second = first - model(1.0, 0.0).scores(histories)
    slow = model(0.0, 1.0).scores(histories) - first
    unit = float(first.std(axis=1).mean())
    sharpen = parameters.sharpen * unit / (float(second.std(axis=1).mean()) or 1)
    low_pass = parameters.low_pass * unit / (float(slow.std(axis=1).mean()) or 1) if waves.shape[1] else 0.0
    return model(sharpen, low_pass)


def _low_pass(
    walks: sp.csr_matrix, busy: NDArray[np.float64], drawn: NDArray[np.float64], parameters: GraphParameters
) -> Floats:
    """The slowest waves of the symmetric graph, (items, k), orthonormal."""
    count = min(parameters.waves, min(walks.shape) - 1)
    if count < 1 or not parameters.low_pass:
        return np.zeros((walks.shape[1], 0), dtype=np.float32)
    from scipy.sparse.linalg import svds

    even = sp.csr_matrix(sp.diags(busy**-0.5) @ walks @ sp.diags(drawn**-0.5), dtype=np.float32)
    start = np.random.default_rng(parameters.seed).standard_normal(min(even.shape))
    _, _, waves = svds(even, k=count, v0=start)
    return np.asarray(waves.T, dtype=np.float32)


def _power(degrees: NDArray[np.float64], exponent: float) -> Floats:
    return np.asarray(degrees**-exponent, dtype=np.float32)
