"""SigLIP through open_clip: one space for pictures and words, from a hub name or a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding.pixels import decoded
from models.embedding.vectors import EMBEDDING_DIM, IMAGE_WEIGHT, TEXT_WEIGHT, Vectors, hybrid, normalised

BATCH = 16
RECIPE = "1"  # moves when the code below makes another vector of the same input
PROBE = "Soko 2,500/= ቀሚስ"  # two tokenizers that read this alike are taken for one
# What torch, open_clip and transformers raise for a hub that is out of reach, a file cut short or a wrong shape.
UNREADABLE = (RuntimeError, OSError, ValueError, TypeError, LookupError, EOFError, pickle.UnpicklingError)
T = TypeVar("T")


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
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        network, self._preprocess, self._tokenizer = _loaded(model, pretrained, self._device)
        self._network: Any = network.eval()
        size = network.visual.image_size
        self._side = max(size) if isinstance(size, tuple) else int(size)
        width = int(self._words(["width"]).shape[1])
        if width != EMBEDDING_DIM:
            raise ConfigurationError(f"SOKO_SIGLIP_MODEL {model!r} has {width} dimensions, not {EMBEDDING_DIM}")
        settings = (network.visual.preprocess_cfg, self._tokenizer([PROBE]).tolist(), IMAGE_WEIGHT, TEXT_WEIGHT)
        self.version = f"siglip-{RECIPE}-{_fingerprint(settings, network)}"

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        for number, (image, text) in enumerate(zip(images, texts, strict=True)):
            if image is None and not text.strip():
                raise InputRejected(f"product {number} of the batch has neither picture nor words")
        pictures = np.zeros((len(images), EMBEDDING_DIM), dtype=np.float32)
        words = np.zeros_like(pictures)
        present = [(number, image) for number, image in enumerate(images) if image is not None]
        for batch in _batches(present):
            pictures[[number for number, _ in batch]] = self._pictures([image for _, image in batch])
        for named in _batches([(number, text) for number, text in enumerate(texts) if text.strip()]):
            words[[number for number, _ in named]] = self._words([text for _, text in named])
        return hybrid(pictures, words)

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,)."""
        if image is None and not (text or "").strip():
            raise InputRejected("a query needs words or a photo")
        if image is None or not text or image_weight is None:
            vector: Vectors = self.embed_products([image], [text or ""])[0]
        else:
            vector = hybrid(self._pictures([image]), self._words([text]), image_weight=image_weight)[0]
        return vector

    def _pictures(self, images: Sequence[bytes]) -> Vectors:
        tensors = [self._preprocess(decoded(image, near=self._side)) for image in images]
        with self._torch.inference_mode():
            features = self._network.encode_image(self._torch.stack(tensors).to(self._device))
        return normalised(features.float().cpu().numpy())

    def _words(self, texts: Sequence[str]) -> Vectors:
        with self._torch.inference_mode():
            features = self._network.encode_text(self._tokenizer(list(texts)).to(self._device))
        return normalised(features.float().cpu().numpy())


def _loaded(model: str, pretrained: str, device: str) -> tuple[Any, Any, Any]:
    """Network, picture transform and tokenizer; never a network whose weights were left random."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from safetensors import SafetensorError

    try:
        network = open_clip.create_model(model, pretrained=pretrained or None, device=device, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(model)
    except (*UNREADABLE, SafetensorError) as error:
        raise ConfigurationError(
            f"SOKO_SIGLIP_MODEL {model!r} with weights {pretrained!r} could not be loaded: {error}. "
            "Without a model hub, point it at a folder: SOKO_SIGLIP_MODEL=local-dir:/path"
        ) from error
    return network, image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), is_train=False), tokenizer


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


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


def _fingerprint(settings: tuple[object, ...], network: Any) -> str:
    """Twelve digits that differ when a weight or a setting does, whatever file or device they came from."""
    digest = hashlib.sha256(repr(settings).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()[:12]
