"""The encoder that a name stands for."""

from __future__ import annotations

from marketplace.errors import ConfigurationError
from models.embedding.encoder import Encoder


def load_encoder(name: str, *, threads: int, siglip_model: str, siglip_pretrained: str) -> Encoder:
    """A loaded encoder, ready to embed.

    Parameters
    ----------
    name
        "compact", whose weights come in pip packages, or "siglip".
    threads
        CPU threads it may use.

    Raises
    ------
    ConfigurationError
        If there is no encoder of that name, or its weights cannot be found.
    """
    if name == "compact":
        from models.embedding.compact import CompactEncoder

        return CompactEncoder(threads=threads)
    if name == "siglip":
        from models.embedding.siglip import SiglipEncoder

        return SiglipEncoder(siglip_model, siglip_pretrained, threads=threads)
    raise ConfigurationError(f"SOKO_ENCODER {name!r} is unknown; choose compact or siglip")
