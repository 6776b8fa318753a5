"""A photo that is searched by: made safe and small, cropped, and judged."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marketplace.catalog.pictures import measure
from marketplace.search.advice import PhotoAdvice, advice_on
from marketplace.search.asking import Box
from marketplace.storage.images import QUALITY, reencoded
from serving.turns import Turns

DECODERS = 2
WAITING = 4  # of the threads that answer; the others go on answering words
PATIENCE_SECONDS = 5.0
JUDGED_SIDE = 160


@dataclass(frozen=True, slots=True)
class Photo:
    """A JPEG of at most 800 pixels a side, what is wrong with it, and its perceptual hash."""

    jpeg: bytes
    judged: PhotoAdvice
    phash: int


class PhotoQueries:
    """Reads photos, a few at a time: one may take hundreds of megabytes for a moment."""

    def __init__(self, *, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._decoding = Turns(DECODERS, waiting=WAITING, refusal="too many photos at once; try again in a few seconds")

    def read(self, content: bytes, box: Box | None) -> Photo:
        """The photo, or the part of it in the box.

        Raises
        ------
        ImageRejected
            If the bytes are no picture of an accepted kind.
        NotReady
            If too many photos came at once.
        """
        with self._decoding.one(PATIENCE_SECONDS):
            jpeg = cropped(reencoded(content, max_pixels=self._max_pixels), box)
            measures = measure(jpeg)
            return Photo(jpeg, advice_on(measures, _greys(jpeg)), measures.phash)


def cropped(jpeg: bytes, box: Box | None) -> bytes:
    """The part of the picture in the box, at least one pixel of it; all of it without one."""
    if box is None:
        return jpeg
    with Image.open(io.BytesIO(jpeg)) as picture:
        left, top = int(box.left * picture.width), int(box.top * picture.height)
        right = max(left + 1, round(box.right * picture.width))
        bottom = max(top + 1, round(box.bottom * picture.height))
        part = picture.crop((min(left, picture.width - 1), min(top, picture.height - 1), right, bottom))
    target = io.BytesIO()
    part.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def _greys(jpeg: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.draft("L", (JUDGED_SIDE, JUDGED_SIDE))
        return np.asarray(picture.convert("L"), np.uint8)
