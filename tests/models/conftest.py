"""Pictures for encoders."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder


@pytest.fixture(scope="session")
def red_jpeg() -> bytes:
    """A plain red photo."""
    target = io.BytesIO()
    Image.new("RGB", (320, 200), "red").save(target, "JPEG")
    return target.getvalue()


@pytest.fixture(scope="session")
def default_encoder() -> Encoder:
    """The default encoder, loaded once."""
    return load_encoder("compact", threads=2, siglip_model="", siglip_pretrained="")
