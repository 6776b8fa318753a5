"""Usual prices: a range that wrong prices cannot move, and none where too few tell it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.price_ranges import SMALLEST_GROUP, PriceGroup, robust_ranges

SHOES = PriceGroup("shoes", "KES")


def range_of(amounts, group=SHOES):
    return robust_ranges((group, amount) for amount in amounts).get(group)


def test_the_range_is_a_quarter_to_four_times_the_middle_where_prices_are_alike():
    found = range_of([100_000] * 20)
    assert (found.lower_minor, found.upper_minor, found.products) == (25_000, 400_000, 20)
    assert found.holds(25_000)
    assert not found.holds(24_999)
    assert not found.holds(400_001)


def test_a_wide_category_has_a_wide_range():
    # Half of the logarithms lie within ln 3 of the middle, so the robust sigma is ln 3 / 0.6745.
    amounts = [100_000 * 3**power for power in (-2, -1, 0, 1, 2)] * 4
    half = 3.5 * np.log(3) / 0.6745
    found = range_of(amounts)
    assert found.lower_minor == round(100_000 * np.exp(-half))
    assert found.upper_minor == round(100_000 * np.exp(half))


def test_prices_in_cents_by_mistake_do_not_move_the_range():
    sound = [90_000 + 1_000 * number for number in range(20)]
    before, after = range_of(sound), range_of([*sound, *(amount * 100 for amount in sound[:5])])
    assert after.upper_minor < 2 * before.upper_minor
    assert not after.holds(9_000_000)


@pytest.mark.parametrize("amounts", [[], [100] * (SMALLEST_GROUP - 1), [0] * 50])
def test_too_few_prices_tell_nothing(amounts):
    assert range_of(amounts) is None


def test_nothing_is_compared_without_a_category_or_across_currencies_and_units():
    bales = PriceGroup("shoes", "KES", "bale")
    shillings = PriceGroup("shoes", "UGX")
    prices = [(group, amount) for group, amount in ((SHOES, 1e5), (bales, 5e6), (shillings, 9e6)) for _ in range(12)]
    found = robust_ranges([*prices, *[(PriceGroup("", "KES"), 1e5)] * 30])
    assert found.keys() == {SHOES, bales, shillings}
    assert not found[SHOES].holds(5e6)


@given(st.lists(st.floats(1, 1e12), min_size=SMALLEST_GROUP, max_size=40))
def test_the_middle_price_is_always_usual_and_order_does_not_matter(amounts):
    found = range_of(amounts)
    assert found.holds(round(float(np.exp(np.median(np.log(amounts))))))
    assert found == range_of(amounts[::-1])
