"""Whatever is typed: no crash, bounded work, and no sign that changes the meaning."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.search.asking import Filters
from marketplace.search.impacts import MOST_TERMS as MOST_IMPACTS
from marketplace.search.impacts import impacts
from marketplace.search.terms import LONGEST_WORD, MOST_TERMS, folded, terms_of
from marketplace.search.transliteration import LONGEST_SOUND, closeness, likeness, romanised, sound
from marketplace.search.typos import mistakes
from marketplace.search.understanding import MOST_WORDS, understood
from marketplace.storage.keywords import find_terms, read_query
from marketplace.storage.suggestions import refresh_suggestions, suggest
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import refresh_terms
from tests.marketplace.storage.kept import keep_product, keep_seller

ETHIOPIC = st.text(st.characters(min_codepoint=0x1200, max_codepoint=0x137F), max_size=20)
ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200) | ETHIOPIC
SIGNS = "'\"\\%_&|!():*<->;$#@~^`[]{}?,/+="
WORDS = st.lists(st.sampled_from(["kiondo", "handbag", "leather", "ቀሚስ", "viatu"]), min_size=1, max_size=4)
HOSTILE = {
    "one letter": "a" * 1_000_000,
    "hyphens": "a-" * 500_000,
    "apostrophes": "'s" * 500_000,
    "digits": "1," * 500_000,
    "measures": "5 kg " * 200_000,
    "one Ge'ez letter": "ዎች" * 500_000,
    "plurals": "ses " * 250_000,
    "marks": "a" + "\u0301" * 1_000_000,
    "one that becomes eighteen": "\ufdfa" * 300_000,
    "prefixes": "የየየየ " * 200_000,
}


@given(ANYTHING)
def test_words_are_folded_once_and_for_all(text: str) -> None:
    for term in terms_of(text):
        assert len(term.text) <= LONGEST_WORD
        assert term.text not in term.others
        assert [one.text for one in terms_of(term.text)][:1] != []
    assert len(terms_of(text)) <= MOST_TERMS


@given(ANYTHING)
def test_a_query_is_always_understood_and_weighs_at_most_one(text: str) -> None:
    query = understood(text)
    assert len(query.concepts) <= MOST_WORDS
    assert all(0 < weight <= 1 for concept in query.concepts for _, weight in concept.forms)


@given(ANYTHING, ANYTHING)
def test_sounds_are_bounded_and_likeness_is_a_share(one: str, other: str) -> None:
    assert len(sound(one)) <= LONGEST_SOUND
    assert 0 <= likeness(one, other) <= 1
    assert 0 <= closeness(one, other) <= 1
    assert isinstance(romanised(one), str)


@given(st.text(max_size=12), st.text(max_size=12))
def test_mistakes_are_a_measure(one: str, other: str) -> None:
    assert mistakes(one, other) == mistakes(other, one)
    assert (mistakes(one, other) == 0) == (one == other)
    assert mistakes(one, other) <= max(len(one), len(other))


@given(ANYTHING, ANYTHING)
def test_impacts_are_bounded(title: str, description: str) -> None:
    said = impacts(title, "", description)
    assert len(said) <= MOST_IMPACTS
    assert all(0 < impact <= 2.2 for impact in said.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_the_work_on_a_hostile_text_is_bounded(name: str) -> None:
    work = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal work
        work += 1

    understood("warm")
    sys.setprofile(count)
    try:
        understood(HOSTILE[name])
        impacts(HOSTILE[name], HOSTILE[name], HOSTILE[name])
    finally:
        sys.setprofile(None)
    assert work < 1_500_000  # calls of functions; a text a hundred times as long makes no more


@pytest.fixture
def shelf(warehouse: Warehouse) -> Warehouse:
    """A warehouse with a few products whose words are in the index."""
    seller = keep_seller(warehouse)
    for number, title in enumerate(("Kiondo handbag", "የሐበሻ ቀሚስ", "Viatu vya ngozi", "Leather tote", "Kiondo")):
        keep_product(warehouse, seller, str(number), title=title)
    refresh_terms(warehouse)
    refresh_suggestions(warehouse)
    return warehouse


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANYTHING)
def test_no_text_breaks_a_search(shelf: Warehouse, text: str) -> None:
    hits = find_terms(shelf, understood(text), filters=Filters(), limit=5)
    assert all(0 <= hit.share <= 1 and hit.score >= 0 for hit in hits)
    suggest(shelf, text, limit=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, sign=st.sampled_from(list(SIGNS)), after=st.booleans())
def test_no_sign_changes_what_words_find(shelf: Warehouse, words: list[str], sign: str, after: bool) -> None:
    plain = " ".join(words)
    signed = " ".join(f"{word}{sign} " if after else f" {sign}{word}" for word in words)
    assert folded(signed) == folded(plain)
    assert read_query(shelf, signed).concepts == read_query(shelf, plain).concepts
    one, other = (find_terms(shelf, understood(text), filters=Filters(), limit=9) for text in (plain, signed))
    assert one == other
