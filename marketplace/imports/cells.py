"""What a cell of a spreadsheet says: a text, a number, a count, a moment; as a workbook or a CSV types it."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from marketplace.errors import InputRejected
from marketplace.events.orders import LARGEST_AMOUNT

DateOrder = Literal["iso", "dmy", "mdy"]
_AMOUNT = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")
_SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_NOISE = 6  # digits after the point that a float may be trusted for
EARLIEST, MONTHS = 1990, 12


def text_of(value: Any) -> str:
    """The cell as text without space around it, "" where it is empty; a whole number without a point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())


def number_of(value: Any) -> Decimal:
    """A number as it is written: 1,250.50, or (1,250.50) for one below zero.

    Raises
    ------
    InputRejected
        If it is none.
    """
    if isinstance(value, bool):
        raise InputRejected(f"{value!r} is no number")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(round(value, _NOISE)))
    written = text_of(value)
    bracketed = written.startswith("(") and written.endswith(")")
    found = _AMOUNT.fullmatch(written.strip("()") if bracketed else written)
    if found is None:
        raise InputRejected(f"{written!r} is no number")
    sign, whole, fraction = found.groups()
    number = Decimal(whole.replace(",", "") + (fraction or ""))
    return -number if sign or bracketed else number


def count_of(value: Any) -> int:
    """A number of things.

    Raises
    ------
    InputRejected
        If it is none, below zero or no whole number.
    """
    number = number_of(value)
    if number != number.to_integral_value() or not 0 <= number <= LARGEST_AMOUNT:
        raise InputRejected(f"{text_of(value)!r} is no count")
    return int(number)


def moment_of(value: Any, zone: ZoneInfo, order: DateOrder) -> datetime:
    """The instant, in UTC, of what a clock in the zone showed; midnight where there is only a day.

    Raises
    ------
    InputRejected
        If it is no moment, or a text whose day and month could be exchanged and `order` does not say which is which.
    """
    if isinstance(value, datetime):
        shown = value
    elif isinstance(value, date):
        shown = datetime.combine(value, time())
    else:
        shown = _written(text_of(value), order)
    if shown.year < EARLIEST:
        raise InputRejected(f"{text_of(value)!r} is before {EARLIEST}")
    return (shown if shown.tzinfo else shown.replace(tzinfo=zone)).astimezone(UTC)


def _written(text: str, order: DateOrder) -> datetime:
    slashed = _SLASHED.fullmatch(text)
    try:
        return _slashed(text, slashed, order) if slashed else datetime.fromisoformat(text)
    except ValueError as error:
        raise InputRejected(f"{text!r} is no date") from error


def _slashed(text: str, found: re.Match[str], order: DateOrder) -> datetime:
    first, second, year, hour, minute, second_of = (int(part or 0) for part in found.groups())
    if order == "iso" and max(first, second) <= MONTHS and first != second:
        raise InputRejected(f"{text!r} may be two dates; say with --dates whether the day or the month comes first")
    is_month_first = order == "mdy" or (order == "iso" and second > MONTHS)
    day, month = (second, first) if is_month_first else (first, second)
    return datetime(year, month, day, hour, minute, second_of)  # noqa: DTZ001 - the clock of the zone, joined later
