"""What a query means: its language, its concepts, and the terms of products that stand for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from marketplace.catalog.languages import AMHARIC, language_of
from marketplace.search.lexicon import ENGLISH, Lexicon, Span, product_lexicon
from marketplace.search.terms import Term, is_ethiopic

MOST_WORDS = 12
OWN, INFLECTED, TRANSLATED, HEARD, CORRECTED = 1.0, 0.9, 0.7, 0.6, 0.5
PART = 0.3  # of a name of several words, one of them
MARK = "#"  # what a concept's term begins with; no word does


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that is asked for, as the shopper wrote it, and the terms that stand for it with their weights.

    Parameters
    ----------
    word
        What the shopper wrote, folded.
    forms
        Terms of products, each with a weight up to 1.
    concepts
        What the lexicon calls it, empty where it does not name it; a word that is listed is never corrected.
    is_soft
        Whether it is said of anything (cheap, nice), so that a product need not hold it.
    """

    word: str
    forms: tuple[tuple[str, float], ...]
    concepts: tuple[str, ...] = ()
    is_soft: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that nothing is called, and what was looked for instead."""

    word: str
    instead: str


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as it is searched; `is_complete` once the words of the catalogue were consulted."""

    text: str
    language: str
    concepts: tuple[Concept, ...]
    corrections: tuple[Correction, ...] = ()
    is_complete: bool = False

    @property
    def did_you_mean(self) -> str | None:
        """The query with its corrections, None where there are none."""
        if not self.corrections:
            return None
        instead = {one.word: one.instead for one in self.corrections}
        return " ".join(instead.get(concept.word, concept.word) for concept in self.concepts)


def understood(text: str, lexicon: Lexicon | None = None) -> Understood:
    """The query as far as it can be understood without a catalogue; of a long one its first twelve words."""
    lexicon = lexicon or product_lexicon()
    language = language_of(text[:500]).code
    terms = lexicon.meant(text)[:MOST_WORDS]
    concepts: dict[str, Concept] = {}
    place = 0
    spans = {span.start: span for span in lexicon.spans(terms, language)}
    while place < len(terms):
        span = spans.get(place)
        end = span.end if span is not None else place + 1
        concept = _concept(terms[place:end], span, language, lexicon)
        concepts.setdefault(concept.word, concept)
        place = end
    return Understood(text, language, tuple(concepts.values()))


def mark(concept: str) -> str:
    """The term under which products of a lexicon's concept are found."""
    return MARK + concept


def tagged(terms: Sequence[Term], language: str, lexicon: Lexicon) -> list[Span]:
    """The concepts that words name, by sound too where they are romanised Amharic or may be."""
    spans = lexicon.spans(terms, language)
    if language in (ENGLISH, "sw", AMHARIC):
        return spans
    covered = {place for span in spans for place in range(span.start, span.end)}
    for place, term in enumerate(terms):
        heard = lexicon.heard(term.text) if place not in covered else None
        if heard is not None:
            spans.append(replace(heard, start=place, end=place + 1))
    return spans


def _concept(terms: Sequence[Term], span: Span | None, language: str, lexicon: Lexicon) -> Concept:
    word = " ".join(term.text for term in terms)
    weights: dict[str, float] = {}
    if len(terms) == 1:
        _raise(weights, _own(terms[0]))
        heard = span or (None if language in (ENGLISH, "sw") else lexicon.heard(terms[0].text))
        _raise(weights, _meant(heard, TRANSLATED if span is not None else HEARD))
    else:
        _raise(weights, [(word, OWN)])
        _raise(weights, _meant(span, TRANSLATED))
        for term in terms:
            parts = [*_own(term), *_meant(next(iter(lexicon.spans([term], language)), None), TRANSLATED)]
            _raise(weights, [(form, PART * weight) for form, weight in parts])
    named = span.concepts if span is not None else ()
    is_soft = bool(named) and all(lexicon.entries[one].is_soft for one in named)
    ordered = sorted(weights.items(), key=lambda form: (-form[1], form[0]))
    return Concept(word, tuple(ordered), concepts=named, is_soft=is_soft)


def _own(term: Term) -> list[tuple[str, float]]:
    return [(term.text, OWN), *((other, INFLECTED) for other in term.others)]


def _meant(span: Span | None, weight: float) -> list[tuple[str, float]]:
    if span is None:
        return []
    shared = weight * span.sureness * (1.0 if len(span.concepts) == 1 else 0.8)
    return [(mark(concept), round(shared, 3)) for concept in span.concepts]


def _raise(weights: dict[str, float], forms: Sequence[tuple[str, float]]) -> None:
    for form, weight in forms:
        weights[form] = max(weight, weights.get(form, 0.0))


def is_correctable(concept: Concept) -> bool:
    """Whether a concept that no product holds may be a mistyped one: a single word of letters that nothing lists."""
    return not concept.concepts and concept.word.isalpha() and not is_ethiopic(concept.word[:1] or " ")
