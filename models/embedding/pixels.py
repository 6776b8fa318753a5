"""Bytes of a picture, decoded for an encoder."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from marketplace.errors import ImageRejected

MAX_PIXELS = 40_000_000
WHITE = (255, 255, 255)


def decoded(content: bytes, *, near: int) -> Image.Image:
    """The picture upright, in RGB, on white where it is transparent.

    JPEGs are decoded at the smallest scale that keeps `near` pixels a side.

    Raises
    ------
    ImageRejected
        If the bytes are no picture, are cut short, or hold more than 40 million pixels.
    """
    try:
        picture = Image.open(io.BytesIO(content))
        if picture.width * picture.height > MAX_PIXELS:
            raise ImageRejected(f"the picture is {picture.width} x {picture.height}, more than {MAX_PIXELS} pixels")
        picture.draft("RGB", (near, near))  # never smaller than asked for
        return opaque(ImageOps.exif_transpose(picture))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageRejected(f"a picture of {len(content)} bytes cannot be decoded: {error}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRejected(f"a picture of {len(content)} bytes is too large to decode: {error}") from error


def opaque(picture: Image.Image) -> Image.Image:
    """The picture in RGB, on white where it was transparent: most catalogue pictures stand on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    sheet = Image.new("RGBA", layered.size, (*WHITE, 255))
    return Image.alpha_composite(sheet, layered).convert("RGB")


def padded(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    """The whole picture on a white square, (side, side, 3)."""
    square = ImageOps.pad(picture, (side, side), Image.Resampling.BICUBIC, color=WHITE)
    return np.asarray(square, dtype=np.uint8)
