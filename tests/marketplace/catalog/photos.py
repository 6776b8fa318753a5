"""Pictures made for tests: a scene of shapes that looks like no other, and what is done to pictures."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def scene(seed: int, size: tuple[int, int] = (480, 640)) -> Image.Image:
    """Shapes of many sizes and colours on a shaded ground, the same for the same seed."""
    generator = np.random.default_rng(seed)
    width, height = size
    picture = Image.linear_gradient("L").rotate(float(generator.integers(360))).resize(size).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = generator.integers(0, width), generator.integers(0, height)
        side = int(generator.integers(width // 12, width // 3))
        colour = tuple(int(value) for value in generator.integers(0, 256, 3))
        shape = draw.ellipse if generator.random() < 0.5 else draw.rectangle
        shape((x, y, x + side, y + side), fill=colour)
    return picture


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    """The picture as it is stored."""
    target = io.BytesIO()
    picture.convert("RGB").save(target, "JPEG", quality=quality)
    return target.getvalue()


def written(picture: Image.Image, text: str, size: int, spacing: int | None = None) -> Image.Image:
    """The picture with lines of text over all of it."""
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    ink = (10, 10, 10) if np.asarray(picture).mean() > 127 else (250, 250, 250)
    for top in range(size // 2, picture.height - size, spacing or round(size * 1.5)):
        draw.text((size // 2, top), text, fill=ink, font=font)
    return picture


def screenshot(size: tuple[int, int] = (360, 800)) -> Image.Image:
    """A phone's screen: a status bar, a title, a photo of a product and a few lines."""
    width = size[0]
    screen = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(screen), ImageFont.load_default(16)
    draw.text((14, 6), "10:42", fill="black", font=font)
    for place in range(3):
        draw.rectangle((width - 30 - 24 * place, 9, width - 16 - 24 * place, 21), fill="black")
    screen.paste(scene(4, (width, width)), (0, 90))
    for place, line in enumerate(("Kitenge dress", "KSh 2,500", "Message the shop")):
        draw.text((14, 90 + width + 30 + 50 * place), line, fill="black", font=font)
    return screen
