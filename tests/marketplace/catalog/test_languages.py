"""Languages, measured on product texts that were labelled by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from marketplace.catalog.languages import language_of

LABELLED = [line.split("\t") for line in (Path(__file__).parent / "product_texts.tsv").read_text().splitlines()]
# What is asked of each language; docs/quality.md shows what is reached.
LEAST = {"en": 0.95, "sw": 0.95, "am": 1.0, "am-Latn": 0.9, "mul": 0.7, "und": 0.9}


def test_at_least_two_hundred_texts_are_labelled_and_none_twice():
    assert len(LABELLED) >= 200
    assert len({text for _, text in LABELLED}) == len(LABELLED)
    assert {code for code, _ in LABELLED} == LEAST.keys()


@pytest.mark.parametrize(("code", "least"), LEAST.items())
def test_each_language_is_told_as_often_as_the_documentation_says(code, least):
    texts = [text for labelled, text in LABELLED if labelled == code]
    right = sum(language_of(text).code == code for text in texts)
    assert right / len(texts) >= least


def test_the_documentation_shows_the_measured_shares():
    page = (Path(__file__).parents[3] / "docs" / "quality.md").read_text()
    for code, texts in Counter(code for code, _ in LABELLED).items():
        right = sum(language_of(text).code == code for labelled, text in LABELLED if labelled == code)
        assert f"| `{code}` | {right} of {texts} |" in page


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("የሐበሻ ቀሚስ", "am"),
        ("Yehabesha kemis", "am-Latn"),
        ("YEHABESHA KEMIS", "am-Latn"),
        ("Viatu vya ngozi", "sw"),
        ("Leather shoes", "en"),
        ("Mtumba shoes kali, grade one", "mul"),
        ("የሐበሻ ቀሚስ, wedding dress", "mul"),
        ("Samsung ስልክ", "am"),
        ("", "und"),
        ("12345 XL", "und"),
        ("فستان نسائي", "und"),
    ],
)
def test_scripts_mixtures_and_texts_without_words_are_told(text, code):
    assert language_of(text).code == code


def test_a_mixed_text_says_which_languages_it_mixes():
    found = language_of("Shati nzuri ya ngozi, original leather shirt for men")
    assert found.code == "mul"
    assert found.shares.keys() == {"sw", "en"}
    assert sum(found.shares.values()) == pytest.approx(1)


def test_confidence_is_a_share_and_lower_for_an_ambiguous_word():
    sure, unsure = language_of("Viatu vya ngozi vya wanaume"), language_of("Kilo")
    assert 0.99 < sure.confidence <= 1
    assert unsure.confidence < 0.95


def test_real_english_titles_are_seldom_taken_for_another_language(real_input):
    import csv

    with (real_input / "jumia-ke" / "products_with_links.csv").open(encoding="utf-8") as file:
        titles = [row["Name"] for row in csv.DictReader(file)]
    assert sum(language_of(title).code == "en" for title in titles) / len(titles) > 0.97


def test_a_word_of_hundreds_of_letters_has_a_language_or_none():
    assert language_of("a" * 5_000).code
    assert language_of("s's" * 2_000).code
