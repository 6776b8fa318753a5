"""The category that a product's picture and words look like, with a confidence that was fitted to be honest.

Each category is the mean of its products' vectors; a product belongs where the mean is nearest. How much nearer it must
be to be believed is fitted on the labelled products themselves, each held against means that it is not part of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.embedding.vectors import Vectors, normalised

SMALLEST_CATEGORY = 3  # products that a category needs to be known by
SHARPNESSES = np.geomspace(2, 200, 41)  # candidates of the one number that is fitted


@dataclass(frozen=True, slots=True)
class Categories:
    """Categories as learnt from labelled products.

    `centroids` are unit rows in the order of `names`; `sharpness` turns differences of cosines into odds; `accuracy`
    and `error` are those of the labelled products, each left out of its own category's mean.
    """

    names: tuple[str, ...]
    centroids: Vectors
    sharpness: float
    accuracy: float
    error: float

    def probabilities(self, vectors: Vectors) -> NDArray[np.float64]:
        """How likely each product is of each category, (products, categories); rows sum to one.

        Parameters
        ----------
        vectors : (products, dimensions)
            Unit rows.
        """
        return _softmax(self.sharpness * (vectors.astype(np.float64) @ self.centroids.T))


@dataclass(frozen=True, slots=True)
class Inferred:
    """The likeliest category of a product and how likely it is; and how likely the named one is, None if not known."""

    category: str
    confidence: float
    named_confidence: float | None


def fit_categories(vectors: Vectors, labels: Sequence[str]) -> Categories | None:
    """What the labelled products teach; None where fewer than two categories have enough products.

    Parameters
    ----------
    vectors : (products, dimensions)
        Unit rows.
    labels
        The category of each; an empty one is not learnt from.

    Raises
    ------
    InputRejected
        If there are more or fewer labels than vectors.

    Source: temperature scaling of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    if len(vectors) != len(labels):
        raise InputRejected(f"{len(vectors)} vectors came with {len(labels)} labels")
    named, counts = np.unique(np.asarray([label for label in labels if label], dtype=str), return_counts=True)
    names = tuple(str(name) for name in named[counts >= SMALLEST_CATEGORY])
    if len(names) < 2:  # one leaves nothing to tell apart
        return None
    place = {name: number for number, name in enumerate(names)}
    known = np.asarray([label in place for label in labels])
    truth = np.asarray([place[label] for label in labels if label in place])
    learnt = vectors[known].astype(np.float64)  # (known, dimensions)
    sums = np.zeros((len(names), vectors.shape[1]))
    np.add.at(sums, truth, learnt)
    cosines = _left_out(learnt, truth, sums)
    sharpness = min(SHARPNESSES, key=lambda one: _log_loss(cosines, truth, float(one)))
    likely = _softmax(float(sharpness) * cosines)
    right = likely.argmax(axis=1) == truth
    error = calibration_error(likely.max(axis=1), right)
    return Categories(names, normalised(sums.astype(np.float32)), float(sharpness), float(right.mean()), error)


def infer_categories(known: Categories, vectors: Vectors, named: Sequence[str]) -> list[Inferred]:
    """The category each product looks like, beside the one its source names.

    Parameters
    ----------
    vectors : (products, dimensions)
        Unit rows.
    named
        The source's own category of each, empty for none.
    """
    place = {name: number for number, name in enumerate(known.names)}
    found = []
    for row, name in zip(known.probabilities(vectors), named, strict=True):
        best = int(row.argmax())
        own = float(row[place[name]]) if name in place else None
        found.append(Inferred(known.names[best], float(row[best]), own))
    return found


def calibration_error(confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """How far confidence and accuracy lie apart on average, over bins of equal width.

    Source: the expected calibration error of Guo et al., ICML 2017, equation 3.
    """
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = (
        abs(confidences[places == one].mean() - right[places == one].mean()) * (places == one).mean()
        for one in range(bins)
        if (places == one).any()
    )
    return float(sum(gaps))


def _left_out(vectors: NDArray[np.float64], truth: NDArray[np.int_], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine of each product with each category's mean, its own category's taken without it, (products, categories)."""
    cosines = vectors @ _unit(sums).T
    own = _unit(sums[truth] - vectors)  # (products, dimensions)
    cosines[np.arange(len(truth)), truth] = (own * vectors).sum(axis=1)
    return np.asarray(cosines, dtype=np.float64)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def _log_loss(cosines: NDArray[np.float64], truth: NDArray[np.int_], sharpness: float) -> float:
    likely = _softmax(sharpness * cosines)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(likely, 1e-12)).mean())


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
