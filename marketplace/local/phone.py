"""Pictures as a shopper's phone would see them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

RECIPE = "1"  # moves when the code below makes another photo of the same picture
TILT = 7.0  # degrees, either way
CUT = 0.10  # at most, of each side
LIGHT = (0.65, 1.05)
SIDES = (360, 520)  # pixels of the shorter side
QUALITY = (45, 70)


def as_seen_by_a_phone(picture: bytes, seed: int) -> bytes:
    """The picture a little turned, cut, dim or pale, smaller and compressed again; the same for the same seed."""
    generator = np.random.default_rng(seed)
    seen = Image.open(io.BytesIO(picture)).convert("RGB")
    ground = seen.getpixel((2, 2))
    seen = seen.rotate(generator.uniform(-TILT, TILT), Image.Resampling.BICUBIC, fillcolor=ground)
    seen = seen.crop(_cut(generator, *seen.size))
    seen = ImageEnhance.Brightness(seen).enhance(float(generator.uniform(*LIGHT)))
    seen = ImageEnhance.Color(seen).enhance(float(generator.uniform(0.8, 1.1)))
    share = float(generator.integers(*SIDES)) / min(seen.size)
    seen = seen.resize((round(seen.width * share), round(seen.height * share)), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    seen.save(target, "JPEG", quality=int(generator.integers(*QUALITY)))
    return target.getvalue()


def _cut(generator: np.random.Generator, width: int, height: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = generator.uniform(0.02, CUT, 4)
    return int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)
