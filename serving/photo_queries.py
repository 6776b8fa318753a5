"""A photo that is searched by: made safe and small, cropped, and judged."""

from __future__ import annotations

import io
from dataclasses import dataclass
from threading import BoundedSemaphore

import numpy as np
from PIL import Image

from marketplace.catalog.pictures import measure
from marketplace.errors import NotReady
from marketplace.search.advice import PhotoAdvice, advice_on
from marketplace.search.asking import Box
from marketplace.storage.images import QUALITY, reencoded

DECODERS = 2
PATIENCE_SECONDS = 5.0
JUDGED_SIDE = 160


@dataclass(frozen=True, slots=True)
class Photo:
    """A JPEG of at most 800 pixels a side, and what is wrong with it."""

    jpeg: bytes
    judged: PhotoAdvice


class PhotoQueries:
    """Reads photos, a few at a time: one may take hundreds of megabytes for a moment."""

    def __init__(self, *, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._decoding = BoundedSemaphore(DECODERS)

    def read(self, content: bytes, box: Box | None) -> Photo:
        """The photo, or the part of it in the box.

        Raises
        ------
        ImageRejected
            If the bytes are no picture of an accepted kind.
        NotReady
            If too many photos came at once.
        """
        if not self._decoding.acquire(timeout=PATIENCE_SECONDS):
            raise NotReady("too many photos at once; try again in a few seconds")
        try:
            jpeg = cropped(reencoded(content, max_pixels=self._max_pixels), box)
            return Photo(jpeg, _judged(jpeg))
        finally:
            self._decoding.release()


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


def _judged(jpeg: bytes) -> PhotoAdvice:
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.draft("L", (JUDGED_SIDE, JUDGED_SIDE))
        grey = np.asarray(picture.convert("L"), np.uint8)
    return advice_on(measure(jpeg), grey)
