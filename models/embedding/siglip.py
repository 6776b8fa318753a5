"""SigLIP through open_clip: one space for pictures and words, from a hub name or a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marketplace.errors import ConfigurationError, InputRejected
from models.embedding.encoder import whole_products
from models.embedding.pixels import decoded
from models.embedding.text import readable_text
from models.embedding.vectors import (
    EMBEDDING_DIM,
    IMAGE_WEIGHT,
    TEXT_WEIGHT,
    Vectors,
    checked_weight,
    hybrid,
    normalised,
)

log = logging.getLogger(__name__)
CPU_BATCH = 16
GPU_BATCH = 256
GPU_BYTES_A_PICTURE = 64_000_000  # what a large tower holds of one picture, with room to spare
LEAST_COSINE = 0.999  # between half and full precision, else full is used
RECIPE = "2"  # moves when the code below makes another vector of the same input
PROBE = "Soko 2,500/= ቀሚስ"  # two tokenizers that read this alike are taken for one
# What torch, open_clip and transformers raise for a hub that is out of reach, a file cut short or a wrong shape.
UNREADABLE = (RuntimeError, OSError, ValueError, TypeError, LookupError, EOFError, pickle.UnpicklingError)


class SiglipEncoder:
    """An open_clip model with 768-d towers, on the GPU if there is one, there in bfloat16.

    The version does not name the device or its precision: a GPU may embed the products and a CPU the queries. That
    their vectors may be compared is tried when the model loads, and full precision used if they may not.

    Parameters
    ----------
    model
        An open_clip name ("ViT-B-16-SigLIP"), "hf-hub:NAME" or "local-dir:FOLDER".
    pretrained
        Tag of the weights; empty where the model brings its own.
    batch
        Pictures or texts at once; 0 chooses from the device and its memory.
    """

    has_shared_space = True
    part_width = EMBEDDING_DIM

    def __init__(self, model: str, pretrained: str, *, threads: int, batch: int = 0) -> None:
        declare_missing_torchvision_operators()
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        network, self._preprocess, self._tokenizer = _loaded(model, pretrained, self._device)
        self._network: Any = network.eval()
        size = network.visual.image_size
        self._side = max(size) if isinstance(size, tuple) else int(size)
        self._halves_precision = False
        width = int(self._unit(network.encode_text, self._tokenizer(["width"]).to(self._device)).shape[1])
        if width != EMBEDDING_DIM:
            raise ConfigurationError(f"SOKO_SIGLIP_MODEL {model!r} has {width} dimensions, not {EMBEDDING_DIM}")
        self.batch = batch or self._fitting_batch()
        self._halves_precision = self._device == "cuda" and self._stands_half_precision()
        settings = (network.visual.preprocess_cfg, self._tokenizer([PROBE]).tolist(), IMAGE_WEIGHT, TEXT_WEIGHT)
        self.version = f"siglip-{RECIPE}-{_fingerprint(settings, network)}"

    def prepared(self, image: bytes) -> Any:
        """The picture as the network takes it, (3, side, side), still on the CPU."""
        return self._preprocess(decoded(image, near=2 * self._side))

    def picture_parts(self, prepared: Sequence[Any]) -> Vectors:
        """Unit vectors of pictures, (pictures, 768)."""
        if not prepared:
            return np.zeros((0, EMBEDDING_DIM), dtype=np.float32)
        pixels = self._torch.stack(list(prepared))
        if self._device == "cuda":
            pixels = pixels.pin_memory().to(self._device, non_blocking=True)
        return self._unit(self._network.encode_image, pixels)

    def words_parts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, (texts, 768), read as far as the model's context goes; zero for an empty one."""
        readable = [readable_text(text) for text in texts]
        vectors = np.zeros((len(texts), EMBEDDING_DIM), dtype=np.float32)
        named = [number for number, text in enumerate(readable) if text]
        if not named:
            return vectors
        tokens = self._tokenizer([readable[number] for number in named]).to(self._device)
        vectors[named] = self._unit(self._network.encode_text, tokens)
        return vectors

    def joined(self, pictures: Vectors, words: Vectors) -> Vectors:
        """0.6 of the picture plus 0.4 of the words, (products, 768)."""
        return hybrid(pictures, words)

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Vectors:
        """Unit vectors of products, (products, 768)."""
        return whole_products(self, images, texts)

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Vectors:
        """Unit vector of a query, (768,)."""
        weight = checked_weight(image_weight)
        words = self.words_parts([text or ""])
        if image is None and not words.any():
            raise InputRejected("a query needs words or a photo")
        if image is None:
            return np.asarray(words[0], dtype=np.float32)
        picture = self.picture_parts([self.prepared(image)])
        return np.asarray(hybrid(picture, words, weight if words.any() else 1.0)[0], dtype=np.float32)

    def _unit(self, tower: Callable[[Any], Any], inputs: Any) -> Vectors:
        half = self._torch.autocast(self._device, dtype=self._torch.bfloat16, enabled=self._halves_precision)
        with self._torch.inference_mode(), half:
            features = tower(inputs)
        return normalised(features.float().cpu().numpy())

    def _fitting_batch(self) -> int:
        if self._device != "cuda":
            return CPU_BATCH
        free, _ = self._torch.cuda.mem_get_info()
        return max(1, min(GPU_BATCH, free // GPU_BYTES_A_PICTURE))

    def _stands_half_precision(self) -> bool:
        noise = self._torch.rand((4, 3, self._side, self._side), generator=self._torch.Generator().manual_seed(1))
        found = []
        for self._halves_precision in (False, True):
            found.append(np.concatenate([self.picture_parts(list(2 * noise - 1)), self.words_parts([PROBE])]))
        cosine = float((found[0] * found[1]).sum(axis=1).min())
        if cosine < LEAST_COSINE:
            log.warning("half precision gives a cosine of %.4f, so full precision is used", cosine)
        return cosine >= LEAST_COSINE


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
