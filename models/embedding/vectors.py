"""Hybrid vectors of picture and words: 768 numbers of unit length, whatever encoder made them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EMBEDDING_DIM = 768
IMAGE_WEIGHT = 0.6
TEXT_WEIGHT = 0.4
Vectors = NDArray[np.float32]


def normalised(vectors: Vectors) -> Vectors:
    """Each row at unit length; a zero row stays zero.

    Parameters
    ----------
    vectors : (..., dimensions)
    """
    exact = np.asarray(vectors, np.float64)  # squares of small float32 numbers vanish
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    return (exact / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def hybrid(image: Vectors, text: Vectors, *, image_weight: float | None = None) -> Vectors:
    """0.6 of the picture plus 0.4 of the words, at unit length, for encoders with one space for both.

    Without the last normalisation L2 and cosine would rank differently.

    Parameters
    ----------
    image, text : (products, 768)
        Unit rows; a zero row where a product has no picture or no words.
    """
    weight = IMAGE_WEIGHT if image_weight is None else image_weight
    return normalised(weight * image + (1 - weight) * text)


def concatenated(image: Vectors, text: Vectors, *, image_weight: float | None = None) -> Vectors:
    """Picture and words side by side, at unit length, for encoders without a shared space.

    The halves are scaled by the square roots of 0.6 and 0.4, so that the dot product of two whole
    vectors is 0.6 of the pictures' likeness plus 0.4 of the words'.

    Parameters
    ----------
    image, text : (products, 384)
        Unit rows; a zero row where there is none.
    """
    weight = IMAGE_WEIGHT if image_weight is None else image_weight
    halves = [np.sqrt(weight) * image, np.sqrt(1 - weight) * text]
    return normalised(np.concatenate(halves, axis=-1).astype(np.float32))
