"""Digits with their points, commas and spaces, read as whole numbers of minor units; never through a float."""

from __future__ import annotations

import re
from typing import NamedTuple

from marketplace.errors import PriceUnreadable

LARGEST_MINOR = 10**14
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.(\d+))?|[1-9]\d{0,2}(?:'\d{3})+(?:\.(\d+))?")
_SPACED = re.compile(r"[1-9]\d{0,2}(?: \d{3})+(?:[.,](\d{1,2}))?")
_POINTED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,(\d{1,2})|[1-9]\d{0,2}(?:\.\d{3}){2,}()")
_DECIMAL = re.compile(r"(?:0|[1-9]\d*)(?:\.(\d+)|,(\d{1,2}))")
_NOT_DIGITS = re.compile(r"\D")


class Numeral(NamedTuple):
    """A number as `digits` / 10 ** `decimals`; `three` where a lone separator stands before exactly three digits."""

    digits: int
    decimals: int
    three: str = ""


def numeral(raw: str) -> Numeral | None:
    """The number that digits and separators write, None where they are grouped as no number is."""
    if raw.isdigit():
        return None if raw[0] == "0" and len(raw) > 1 else Numeral(int(raw), 0)
    for form in (_SPACED,) if " " in raw else (_GROUPED, _DECIMAL, _POINTED):
        found = form.fullmatch(raw)
        if found:
            decimals = len(next((part for part in found.groups() if part), ""))
            return Numeral(int(_NOT_DIGITS.sub("", raw)), decimals, _lone_separator(raw, decimals))
    return None


def _lone_separator(raw: str, decimals: int) -> str:
    """The separator of "1.250" or "1,250", which markets read differently."""
    if decimals == 3 and len(raw) <= 7 and raw[0] != "0":
        return "."
    return "," if decimals == 0 and raw.count(",") == 1 and len(raw) <= 7 else ""


def minor_units(text: str, number: Numeral, power: int, currency: str, digits: int, *, pointed: bool) -> int:
    """The number times 10 ** `power` in minor units of a currency that keeps `digits` after the point.

    Raises
    ------
    PriceUnreadable
        If a lone separator could be read two ways, the amount has more decimals than the currency, or is too large.
    """
    decimals = number.decimals
    if number.three and not power:
        if number.three == "." and digits != 3:
            if not pointed:
                raise PriceUnreadable(f"{text!r} has three digits after a point: decimals or thousands", "ambiguous")
            decimals = 0
        elif number.three == "," and digits == 3:
            raise PriceUnreadable(f"{text!r} has three digits after a comma: decimals or thousands", "ambiguous")
    shift = power + digits - decimals
    if shift > 30 or number.digits > LARGEST_MINOR * 10**30:
        raise PriceUnreadable(f"{text!r} is larger than any price", "too_large")
    amount, rest = divmod(number.digits * int(10 ** max(shift, 0)), int(10 ** max(-shift, 0)))
    if rest:
        raise PriceUnreadable(f"{text!r} has more decimals than {currency} keeps", "too_many_decimals")
    if amount > LARGEST_MINOR:
        raise PriceUnreadable(f"{text!r} is larger than any price", "too_large")
    return amount
