"""What a row becomes in the index, and conditions that mean only themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InputRejected
from marketplace.storage.vector_rows import TEXT_BYTES, VectorRow, clipped, fingerprint, unit_vector

E1 = np.eye(768, dtype=np.float32)[0]


def row(**changes):
    values = {
        "product_id": 1,
        "embedding": E1,
        "product_name": "Kitenge dress",
        "category": "dresses",
        "price": 12.5,
        "currency": "KES",
        "in_stock": True,
        "seller_id": 2,
        "city": "Nairobi",
        "country": "KE",
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


def test_a_fingerprint_tells_every_change_but_when_the_product_was_last_looked_at():
    mark = row().entity()["fingerprint"]
    assert row(last_hydrated_at=1).entity()["fingerprint"] == mark == fingerprint(row().entity())
    turned = E1.copy()
    turned[[0, 1]] = turned[[1, 0]]
    others = [
        {"embedding": turned},
        {"product_name": "Kanga"},
        {"category": "fabrics"},
        {"price": 12.49},
        {"currency": "TZS"},
        {"in_stock": False},
        {"seller_id": 3},
        {"city": None},
        {"country": "TZ"},
        {"image_url": None},
        {"created_at": 1},
        {"model_version": "m2"},
        {"product_id": 2},
    ]
    assert len({mark, *(row(**change).entity()["fingerprint"] for change in others)}) == len(others) + 1


def test_a_fingerprint_fits_a_signed_number_of_milvus():
    assert 0 <= row().entity()["fingerprint"] < 1 << 63
