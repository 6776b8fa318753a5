"""The words of a text in a form that can be compared, whatever their case, spelling, script and ending."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from marketplace.catalog.titles import UNITS

LONGEST_TEXT = 8_000  # letters that are read of a text
MOST_TERMS = 400
LONGEST_WORD = 40
SHORTEST_STEM = 2  # letters of Ge'ez, each a syllable
FIRST_ORDER, LAST_ORDER = 0x1200, 0x1357  # the syllables of Ge'ez, eight to a consonant
SIXTH, SEVENTH = 5, 6

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ`´′ʹ＇"), "'")
_MARKS = re.compile(r"[\u0300-\u036f]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DECIMALS = re.compile(r"(?<=\d)[,.](?=\d)")
_WORD = re.compile(r"\d+(?:·\d+)?[^\W_]*|[^\W_]+(?:['-][^\W_]+)*")
_MEASURE = re.compile(r"(\d+(?:·\d+)?)([^\W\d_]+)")
_LATIN = re.compile(r"[a-z']+")
_SPOKEN_OPEN = re.compile(r"(?:[bcdfghjklmnpqrstvwyz]{0,4}[aeiou])+")  # every syllable of Bantu ends in a vowel

# One spelling of each unit: the first that stands for that amount.
_SAME: dict[tuple[str, float], str] = {}
_UNIT: Mapping[str, str] = MappingProxyType(
    {spelling: _SAME.setdefault(amount, spelling) for spelling, amount in UNITS.items() if spelling.isalpha()}
)
# Letters of Ge'ez that are read alike, each row onto its first; seven orders of each.
_ALIKE = (("ሀ", "ሐ", "ኀ", "ኸ"), ("ሰ", "ሠ"), ("አ", "ዐ"), ("ጸ", "ፀ"))
_FOLDED = {
    ord(other) + order: chr(ord(letters[0]) + order)
    for letters in _ALIKE
    for other in letters[1:]
    for order in range(SEVENTH + 1)
} | {ord(one): other for one, other in zip("ሃሓኃኻኣዓዉዪ", "ሀሀሀሀአአውይ", strict=True)}
_PREFIXES = ("የ", "በ", "ለ", "ከ")
_ENGLISH_ENDINGS = (
    ("ies", ("y", "ie")),
    ("ves", ("f", "fe", "ve")),
    ("sses", ("ss",)),
    ("shes", ("sh",)),
    ("ches", ("ch", "che")),
    ("xes", ("x",)),
    ("zes", ("z", "ze")),
    ("oes", ("o", "oe")),
    ("s", ("",)),
)
_SWAHILI_PLURALS = (("vy", "ch"), ("vi", "ki"), ("mi", "m"), ("wa", "m"), ("ma", ""))
SHORTEST_PLURAL = 5


@dataclass(frozen=True, slots=True)
class Term:
    """A word as it is compared, and what it may be an inflection of."""

    text: str
    others: tuple[str, ...] = ()

    @property
    def readings(self) -> tuple[str, ...]:
        """The word and what it may be an inflection of."""
        return (self.text, *self.others)


def terms_of(text: str) -> tuple[Term, ...]:
    """The words of the text in their order; of a very long one those of its beginning."""
    words = list(_words(_plain(text[:LONGEST_TEXT])))
    return tuple(_term(word) for word in _joined_measures(words)[:MOST_TERMS])


def folded(text: str) -> str:
    """The text as its words are compared, with one space between them."""
    return " ".join(term.text for term in terms_of(text))


def is_ethiopic(word: str) -> bool:
    """Whether the word is written in Ge'ez letters."""
    return any("\u1200" <= letter <= "\u139f" or "\u2d80" <= letter <= "\u2ddf" for letter in word)


def romanised_stems(word: str) -> tuple[str, ...]:
    """What a word of romanised Amharic may be an inflection of: `yekoda` of `koda`, `kemisoch` of `kemis`."""
    if not _LATIN.fullmatch(word):
        return ()
    bare = [word[2:]] if len(word) >= SHORTEST_PLURAL and word[:2] in ("ye", "be", "le", "ke") else []
    ends = [word, *bare]
    plural = [one.removesuffix(ending) for one in ends for ending in ("woch", "och", "wochi") if one.endswith(ending)]
    return tuple(dict.fromkeys(stem for stem in bare + plural if len(stem) > SHORTEST_STEM))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)[:LONGEST_TEXT].casefold().translate(_APOSTROPHES)
    text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    text = _DECIMALS.sub("·", _THOUSANDS.sub("", text))  # a point within a number is no end of it
    return text.translate(_FOLDED)


def _words(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text):
        word = found[0].removesuffix("'s").replace("'", "")
        parts = word.split("-")
        is_code = any(letter.isdigit() for letter in word) or min(map(len, parts)) == 1
        for part in ["".join(parts)] if is_code else parts:
            if part:
                yield part[:LONGEST_WORD]


def _joined_measures(words: list[str]) -> list[str]:
    """The words, a number and its unit being one: `5 kg`, `5kg` and `kilo 5` are `5kg`."""
    joined: list[str] = []
    for word in words:
        before = joined[-1] if joined else ""
        measure = _MEASURE.fullmatch(word)
        if measure and measure[2] in _UNIT:
            joined.append(measure[1] + _UNIT[measure[2]])
        elif word in _UNIT and _is_number(before):
            joined[-1] = before + _UNIT[word]
        elif _is_number(word) and before in ("kilo", "lita", "kg"):
            joined[-1] = word + ("l" if before == "lita" else "kg")
        else:
            joined.append(word)
    return joined


def _is_number(word: str) -> bool:
    return bool(word) and all(letter.isdecimal() or letter == "·" for letter in word)


@lru_cache(maxsize=65_536)
def _term(word: str) -> Term:
    if is_ethiopic(word):
        others = _ethiopic_stems(word)
    elif word.isascii() and word.isalpha():
        others = [*_english_singulars(word), *_swahili_singulars(word)]
    else:
        others = []
    return Term(word, tuple(dict.fromkeys(other for other in others if other != word)))


def _english_singulars(word: str) -> list[str]:
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return []
    ending, instead = next(((end, stems) for end, stems in _ENGLISH_ENDINGS if word.endswith(end)), ("", ()))
    return [word.removesuffix(ending) + stem for stem in instead]


def _swahili_singulars(word: str) -> list[str]:
    """The singular of a noun whose class shows in its prefix, where the word is built as Swahili builds them."""
    if len(word) < SHORTEST_PLURAL or not _SPOKEN_OPEN.fullmatch(word):
        return []
    prefix, instead = next(((many, one) for many, one in _SWAHILI_PLURALS if word.startswith(many)), ("", ""))
    return [instead + word.removeprefix(prefix)] if prefix else []


def _ethiopic_stems(word: str) -> list[str]:
    """The noun without what is written onto it: `የ`, `በ`, `ለ`, `ከ` before it, the plural behind it."""
    bare = [word[1:]] if word.startswith(_PREFIXES) and len(word) > SHORTEST_STEM else []
    return [*bare, *(stem for one in [*bare, word] for stem in _ethiopic_singulars(one))]


def _ethiopic_singulars(word: str) -> list[str]:
    if len(word) <= SHORTEST_STEM or not word.endswith("ች"):
        return []
    stem, last = word[:-2], word[-2]
    if last == "ዎ":
        return [stem] if len(stem) >= SHORTEST_STEM else []
    place = ord(last) - FIRST_ORDER
    is_seventh = FIRST_ORDER <= ord(last) <= LAST_ORDER and place % 8 == SEVENTH
    return [stem + chr(ord(last) - SEVENTH + SIXTH)] if is_seventh else []
