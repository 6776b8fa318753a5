"""Conditions mean only themselves, whatever is written into them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.search.asking import Filters
from marketplace.storage.vector_filters import EVERYTHING, condition, literal, other_models

HOSTILE = [
    "x' or 1==1",
    '" or 1==1 or "',
    "\\",
    '\\"',
    "ልብስ",
    "a\x00b",
    "{x}",
    "%",
    "[1]",
    "\u2028",
    "' --",
    '\\\\" or ""=="',
]


def of(**filters):
    return condition(Filters(**{"in_stock": False, **filters}))


@given(st.one_of(st.text(), st.sampled_from(HOSTILE)))
def test_a_text_ends_where_its_literal_ends_and_means_itself(text):
    written = literal(text)
    inner = written[1:-1]
    assert (written[0], written[-1]) == ('"', '"')
    assert inner.replace("\\\\", "").replace('\\"', "").count('"') == 0
    assert inner.replace("\\\\", "\0\0").replace('\\"', '"').replace("\0\0", "\\") == text or "\0\0" in text


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"))))
def test_a_literal_is_read_by_another_parser_of_quoted_texts_as_what_was_meant(text):
    assert json.loads(literal(text)) == text


@given(st.text(max_size=80))
def test_no_filter_carries_a_control_character_into_an_expression(text):
    assert condition(Filters((text,), country=text, city=text, currency=text)).isprintable() or any(
        not letter.isprintable() and letter > "\x9f" for letter in text
    )


def test_every_filter_becomes_a_condition():
    assert condition() == condition(EVERYTHING) == ""
    assert condition(Filters()) == "in_stock == true"
    assert of(categories=("bags",)) == 'category == "bags"'
    assert of(categories=("bags", 'a" or "1"=="1')) == r'category in ["bags", "a\" or \"1\"==\"1"]'
    assert of(seller_id=3, country="KE", city="Nairobi") == 'seller_id == 3 and country == "KE" and city == "Nairobi"'
    assert of(currency="KES") == 'currency == "KES"'
    assert of(currency="KES", least_minor=10_050) == 'currency == "KES" and price >= 100.5'
    assert of(currency="UGX", most_minor=2_500) == 'currency == "UGX" and price <= 2500.0'
    assert condition(exclude=[3, 1], pictured=True) == 'product_id not in [1, 3] and image_url != ""'
    assert other_models('m"1') == r'model_version != "m\"1"'


@given(st.integers(0, 10**12), st.sampled_from(["KES", "UGX", "ETB"]))
def test_a_price_on_the_border_of_a_range_is_never_lost_to_rounding(minor, currency):
    from marketplace.catalog.prices import minor_digits

    kept = float(np.float32(minor / 10 ** minor_digits(currency)))
    expression = of(currency=currency, least_minor=minor, most_minor=minor)
    least, most = (float(part.split("= ")[1]) for part in expression.split(" and ")[1:])
    assert least <= kept <= most


@pytest.mark.parametrize("bad", [["1] or product_id > 0 or product_id in [1"], ["a", 1], [True]])
def test_a_list_of_ids_takes_only_numbers(bad):
    with pytest.raises(TypeError):
        literal([1, *bad])


@pytest.mark.parametrize("bad", ["1 or 1==1", 1.5, True])
def test_a_seller_is_a_number(bad):
    with pytest.raises(TypeError, match="whole number"):
        of(seller_id=bad)
