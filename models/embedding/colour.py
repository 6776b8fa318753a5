"""How the colours of some pixels are spread: what a network trained to name things learns to look past."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 4  # along lightness and both axes of colour
COLOURS = BINS**3
CHROMA = 51.0  # of a* and b*; ordinary things are seldom more vivid, and what is counts with the outermost
_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _SRGB_TO_XYZ.sum(axis=1)
_LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 3294.6, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
)


def spread_of_colours(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The square roots of the shares that 64 colours have in the pixels, (64,), at unit length.

    A pixel counts with the eight colours around it, the nearer the more, so that a little more light moves little.

    Parameters
    ----------
    pixels : (pixels, 3)
        RGB, at least one.

    Source: Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012, for
    the square root: the dot product of two spreads is then their Bhattacharyya coefficient.
    """
    lab = lab_of(pixels)
    scaled = np.stack([lab[:, 0] / 100, (lab[:, 1] / CHROMA + 1) / 2, (lab[:, 2] / CHROMA + 1) / 2], axis=1)
    tents = [_tents(scaled[:, axis]) for axis in range(3)]  # (pixels, 4) each
    pairs = (tents[1][:, :, None] * tents[2][:, None, :]).reshape(len(pixels), BINS * BINS)
    shares = (tents[0].T @ pairs).ravel() / len(pixels)
    return np.asarray(np.sqrt(shares / shares.sum()), dtype=np.float32)


def lab_of(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE L*a*b* of sRGB pixels under daylight, (pixels, 3)."""
    ratios = _LINEAR[pixels] @ _SRGB_TO_XYZ.T / _WHITE
    roots = np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116)
    x, y, z = roots.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _tents(values: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.clip(values, 0, 1)[:, None] * (BINS - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(places - np.arange(BINS))), dtype=np.float64)
