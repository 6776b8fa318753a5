"""Golden queries: what an index must find, computed exactly, so that what it does find can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH = 10
SEED = 20_251_121
QUERIES = 128
# Neighbours kept beyond the depth, for products of one picture and text share a vector and any of them is right.
SPARE = 90
TIE = 1e-5
NOISE = 0.5  # a query at a cosine of 0.89 to its product
LEANING = 0.7  # a query between two products, as a photo with other words is

Matrix = NDArray[np.float32]


def golden_queries(vectors: Matrix, count: int = QUERIES, seed: int = SEED) -> Matrix:
    """Unit vectors near the given ones: half of them disturbed at random, half leaning towards another product.

    Parameters
    ----------
    vectors : (products, dimensions)
        Real products' vectors, of unit length.

    Returns
    -------
    (queries, dimensions)
        The same for the same vectors and seed; none where there are no products.
    """
    if not len(vectors):
        return np.empty((0, vectors.shape[1]), np.float32)
    drawn = np.random.default_rng(seed)
    chosen = vectors[np.linspace(0, len(vectors) - 1, min(count, len(vectors))).astype(int)].astype(np.float64)
    noise = drawn.standard_normal(chosen.shape)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    others = LEANING * chosen[drawn.permutation(len(chosen))]
    leans = (np.arange(len(chosen)) % 2 == 1)[:, None]
    queries = chosen + np.where(leans, others, noise)
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    unit: Matrix = np.where(lengths > TIE, queries / np.maximum(lengths, TIE), chosen).astype(np.float32)
    return unit


class ExactNeighbours:
    """The nearest products of each query, gathered while products pass by in pieces that fit in memory."""

    def __init__(self, queries: Matrix, keep: int = DEPTH + SPARE) -> None:
        self.queries = queries
        self._keep = keep
        self._ids = np.empty((len(queries), 0), np.int64)
        self._scores = np.empty((len(queries), 0), np.float32)

    def see(self, product_ids: Sequence[int], vectors: Matrix) -> None:
        """Take these products into account."""
        if not len(self.queries) or not len(product_ids):
            return
        scores = np.hstack([self._scores, self.queries @ vectors.T])
        ids = np.hstack(
            [self._ids, np.broadcast_to(np.asarray(product_ids, np.int64), (len(self.queries), len(vectors)))]
        )
        kept = min(self._keep, scores.shape[1])
        best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        self._scores, self._ids = np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)

    def truth(self, depth: int = DEPTH) -> Truth:
        """What of all products seen must be found."""
        order = np.argsort(-self._scores, axis=1, kind="stable")
        scores, ids = np.take_along_axis(self._scores, order, 1), np.take_along_axis(self._ids, order, 1)
        depth = min(depth, scores.shape[1])
        if not depth:
            return Truth(self.queries, (), (), 0)
        least = scores[:, depth - 1] - TIE
        right = tuple(frozenset(row[near].tolist()) for row, near in zip(ids, scores >= least[:, None], strict=True))
        return Truth(self.queries, right, tuple(least.tolist()), depth)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Queries, and for each the products that are right to find, ties included, and their least likeness."""

    queries: Matrix
    right: tuple[frozenset[int], ...]
    least: tuple[float, ...]
    depth: int

    def recall(self, found: Sequence[Mapping[int, float]]) -> float:
        """The share of what had to be found that was, over all queries; 1 where nothing had to be.

        A product as alike as the last right one counts, for so many may share a vector that not all are listed.
        """
        if not self.depth or not self.right:
            return 1.0
        hits = 0
        for near, right, least in zip(found, self.right, self.least, strict=True):
            crowded = len(right) >= self.depth + SPARE
            good = sum(one in right or (crowded and likeness >= least) for one, likeness in near.items())
            hits += min(self.depth, good)
        return hits / (self.depth * len(self.right))

    def halves(self) -> tuple[Truth, Truth]:
        """Queries to choose by and queries to judge by, of both kinds in each."""
        first = [place for place in range(len(self.right)) if place % 4 < 2]
        second = [place for place in range(len(self.right)) if place % 4 >= 2] or first
        return self._of(first), self._of(second)

    def _of(self, places: Sequence[int]) -> Truth:
        return Truth(
            self.queries[list(places)],
            tuple(self.right[place] for place in places),
            tuple(self.least[place] for place in places),
            self.depth,
        )
