"""A text cut into numbers, words and signs, each with its place; what disguises an amount is refused here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from marketplace.catalog.pricing.vocabulary import Meaning
from marketplace.errors import PriceUnreadable

# Longer than any line with a price in it; also what keeps the work bounded.
LONGEST_TEXT = 240

_ABROAD = "2[0-9][0-9]|27|20"  # the calling codes of Africa
_TOKEN = re.compile(
    rf"""
      (?P<symbol>gh[₵¢]|us\$|n\$|l\$|l\.e\b\.?|sh\.?so\b\.?|[$€£₦₵¢]|=n=)
    | (?P<word>w/s\b|reja\ reja\b|[ld]'(?=[^\W\d_])|[^\W\d_]+|[@&#📞☎])
    | (?P<phone>(?=[+\d](?:[ .\-]?\d){{7}})(?:
        (?:\+|\b00)(?:{_ABROAD})(?:[ .\-]?\d){{8,10}}(?!\d)
      | \+\d(?:[ .\-]?\d){{9,12}}(?!\d)
      | \b(?:25[0-9]|23[34]|22[1-9]|24[0-9]|26[0-9]|27)(?:\d{{10}}|\d{{9}})(?!\d)
      | 0[789][01]\d[ .\-]?\d{{3}}[ .\-]?\d{{4}}(?!\d)
      | 0\d(?:[ .\-]?\d){{8}}(?!\d)
      | 0\d(?:[ .\-]?\d){{7}}(?!\d)
      | 6[ ]\d\d[ ]\d\d[ ]\d\d[ ]\d\d(?!\d)
      | (?:7[05678]|33)[ ]\d{{3}}[ ]\d\d[ ]\d\d(?!\d)
      | 8[2-7][ ]\d{{3}}[ ]\d{{4}}(?!\d)
      | [6-9]\d\d-\d{{3}}-\d{{3,4}}(?!\d)
      | [789]\d\d[ ]\d{{3}}[ ]\d{{4}}(?!\d)
      | [17]\d\d[ ]\d{{6}}(?!\d)
      ))
    | (?P<number>\d{{1,3}}(?:[ ]\d{{3}})+(?!\d)(?:[.,]\d{{1,2}}(?!\d))?|\d+(?:[.,']\d+)*(?:e[+\-]?\d+(?![^\W\d_]))?
        |(?<![^\W\d_])\.\d{{1,2}}(?![\d.,']))
    | (?P<mark>/[=\-]+/?|=/?(?!n=|>)|\.-(?!\d)|-/=?)
    | (?P<arrow>[-=]+>|[→➡»>]+)
    | (?P<dash>[-–—−])
    | (?P<strike>~+)
    | (?P<percent>%)
    | (?P<sign>[^\s\w])
    """,
    re.VERBOSE,
)  # fmt: skip
_REORDERING = re.compile("[\u202d\u202e]")
_ETHIOPIC_NUMERALS = re.compile("[\u1369-\u137c]")
_SYMBOL_WORDS = {"l.e": "le", "l.e.": "le", "sh.so": "shso", "sh.so.": "shso", "shso": "shso", "shso.": "shso"}
STROKE = "\u0336"  # drawn through the character before it: an old price
_PARTS = {"½": "5", "¼": "25", "¾": "75"}
_INVISIBLE = frozenset({"Cf", "Mn", "Me"})


_UNKNOWN = Meaning("word")


class Token(NamedTuple):
    """A piece of the text: its kind, its letters in lower case, the value that they carry, and where it stands."""

    kind: str
    text: str
    value: Any
    start: int
    end: int


class Line(NamedTuple):
    """A text made plain for scanning, and the place in the original of each of its characters where they differ."""

    plain: str
    places: Sequence[int] | None


# Stands before and after a text, so that its first and last tokens have neighbours too.
END = Token("end", "", None, -1, -1)
PADDING = (END, END, END, END, END)


def plain_line(text: str) -> Line:
    """The text in lower case with one form for every digit, space and accent.

    Raises
    ------
    PriceUnreadable
        If it is too long, holds control characters, turns the order of what is shown, or counts in Ethiopic numerals.
    """
    if len(text) > LONGEST_TEXT:
        text = text.strip()
        if len(text) > LONGEST_TEXT:
            raise PriceUnreadable(f"{text[:60]!r}... is longer than any price", "too_long")
    if text.isascii():
        if not text.isprintable():
            text = _without_breaks(text)
        return Line(text.lower(), None)
    return _unified(text)


def _without_breaks(text: str) -> str:
    shown = text.translate({9: " ", 10: " ", 13: " "})
    if not shown.isprintable():
        raise PriceUnreadable(f"{text!r} holds control characters", "disguised")
    return shown


def _unified(text: str) -> Line:
    """As `plain_line`, for text beyond ASCII: character by character, so that every place is known."""
    if _REORDERING.search(text):
        raise PriceUnreadable(f"{text!r} is shown in another order than it is written", "disguised")
    if _ETHIOPIC_NUMERALS.search(text):
        raise PriceUnreadable(f"{text!r} counts in Ethiopic numerals, which are not read", "numerals")
    plain: list[str] = []
    places: list[int] = []
    struck = False
    for place, character in enumerate(text):
        written = _unified_character(text, place, character)
        if character != STROKE and (text[place + 1 : place + 2] == STROKE) != struck:
            struck = not struck
            written = f"~{written}"
        plain += written
        places += [place] * len(written)
    if struck:
        plain.append("~")
        places.append(len(text))
    places.append(len(text))
    return Line("".join(plain), places)


def _unified_character(text: str, place: int, character: str) -> str:
    if character.isascii():
        if (character < " " and character not in "\t\n\r") or character == "\x7f":
            raise PriceUnreadable(f"{text!r} holds control characters", "disguised")
        return " " if character in "\t\n\r" else character.lower()
    category = unicodedata.category(character)
    if category in _INVISIBLE:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "No":
        return _fraction(text, place, character)
    if category in {"Cc", "Cs", "Co", "Cn"}:
        raise PriceUnreadable(f"{text!r} holds control characters", "disguised")
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    if character in "’ʼ‘`´":
        return "'"
    if character in "٬،":
        return ","
    if character == "٫":
        return "."
    return unicodedata.normalize("NFKC", character).casefold()


def _fraction(text: str, place: int, character: str) -> str:
    if character in "²³⁰":
        return ""
    if character not in _PARTS:
        raise PriceUnreadable(f"{text!r} counts with {character!r}, which is not read", "numerals")
    whole = "" if text[place - 1 : place].isdigit() else "0"
    return f"{whole}.{_PARTS[character]}"


def scan(line: str, words: Mapping[str, Meaning]) -> list[Token]:
    """The tokens of a plain line, in order and padded, with what their words mean in the market."""
    tokens: list[Token] = []
    find = words.get
    new = tuple.__new__  # half of the time of Token(...)
    for match in _TOKEN.finditer(line):
        kind = match.lastgroup or "sign"
        text = match[0]
        value = None
        if kind == "word":
            kind, value = find(text, _UNKNOWN)
        elif kind == "symbol":
            kind, value = find(_SYMBOL_WORDS.get(text, text), _UNKNOWN)
        elif kind == "number" and "e" in text:
            kind = "power"
        tokens.append(new(Token, (kind, text, value, *match.span())))
    tokens += PADDING
    return tokens
