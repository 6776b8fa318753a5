"""Pictures of sample products: a silhouette per category, cut from a printed cloth, on a soft studio ground."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from marketplace.catalog.products import stable_id
from marketplace.local.market import COLOURS, SampleProduct

WIDTH = 640
SCALE = 2  # drawn twice as large and reduced, for smooth edges
GROUNDS = ("#f4ede4", "#eef1f0", "#f3eaea", "#edeff5", "#f6f1dd", "#e9f0ea")
Point = tuple[float, float]


TURN, AWAY = 20.0, 50  # degrees and pixels: no two sellers lay a thing down alike


def draw_picture(product: SampleProduct) -> bytes:
    """A JPEG, 640 pixels wide and 560 to 860 high, the same for the same product; copied photos are equal."""
    generator = np.random.default_rng(stable_id("picture", product.copies or product.ref))
    size = (WIDTH, int(generator.choice([560, 640, 720, 800, 860])))
    large = (size[0] * SCALE, size[1] * SCALE)
    ground = _ground(size, GROUNDS[int(generator.integers(len(GROUNDS)))])
    outline = Image.new("L", large, 0)
    SHAPES[product.category](ImageDraw.Draw(outline), _box(large), generator)
    hand = np.random.default_rng(stable_id("hand", product.copies or product.ref))
    turn, place = hand.uniform(-TURN, TURN), (int(hand.uniform(-AWAY, AWAY)), int(hand.uniform(-AWAY, AWAY)))
    shape = outline.reduce(SCALE).rotate(turn, Image.Resampling.BICUBIC, translate=place)
    ground.paste(Image.new("RGB", size, "#4a3f35"), (0, 0), _shadow(shape))
    seen = shape.getbbox() or (0, 0, *size)
    cloth = _cloth(size, seen, COLOURS[product.colour], product.pattern, generator)
    ground.paste(cloth, seen, shape.crop(seen))
    if draw_detail := DETAILS.get(product.category):
        details = Image.new("RGBA", large, (0, 0, 0, 0))
        draw_detail(ImageDraw.Draw(details), _box(large), COLOURS[product.colour])
        details = details.reduce(SCALE).rotate(turn, Image.Resampling.BICUBIC, translate=place)
        ground.paste(details, (0, 0), details)
    target = io.BytesIO()
    ground.save(target, "JPEG", quality=88)
    return target.getvalue()


def _shadow(shape: Image.Image) -> Image.Image:
    small = shape.reduce(4).filter(ImageFilter.GaussianBlur(5)).point(lambda value: value * 0.35)
    moved = Image.new("L", shape.size, 0)
    moved.paste(small.resize(shape.size, Image.Resampling.BICUBIC), (6, 16))
    return moved


Box = tuple[float, float, float, float]
Shape = Callable[[ImageDraw.ImageDraw, Box, np.random.Generator], None]


def _box(size: tuple[int, int]) -> Box:
    width, height = size
    side = 0.80 * min(width, height * 0.92)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _at(box: Box, points: Sequence[Point]) -> list[Point]:
    left, top, right, bottom = box
    return [(left + x * (right - left), top + y * (bottom - top)) for x, y in points]


def _oval(draw: ImageDraw.ImageDraw, box: Box, x0: float, y0: float, x1: float, y1: float, fill: int = 255) -> None:
    draw.ellipse([*_at(box, [(x0, y0)])[0], *_at(box, [(x1, y1)])[0]], fill=fill)


def _smooth(points: Sequence[Point], rounds: int = 3) -> list[Point]:
    """Corners cut again and again until the outline flows.

    Source: Chaikin, "An algorithm for high-speed curve generation", CGIP 1974.
    """
    for _ in range(rounds):
        cut: list[Point] = []
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            cut += [(0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1), (0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1)]
        points = cut
    return list(points)


def _outline(*points: Point, mirrored: bool = False, rounds: int = 2) -> Shape:
    whole = [*points, *[(1 - x, y) for x, y in reversed(points)]] if mirrored else list(points)

    def draw_outline(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
        draw.polygon(_at(box, _smooth(whole, rounds)), fill=255)

    return draw_outline


def _handled(body: Shape, handle: Box, thickness: float) -> Shape:
    def draw_handled(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
        x0, y0, x1, y1 = handle
        _oval(draw, box, x0, y0, x1, y1)
        _oval(draw, box, x0 + thickness, y0 + thickness, x1 - thickness, y1 - thickness, fill=0)
        body(draw, box, generator)

    return draw_handled


MUG: Sequence[Point] = ((0.14, 0.18), (0.15, 0.82), (0.22, 0.9), (0.68, 0.9), (0.75, 0.82), (0.76, 0.18))


def _mug(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
    _oval(draw, box, 0.62, 0.30, 0.98, 0.72)
    _oval(draw, box, 0.70, 0.38, 0.90, 0.64, fill=0)
    _outline((0.14, 0.18), (0.15, 0.82), (0.22, 0.9), (0.68, 0.9), (0.75, 0.82), (0.76, 0.18), rounds=1)(
        draw, box, generator
    )


def _beads(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
    for ring, beads in ((0.44, 34), (0.35, 28), (0.26, 22)):
        for bead in range(beads):
            turn = math.pi * (0.06 + 1.88 * bead / (beads - 1)) + math.pi / 2 * 3
            x, y = 0.5 + ring * math.cos(turn - math.pi / 2), 0.46 + 1.05 * ring * math.sin(turn - math.pi / 2)
            radius = 0.026
            _oval(draw, box, x - radius, y - radius, x + radius, y + radius)
    _outline((0.42, 0.9), (0.5, 1.0), (0.58, 0.9), (0.5, 0.8), rounds=2)(draw, box, generator)


def _pair(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
    left, top, right, bottom = box
    width = right - left
    sole: list[Point] = [
        *((0.2, 0.1), (0.5, 0.0), (0.8, 0.1), (0.85, 0.4), (0.72, 0.62)),
        *((0.78, 0.9), (0.5, 1.0), (0.22, 0.9), (0.28, 0.62), (0.15, 0.4)),
    ]
    for shift in (0.0, 0.52):
        draw.polygon(_at((left + shift * width, top, left + (shift + 0.48) * width, bottom), _smooth(sole)), fill=255)


def _folded(draw: ImageDraw.ImageDraw, box: Box, generator: np.random.Generator) -> None:
    for step in range(4):
        y = 0.10 + 0.2 * step
        right: list[Point] = [(0.96, y), (0.99, y + 0.09), (0.96, y + 0.18)]
        points = [*right, *[(1 - x, height) for x, height in reversed(right)]]
        draw.polygon(_at(box, points), fill=255)


SHAPES: Mapping[str, Shape] = {
    "Dresses": _outline(
        (0.5, 0.10), (0.42, 0.10), (0.38, 0.0), (0.30, 0.02), (0.20, 0.22), (0.31, 0.28), (0.35, 0.24), (0.37, 0.42),
        (0.16, 0.98), (0.5, 1.0), mirrored=True,
    ),
    "Shirts": _outline(
        (0.5, 0.12), (0.40, 0.06), (0.28, 0.08), (0.02, 0.30), (0.13, 0.46), (0.25, 0.38), (0.25, 0.95), (0.5, 0.97),
        mirrored=True, rounds=1,
    ),
    "Shoes": _outline(
        (0.02, 0.30), (0.20, 0.26), (0.34, 0.34), (0.46, 0.46), (0.72, 0.54), (0.95, 0.62), (1.0, 0.76), (0.98, 0.82),
        (0.02, 0.82), (0.0, 0.60),
    ),
    "Sandals": _pair,
    "Bags": _handled(
        _outline((0.08, 0.40), (0.0, 0.92), (0.06, 1.0), (0.94, 1.0), (1.0, 0.92), (0.92, 0.40), rounds=1),
        (0.26, 0.02, 0.74, 0.80), 0.06,
    ),
    "Baskets": _handled(
        _outline((0.04, 0.42), (0.14, 0.94), (0.24, 1.0), (0.76, 1.0), (0.86, 0.94), (0.96, 0.42), rounds=1),
        (0.12, 0.02, 0.88, 0.82), 0.05,
    ),
    "Pots": _outline(
        (0.5, 0.04), (0.36, 0.05), (0.34, 0.16), (0.40, 0.24), (0.16, 0.38), (0.04, 0.62), (0.14, 0.86), (0.32, 0.97),
        (0.5, 0.98), mirrored=True,
    ),
    "Mugs": _mug,
    "Fabrics": _folded,
    "Jewellery": _beads,
    "Headwraps": _outline(
        (0.5, 0.28), (0.36, 0.06), (0.20, 0.10), (0.26, 0.30), (0.10, 0.44), (0.06, 0.66), (0.20, 0.86), (0.5, 0.92),
        mirrored=True, rounds=3,
    ),
    "Phone covers": _outline(
        (0.5, 0.0), (0.30, 0.0), (0.24, 0.03), (0.24, 0.97), (0.30, 1.0), (0.5, 1.0), mirrored=True, rounds=1
    ),
}  # fmt: skip


def _line(draw: ImageDraw.ImageDraw, box: Box, points: Sequence[Point], colour: str, width: int) -> None:
    draw.line(_at(box, points), fill=colour, width=width * SCALE, joint="curve")


def _shoe_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    draw.polygon(_at(box, [(0.0, 0.79), (1.0, 0.79), (0.99, 0.88), (0.01, 0.88)]), fill="#f7f3ec")
    for step in range(4):
        x, y = 0.34 + 0.075 * step, 0.40 + 0.045 * step
        _line(draw, box, [(x, y), (x + 0.07, y - 0.045)], "#f7f3ec", 4)


def _sandal_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    for shift in (0.0, 0.52):
        centre = shift + 0.24
        _line(draw, box, [(shift + 0.07, 0.46), (centre, 0.2), (shift + 0.41, 0.46)], "#5b3a21", 10)
        for bead in range(5):
            x = shift + 0.10 + 0.07 * bead
            y = 0.46 - 0.26 * (1 - abs(x - centre) / 0.17) if abs(x - centre) < 0.17 else 0.46
            _dot(draw, box, x, y, 0.017, "#f2c14e")


def _dot(draw: ImageDraw.ImageDraw, box: Box, x: float, y: float, radius: float, colour: str) -> None:
    draw.ellipse([*_at(box, [(x - radius, y - radius)])[0], *_at(box, [(x + radius, y + radius)])[0]], fill=colour)


def _phone_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    corners = [*_at(box, [(0.29, 0.05)])[0], *_at(box, [(0.47, 0.23)])[0]]
    draw.rounded_rectangle(corners, radius=14 * SCALE, fill="#23262b")
    for x, y in ((0.335, 0.095), (0.425, 0.095), (0.335, 0.185)):
        _dot(draw, box, x, y, 0.03, "#0f1114")
        _dot(draw, box, x, y, 0.012, "#5b6b80")


def _mug_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    draw.ellipse([*_at(box, [(0.14, 0.12)])[0], *_at(box, [(0.76, 0.25)])[0]], fill="#fbf6ee")
    draw.ellipse([*_at(box, [(0.18, 0.14)])[0], *_at(box, [(0.72, 0.235)])[0]], fill="#4a2c1a")


def _fold_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    for step in range(1, 4):
        _line(draw, box, [(0.03, 0.09 + 0.2 * step), (0.97, 0.09 + 0.2 * step)], "#00000055", 2)


def _basket_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    _line(draw, box, [(0.06, 0.43), (0.94, 0.43)], "#5b3a21", 9)


def _shirt_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    _line(draw, box, [(0.5, 0.11), (0.5, 0.94)], "#fbf6ee", 2)
    for step in range(5):
        _dot(draw, box, 0.515, 0.22 + 0.16 * step, 0.011, "#fbf6ee")
    draw.polygon(_at(box, [(0.39, 0.07), (0.5, 0.22), (0.61, 0.07), (0.5, 0.11)]), fill="#fbf6ee")


def _dress_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    draw.polygon(_at(box, [(0.365, 0.38), (0.635, 0.38), (0.64, 0.43), (0.36, 0.43)]), fill="#3b2a20")


def _headwrap_detail(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    for start, middle, end in (
        ((0.10, 0.52), (0.5, 0.66), (0.90, 0.52)),
        ((0.14, 0.70), (0.5, 0.80), (0.86, 0.70)),
        ((0.36, 0.28), (0.5, 0.40), (0.64, 0.28)),
    ):
        _line(draw, box, _smooth([start, middle, end, middle], 4), "#3b2a2055", 3)


DETAILS: Mapping[str, Callable[[ImageDraw.ImageDraw, Box, str], None]] = {
    "Shoes": _shoe_detail,
    "Sandals": _sandal_detail,
    "Phone covers": _phone_detail,
    "Mugs": _mug_detail,
    "Fabrics": _fold_detail,
    "Baskets": _basket_detail,
    "Bags": _basket_detail,
    "Shirts": _shirt_detail,
    "Dresses": _dress_detail,
    "Headwraps": _headwrap_detail,
}


def _ground(size: tuple[int, int], colour: str) -> Image.Image:
    width, height = size
    x, y = np.meshgrid(np.linspace(-1, 1, width // 4), np.linspace(-1, 1, height // 4))
    light = 1.02 - 0.08 * (x**2 * 0.6 + (y + 0.25) ** 2)
    shaded = np.clip(light[..., None] * _rgb(colour), 0, 255).astype(np.uint8)
    return Image.fromarray(shaded).resize(size, Image.Resampling.BICUBIC)


def _cloth(
    size: tuple[int, int], seen: tuple[int, int, int, int], colour: str, pattern: str, generator: np.random.Generator
) -> Image.Image:
    """The part of the cloth that is seen, as large as that part."""
    left, top, right, bottom = seen
    x = np.arange(left, right, dtype=np.float32)[None, :]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    period = float(generator.choice([36, 48, 64]))
    main = _rgb(colour)
    second = _rgb(list(COLOURS.values())[int(generator.integers(len(COLOURS)))])
    third = _rgb("#f6e7c8")
    layer = np.broadcast_to(_level(pattern, x, y, period), (bottom - top, right - left))  # 0 ground, 1 figure, 2 accent
    colours = np.stack([main, 0.35 * main + 0.65 * second, third])
    woven = colours.take(layer, axis=0)
    woven *= (0.97 + 0.03 * (np.sin(x * 1.9) * np.sin(y * 1.9)))[..., None]
    lit = woven.astype(np.uint8) * _light(size)[None, left:right, None]
    return Image.fromarray(np.minimum(lit, 255, out=lit).astype(np.uint8))


def _level(pattern: str, x: NDArray[np.float32], y: NDArray[np.float32], period: float) -> NDArray[np.int8]:
    """The layer at each place, from a row of x and a column of y; of one row where the pattern knows no y."""
    across, down = (x % period) / period - 0.5, (y % period) / period - 0.5
    if pattern == "stripes":
        value = np.abs(across)
        return _layers(value < 0.12, value > 0.46)
    if pattern == "diamonds":
        value = np.abs(across) + np.abs(down)
        return _layers(value < 0.34, value < 0.16)
    if pattern == "dots":
        value = np.hypot(across, down)
        return _layers(value < 0.26, value < 0.12)
    if pattern == "chevrons":
        value = ((y + np.abs((x % period) - period / 2) * 1.2) % period) / period
        return _layers(value < 0.22, (value >= 0.22) & (value < 0.30))
    if pattern == "waves":
        value = ((y + 9 * np.sin(x / period * 4)) % period) / period
        return _layers(value < 0.25, (value >= 0.25) & (value < 0.34))
    return np.zeros((1, 1), dtype=np.int8)


def _layers(figure: NDArray[np.bool_], accent: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(accent, np.int8(2), figure.astype(np.int8))


def _light(size: tuple[int, int]) -> NDArray[np.float64]:
    """How lit each column is: the middle of the product most."""
    left, _, right, _ = _box(size)
    x = (np.arange(size[0]) - left) / (right - left)
    light: NDArray[np.float64] = 0.80 + 0.30 * np.sin(np.clip(x, 0, 1) * math.pi)
    return light


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float64)
