"""What every encoder offers: vectors of products, and of queries in picture, words or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.embedding.vectors import Vectors


class Encoder(Protocol):
    """Turns pictures and words into unit vectors that can be compared.

    `version` changes whenever the same input would give another vector; vectors of two
    versions must never be compared. `has_shared_space` tells whether a photo may be
    compared with words alone.
    """

    version: str
    has_shared_space: bool

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768); None stands for a missing picture.

        Raises
        ------
        InputRejected
            If a product has neither picture nor words, or a picture cannot be decoded.
        """
        ...

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,); a photo with words weighs 0.6, or `image_weight` of 0..1.

        Raises
        ------
        InputRejected
            If both are missing, or the picture cannot be decoded.
        """
        ...
