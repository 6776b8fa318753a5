"""What a mistyped word was meant to be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from marketplace.search.transliteration import sound

SHORTEST = 4  # letters of a word that is corrected
LONG = 8  # letters from which two mistakes are allowed
LONGEST = 24
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = frozenset("aeiou")


def _neighbours() -> Mapping[str, frozenset[str]]:
    near: dict[str, set[str]] = {letter: set() for row in _ROWS for letter in row}
    for number, row in enumerate(_ROWS):
        for place, letter in enumerate(row):
            beside = row[max(0, place - 1) : place + 2]
            below = _ROWS[number + 1][max(0, place - 1) : place + 1] if number + 1 < len(_ROWS) else ""
            for other in (beside + below).replace(letter, ""):
                near[letter].add(other)
                near[other].add(letter)
    return MappingProxyType({letter: frozenset(others) for letter, others in near.items()})


_NEAR = _neighbours()


def most_mistakes(word: str) -> int:
    """How many mistakes a word of this length may hold: none, one, or two."""
    return 0 if len(word) < SHORTEST else 1 if len(word) < LONG else 2


def nearest(word: str, candidates: Iterable[tuple[str, int]], *, limit: int = 3) -> list[tuple[str, float]]:
    """The words that it may have been meant to be, with how near they are (0 to 1), nearest first.

    Parameters
    ----------
    candidates
        Words, and how many products hold them; of two that are as near the commoner one is likelier.
    """
    most = most_mistakes(word)
    found = []
    for candidate, products in candidates:
        if candidate == word or abs(len(candidate) - len(word)) > most or len(word) > LONGEST:
            continue
        steps = mistakes(word, candidate)
        if steps <= most:
            cost = _cost(word, candidate) - 0.05 * min(6.0, math.log1p(products)) / 2
            found.append((candidate, max(0.0, 1 - cost / max(2.0, len(word) / 2)), cost))
    found.sort(key=lambda one: (one[2], one[0]))
    best = found[0][2] if found else 0.0
    return [(candidate, near) for candidate, near, cost in found[:limit] if cost <= best + 0.35]


def mistakes(one: str, other: str) -> int:
    """How many letters are put in, left out, replaced or exchanged with their neighbour.

    Source: Damerau, "A technique for computer detection and correction of spelling errors", CACM 1964, in the form
    in which no letter is changed twice.
    """
    return round(_distance(one, other, plain=True))


def _cost(word: str, candidate: str) -> float:
    cost = _distance(word, candidate, plain=False)
    if sound(word) == sound(candidate):
        cost -= 0.3
    return cost + (0.3 if word[0] != candidate[0] else 0.0)


def _distance(one: str, other: str, *, plain: bool) -> float:
    rows = [[float(place) for place in range(len(other) + 1)]]
    for i, letter in enumerate(one, start=1):
        row = [float(i)]
        for j, wanted in enumerate(other, start=1):
            replaced = 0.0 if letter == wanted else 1.0 if plain else _replaced(letter, wanted)
            doubled_out = 0.6 if not plain and i > 1 and letter == one[i - 2] else 1.0
            doubled_in = 0.6 if not plain and j > 1 and wanted == other[j - 2] else 1.0
            best = min(rows[i - 1][j - 1] + replaced, rows[i - 1][j] + doubled_out, row[j - 1] + doubled_in)
            if i > 1 and j > 1 and letter == other[j - 2] and wanted == one[i - 2] and letter != wanted:
                best = min(best, rows[i - 2][j - 2] + (1.0 if plain else 0.7))
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def _replaced(letter: str, wanted: str) -> float:
    if letter in _VOWELS and wanted in _VOWELS:
        return 0.8
    return 0.8 if wanted in _NEAR.get(letter, ()) else 1.0
