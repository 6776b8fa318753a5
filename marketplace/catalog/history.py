"""Reading history as it is kept: instants as people write them, and prices as versions hold them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price
from marketplace.errors import InputRejected

VersionedField = Literal["price", "in_stock", "title", "description", "category", "url", "image_url", "image", "status"]
_PRICE = re.compile(
    r"(?P<low>\d+)(?:-(?P<high>\d+))? (?P<currency>[A-Z]{3})(?P<lowest> from)?"
    r"(?: for (?P<quantity>\d+(?:\.\d+)?)(?: (?P<unit>.+))?)?"
)


def instant_of(text: str) -> datetime:
    """The instant that a text names: one with a zone as it is, a day as its last microsecond in UTC.

    Raises
    ------
    InputRejected
        If it is neither, or an hour without a zone.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputRejected(f"{text!r} is no day or instant, such as 2026-11-21 or 2026-11-21T08:00Z") from error
    if instant.tzinfo is None:
        raise InputRejected(f"{text!r} has no zone; write 2026-11-21T08:00Z or 2026-11-21T11:00+03:00")
    return instant


def price_kept(value: str | None) -> Price | None:
    """The price that a version holds, as `changes.price_written` wrote it; None for none.

    Raises
    ------
    InputRejected
        If it is written in another way.
    """
    if value is None:
        return None
    form = _PRICE.fullmatch(value)
    if form is None:
        raise InputRejected(f"{value!r} is no price as history keeps it")
    return Price(
        int(form["low"]),
        form["currency"],
        int(form["high"]) if form["high"] else None,
        kind="from" if form["lowest"] else "single",
        quantity=Decimal(form["quantity"] or 1),
        unit=form["unit"],
    )


def price_text(value: str | None) -> str | None:
    """The price in a version for a reader: "KSh 1,299"; the value as it is where it is written in another way."""
    try:
        price = price_kept(value)
    except InputRejected:
        return value
    return format_price(price) if price else None
