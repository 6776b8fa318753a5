"""What goods are called: concepts with their names in English, Swahili, Amharic in both scripts, and Sheng.

The words are data (`data/*.tsv`); they are read once, and a mistake in them stops the process with file and line.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from marketplace.catalog.languages import AMHARIC
from marketplace.errors import ConfigurationError
from marketplace.search.terms import Term, folded, is_ethiopic, romanised_stems, terms_of
from marketplace.search.transliteration import LEAST_CLOSENESS, closeness, sound

ENGLISH, ROMANISED, SHENG = "en", "am-Latn", "sheng"
LANGUAGES = (ENGLISH, "sw", AMHARIC, ROMANISED, SHENG)
SAID_OF_ANYTHING = "*"
SHORTEST_READING = 3  # a shorter inflection says nothing
SHORTEST_HEARD = 3  # letters of a word that is looked up by its sound
_DATA = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Entry:
    """A concept by its English name, the broader one it belongs to, and its names in each language.

    `is_soft` where it is said of anything, so that a product need not hold it to be what was meant.
    """

    name: str
    broader: str | None
    is_soft: bool
    forms: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Span:
    """Words from `start` to before `end` that name one of these concepts; `sureness` is 1 where they are listed."""

    start: int
    end: int
    concepts: tuple[str, ...]
    sureness: float = 1.0


@dataclass(frozen=True, slots=True)
class _Form:
    words: tuple[frozenset[str], ...]
    concept: str
    language: str


class Lexicon:
    """Concepts, and the ways to find them in a row of words."""

    def __init__(self, entries: Mapping[str, Entry], linking: frozenset[str], version: str) -> None:
        self.entries = entries
        self.linking = linking
        self.version = version
        self._by_first: dict[str, list[_Form]] = defaultdict(list)
        self._by_sound: dict[str, list[tuple[str, str]]] = defaultdict(list)
        words: set[str] = set()
        for entry in entries.values():
            for language, forms in entry.forms.items():
                for form in forms:
                    words.update(self._added(entry.name, language, form))
        self.words = frozenset(words)
        self._by_pair: dict[str, set[str]] = defaultdict(set)
        for word in words:
            for pair in _pairs(word):
                self._by_pair[pair].add(word)

    def spans(self, terms: Sequence[Term], language: str) -> list[Span]:
        """The concepts that the words name, longest names first, none of them overlapping."""
        found, place = [], 0
        while place < len(terms):
            span = self._span(terms, place, language)
            if span is not None:
                found.append(span)
            place = span.end if span is not None else place + 1
        return found

    def heard(self, word: str) -> Span | None:
        """The concepts whose Amharic name sounds like this word in Latin letters."""
        if is_ethiopic(word) or len(word) < SHORTEST_HEARD or not word.isalpha():
            return None
        likely: dict[str, float] = {}
        for one in (word, *romanised_stems(word)):
            for name, concept in self._by_sound.get(sound(one), ()):
                likely[concept] = max(likely.get(concept, 0.0), closeness(one, name))
        best = max(likely.values(), default=0.0)
        if best < LEAST_CLOSENESS:
            return None
        return Span(0, 1, tuple(concept for concept, close in likely.items() if close >= best - 0.05), best)

    def alike(self, word: str) -> list[str]:
        """Words of the lexicon of about this length that share half of its pairs of letters."""
        pairs = _pairs(word)
        shared = Counter(other for pair in pairs for other in self._by_pair.get(pair, ()))
        least = max(1, len(pairs) // 2 - 1)
        return [other for other, count in shared.items() if count >= least and abs(len(other) - len(word)) <= 2]

    def broader(self, concept: str) -> Iterator[str]:
        """The concepts that this one belongs to, nearest first."""
        above = self.entries[concept].broader
        while above is not None:
            yield above
            above = self.entries[above].broader

    def _added(self, concept: str, language: str, form: str) -> list[str]:
        terms = self.meant(form)
        words = tuple(frozenset(_readings(term)) for term in terms)
        for first in words[0]:
            self._by_first[first].append(_Form(words, concept, language))
        if language == AMHARIC and len(terms) == 1:
            self._by_sound[sound(terms[0].text)].append((terms[0].text, concept))
        return [reading for readings in words for reading in readings]

    def meant(self, text: str) -> tuple[Term, ...]:
        """The words of the text that say something; all of them where none does."""
        terms = terms_of(text)
        return tuple(term for term in terms if term.text not in self.linking) or terms

    def _span(self, terms: Sequence[Term], start: int, language: str) -> Span | None:
        found: dict[int, list[_Form]] = defaultdict(list)
        for reading in _readings(terms[start]):
            for form in self._by_first.get(reading, ()):
                if _stands_at(form, terms, start):
                    found[len(form.words)].append(form)
        if not found:
            return self._inflected(terms, start)
        length = max(found)
        concepts = dict.fromkeys(form.concept for form in _preferred(found[length], language))
        return Span(start, start + length, tuple(concepts))

    def _inflected(self, terms: Sequence[Term], start: int) -> Span | None:
        """The concept that a word of romanised Amharic names without what is written onto it."""
        for stem in romanised_stems(terms[start].text):
            forms = [form for form in self._by_first.get(stem, ()) if form.language == ROMANISED]
            if named := dict.fromkeys(form.concept for form in forms if len(form.words) == 1):
                return Span(start, start + 1, tuple(named), 0.9)
        return None


@lru_cache(maxsize=1)
def product_lexicon() -> Lexicon:
    """The lexicon that comes with this project."""
    return read_lexicon(_DATA)


def read_lexicon(folder: Path) -> Lexicon:
    """The lexicon of a folder.

    Raises
    ------
    ConfigurationError
        If a line names no concept, an unknown one or one twice; the message names file and line.
    """
    named: dict[str, tuple[str | None, bool]] = {}
    forms: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    digest = hashlib.sha256()
    for language in LANGUAGES:
        file = folder / f"{language}.tsv"
        for where, cells in _rows(file, digest):
            names = _listed(cells[-1]) if len(cells) > 1 else ()
            if language == ENGLISH:
                _require(len(cells) <= 3, where, "more than three columns: name, broader, other names")
                _require(cells[0] not in named, where, f"the concept {cells[0]!r} a second time")
                above = cells[1] if len(cells) > 1 else ""
                named[cells[0]] = (above if above not in ("", SAID_OF_ANYTHING) else None, above == SAID_OF_ANYTHING)
                names = (cells[0], *(_listed(cells[2]) if len(cells) == 3 else ()))
            _require(cells[0] in named, where, f"the concept {cells[0]!r}, which en.tsv does not name")
            _require(language == ENGLISH or len(cells) == 2, where, "another number of columns than two")
            _require(language not in forms[cells[0]], where, f"the concept {cells[0]!r} a second time")
            _require(all(map(folded, names)) and bool(names), where, "an empty name")
            forms[cells[0]][language] = names
    _require_tree(named, folder / "en.tsv")
    linking = {word for _, cells in _rows(folder / "linking.tsv", digest) for word in folded(cells[-1]).split()}
    entries = {name: Entry(name, above, soft, MappingProxyType(forms[name])) for name, (above, soft) in named.items()}
    return Lexicon(MappingProxyType(entries), frozenset(linking), digest.hexdigest()[:12])


def _rows(file: Path, digest: hashlib._Hash) -> Iterator[tuple[str, list[str]]]:
    try:
        content = file.read_bytes()
        lines = content.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the lexicon cannot be read from {file}: {error}") from error
    digest.update(content)
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            cells = [cell.strip() for cell in line.split("\t")]
            _require(bool(cells[0]), f"{file}, line {number}", "a line without a name")
            yield f"{file}, line {number}", cells


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in cell.split(",") if name.strip())


def _require(is_met: bool, where: str, what: str) -> None:
    if not is_met:
        raise ConfigurationError(f"{where} has {what}")


def _require_tree(named: Mapping[str, tuple[str | None, bool]], file: Path) -> None:
    for name in named:
        passed, above = {name}, named[name][0]
        while above is not None:
            if above not in named:
                raise ConfigurationError(f"{file} puts {name!r} under {above!r}, which it does not name")
            if above in passed:
                raise ConfigurationError(f"{file} puts {name!r} under itself")
            passed.add(above)
            above = named[above][0]


def _readings(term: Term) -> tuple[str, ...]:
    least = 1 if is_ethiopic(term.text) else SHORTEST_READING
    return (term.text, *(other for other in term.others if len(other) >= least))


def _pairs(word: str) -> set[str]:
    edged = f"^{word}$"
    return {edged[place : place + 2] for place in range(len(edged) - 1)}


def _stands_at(form: _Form, terms: Sequence[Term], start: int) -> bool:
    if start + len(form.words) > len(terms):
        return False
    said = terms[start : start + len(form.words)]
    return all(not words.isdisjoint(term.readings) for words, term in zip(form.words, said, strict=True))


def _preferred(forms: list[_Form], language: str) -> list[_Form]:
    """Those of the text's own language if there are any; romanised Amharic only where nothing else is meant.

    Short words of it are words of English as well: `key` is red, `set` a woman.
    """
    own = [form for form in forms if form.language == language]
    return own or [form for form in forms if form.language != ROMANISED] or forms
