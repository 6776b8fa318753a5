"""SigLIP through open_clip: one space for pictures and words, from a hub name or a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding.pixels import decoded
from models.embedding.vectors import EMBEDDING_DIM, Vectors, hybrid, normalised

BATCH = 16


class SiglipEncoder:
    """An open_clip model with 768-d towers, on the GPU if there is one.

    Parameters
    ----------
    model
        An open_clip name ("ViT-B-16-SigLIP"), "hf-hub:NAME" or "local-dir:FOLDER".
    pretrained
        Tag of the weights; empty where the model brings its own.
    """

    has_shared_space = True

    def __init__(self, model: str, pretrained: str, *, threads: int) -> None:
        declare_missing_torchvision_operators()
        import open_clip
        import torch

        self._torch = torch
        torch.set_num_threads(threads)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            network, _, preprocess = open_clip.create_model_and_transforms(
                model, pretrained=pretrained or None, device=self._device
            )
            self._tokenizer = open_clip.get_tokenizer(model)
        except (RuntimeError, OSError, ValueError) as error:
            raise ConfigurationError(
                f"SOKO_SIGLIP_MODEL {model!r} with weights {pretrained!r} could not be loaded: {error}. "
                "Without a model hub, point it at a folder: SOKO_SIGLIP_MODEL=local-dir:/path"
            ) from error
        self._network: Any = network.eval()
        self._preprocess: Any = preprocess
        self.version = f"siglip-{_fingerprint(network)}"
        width = int(self._words(["width"]).shape[1])
        if width != EMBEDDING_DIM:
            raise ConfigurationError(f"SOKO_SIGLIP_MODEL {model!r} has {width} dimensions, not {EMBEDDING_DIM}")

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        for number, (image, text) in enumerate(zip(images, texts, strict=True)):
            if image is None and not text.strip():
                raise InputRejected(f"product {number} of the batch has neither picture nor words")
        pictures = np.zeros((len(images), EMBEDDING_DIM), dtype=np.float32)
        present = [number for number, image in enumerate(images) if image is not None]
        for start in range(0, len(present), BATCH):
            batch = present[start : start + BATCH]
            pictures[batch] = self._pictures([image for n in batch if (image := images[n]) is not None])
        words = np.zeros_like(pictures)
        named = [number for number, text in enumerate(texts) if text.strip()]
        if named:
            words[named] = self._words([texts[number] for number in named])
        return hybrid(pictures, words)

    def embed_query(self, image: bytes | None, text: str | None) -> Vectors:
        """Unit vector of a query, (768,)."""
        if image is None and not (text or "").strip():
            raise InputRejected("a query needs words or a photo")
        vector: Vectors = self.embed_products([image], [text or ""])[0]
        return vector

    def _pictures(self, images: Sequence[bytes]) -> Vectors:
        tensors = [self._preprocess(decoded(image, near=224)) for image in images]
        with self._torch.inference_mode():
            features = self._network.encode_image(self._torch.stack(tensors).to(self._device))
        return normalised(features.float().cpu().numpy())

    def _words(self, texts: Sequence[str]) -> Vectors:
        with self._torch.inference_mode():
            features = self._network.encode_text(self._tokenizer(list(texts)).to(self._device))
        return normalised(features.float().cpu().numpy())


def declare_missing_torchvision_operators() -> bool:
    """Whether torchvision's native operators load; where they cannot, two are declared so that it imports.

    The wheel of torchvision on PyPI is linked to CUDA. Beside a CPU build of torch its library does not load,
    and importing it fails on the operators it wanted to register. open_clip uses only its Python transforms,
    so a declaration is enough. Call before the first import of torchvision, timm or open_clip.
    """
    import torch

    if "torchvision" in sys.modules:
        return hasattr(torch.ops.torchvision, "roi_align")
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ConfigurationError("torchvision is not installed; pip install 'soko[encoders]'")
    library = next(Path(found.origin).parent.glob("_C*.so"), None)
    try:
        if library is not None:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            return True
    except OSError:
        pass
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return False


def _fingerprint(network: Any) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().reshape(-1)[:256].numpy().tobytes())
    return digest.hexdigest()[:12]
