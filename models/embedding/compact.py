"""The offline default: EfficientNet-Lite0 and colours for pictures, multilingual-e5-small for words, side by side.

Both networks come in pip packages, so nothing is downloaded when they load. They share no
space: a photo is compared with photos, words with words, and the halves are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding import colour, views
from models.embedding.encoder import fingerprint, whole_products
from models.embedding.lite import weights_file
from models.embedding.pixels import decoded
from models.embedding.text import TEXT_LIMIT, readable_text
from models.embedding.tower import RECIPE, Runtime, load_tower
from models.embedding.vectors import (
    HALF,
    IMAGE_WEIGHT,
    TEXT_WEIGHT,
    Vectors,
    checked_weight,
    concatenated,
    normalised,
)
from models.embedding.views import SIDE, Views, views_of
from models.embedding.words import ORDINARY_WORDS, WordsTower

SHAPES = HALF - colour.COLOURS  # numbers of the network's part
COLOUR_SHARE = 0.15  # of a likeness; chosen on photos of clothing, where more of it confuses kinds of things
BATCH = 32
SETTINGS = (
    views.SIDE, views.SMALL_SIDE, views.MIDDLE, views.GROUND, views.GROUND_SHARE, views.COLOUR_SIDE,
    views.LEAST_PIXELS, colour.CHROMA, colour.BINS, COLOUR_SHARE, TEXT_LIMIT, IMAGE_WEIGHT, TEXT_WEIGHT, ORDINARY_WORDS,
)  # fmt: skip


class CompactEncoder:
    """Two small networks on the CPU, 384 numbers each; the picture's are 320 of the network and 64 of colours.

    Parameters
    ----------
    threads
        How many pictures, or views of one, are looked at at the same time.
    runtime
        "onnx", or "torch" where ONNX Runtime cannot be installed; their vectors are the same to the sixth digit.
    cache
        Folder for the network as ONNX Runtime reads it, so that only the first start makes it.
    batch
        Pictures or texts at once; 0 for 32.
    """

    has_shared_space = False
    part_width = HALF

    def __init__(self, *, threads: int, runtime: Runtime = "onnx", cache: Path | None = None, batch: int = 0) -> None:
        try:
            self._tower = load_tower(runtime, SHAPES, cache=cache)
            self._words = WordsTower(threads=threads)
        except ImportError as error:
            raise ConfigurationError(f"the compact encoder lacks {error.name}; pip install 'soko[encoders]'") from error
        self.batch = batch or BATCH
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encoder")
        self.version = f"compact-{RECIPE}-{fingerprint(SETTINGS, weights_file(), self._words.weights)}"

    def prepared(self, image: bytes) -> Views:
        """The views and colours of a picture."""
        return views_of(decoded(image, near=SIDE))

    def picture_parts(self, prepared: Sequence[Views]) -> Vectors:
        """Parts of pictures, (pictures, 384): the mean of what the network sees in both views, and the colours."""
        seen = list(self._pool.map(self._tower, [pixels for one in prepared for pixels in one.pixels]))
        places = np.cumsum([0, *(len(one.pixels) for one in prepared)])
        parts = np.zeros((len(prepared), HALF), dtype=np.float32)
        for number, one in enumerate(prepared):
            shapes = normalised(np.sum(seen[places[number] : places[number + 1]], axis=0))
            parts[number, :SHAPES] = np.sqrt(1 - COLOUR_SHARE) * shapes
            parts[number, SHAPES:] = np.sqrt(COLOUR_SHARE) * one.colours
        return normalised(parts)

    def words_parts(self, texts: Sequence[str]) -> Vectors:
        """Parts of texts, (texts, 384)."""
        return self._words.of_products(texts)

    def joined(self, pictures: Vectors, words: Vectors) -> Vectors:
        """Both parts side by side, (products, 768)."""
        return concatenated(pictures, words)

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        return whole_products(self, images, texts)

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,); the half of what it lacks is zero."""
        weight = checked_weight(image_weight)
        readable = readable_text(text or "")
        if image is None and not readable:
            raise InputRejected("a query needs words or a photo")
        both = image is not None and bool(readable)
        picture = np.zeros((1, HALF), dtype=np.float32)
        if image is not None:
            picture = self.picture_parts([self.prepared(image)])
        words = self._words.of_query(readable)[None]
        vector: Vectors = concatenated(picture, words, weight if both else IMAGE_WEIGHT)[0]
        return vector
