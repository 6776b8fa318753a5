"""The network of the compact encoder, run by ONNX Runtime or by torch: a picture's pixels in, a unit vector out."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ConfigurationError
from models.embedding import lite
from models.embedding.lite import classifier_projection, folded, published_network, weights_file

log = logging.getLogger(__name__)
Runtime = Literal["onnx", "torch"]
OPSET = 17
RECIPE = "3"  # moves when the code makes another vector of the same input
DIGEST_BYTES = 32


class Tower(Protocol):
    """A picture's unit vector; the same bits whatever else is asked at the same time."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The vector of one picture of (side, side, 3)."""
        ...


def load_tower(runtime: Runtime, dimensions: int, *, cache: Path | None) -> Tower:
    """The tower of the runtime.

    Parameters
    ----------
    cache
        Folder that keeps the network as ONNX Runtime reads it; None to make it anew.

    Raises
    ------
    ConfigurationError
        If the runtime is unknown or not installed; another one is never taken in its place.
    """
    if runtime == "torch":
        return TorchTower(dimensions)
    if runtime != "onnx":
        raise ConfigurationError(f"SOKO_ENCODER_RUNTIME {runtime!r} is unknown; choose onnx or torch")
    try:
        import onnxruntime as onnx_runtime
    except ImportError as error:
        raise ConfigurationError(
            "onnxruntime is not installed; pip install 'soko[encoders]', or set SOKO_ENCODER_RUNTIME=torch"
        ) from error
    return OnnxTower(onnx_runtime, exported(dimensions, cache))


class OnnxTower:
    """Each call runs on the thread that makes it, so that several pictures take several cores."""

    def __init__(self, onnx_runtime: Any, network: bytes) -> None:
        options = onnx_runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnx_runtime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The vector of one picture of (side, side, 3)."""
        (vectors,) = self._session.run(None, {"pixels": pixels[None]})
        return np.asarray(vectors[0], dtype=np.float32)


class TorchTower:
    """The same function where ONNX Runtime cannot be had; each call runs on the thread that makes it, as there.

    Torch gives that number to the whole process: the encoder's pool calls from as many threads as it may use, and
    threads of torch's own beside them would wait for each other.
    """

    def __init__(self, dimensions: int) -> None:
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self._module = _module(dimensions)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The vector of one picture of (side, side, 3)."""
        with self._torch.inference_mode():
            return np.asarray(self._module(self._torch.from_numpy(pixels[None].copy()))[0].numpy(), dtype=np.float32)


def exported(dimensions: int, cache: Path | None) -> bytes:
    """The network as ONNX, from the cache if it is whole there, else made and kept there.

    The name tells weights and code apart; the first 32 bytes tell whether the rest is whole. Several processes may
    do this at once: each writes a file of its own and puts it in place in one step.
    """
    if cache is None:
        return _export(dimensions)
    file = cache / f"lite0-{_name(dimensions)}.onnx.checked"
    kept = file.read_bytes() if file.exists() else b""
    if len(kept) > DIGEST_BYTES and hashlib.sha256(kept[DIGEST_BYTES:]).digest() == kept[:DIGEST_BYTES]:
        return kept[DIGEST_BYTES:]
    if kept:
        log.warning("%s is damaged and is made anew", file)
    network = _export(dimensions)
    _put(file, hashlib.sha256(network).digest() + network)
    return network


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, suffix=".draft")
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
    Path(draft).chmod(0o644)
    Path(draft).replace(file)


def _name(dimensions: int) -> str:
    digest = hashlib.sha256(f"{OPSET} {dimensions} {RECIPE}".encode())
    digest.update(weights_file().read_bytes())
    for code in (__file__, lite.__file__):  # what exports, and what makes the network that is exported
        digest.update(Path(code).read_bytes())
    return digest.hexdigest()[:16]


def _export(dimensions: int) -> bytes:
    import torch

    target = io.BytesIO()
    example = torch.zeros((1, 64, 64, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            _module(dimensions),
            (example,),
            target,  # type: ignore[arg-type]
            dynamo=False,
            input_names=["pixels"],
            output_names=["vectors"],
            dynamic_axes={"pixels": {1: "side", 2: "side"}},
            opset_version=OPSET,
        )
    return target.getvalue()


def _module(dimensions: int) -> Any:
    """Pixels to unit vectors as one torch module, (1, side, side, 3) to (1, dimensions)."""
    import torch

    network = published_network(weights_file())
    projection = torch.from_numpy(classifier_projection(network.state_dict()["_fc.weight"].numpy(), dimensions))
    lean = folded(network)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = lean
            self.register_buffer("projection", projection)

        def forward(self, pixels: Any) -> Any:
            inputs = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
            pooled = self.network.extract_features(inputs).mean((2, 3))
            return torch.nn.functional.normalize(pooled @ self.projection, dim=1)

    return Whole().eval()
