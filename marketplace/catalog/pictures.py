"""What can be measured of a picture's pixels, and the flaws that follow; no network and no other picture is needed.

Whether a picture shows a product at all is not told: pixels alone do not hold it, so no such flaw is claimed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marketplace.errors import ImageRejected

MEASURES_VERSION = "1"  # moves when the code below measures or judges the same picture otherwise
# Longest sides, in pixels, at which a thing is looked at; smaller pictures are not enlarged.
SHARPNESS_SIDE = 384
TEXT_SIDE = 320
SCREEN_SIDE = 640
HASH_SIDE = 32
WAVES = 12
TILES = 4

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PictureMeasures:
    """Measures of one picture.

    Parameters
    ----------
    phash
        64 signs of its cosine transform, unsigned.
    sharpness
        Variance of the Laplacian in the sharpest of sixteen tiles; noise of the camera raises it too.
    contrast
        Deviation of its greys, 0..128.
    entropy
        Of its greys in 64 steps, 0..6 bits.
    text
        Share of the area that lies in lines of writing with quiet ground above and below, 0..1.
    screen
        Share of three signs of a phone's screen: its shape, a status bar, rows of one colour.
    """

    width: int
    height: int
    bytes: int
    phash: int
    sharpness: float
    contrast: float
    entropy: float
    text: float
    screen: float


FLAWS: Mapping[str, str] = MappingProxyType(
    {
        "tiny": "The shorter side has less than 120 pixels.",
        "blank": "It is of one colour, or nearly.",
        "blurred": "Nothing in it is sharp, even at the size of a card.",
        "text_heavy": "Lines of writing cover much of it: a poster or a price list.",
        "screenshot": "It has the shape, the status bar and the plain rows of a phone's screen.",
    }
)
_FLAWED: Mapping[str, Callable[[PictureMeasures], bool]] = MappingProxyType(
    {
        "tiny": lambda picture: min(picture.width, picture.height) < 120,
        "blank": lambda picture: picture.contrast < 8,
        "blurred": lambda picture: picture.contrast >= 8 and picture.sharpness < 50,
        "text_heavy": lambda picture: picture.text >= 0.1,
        "screenshot": lambda picture: picture.screen == 1,
    }
)


def flaws(measures: PictureMeasures) -> tuple[str, ...]:
    """The names of what is wrong with the picture, keys of `FLAWS`; none for a good one."""
    return tuple(name for name, holds in _FLAWED.items() if holds(measures))


def measure(content: bytes) -> PictureMeasures:
    """The measures of a stored picture.

    Raises
    ------
    ImageRejected
        If the bytes cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            grey = picture.convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageRejected(f"{len(content)} bytes are no picture that can be measured: {error}") from error
    seen = _at_most(grey, SHARPNESS_SIDE)
    return PictureMeasures(
        width=grey.width,
        height=grey.height,
        bytes=len(content),
        phash=perceptual_hash(grey),
        sharpness=round(sharpness(seen), 2),
        contrast=round(float(seen.std()), 2),
        entropy=round(_entropy(seen), 3),
        text=round(text_share(_at_most(grey, TEXT_SIDE)), 4),
        screen=round(screen_signs(_at_most(grey, SCREEN_SIDE)) / 3, 2),
    )


def _at_most(grey: Image.Image, side: int) -> Grey:
    scale = side / max(grey.size)
    if scale < 1:
        size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(grey, np.float32)


# A row for each number of half turns. Source: Ahmed, Natarajan and Rao, "Discrete cosine transform", 1974.
_COSINES = np.cos(np.pi * np.outer(np.arange(WAVES), 2 * np.arange(HASH_SIDE) + 1) / (2 * HASH_SIDE))
# The 64 slowest waves but the constant one, as half turns down and across.
_SLOWEST = sorted(
    ((down, across) for down in range(WAVES) for across in range(WAVES) if down + across),
    key=lambda wave: (sum(wave), wave),
)[:64]
_DOWN, _ACROSS = (np.array(turns) for turns in zip(*_SLOWEST, strict=True))
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
# A mirrored picture has the same waves, those with an odd number of half turns across of the other sign.
MIRRORING = int(_BITS[_ACROSS % 2 == 1].sum())


def perceptual_hash(grey: Image.Image) -> int:
    """64 bits, one for the sign of each slow wave; like pictures differ in few, a mirrored one in those of `MIRRORING`.

    Source: Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010; signs stand here
    instead of a comparison with the median, so that a mirrored picture is known without a second hash.
    """
    small = np.asarray(grey.resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX), np.float64)
    waves = _COSINES @ small @ _COSINES.T
    return int(_BITS[waves[_DOWN, _ACROSS] > 0].sum())


def sharpness(grey: Grey) -> float:
    """The variance of the Laplacian in the sharpest of sixteen tiles, so that a soft ground does not count.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    if min(grey.shape) < 3 * TILES:
        return 0.0
    curved = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    rows, columns = curved.shape[0] // TILES, curved.shape[1] // TILES
    tiles = curved[: rows * TILES, : columns * TILES].reshape(TILES, rows, TILES, columns)
    return float(tiles.var(axis=(1, 3)).max())


def _entropy(grey: Grey) -> float:
    share = np.bincount((grey.astype(np.uint8) >> 2).ravel(), minlength=64) / grey.size
    return max(0.0, float(-(share[share > 0] * np.log2(share[share > 0])).sum()))


def text_share(grey: Grey) -> float:
    """The share of the area in lines of writing: upright strokes close together, quiet ground above and below.

    Printed cloth has the strokes as well, but no quiet rows between them.
    """
    stroke, line, reach = 13, 41, 30  # pixels: strokes of one word, the shortest line, how far the quiet may be
    if min(grey.shape) <= line:
        return 0.0
    across = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    down = np.abs(np.diff(grey, axis=0, append=grey[-1:]))
    written = _widened(_counted(_counted(across > 30, stroke) >= 3, line) == line, line)
    still = _counted((across < 18) & (down < 18), line) == line
    quiet = _widened(still, stroke) & ~written
    above = np.cumsum(quiet, axis=0, dtype=np.int32)
    height = len(grey)
    since = above - above[np.maximum(np.arange(height) - reach, 0)] + quiet[0]
    until = above[np.minimum(np.arange(height) + reach, height - 1)] - above
    return float((written & (since > 0) & (until > 0)).mean())


def _counted(mask: Mask, width: int) -> NDArray[np.int32]:
    """How many of the `width` pixels around each, in its row, are set; what lies outside is not."""
    padded = np.pad(mask, ((0, 0), (width // 2 + 1, width // 2)))
    summed = np.cumsum(padded, axis=1, dtype=np.int32)
    return summed[:, width:] - summed[:, :-width]


def _widened(mask: Mask, width: int) -> Mask:
    return _counted(mask, width) > 0


def screen_signs(grey: Grey) -> int:
    """How many of three signs of a phone's screen there are: its shape, a status bar, rows of one colour."""
    height, width = grey.shape
    plain = float((np.ptp(grey, axis=1) < 12).mean())
    return sum((1.6 <= height / width <= 2.4, _has_status_bar(grey), plain > 0.1))


def _has_status_bar(grey: Grey) -> bool:
    """Whether the topmost 4 % are of one colour but for small marks at both ends."""
    bar = grey[: max(4, round(0.04 * len(grey)))]
    away = np.abs(bar - np.median(bar))
    marks, third = away > 40, bar.shape[1] // 3
    ends = [float(end.mean()) for end in (marks[:, :third], marks[:, -third:])]
    return bool((away < 10).mean() > 0.75) and all(0.003 < share < 0.35 for share in ends)
