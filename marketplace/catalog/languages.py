"""The language a product is described in: English, Swahili, or Amharic in either script.

A naive Bayes classifier over words, each a mixture of a word list and the letters of that list, so that a word nobody
listed is judged by how it is spelt. Brand names, units and numbers say nothing and are passed over.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

LANGUAGES = ("en", "sw", "am-Latn")  # of the Latin script; Ethiopic is told by its letters
UNDETERMINED, MIXED, AMHARIC = "und", "mul", "am"  # ISO 639-2 codes of no and of several languages, and Amharic
LISTED = 0.75  # weight of the word list in the mixture; the letters have the rest
LETTERS = 3  # how many letters in a row are counted
DECISIVE = 0.85  # a word this sure speaks for its language
MIXED_SHARE = 0.3  # of the decisive words that a second language has in a mixed text
MIXED_WORDS = 2
LONGEST_WORD = 40  # letters that are judged; the likelihood of hundreds is no number any more
LEAST_CONFIDENCE = 0.6
_DATA = Path(__file__).with_name("data") / "languages"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ETHIOPIC = re.compile(r"[\u1200-\u137f\u1380-\u139f\u2d80-\u2ddf\uab00-\uab2f]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff'’]+")
# What stands in titles of every language.
_NEUTRAL_WORDS = (
    "samsung nokia tecno infinix itel oppo vivo xiaomi redmi iphone apple huawei hp dell lenovo toshiba jbl sony lg "
    "hisense nivea vaseline adidas nike puma gucci zara ariel omo colgate ramtons mika vitron ipad android usb led tv "
    "hd kg gm g ml l ltr lt cm mm mtr pcs pc xl xxl xxxl ksh kes tsh ugx etb pro max ultra plus mini note galaxy "
    "spark hot smart nairobi mombasa kampala addis ababa dar salaam kigali kenya uganda tanzania ethiopia rwanda "
    "whatsapp instagram ok"
)
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Language:
    """The code of a language, how sure it is (0 to 1), and which languages its words speak for.

    `und` where too little is said, or a language that is none of ours; `mul` where two of ours are mixed, as in Sheng.
    """

    code: str
    confidence: float
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Spelling:
    """The words of one language and how its letters follow each other."""

    words: frozenset[str]
    after: Mapping[str, Counter[str]]
    totals: Mapping[str, int]

    def log_probability(self, word: str) -> float:
        """Natural logarithm of how likely a word of this language is this one."""
        spelt = math.log(1 - LISTED) + self._letters(
            word
        )  # of a word of hundreds of letters only the logarithm is left
        return math.log(LISTED / len(self.words) + math.exp(spelt)) if word in self.words else spelt

    def _letters(self, word: str) -> float:
        total = 0.0
        padded = f"{'^' * (LETTERS - 1)}{word}$"
        for at in range(LETTERS - 1, len(padded)):
            total += math.log(self._follows(padded[at - LETTERS + 1 : at], padded[at]))
        return total

    def _follows(self, context: str, letter: str) -> float:
        """How likely the letter follows, backing off to shorter contexts as Witten and Bell do."""
        if not context:
            return (self.after[""][letter] + 0.5) / (self.totals[""] + 0.5 * 60)
        seen = self.after.get(context)
        shorter = self._follows(context[1:], letter)
        if not seen:
            return shorter
        kinds = len(seen)
        return (seen[letter] + kinds * shorter) / (self.totals[context] + kinds)


def language_of(text: str) -> Language:
    """The language of a title or a description."""
    words = [word[:LONGEST_WORD] for word in map(str.casefold, _WORD.findall(text)) if _speaks(word)]
    spoken = [(_decided(word), word) for word in words]
    counts = Counter(code for code, _ in spoken if code is not None)
    shares = MappingProxyType({code: count / counts.total() for code, count in counts.most_common()})
    if _is_mixed(counts):
        return Language(MIXED, 1 - max(shares.values()) ** 2, shares)
    ethiopic = [word for word in words if _ETHIOPIC.search(word)]
    latin = [word for word in words if _LATIN.fullmatch(word)]
    if ethiopic and len(ethiopic) >= counts.total() / 2:
        return Language(AMHARIC, len(ethiopic) / max(len(ethiopic), counts.total()), shares)
    return _latin_language(latin, shares) if latin else Language(UNDETERMINED, 1.0 if not words else 0.5, shares)


def _speaks(word: str) -> bool:
    return len(word) > 1 and word not in _NEUTRAL


def _decided(word: str) -> str | None:
    """The language this one word speaks for, None if it could be of several or of none of ours."""
    if _ETHIOPIC.search(word):
        return AMHARIC
    if not _LATIN.fullmatch(word):
        return None
    code, likely = max(_posterior((word,)).items(), key=lambda pair: pair[1])
    return code if likely >= DECISIVE and code != UNDETERMINED else None


def _is_mixed(counts: Counter[str]) -> bool:
    if len(counts) < 2:
        return False
    second = counts.most_common(2)[1][1]
    return second >= MIXED_WORDS and second / counts.total() >= MIXED_SHARE


def _latin_language(words: list[str], shares: Mapping[str, float]) -> Language:
    likely = _posterior(words)
    code, confidence = max(likely.items(), key=lambda pair: pair[1])
    is_ours = code != UNDETERMINED and confidence >= LEAST_CONFIDENCE and (code in shares or len(words) > 1)
    return Language(code, confidence, shares) if is_ours else Language(UNDETERMINED, 1 - _likeliest(likely), shares)


def _likeliest(likely: Mapping[str, float]) -> float:
    """How likely the likeliest of our languages is."""
    return max(share for code, share in likely.items() if code != UNDETERMINED)


def _posterior(words: Sequence[str]) -> Mapping[str, float]:
    """How likely each language is, given the words, all languages being as likely beforehand."""
    said = [_log_probabilities(word) for word in words]
    logs = {code: sum(one[place] for one in said) for place, code in enumerate(_spellings())}
    highest = max(logs.values())
    weights = {code: math.exp(value - highest) for code, value in logs.items()}
    total = sum(weights.values())
    return MappingProxyType({code: weight / total for code, weight in weights.items()})


@lru_cache(maxsize=65_536)
def _log_probabilities(word: str) -> tuple[float, ...]:
    return tuple(spelling.log_probability(word) for spelling in _spellings().values())


@lru_cache(maxsize=1)
def _spellings() -> Mapping[str, _Spelling]:
    files = {code: code for code in LANGUAGES} | {UNDETERMINED: "other"}
    return MappingProxyType({code: _learnt(_listed(_DATA / f"{name}.txt")) for code, name in files.items()})


def _listed(file: Path) -> Iterable[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return (word.casefold() for line in lines if not line.startswith("#") for word in line.split())


def _learnt(listed: Iterable[str]) -> _Spelling:
    words = frozenset(listed)
    after: dict[str, Counter[str]] = {"": Counter()}
    for word in words:
        padded = f"{'^' * (LETTERS - 1)}{word}$"
        for at in range(LETTERS - 1, len(padded)):
            for length in range(LETTERS):
                after.setdefault(padded[at - length : at], Counter())[padded[at]] += 1
    totals = {context: counted.total() for context, counted in after.items()}
    return _Spelling(words, MappingProxyType(after), MappingProxyType(totals))
