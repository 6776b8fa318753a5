"""Two pictures laid over each other: whether one is the other, edited, and not only a picture of the like.

A hash and a vector both say "a white carton in front of white". Laid over each other, two cartons differ in their
print, and two photos of one dress in every fold; an edited copy differs nowhere much.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marketplace.errors import ImageRejected

MOST_DIFFERENCE = 26.0  # of 255, in all but the worst tenth: a watermark may cover that
SIDE = 64
_FINE = 160
_TILES = 8
_WORST = 6  # tiles of 64 that may differ as they will
_CUTS = (0.05, 0.1)
_BOXES = (
    (0.0, 0.0, 1.0, 1.0),
    *(
        box
        for cut in _CUTS
        for box in (
            (cut / 2, cut / 2, 1 - cut / 2, 1 - cut / 2),
            (0.0, 0.0, 1 - cut, 1.0),
            (cut, 0.0, 1.0, 1.0),
            (0.0, 0.0, 1.0, 1 - cut),
            (0.0, cut, 1.0, 1.0),
            (cut / 2, cut / 2, 1.0, 1.0),
        )
    ),
)

Pixels = NDArray[np.float32]


def views(content: bytes) -> list[Pixels]:
    """The picture whole, and with a twentieth or a tenth cut off in several ways, each (64, 64, 3) as Y, Cb, Cr.

    Raises
    ------
    ImageRejected
        If the bytes cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            small = picture.convert("YCbCr").resize((_FINE, _FINE), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageRejected(f"{len(content)} bytes are no picture that can be compared: {error}") from error
    boxes = [(left * _FINE, top * _FINE, right * _FINE, bottom * _FINE) for left, top, right, bottom in _BOXES]
    return [np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX, box=box), np.float32) for box in boxes]


def are_one(one: list[Pixels], other: list[Pixels]) -> bool:
    """Whether the pictures are one, as it is or mirrored, with an edge cut off either, in another light or size."""
    return any(difference(view, laid) <= MOST_DIFFERENCE for view, laid in _laid(one, other))


def difference(one: Pixels, other: Pixels) -> float:
    """How far apart two pictures are where they differ most, but for the worst tenth of them, 0..255.

    The light of one is first brought to that of the other: brightness and contrast by the best line, colour by
    the best factor.
    """
    light, colour = _fitted(one[..., 0], other[..., 0]), one[..., 1:] - 128
    there = other[..., 1:] - 128
    strength = float(np.clip((colour * there).sum() / max(1.0, float((colour**2).sum())), 0.6, 1.6))
    apart = np.abs(light - other[..., 0]) + np.abs(strength * colour - there).max(axis=-1)
    tiles = apart.reshape(_TILES, SIDE // _TILES, _TILES, SIDE // _TILES).mean(axis=(1, 3))
    return float(np.sort(tiles, axis=None)[-_WORST])


def _laid(one: list[Pixels], other: list[Pixels]) -> Iterator[tuple[Pixels, Pixels]]:
    """Every way to lay the pictures over each other: either may have lost an edge, not both."""
    whole, theirs = one[0], other[0]
    for turned in (slice(None), slice(None, None, -1)):
        yield from ((whole, view[:, turned]) for view in other)
        yield from ((view, theirs[:, turned]) for view in one[1:])


def _fitted(one: Pixels, other: Pixels) -> Pixels:
    centred = one - one.mean()
    slope = float((centred * (other - other.mean())).sum()) / max(1.0, float((centred**2).sum()))
    return np.asarray(slope * centred + other.mean(), np.float32)
