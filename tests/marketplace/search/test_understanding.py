"""What a query means before any catalogue is asked."""

from __future__ import annotations

import pytest

from marketplace.search.understanding import HEARD, INFLECTED, MOST_WORDS, OWN, TRANSLATED, understood


def forms(text: str) -> list[dict[str, float]]:
    return [dict(concept.forms) for concept in understood(text).concepts]


@pytest.mark.parametrize(
    ("text", "language"),
    [("leather shoes", "en"), ("viatu vya ngozi", "sw"), ("የቆዳ ጫማ", "am"), ("yekoda chama", "am-Latn")],
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert understood(text).language == language


def test_a_word_counts_most_then_its_inflection_then_what_it_means() -> None:
    assert forms("dresses") == [{"dresses": OWN, "dress": INFLECTED, "#dress": TRANSLATED}]


def test_a_sound_counts_less_than_a_listed_word() -> None:
    (heard,) = forms("shemizz")
    assert 0 < heard["#shirt"] < HEARD


def test_joining_and_asking_words_are_passed_over_in_every_language() -> None:
    for text in ("looking for a dress", "natafuta dress", "dress እፈልጋለሁ", "dress efelgalehu"):
        assert [concept.word for concept in understood(text).concepts] == ["dress"], text


def test_a_query_of_joining_words_alone_is_still_asked() -> None:
    assert [concept.word for concept in understood("the of").concepts] == ["the", "of"]


def test_a_name_of_several_words_is_one_concept_whose_parts_count_little() -> None:
    (concept,) = understood("viatu vya michezo").concepts
    weights = dict(concept.forms)
    assert concept.concepts == ("sneakers",)
    assert weights["#sneakers"] == TRANSLATED
    assert weights["viatu"] < weights["#sneakers"]


def test_what_is_said_of_anything_is_soft() -> None:
    assert [concept.is_soft for concept in understood("cheap dress").concepts] == [True, False]


def test_a_word_asked_twice_is_asked_once() -> None:
    assert len(understood("dress dress dress").concepts) == 1


def test_a_long_query_is_read_to_a_bound() -> None:
    assert len(understood(" ".join(f"word{number}x" for number in range(100))).concepts) == MOST_WORDS
