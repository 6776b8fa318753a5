"""Reading an order's products from one line of text, as web shops export them: `8× Pullets, 2× Feed (25 kg)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from marketplace.errors import InputRejected

# A title may hold commas and digits itself, so a new line begins only where a count and its sign follow the comma.
_LINE = re.compile(r"(?:^|,)\s*(\d[\d,]*)\s*[×xX*]\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class BasketLine:
    """A product of an order as its shop named it, and how many."""

    title: str
    quantity: int


def read_basket(text: str) -> tuple[BasketLine, ...]:
    """The products of an order in the order they stand; the same product twice is one line with the sum.

    Empty text is an empty basket.

    Raises
    ------
    InputRejected
        If the text does not begin with a count, or a count is 0.
    """
    stripped = " ".join(text.split())
    if not stripped:
        return ()
    marks = list(_LINE.finditer(stripped))
    if not marks or marks[0].start() != 0:
        raise InputRejected(f"products {stripped[:80]!r} do not begin with a count such as 2×")
    found: dict[str, int] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(stripped)]
    for mark, end in zip(marks, ends, strict=True):
        quantity = int(mark.group(1).replace(",", ""))
        title = stripped[mark.end() : end].strip(" ,")
        if quantity == 0:
            raise InputRejected(f"products {stripped[:80]!r} hold 0 of {title!r}")
        found[title] = found.get(title, 0) + quantity
    return tuple(BasketLine(title, quantity) for title, quantity in found.items())
