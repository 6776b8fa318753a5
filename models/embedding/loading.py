"""The encoder that a name stands for."""

from __future__ import annotations

from pathlib import Path

from marketplace.errors import ConfigurationError
from models.embedding.encoder import Encoder
from models.embedding.tower import Runtime


def load_encoder(
    name: str,
    *,
    threads: int,
    siglip_model: str,
    siglip_pretrained: str,
    runtime: Runtime = "onnx",
    cache: Path | None = None,
    batch: int = 0,
) -> Encoder:
    """A loaded encoder, ready to embed.

    Parameters
    ----------
    name
        "compact", whose weights come in pip packages, or "siglip".
    threads
        CPU threads it may use.
    runtime
        What runs the compact encoder's network, "onnx" or "torch".
    cache
        Folder for what is made of the weights once; None keeps nothing.
    batch
        Pictures or texts at once; 0 chooses from the machine.

    Raises
    ------
    ConfigurationError
        If there is no encoder of that name, or its weights or its runtime cannot be found.
    """
    if name == "compact":
        from models.embedding.compact import CompactEncoder

        return CompactEncoder(threads=threads, runtime=runtime, cache=cache, batch=batch)
    if name == "siglip":
        from models.embedding.siglip import SiglipEncoder

        return SiglipEncoder(siglip_model, siglip_pretrained, threads=threads, batch=batch)
    raise ConfigurationError(f"SOKO_ENCODER {name!r} is unknown; choose compact or siglip")
