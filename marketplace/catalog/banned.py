"""Goods that may not be sold here, found by whole words in the languages of the sellers.

The words are data (`data/banned.csv`): a class, whether the words alone are proof, and the words beside which they
mean something harmless, as in "glue gun" or "fake eyelashes".
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "weapons": "a weapon, ammunition or an explosive",
        "drugs": "a narcotic",
        "wildlife": "a part of a protected animal",
        "counterfeit": "a counterfeit or pirated product",
        "adult": "an adult product or service",
        "medicines": "a medicine that needs a prescription or is forbidden",
        "fraud": "a forged document, false money or stolen goods",
        "people": "a part of a human body",
    }
)
BESIDE = 3  # words on either side that can make a banned word harmless
_DATA = Path(__file__).with_name("data") / "banned.csv"
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Banned:
    """Words that were found: their class, and whether they alone are proof."""

    kind: str
    words: str
    is_certain: bool

    @property
    def reason(self) -> str:
        """The code under which the finding is kept: `banned_weapons`, or `suspect_weapons` where a person must look."""
        return f"{'banned' if self.is_certain else 'suspect'}_{self.kind}"


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    is_certain: bool
    words: tuple[str, ...]
    unless: frozenset[str]


def banned_in(text: str) -> list[Banned]:
    """What is banned in the text, one finding of each class, those that are proof first."""
    words = _words(text)
    found = sorted(_found(words, [_singular(word) for word in words]), key=lambda one: not one.is_certain)
    by_kind: dict[str, Banned] = {}
    for one in found:
        by_kind.setdefault(one.kind, one)
    return list(by_kind.values())


def _found(words: Sequence[str], singular: Sequence[str]) -> Iterator[Banned]:
    entries = _by_first_word()
    for at in range(len(words)):
        for entry in dict.fromkeys((*entries.get(words[at], ()), *entries.get(singular[at], ()))):
            end = at + len(entry.words)
            is_there = all(
                wanted in (words[place], singular[place])
                for place, wanted in zip(range(at, min(end, len(words))), entry.words, strict=False)
            )
            if end <= len(words) and is_there and not entry.unless & _around(words, singular, at, end):
                yield Banned(entry.kind, " ".join(entry.words), entry.is_certain)


def _around(words: Sequence[str], singular: Sequence[str], start: int, end: int) -> set[str]:
    before, after = slice(max(0, start - BESIDE), start), slice(end, end + BESIDE)
    return {*words[before], *words[after], *singular[before], *singular[after]}


def _words(text: str) -> list[str]:
    """The words as they are compared: compatibility forms undone, lower case, a hyphen dividing as a space does."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("-", " ")
    return _WORD.findall(plain)


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


@lru_cache(maxsize=1)
def _by_first_word() -> Mapping[str, tuple[_Entry, ...]]:
    entries: dict[str, list[_Entry]] = {}
    with _DATA.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            unless = frozenset(word for phrase in row["unless"].split("|") for word in _words(phrase))
            for phrase in row["words"].split("|"):
                words = tuple(_words(phrase))
                entries.setdefault(words[0], []).append(_Entry(row["class"], row["certain"] == "yes", words, unless))
    return MappingProxyType({first: tuple(found) for first, found in entries.items()})
