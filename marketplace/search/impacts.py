"""How much each term says of a product, from the product's own words alone.

BM25 over weighted fields (Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields",
CIKM 2004), less the part that depends on other products: how rare a term is, is known when a query comes. The usual
length is a figure and no average of the catalogue, so that a product's impacts never change because others do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from marketplace.catalog.languages import language_of
from marketplace.search.lexicon import Lexicon, product_lexicon
from marketplace.search.terms import Term, terms_of
from marketplace.search.understanding import INFLECTED, mark, tagged

READING = "1"  # raise it when the same words give other terms
K1, B = 1.2, 0.75
TITLE, CATEGORY, DESCRIPTION = 3.0, 2.0, 1.0
USUAL_LENGTH = 40.0  # weighted words: a title of seven, a category of one, a line of description
BROADER = 0.5
MOST_TERMS = 300
DESCRIPTION_LETTERS = 2_000


def reading_version() -> str:
    """A name of the way in which words become terms: another lexicon reads otherwise."""
    return f"{READING}-{product_lexicon().version}"


def impacts(title: str, category: str, description: str, language: str | None = None) -> Mapping[str, float]:
    """The terms of a product and the impact of each, between 0 and 2.2; at most 300 terms, the weightiest.

    Parameters
    ----------
    language
        Of title and description, where quality control told it already.
    """
    lexicon = product_lexicon()
    description = description[:DESCRIPTION_LETTERS]
    language = language or language_of(f"{title} {description}"[:500]).code
    counts: dict[str, float] = defaultdict(float)
    length = 0.0
    for text, weight in ((title, TITLE), (category, CATEGORY), (description, DESCRIPTION)):
        terms = tuple(term for term in terms_of(text) if term.text not in lexicon.linking)
        length += weight * len(terms)
        for term, times in _said(terms, language, lexicon).items():
            counts[term] += weight * times
    scale = K1 * (1 - B + B * length / USUAL_LENGTH)
    weighed = {term: round(count * (K1 + 1) / (count + scale), 4) for term, count in counts.items()}
    return dict(Counter(weighed).most_common(MOST_TERMS))


def _said(terms: tuple[Term, ...], language: str, lexicon: Lexicon) -> Mapping[str, float]:
    """How often a field says each term: its words, their stems, names of several words, and concepts."""
    said: dict[str, float] = defaultdict(float)
    for term in terms:
        said[term.text] += 1
        for other in term.others:
            said[other] += INFLECTED
    for span in tagged(terms, language, lexicon):
        if span.end - span.start > 1:
            said[" ".join(term.text for term in terms[span.start : span.end])] += 1
        for concept in span.concepts:
            sure = span.sureness / len(span.concepts)
            said[mark(concept)] += sure
            for step, above in enumerate(lexicon.broader(concept), start=1):
                said[mark(above)] += sure * BROADER**step
    return said
