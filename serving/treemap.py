"""Areas in proportion to their values, each as close to a square as it gets.

Source: Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def squarified(values: Sequence[float], width: float, height: float) -> list[Box]:
    """One box for each of the values, which are positive and the largest first; together they fill the whole."""
    boxes: list[Box] = []
    left = Box(0.0, 0.0, width, height)
    scale = width * height / sum(values) if values else 0.0
    areas = [value * scale for value in values]
    while areas:
        side = min(left.width, left.height)
        taken = 1
        while taken < len(areas) and _worst(areas[: taken + 1], side) <= _worst(areas[:taken], side):
            taken += 1
        row, left = _laid(areas[:taken], left)
        boxes += row
        areas = areas[taken:]
    return boxes


def _worst(row: Sequence[float], side: float) -> float:
    """The worst ratio of sides in the row."""
    whole = sum(row)
    return max(side**2 * max(row) / whole**2, whole**2 / (side**2 * min(row)))


def _laid(row: Sequence[float], within: Box) -> tuple[list[Box], Box]:
    """The row along the shorter side, and what is left beside it."""
    whole, at, boxes = sum(row), 0.0, []
    if within.width >= within.height:
        wide = whole / within.height
        for area in row:
            boxes.append(Box(within.x, within.y + at, wide, area / wide))
            at += area / wide
        return boxes, Box(within.x + wide, within.y, within.width - wide, within.height)
    high = whole / within.width
    for area in row:
        boxes.append(Box(within.x + at, within.y, area / high, high))
        at += area / high
    return boxes, Box(within.x, within.y + high, within.width, within.height - high)
