"""What a row becomes in the index, and conditions that mean only themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InputRejected
from marketplace.storage.vector_rows import TEXT_BYTES, VectorRow, clipped, condition, nlist_for, unit_vector

E1 = np.eye(768, dtype=np.float32)[0]


def row(**changes):
    values = {
        "product_id": 1,
        "embedding": E1,
        "product_name": "Kitenge dress",
        "category": "dresses",
        "price": 12.5,
        "currency": "KES",
        "seller_id": 2,
        "image_url": "http://shop.example/1.jpg",
        "created_at": 1_763_683_200,
        "last_hydrated_at": 1_763_683_300,
        "model_version": "m1",
    }
    return VectorRow(**{**values, **changes})


@given(st.text(max_size=400), st.sampled_from(sorted(TEXT_BYTES)))
def test_a_clipped_text_fits_in_bytes_and_is_a_beginning(text, field):
    cut = clipped(text, field)
    assert len(cut.encode()) <= TEXT_BYTES[field]
    assert all(a == b or b == " " for a, b in zip(text, cut, strict=False))


def test_an_amharic_name_is_cut_between_letters():
    cut = clipped("ልብስ" * 50, "category")  # three bytes a letter, 64 // 3 letters
    assert cut == ("ልብስ" * 50)[:21]


def test_a_row_without_a_price_says_so_by_an_empty_currency():
    entity = row(price=None, currency=None).entity()
    assert (entity["price"], entity["currency"]) == (-1.0, "")


def test_an_address_too_long_to_keep_is_left_empty_not_cut():
    assert row(image_url="http://shop.example/" + "a" * 2048).entity()["image_url"] == ""


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (E1[:5], "shape"),
        (E1 * 2, "length 2.0"),
        (E1 * np.float32("nan"), "length nan"),
        (np.full(768, np.inf, np.float32), "length inf"),
    ],
)
def test_only_a_finite_unit_vector_is_taken(vector, said):
    with pytest.raises(InputRejected, match=said):
        unit_vector(vector, "the query")


def test_a_condition_quotes_what_could_end_the_text():
    assert condition(category='a" or "1" == "1') == r'category == "a\" or \"1\" == \"1"'
    assert condition(category="back\\slash", seller_id=3) == r'category == "back\\slash" and seller_id == 3'
    assert condition() == ""


def test_only_numbers_get_into_a_list_of_ids():
    with pytest.raises(ValueError, match="invalid literal"):
        condition(exclude=["1] or product_id > 0 or product_id in [1"])


@pytest.mark.parametrize(("products", "cells"), [(0, 1), (1, 1), (9, 9), (100, 40), (65_536, 1024), (10**9, 8192)])
def test_cells_grow_with_the_root_of_the_products(products, cells):
    assert nlist_for(products) == cells
