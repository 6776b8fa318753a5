"""Models of items alone: item-to-item likeness by who touched what, and EASE."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from marketplace.errors import InputRejected
from models.collaborative.features import Interactions, positive_part, settled
from models.collaborative.model import Floats, ItemModel

EASE_MOST = 20_000  # items; its inverse of 32-bit numbers takes 1.6 GB and some minutes there
Likeness = Literal["cosine", "bm25", "tfidf"]


@dataclass(frozen=True, slots=True)
class ItemParameters:
    """How items are compared, and how many neighbours each keeps."""

    by: Likeness = "cosine"
    neighbours: int = 200
    k1: float = 1.2
    b: float = 0.75

    def as_dict(self) -> dict[str, float | str]:
        """Parameter names and values, for the record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EaseParameters:
    """`regularization` of EASE, in interactions; links smaller than `least` of the largest are dropped."""

    regularization: float = 100.0
    least: float = 1e-4

    def as_dict(self) -> dict[str, float]:
        """Parameter names and values, for the record."""
        return asdict(self)


def fit_items(interactions: Interactions, parameters: ItemParameters) -> ItemModel:
    """Each item with those that the same shoppers touched.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.

    Source: Sarwar et al., "Item-based collaborative filtering", WWW 2001; the weightings are of `implicit`.
    """
    matrix = positive_part(interactions.matrix)
    if matrix.nnz == 0:
        raise InputRejected("there are no interactions to train on")
    from implicit.nearest_neighbours import all_pairs_knn
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        # An item is its own nearest, so one more than is kept.
        similarity = all_pairs_knn(_weighed(matrix, parameters), parameters.neighbours + 1, show_progress=False)
    links = sp.csr_matrix(similarity)
    links.setdiag(0)
    return ItemModel(
        interactions.items, settled(links), np.ones(len(interactions.items), dtype=np.float32), f"item_{parameters.by}"
    )


def _weighed(matrix: sp.csr_matrix, parameters: ItemParameters) -> sp.csr_matrix:
    """Interest as it is compared, (users, items)."""
    from implicit.nearest_neighbours import bm25_weight, normalize, tfidf_weight

    by_item = sp.csr_matrix(matrix.T)
    makers = {
        "cosine": lambda: normalize(by_item),
        "bm25": lambda: bm25_weight(by_item, parameters.k1, parameters.b),
        "tfidf": lambda: normalize(tfidf_weight(by_item)),
    }
    return sp.csr_matrix(makers[parameters.by]().T)


def fit_ease(interactions: Interactions, parameters: EaseParameters) -> ItemModel:
    """The linear model of every item by all others, in closed form.

    Raises
    ------
    InputRejected
        If there is nothing to learn from, or more items than a dense inverse is reasonable for.

    Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8.
    """
    matrix = positive_part(interactions.matrix)
    count = len(interactions.items)
    if matrix.nnz == 0:
        raise InputRejected("there are no interactions to train on")
    if count > EASE_MOST:
        raise InputRejected(f"EASE inverts a dense matrix of all items; {count} are more than {EASE_MOST}")
    matrix.data[:] = 1
    inverse = _inverse(np.asarray((matrix.T @ matrix).toarray(), dtype=np.float32), parameters.regularization)
    links = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(links, 0)
    links[np.abs(links) < parameters.least * np.abs(links).max(initial=0)] = 0
    return ItemModel(interactions.items, settled(sp.csr_matrix(links)), np.ones(count, dtype=np.float32), "ease")


def _inverse(gram: Floats, regularization: float) -> Floats:
    from scipy.linalg import lapack

    gram[np.diag_indices_from(gram)] += regularization
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise InputRejected(f"EASE cannot be solved with regularization {regularization}; it must be positive")
    half, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(half)
    return np.asarray(lower + np.tril(lower, -1).T, dtype=np.float32)
