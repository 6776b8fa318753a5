"""The same product at several sellers: what titles say, what contradicts, and who ends in one group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.product_matching import labelled_pairs, precision_and_recall
from marketplace.catalog.matches import LARGEST_BLOCK, OfferedProduct, groups
from marketplace.catalog.titles import contradiction, read_title

PICTURE = np.eye(3, dtype=np.float32)


def grouped(*titles, sellers=None, pictures=None):
    """The groups among the titles, each of another seller unless told otherwise, as lists of places."""
    products = [
        OfferedProduct(
            place, sellers[place] if sellers else place, title, None if pictures is None else PICTURE[pictures[place]]
        )
        for place, title in enumerate(titles)
    ]
    by_name = {}
    for match in groups(products):
        by_name.setdefault(match.match_id, []).append(match.product_id)
    return list(by_name.values())


@pytest.mark.parametrize(
    ("title", "measures"),
    [
        ("Milk 500ml", {"volume": {500}}),
        ("Milk 0.5 L", {"volume": {500}}),
        ("Milk 0,5 ltr", {"volume": {500}}),
        ("Milk 1/2 litre", {"volume": {500}}),
        ("Rice 5 KGS", {"mass": {5000}}),
        ("Power bank 10,000 mAh", {"charge": {10_000}}),
        ('TV 32"', {"length": {812.8}}),
        ("TV 32''", {"length": {812.8}}),
        ("TV 32 inch", {"length": {812.8}}),
        ("Phone 64GB/4GB", {"storage": {64, 4}}),
        ("Iron 1.2kW", {"power": {1200}}),
        ("Phone 5G", {}),
        ("Engine oil 10W-40", {}),
        ("Kanga pair", {}),
    ],
)
def test_a_measure_is_read_however_it_is_spelt(title, measures):
    assert read_title(title).measures == measures


@pytest.mark.parametrize(
    ("title", "pack"),
    [
        ("Lotion 400ml (Pack Of 2)", 2),
        ("Lotion 400ml x2", 2),
        ("Lotion 2 pack", 2),
        ("Diapers size 4 - pack of 60", 60),
        ("Diapers size 4 (60 pcs)", 60),
        ("8x Soap", 8),
        ("Bow ties 3PCS", 3),
        ("3 in 1 charger", 1),
        ("Tembo X5", 1),
        ("Lotion 400ml", 1),
    ],
)
def test_a_pack_is_counted(title, pack):
    assert read_title(title).pack == pack


def test_a_gift_is_not_a_part_of_the_product():
    plain = read_title("Tembo X5 64GB")
    for gift in ("+ free earphones", " + Smart Watch & Buds", "+FREEBIES", " plus free case"):
        assert read_title(f"Tembo X5 64GB {gift}") == plain


def test_a_model_is_one_word_with_or_without_its_hyphen():
    assert read_title("Sony WH-CH520").codes == read_title("sony whch520").codes == {"whch520"}


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Zuri lotion 50ml", "Zuri lotion 400ml", "volume"),
        ("Zuri lotion 400ml", "Zuri lotion 400ml (pack of 2)", "pack"),
        ("Tembo X5 64GB", "Tembo X5 Pro 64GB", "variant"),
        ("Tembo X5", "Tembo X6", "code"),
        ("Duma shoes size 42", "Duma shoes size 43", "code"),
        ("Kito KP10 black", "Kito KP10 white", "colour"),
        ("Duma DR7 men", "Duma DR7 ladies", "wearer"),
        ("Zuri lotion 500ml", "Zuri lotion 0.5l", None),
        ("Tembo X5 64GB", "Tembo X5 64GB 4GB", None),
        ("Kito KP10 gray", "Kito KP10 grey", None),
        ("Kito KP10", "Kito KP10 white", None),
    ],
)
def test_what_cannot_be_the_same_is_said_why(one, other, why):
    assert contradiction(read_title(one), read_title(other)) == why
    assert contradiction(read_title(other), read_title(one)) == why


@given(st.text(max_size=80))
def test_every_title_can_be_read_and_contradicts_itself_in_nothing(title):
    read = read_title(title)
    assert read.pack >= 1
    assert contradiction(read, read) is None


def test_the_same_product_of_two_sellers_is_a_group_and_says_why():
    first, second = groups(
        [
            OfferedProduct(7, 1, "Kito Power Bank KP-10 10000mAh"),
            OfferedProduct(3, 2, "KITO KP10 power bank 10,000 mAh"),
        ]
    )
    assert (first.product_id, second.product_id) == (3, 7)
    assert first.match_id == second.match_id == 3
    assert first.score == second.score > 0.9
    assert first.evidence["closest"] == 7
    assert first.evidence["shared"] == ["bank", "kito", "kp10", "power"]


def test_a_seller_who_lists_a_product_twice_is_no_group():
    title = "Kito Power Bank KP-10"
    assert grouped(title, title, sellers=[1, 1]) == []
    assert grouped(title, title, title, sellers=[1, 1, 2]) == [[0, 1, 2]]


def test_a_name_of_many_things_needs_pictures_that_agree():
    dress = "Ankara maxi dress, indigo"
    assert grouped(dress, dress) == []
    assert grouped(dress, dress, pictures=[0, 1]) == []
    assert grouped(dress, dress, pictures=[0, 0]) == [[0, 1]]


def test_small_differences_do_not_add_up_to_one_product():
    without = "Kito Power Bank KP-10 10000mAh"
    assert grouped(f"{without} black", without, f"{without} white") in ([[0, 1]], [[1, 2]])


def test_a_word_that_everybody_uses_makes_no_pairs():
    titles = [f"Kito {chr(97 + number % 26)}{chr(97 + number // 26)}a model" for number in range(LARGEST_BLOCK + 5)]
    assert grouped(*titles) == []


@given(st.permutations(range(4)))
def test_the_order_of_the_products_changes_nothing(order):
    offered = [
        OfferedProduct(1, 1, "Kito Power Bank KP-10"),
        OfferedProduct(2, 2, "Kito KP10 power bank"),
        OfferedProduct(3, 3, "Nyota N32S smart TV 32 inch"),
        OfferedProduct(4, 4, "Nyota N32S android smart TV 32''"),
    ]
    assert groups([offered[place] for place in order]) == groups(offered)


def test_the_labelled_pairs_are_told_apart():
    pairs = labelled_pairs()
    assert len(pairs) >= 80
    precision, recall = precision_and_recall(pairs)
    assert precision >= 0.97
    assert recall >= 0.9
