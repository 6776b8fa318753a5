"""What every encoder offers: vectors of products, and of queries in picture, words or both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from marketplace.errors import InputRejected
from models.embedding.text import readable_text
from models.embedding.vectors import Vectors


class Encoder(Protocol):
    """Turns pictures and words into unit vectors that can be compared.

    A product's vector is joined from a part for its picture and a part for its words, each of which depends on
    nothing else: parts can be kept, and made on another machine, whatever stood beside them in a batch.

    `version` changes whenever the same input would give another vector; vectors of two versions must never be
    compared. `has_shared_space` tells whether a photo may be compared with words alone. `part_width` is how many
    numbers a part has; `batch` how many pictures or texts it takes at once.
    """

    version: str
    has_shared_space: bool
    part_width: int
    batch: int

    def prepared(self, image: bytes) -> Any:
        """The picture decoded, as `picture_parts` takes it; for threads of their own, beside the encoding one.

        Raises
        ------
        ImageRejected
            If the bytes cannot be decoded.
        """
        ...

    def picture_parts(self, prepared: Sequence[Any]) -> Vectors:
        """Parts of prepared pictures, (pictures, part_width), unit length."""
        ...

    def words_parts(self, texts: Sequence[str]) -> Vectors:
        """Parts of products' texts, (texts, part_width), unit length; zero where there is nothing to read."""
        ...

    def joined(self, pictures: Vectors, words: Vectors) -> Vectors:
        """Unit vectors of products, (products, 768), from their parts; a zero row where one is missing."""
        ...

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768); None stands for a missing picture.

        Raises
        ------
        InputRejected
            If a product has neither picture nor words, or a picture cannot be decoded.
        """
        ...

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,).

        Parameters
        ----------
        image_weight
            The share of the photo where there are words too, 0.6 unless given.

        Raises
        ------
        InputRejected
            If both are missing, the picture cannot be decoded, or the weight is not between 0 and 1.
        """
        ...


def whole_products(encoder: Encoder, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
    """Unit vectors of products from bytes and texts, by the encoder's parts, a batch at a time."""
    for number, (image, text) in enumerate(zip(images, texts, strict=True)):
        if image is None and not readable_text(text):
            raise InputRejected(f"product {number} of the batch has neither picture nor words")
    pictures = np.zeros((len(images), encoder.part_width), dtype=np.float32)
    words = np.zeros_like(pictures)
    present = [(number, image) for number, image in enumerate(images) if image is not None]
    for start in range(0, len(present), encoder.batch):
        batch = present[start : start + encoder.batch]
        prepared = [encoder.prepared(image) for _, image in batch]
        pictures[[number for number, _ in batch]] = encoder.picture_parts(prepared)
    for start in range(0, len(texts), encoder.batch):
        words[start : start + encoder.batch] = encoder.words_parts(texts[start : start + encoder.batch])
    return encoder.joined(pictures, words)


def fingerprint(settings: tuple[object, ...], *weights: Path) -> str:
    """Twelve digits that differ when the settings or the files of weights do, and are the same on every machine."""
    digest = hashlib.sha256(repr(settings).encode())
    for file in weights:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:12]
