"""What a mistyped word was meant to be."""

from __future__ import annotations

import pytest

from marketplace.search.typos import mistakes, most_mistakes, nearest


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [("buna", "buna", 0), ("bnua", "buna", 1), ("bun", "buna", 1), ("sufuira", "sufuria", 1), ("kitten", "sitting", 3)],
)
def test_mistakes_are_counted_with_exchanged_neighbours_as_one(one: str, other: str, steps: int) -> None:
    assert mistakes(one, other) == steps


def test_the_longer_the_word_the_more_mistakes_are_forgiven() -> None:
    assert [most_mistakes("x" * length) for length in (3, 4, 7, 8)] == [0, 1, 1, 2]


def test_too_short_a_word_is_like_no_other() -> None:
    assert nearest("bag", [("bags", 9), ("big", 9)]) == []


def test_the_commoner_of_two_as_near_is_meant() -> None:
    assert nearest("skert", [("skart", 1), ("skirt", 500)])[0][0] == "skirt"


def test_a_neighbouring_key_is_likelier_than_a_far_one() -> None:
    assert nearest("dresd", [("dresp", 5), ("dress", 5)])[0][0] == "dress"


def test_a_doubled_letter_is_the_likeliest_slip() -> None:
    assert nearest("jewelery", [("jewellery", 5), ("jewelers", 5)])[0][0] == "jewellery"


def test_what_is_too_far_is_not_proposed() -> None:
    assert nearest("basket", [("biscuit", 1000)]) == []
