"""Amounts as they are said in Swahili: "elfu mbili mia tano", "elfu kumi na tano", "milioni 1.5"."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.catalog.pricing.numerals import Numeral, numeral
from marketplace.catalog.pricing.tokens import Token
from marketplace.catalog.pricing.vocabulary import SPOKEN_BEFORE
from marketplace.errors import PriceUnreadable

_THOUSAND = 1000
_HIGHEST_POWER = 9


def spoken_number(text: str, tokens: Sequence[Token], at: int) -> tuple[Numeral, int, int]:
    """The number that begins at a place, the power of ten it is counted in, and the place after it.

    Raises
    ------
    PriceUnreadable
        If it counts thousands in thousands.
    """
    follower = tokens[at + 1]
    if follower.kind == "number" and (read := numeral(follower.text)) and read.decimals:
        return read, tokens[at].value, at + 2
    total, power = 0, _HIGHEST_POWER
    while (token := tokens[at]).text in SPOKEN_BEFORE:
        if token.value >= power:
            raise PriceUnreadable(f"{text!r} counts thousands in thousands", "ambiguous")
        power = token.value
        factor, at = _factor(text, tokens, at + 1)
        total += factor * 10**token.value
        if tokens[at].kind == "and" and tokens[at + 1].text in SPOKEN_BEFORE:
            at += 1
    return Numeral(total, 0), 0, at


def _factor(text: str, tokens: Sequence[Token], at: int) -> tuple[int, int]:
    """How many thousands or hundreds are said, and the place after the words; one where none is."""
    if tokens[at].kind == "number":
        read = numeral(tokens[at].text)
        if read is None or read.decimals or read.digits >= _THOUSAND:
            raise PriceUnreadable(f"{text!r} counts thousands in thousands", "ambiguous")
        return read.digits, at + 1
    total = 0
    while tokens[at].kind == "spoken":
        total += tokens[at].value
        joined = tokens[at + 1].kind == "and" and tokens[at + 2].kind == "spoken"
        at += 2 if joined else 1
    return total or 1, at
