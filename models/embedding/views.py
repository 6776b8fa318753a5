"""What the compact encoder looks at in a picture: two views and its colours, chosen by the ground it stands on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.embedding.colour import spread_of_colours
from models.embedding.pixels import padded

# The network was trained at 224; pictures a step larger are told apart better.
# Source: Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.
SIDE = 288
SMALL_SIDE = 224
MIDDLE = 0.7  # of both sides, half of the area: a photo shows what it is of in its middle
GROUND = 240  # of 255, the darkest white that a studio's ground is
GROUND_SHARE = 0.8  # of the rim that is white in a studio picture; a tall thing touches two of the four sides
COLOUR_SIDE = 64
LEAST_PIXELS = 50  # of the thing itself; with fewer it is itself white


@dataclass(frozen=True, slots=True)
class Views:
    """A picture made ready, so that nothing is left to do but to run the network."""

    pixels: tuple[NDArray[np.uint8], ...]  # (side, side, 3) each
    colours: NDArray[np.float32]  # (64,)


def views_of(picture: Image.Image) -> Views:
    """Two views of a picture: a studio's in two sizes, any other whole and its middle.

    A studio picture is all product, on white, and the white is no part of its colours. A photo has something
    around what it shows.
    """
    whole = padded(picture, SIDE)
    if stands_on_white(picture):
        return Views((whole, padded(picture, SMALL_SIDE)), spread_of_colours(_coloured(picture)))
    near = middle(picture)
    return Views((whole, padded(near, SIDE)), spread_of_colours(_small(near).reshape(-1, 3)))


def stands_on_white(picture: Image.Image) -> bool:
    """Whether the rim of the picture is white."""
    small = _small(picture)
    rim = np.concatenate([small[0], small[-1], small[1:-1, 0], small[1:-1, -1]])
    return float((rim >= GROUND).all(axis=1).mean()) >= GROUND_SHARE


def middle(picture: Image.Image) -> Image.Image:
    """The half of the picture's area around its centre."""
    width, height = picture.size
    left, top = round(width * (1 - MIDDLE) / 2), round(height * (1 - MIDDLE) / 2)
    return picture.crop((left, top, max(left + 1, width - left), max(top + 1, height - top)))


def _coloured(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = _small(picture).reshape(-1, 3)
    own = pixels[(pixels < GROUND).any(axis=1)]
    return own if len(own) >= LEAST_PIXELS else pixels


def _small(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX))
