"""Pictures for encoders."""

from __future__ import annotations

import io

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def red_jpeg() -> bytes:
    """A plain red photo."""
    target = io.BytesIO()
    Image.new("RGB", (320, 200), "red").save(target, "JPEG")
    return target.getvalue()
