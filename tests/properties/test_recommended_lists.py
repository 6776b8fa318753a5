"""What holds for every list that is made of candidates, whatever they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InputRejected
from models.collaborative.ranking import Pool, explored, explored_places, likeness_of, ranked, with_explored


@st.composite
def pools(draw):
    count = draw(st.integers(0, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cosines = rng.random((count, count)).astype(np.float32)
    return Pool(
        rng.random(count).astype(np.float32),
        rng.integers(0, 3, count),
        rng.integers(0, draw(st.integers(1, 8)), count),
        likeness_of((cosines + cosines.T) / 2, rng.integers(-1, 4, count)),
    )


@given(pools(), st.integers(0, 30), st.floats(0, 1), st.one_of(st.none(), st.integers(1, 4)))
def test_a_list_is_as_long_as_it_can_be_and_holds_each_once(pool, count, diversity, per_seller):
    found = ranked(pool, count, diversity=diversity, per_seller=per_seller)
    assert len(found) == min(count, len(pool.relevance))
    assert len(set(found)) == len(found)


@given(pools(), st.integers(0, 30), st.floats(0, 1), st.integers(1, 4))
def test_no_seller_has_more_than_their_places_while_another_has_anything(pool, count, diversity, per_seller):
    found = ranked(pool, count, diversity=diversity, per_seller=per_seller)
    places = Counter(pool.sellers[found].tolist())
    held = Counter(pool.sellers.tolist())
    for seller, had in places.items():
        rounds = -(-had // per_seller) - 1  # how often the cap was lifted for this one
        for other in held:
            assert places[other] >= min(held[other], rounds * per_seller), (seller, other)


@given(pools(), st.integers(0, 30))
def test_without_diversity_or_cap_the_order_is_that_of_tier_and_relevance(pool, count):
    wanted = sorted(range(len(pool.relevance)), key=lambda one: (pool.tiers[one], -pool.relevance[one], one))
    assert ranked(pool, count) == wanted[:count]


@given(pools(), st.floats(0, 1), st.one_of(st.none(), st.integers(1, 4)))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(pool, diversity, per_seller):
    long = ranked(pool, 20, diversity=diversity, per_seller=per_seller)
    assert ranked(pool, 7, diversity=diversity, per_seller=per_seller) == long[:7]


def test_the_twin_of_what_stands_above_waits_for_something_else():
    twins = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=np.float32)
    pool = Pool(np.array([1.0, 0.9, 0.6], dtype=np.float32), np.zeros(3, int), np.arange(3), twins)
    assert ranked(pool, 3) == [0, 1, 2]
    assert ranked(pool, 3, diversity=0.5) == [0, 2, 1]


@given(st.integers(0, 90), st.floats(0.02, 1))
def test_every_list_explores_its_share_of_places(places, share):
    found = explored_places(places, share)
    block = round(1 / share)
    assert len({place for place, _ in found}) == len(found)
    assert all(0 <= place < places and 0 < chance <= 1 for place, chance in found)
    assert sum(chance for _, chance in found) == pytest.approx(
        sum(
            min(1.0, block * share) if start + block <= places else (places - start) * share
            for start in range(0, places, block)
        )
    )


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_what_can_happen_at_a_place_has_a_probability_of_one_together(share):
    weights = np.array([3.0, 1.0, 0.0, 2.0])
    found = [explored(5, weights, share, np.random.default_rng(seed))[0] for seed in range(500)]
    chances = {one.candidate: one.propensity for one in found}
    certain = explored_places(5, share)[0][1] == 1
    assert set(chances) == {0, 1, 3} | (set() if certain else {None})
    assert sum(chances.values()) == pytest.approx(1)


def test_a_draw_happens_as_often_as_its_propensity_says():
    weights, share, draws = np.array([3.0, 1.0, 0.0]), 0.05, 4000
    found = [explored(10, weights, share, np.random.default_rng(seed))[0] for seed in range(draws)]
    often = Counter(one.candidate for one in found)
    assert often[2] == 0
    for one in {(one.candidate, one.propensity) for one in found}:
        candidate, propensity = one
        assert often[candidate] / draws == pytest.approx(propensity, abs=0.03)


def test_what_was_drawn_takes_one_place_and_moves_no_other():
    found = explored(10, np.array([1.0]), 0.1, np.random.default_rng(1))
    shown = with_explored(list(range(100, 110)), found, [7])
    assert [product for product, _ in shown] == [100, 101, 102, 103, 104, 7, 106, 107, 108, 109]
    assert [propensity for _, propensity in shown] == [1.0] * 10


@pytest.mark.parametrize("wrong", [{"diversity": 1.1}, {"diversity": -0.1}, {"per_seller": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    pool = Pool(np.ones(1, np.float32), np.zeros(1, int), np.zeros(1, np.int64), np.ones((1, 1), np.float32))
    with pytest.raises(InputRejected):
        ranked(pool, 1, **wrong)
