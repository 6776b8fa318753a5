"""Stored pictures as browsers want them: their size before they arrive, and smaller copies."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image

from marketplace.errors import NotFound
from marketplace.storage.images import Images

WIDTHS = (240, 360, 480, 720)
QUALITY = 80


class Pictures:
    """Pictures of the store, with a bounded memory of what was read and shrunk lately."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self.size = lru_cache(maxsize=20_000)(self._size)
        self.thumbnail = lru_cache(maxsize=1_000)(self._thumbnail)

    def original(self, sha256: str) -> bytes:
        """The stored JPEG; raises NotFound if there is none."""
        return self._images.read(sha256)

    def _size(self, sha256: str) -> tuple[int, int] | None:
        """Width and height in pixels, None where the file is missing."""
        try:
            with Image.open(io.BytesIO(self._images.read(sha256))) as picture:
                return picture.size
        except NotFound:
            return None

    def _thumbnail(self, sha256: str, width: int) -> bytes:
        """A JPEG at most so wide; the original where that is narrower already."""
        original = self._images.read(sha256)
        picture = Image.open(io.BytesIO(original))
        if picture.width <= width:
            return original
        height = max(1, round(picture.height * width / picture.width))
        picture.draft("RGB", (width, height))
        target = io.BytesIO()
        small = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        small.save(target, "JPEG", quality=QUALITY, optimize=True, progressive=True)
        return target.getvalue()
