"""The words of a text, alike for all their spellings."""

from __future__ import annotations

import pytest

from marketplace.search.terms import MOST_TERMS, folded, romanised_stems, terms_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Men's SHOES", "mens shoes".replace("mens", "men")),
        ("5 kg", "5kg"),
        ("5 kilos", "kilo 5"),
        ("1,500 ml", "1500ml"),
        ("lita 2", "2 litres"),
        ("T-shirt", "tshirt"),
        ("ng'ombe", "ng’ombe"),
        ("head-wrap", "head wrap"),
        ("café", "CAFE"),
        ("ሐበሻ", "ሀበሻ"),
        ("ኀይል", "ሃይል"),
        ("ሠርግ", "ሰርግ"),
        ("ዓይን", "አይን"),
        ("ፀሐይ", "ጸሀይ"),
        ("ｓｈｏｅｓ", "shoes"),
    ],
)
def test_two_spellings_are_one_word(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("dresses", "dress"), ("knives", "knife"), ("batteries", "battery"), ("boxes", "box"), ("tomatoes", "tomato"),
        ("vikombe", "kikombe"), ("vyungu", "chungu"), ("mikoba", "mkoba"), ("magauni", "gauni"), ("watoto", "mtoto"),
        ("ጫማዎች", "ጫማ"), ("ቀሚሶች", "ቀሚስ"), ("የቆዳ", "ቆዳ"), ("ለሴቶች", "ሴት"), ("የወንዶች", "ወንድ"),
    ],
)  # fmt: skip
def test_an_inflected_word_knows_what_it_may_be_of(word: str, stem: str) -> None:
    assert stem in terms_of(word)[0].others


@pytest.mark.parametrize("word", ["dress", "glass", "bus", "ቤት", "በግ", "key", "sms"])
def test_a_word_that_only_looks_inflected_stays(word: str) -> None:
    assert terms_of(word)[0].others == ()


def test_romanised_amharic_is_stripped_of_what_is_written_onto_it() -> None:
    assert romanised_stems("yekoda") == ("koda",)
    assert "chama" in romanised_stems("yechamawoch")
    assert romanised_stems("yes") == ()


def test_a_text_without_words_has_none() -> None:
    assert terms_of("&&& | !! 🧺 -- '") == ()


def test_a_very_long_text_is_read_to_a_bound() -> None:
    assert len(terms_of("word " * 200_000)) == MOST_TERMS
