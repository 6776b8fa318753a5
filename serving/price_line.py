"""A product's prices over time, as a page shows them: a line to glance at, and a list to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplace.catalog.history import price_text
from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price
from marketplace.storage.history import Version
from serving.presenting import kept_price

WIDTH, HEIGHT, ROOM = 320, 72, 6


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A price and how long it held; `text` is None where the source showed none, `valid_to` while it holds."""

    text: str | None
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class PriceLine:
    """Prices, newest first, and an SVG path through those of the newest currency; empty where no line can be drawn."""

    steps: tuple[PriceStep, ...]
    path: str
    lowest: str
    highest: str


def price_line(versions: Sequence[Version], now: datetime) -> PriceLine | None:
    """The line through a product's price versions, given newest first; None without any."""
    if not versions:
        return None
    prices = [kept_price(one.value) for one in versions]
    steps = tuple(PriceStep(price_text(one.value), one.valid_from, one.valid_to) for one in versions)
    currency = next((price.currency for price in prices if price), None)
    drawn = [
        (one.valid_from, one.valid_to or now, price)
        for one, price in zip(versions, prices, strict=True)
        if price and price.currency == currency
    ]
    if len({price.amount_minor for *_, price in drawn}) < 2:
        return PriceLine(steps, "", "", "")
    ordered = sorted((price for *_, price in drawn), key=lambda price: price.amount_minor)
    return PriceLine(steps, _path(drawn[::-1]), format_price(ordered[0]), format_price(ordered[-1]))


def _path(drawn: Sequence[tuple[datetime, datetime, Price]]) -> str:
    """Level while a price holds, upright where it changes, broken where there was none."""
    first, last = drawn[0][0], drawn[-1][1]
    amounts = [price.amount_minor for *_, price in drawn]
    low, high = min(amounts), max(amounts)
    whole = max((last - first).total_seconds(), 1.0)
    parts: list[str] = []
    before: datetime | None = None
    for begin, end, price in drawn:
        left, right = (round(WIDTH * (at - first).total_seconds() / whole, 1) for at in (begin, end))
        level = round(ROOM + (HEIGHT - 2 * ROOM) * (high - price.amount_minor) / (high - low), 1)
        parts.append(f"V{level}H{right}" if begin == before else f"M{left} {level}H{right}")
        before = end
    return "".join(parts)
