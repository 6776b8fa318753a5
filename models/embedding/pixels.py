"""Bytes of a picture, decoded for an encoder."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from marketplace.errors import ImageRejected


def decoded(content: bytes, *, near: int) -> Image.Image:
    """The picture upright and in RGB; JPEGs are decoded at the smallest scale that keeps `near` pixels a side.

    Raises
    ------
    ImageRejected
        If the bytes are no picture, or are cut short.
    """
    try:
        picture = Image.open(io.BytesIO(content))
        picture.draft("RGB", (2 * near, 2 * near))
        upright = ImageOps.exif_transpose(picture)
        return upright.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageRejected(f"a picture of {len(content)} bytes cannot be decoded: {error}") from error


def padded(picture: Image.Image, side: int) -> NDArray[np.float32]:
    """The whole picture on a white square, (side, side, 3), values 0 to 255."""
    square = ImageOps.pad(picture, (side, side), Image.Resampling.BICUBIC, color=(255, 255, 255))
    return np.asarray(square, dtype=np.float32)


def squashed(picture: Image.Image, side: int) -> NDArray[np.float32]:
    """The whole picture stretched to a square, (side, side, 3), values 0 to 255."""
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
