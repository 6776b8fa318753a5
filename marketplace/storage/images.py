"""Product pictures in a folder, named by the hash of their bytes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import tempfile
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from marketplace.errors import ImageRejected, NotFound

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
SHORTEST_SIDE = 16  # less is a tracking pixel or a spacer
LONGEST_SIDE = 800
SIZE = (LONGEST_SIDE, LONGEST_SIDE)
QUALITY = 85
_SHRINKABLE = {"RGB", "RGBA", "L", "LA", "CMYK"}
# What Pillow raises for bytes that lie about themselves.
_BROKEN = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Images:
    """A store of pictures that are safe to show: sniffed, bounded, upright, without metadata, JPEG.

    Parameters
    ----------
    folder
        Where they lie, as `ab/abcd….jpg`.
    max_pixels
        The largest picture that is decoded; larger ones are refused from their header.
    """

    def __init__(self, folder: Path, *, max_pixels: int = 40_000_000) -> None:
        self.folder = folder
        self.max_pixels = max_pixels

    def put(self, content: bytes) -> str:
        """The name of the stored picture: 64 hex digits, the same for the same bytes.

        Raises
        ------
        ImageRejected
            If the bytes are no picture of an accepted kind, are cut short, or hold too many or too few pixels.
        """
        stored = reencoded(content, max_pixels=self.max_pixels)
        sha256 = hashlib.sha256(stored).hexdigest()
        target = self.path(sha256)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(dir=target.parent, suffix=".draft")
            with os.fdopen(descriptor, "wb") as file:
                file.write(stored)
            Path(draft).chmod(0o644)
            Path(draft).replace(target)  # a reader sees the whole picture or none
        return sha256

    def path(self, sha256: str) -> Path:
        """Where the picture lies, whether or not it exists.

        Raises
        ------
        NotFound
            If the name is not a hash, so that no name can lead outside the folder.
        """
        if not _SHA256.fullmatch(sha256):
            raise NotFound(f"no picture is called {sha256[:80]!r}")
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def read(self, sha256: str) -> bytes:
        """The bytes of the picture, a JPEG.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"picture {sha256} is not stored") from error


def reencoded(content: bytes, *, max_pixels: int) -> bytes:
    """A JPEG of at most 800 pixels a side, upright and without metadata.

    Raises
    ------
    ImageRejected
        As `Images.put`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound, below, is lower
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        if picture.width * picture.height > max_pixels:
            raise ImageRejected(f"the picture is {picture.width} x {picture.height}, more than {max_pixels} pixels")
        if min(picture.size) < SHORTEST_SIDE:
            raise ImageRejected(f"the picture is {picture.width} x {picture.height}, too small to show anything")
        picture.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        if picture.mode in _SHRINKABLE and "transparency" not in picture.info:
            picture.thumbnail(SIZE, Image.Resampling.LANCZOS)  # before anything copies it at full size
        flat = _on_white(_of_eight_bits(ImageOps.exif_transpose(picture)))
        flat.thumbnail(SIZE, Image.Resampling.LANCZOS)
        flat.info.clear()  # else the JPEG would carry the comment that came with the original
        target = io.BytesIO()
        flat.save(target, "JPEG", quality=QUALITY, optimize=False)
    except _BROKEN as error:
        kind = content[:16].decode("ascii", errors="replace")
        why = f"of none of the kinds {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImageRejected(f"{len(content)} bytes beginning with {kind!r} are no usable picture: {why}") from error
    return target.getvalue()


def _of_eight_bits(picture: Image.Image) -> Image.Image:
    """The picture; one of 16-bit greys, which a plain conversion would clip to white, in 8."""
    if not picture.mode.startswith("I"):
        return picture
    grey = picture.point(lambda value: value * (1 / 256)).convert("L")
    grey.info.clear()  # a transparent grey, if it names one, is of the old scale
    return grey


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")
