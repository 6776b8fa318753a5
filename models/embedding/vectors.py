"""Hybrid vectors of picture and words: 768 numbers of unit length, whatever encoder made them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected

EMBEDDING_DIM = 768
HALF = EMBEDDING_DIM // 2
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


def hybrid(image: Vectors, text: Vectors, image_weight: float = IMAGE_WEIGHT) -> Vectors:
    """0.6 of the picture plus 0.4 of the words, at unit length, for encoders with one space for both.

    Without the last normalisation L2 and cosine would rank differently.

    Parameters
    ----------
    image, text : (products, 768)
        Unit rows; a zero row where a product has no picture or no words.
    image_weight
        The share of the picture, 0 to 1.
    """
    return normalised(image_weight * image + (1 - image_weight) * text)


def concatenated(image: Vectors, text: Vectors, image_weight: float = IMAGE_WEIGHT) -> Vectors:
    """Picture and words side by side, at unit length, for encoders without a shared space.

    The halves of a product are scaled by the square roots of 0.6 and 0.4, so that the dot product of two whole
    vectors is 0.6 of the pictures' likeness plus 0.4 of the words'. Those of a query of another weight are scaled
    so that its dot product with products is, up to a factor, that weight of the one plus the rest of the other.

    Parameters
    ----------
    image, text : (products, 384)
        Unit rows; a zero row where there is none.
    image_weight
        The share of the picture, 0 to 1.
    """
    halves = [image_weight / np.sqrt(IMAGE_WEIGHT) * image, (1 - image_weight) / np.sqrt(TEXT_WEIGHT) * text]
    return normalised(np.concatenate(halves, axis=-1).astype(np.float32))


def checked_weight(image_weight: float | None) -> float:
    """The share of the picture in a query, 0.6 unless it is given.

    Raises
    ------
    InputRejected
        If it is not between 0 and 1.
    """
    if image_weight is None:
        return IMAGE_WEIGHT
    if not 0 <= image_weight <= 1:
        raise InputRejected(f"an image weight must lie between 0 and 1, not {image_weight}")
    return image_weight
