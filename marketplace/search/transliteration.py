"""Amharic in both scripts: Ge'ez as people type it in Latin letters, and a sound that both spellings share.

Nobody types one system. The letters of a word differ (`qemis`, `kemis`), and most of its vowels do (`inkulal`,
`enkulal`), so words are found by their consonants alone and then told apart by how well the vowels fit.
Source of the table of syllables: SERA (Firdyiwek and Yacob, "The System for Ethiopic Representation in ASCII", 1997),
with the consonants as they are typed on phones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from marketplace.search.terms import FIRST_ORDER, is_ethiopic

LONGEST_SOUND = 24
LEAST_CLOSENESS = 0.72  # what counts as the same word
FEW_CONSONANTS = 2
# The consonant of each row of eight from ሀ on, in the order of Unicode.
_ROWS = "h l h m s r s x k kw k kw b v t c h hw n n a k kw k kw w a z j y d d j g gw g t c p s s f p"
_TYPED = {"x": "sh", "c": "ch", "kw": "kw", "gw": "gw"}
# Orders of a consonant: ä, u, i, a, é, ə, o, wa. E and I stand for the two vowels that no Latin letter is sure of.
_VOWELS = ("E", "u", "i", "a", "e", "I", "o", "wa")
_SPELT = MappingProxyType({"E": "e", "I": "i"})
_SPELLINGS = (
    (re.compile(r"t+s'?|s's"), "s"),
    (re.compile(r"z+h"), "j"),
    (re.compile(r"s+h+"), "x"),
    (re.compile(r"c+(?!h|c)"), "k"),
    (re.compile(r"c+h+"), "c"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"kh|q+u?(?=[aeiou])|q"), "k"),
    (re.compile(r"gn|ny"), "n"),
    (re.compile(r"v"), "b"),
    (re.compile(r"[^a-z]"), ""),
    (re.compile(r"(?<=[aeou])i(?![aeiou])"), "y"),
    (re.compile(r"(?<=[aeio])u(?![aeiou])"), "w"),
    (re.compile(r"([a-z])\1+"), r"\1"),
)
# What a vowel that is typed costs where Ge'ez has another, 1 being a letter that is plainly another.
_COST: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        **{(one, one): 0.0 for one in "aeiou"},
        ("e", "E"): 0.0, ("a", "E"): 0.3, ("i", "E"): 0.5, ("o", "E"): 0.6, ("u", "E"): 0.6,
        ("i", "I"): 0.0, ("e", "I"): 0.1, ("u", "I"): 0.4, ("o", "I"): 0.6, ("a", "I"): 0.6,
        ("e", "i"): 0.4, ("i", "e"): 0.3, ("o", "u"): 0.4, ("u", "o"): 0.4, ("e", "a"): 0.5, ("a", "e"): 0.6,
        ("y", "i"): 0.2, ("i", "y"): 0.2, ("w", "u"): 0.2, ("u", "w"): 0.2, ("w", "o"): 0.4, ("m", "n"): 0.3,
    }
)  # fmt: skip
_LEFT_OUT = MappingProxyType({"I": 0.05, "E": 0.5, "i": 0.6, "y": 0.3, "w": 0.3, "h": 0.3})
_PUT_IN = MappingProxyType({"i": 0.35, "e": 0.4, "y": 0.3, "w": 0.3, "h": 0.3})


def romanised(word: str) -> str:
    """The word in Latin letters as it is mostly typed; letters of other scripts stay."""
    symbols = "".join(_syllables().get(letter, letter) for letter in word)
    symbols = re.sub(r"I(?=$|[hlmsrxkbtcnwzjydgfpv](?:[EuiaeIo]))", _silent, symbols)
    for symbol, typed in (_TYPED | dict(_SPELT)).items():
        symbols = symbols.replace(symbol, typed)
    return symbols


def sound(word: str) -> str:
    """The consonants of a word in either script, alike for all its spellings; empty where it has none of ours."""
    letters = _heard(word)
    consonants = re.sub(r"[aeiouEI]", "", letters)
    consonants = consonants.replace("nb", "mb")  # ወንበር is said and typed `wember`
    strong = re.sub(r"[hwy]", "", consonants)
    key = strong if len(strong) >= FEW_CONSONANTS else consonants
    return re.sub(r"(.)\1+", r"\1", key)[:LONGEST_SOUND]


def closeness(typed: str, ethiopic: str) -> float:
    """How well a word in Latin letters spells one in Ge'ez: 1 as it is mostly typed, 0 for another word."""
    return _closeness(typed[:LONGEST_SOUND], ethiopic[:LONGEST_SOUND])


def likeness(one: str, other: str) -> float:
    """How alike two words sound, in whatever scripts; 0 where their consonants differ."""
    if sound(one) != sound(other):
        return 0.0
    if is_ethiopic(one):
        one, other = other, one
    return closeness(romanised(one) if is_ethiopic(one) else one, other)


@lru_cache(maxsize=16_384)
def _closeness(typed: str, ethiopic: str) -> float:
    heard, meant = _heard(typed), _heard(ethiopic)
    if not heard or not meant:
        return 0.0
    row = [0.0]
    for letter in meant:
        row.append(row[-1] + _LEFT_OUT.get(letter, 1.0))
    for letter in heard:
        put_in = _PUT_IN.get(letter, 1.0)
        below = [row[0] + put_in]
        for place, symbol in enumerate(meant):
            same = 0.0 if letter == symbol else _COST.get((letter, symbol), 1.5)
            below.append(min(row[place] + same, row[place + 1] + put_in, below[-1] + _LEFT_OUT.get(symbol, 1.0)))
        row = below
    return max(0.0, 1 - row[-1] / (max(len(heard), len(meant)) / 2))


@lru_cache(maxsize=65_536)
def _heard(word: str) -> str:
    """The word as one letter for each sound; E and I stay where Ge'ez tells them."""
    if is_ethiopic(word):
        letters = "".join(_syllables().get(letter, "") for letter in word)
        return re.sub(r"([a-zEI])\1+", r"\1", letters.replace("v", "b"))
    heard = word.lower()
    for pattern, instead in _SPELLINGS:
        heard = pattern.sub(instead, heard)
    return heard


def _silent(found: re.Match[str]) -> str:
    return "" if found.end() == len(found.string) or found.start() > 1 else "I"


@lru_cache(maxsize=1)
def _syllables() -> Mapping[str, str]:
    """What each letter of Ge'ez sounds like."""
    table = {}
    for row, consonant in enumerate(_ROWS.split()):
        for order, vowel in enumerate(_VOWELS):
            table[chr(FIRST_ORDER + 8 * row + order)] = _syllable(consonant, vowel, order)
    return MappingProxyType(table)


def _syllable(consonant: str, vowel: str, order: int) -> str:
    if consonant == "a":  # the row of አ is a vowel without consonant
        return "a" if order == 0 else vowel
    return consonant + ("a" if consonant == "h" and order == 0 else vowel)
