"""Amharic in both scripts, by a labelled list of how it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.search.lexicon import product_lexicon
from marketplace.search.terms import folded
from marketplace.search.transliteration import LEAST_CLOSENESS, closeness, likeness, romanised, sound

LINES = Path(__file__).with_name("transliterated.tsv").read_text(encoding="utf-8").splitlines()
PAIRS = [tuple(line.split("\t")) for line in LINES if not line.startswith("#")]


def vocabulary() -> list[str]:
    """Every Amharic word of the list and of the lexicon: what a typed word is to be found among."""
    forms = [form for entry in product_lexicon().entries.values() for form in entry.forms.get("am", ())]
    return sorted({word for form in [*forms, *(pair[1] for pair in PAIRS)] for word in folded(form).split()})


def test_the_list_is_long_enough_to_say_something() -> None:
    assert len(PAIRS) >= 80


def test_nearly_every_typed_word_finds_its_own_first_and_most_ethiopic_ones_find_theirs() -> None:
    words = vocabulary()
    first = [max((word for word in words), key=lambda word: likeness(typed, word)) for typed, _ in PAIRS]
    right = sum(found == folded(meant) for found, (_, meant) in zip(first, PAIRS, strict=True))
    back = [max((typed for typed, _ in PAIRS), key=lambda typed: likeness(typed, folded(meant))) for _, meant in PAIRS]
    meant_by = dict(PAIRS)
    returned = sum(meant_by[found] == meant for found, (_, meant) in zip(back, PAIRS, strict=True))
    assert right >= 0.95 * len(PAIRS), [
        pair for pair, found in zip(PAIRS, first, strict=True) if folded(pair[1]) != found
    ]
    assert returned >= 0.95 * len(PAIRS)


@pytest.mark.parametrize(
    ("typed", "other"), [("bira", "በር"), ("bir", "በሬ"), ("chama", "ሸማ"), ("doro", "ዱር"), ("buna", "ባና"), ("suri", "ሰራ")]
)
def test_a_word_with_other_vowels_is_another_word(typed: str, other: str) -> None:
    assert closeness(typed, other) < LEAST_CLOSENESS


def test_a_word_in_latin_letters_is_as_it_is_mostly_typed() -> None:
    assert [romanised(word) for word in ("ጫማ", "ጀበና", "ሸሚዝ", "ዶሮ")] == ["chama", "jebena", "shemiz", "doro"]


def test_what_is_no_amharic_has_a_sound_and_breaks_nothing() -> None:
    assert sound("") == ""
    assert sound("123") == ""
    assert closeness("", "ጫማ") == 0
    assert likeness("chama", "doro") == 0
