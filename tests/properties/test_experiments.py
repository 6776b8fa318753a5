"""What holds for every experiment there could be."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from marketplace.experiments.assignment import Experiment, Variant, variant_of
from marketplace.experiments.guardrails import gini
from marketplace.experiments.interleaving import sequential_sign_test, sign_test, team_draft
from marketplace.experiments.ratio import chi_square_tail, mismatch

SALTS = st.text(min_size=1, max_size=12)
SHOPPERS = st.text(min_size=1, max_size=20)
RANKINGS = st.lists(st.integers(0, 40), unique=True, max_size=20)
HALVES = (Variant("control", 0.5), Variant("treatment", 0.5))


@given(SALTS, SHOPPERS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_shopper_stays_where_they_were_when_traffic_grows(salt: str, user: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    narrow = Experiment("e", salt, HALVES, traffic=less)
    before, after = variant_of(narrow, user), variant_of(replace(narrow, traffic=more), user)
    assert before is None or before == after
    assert variant_of(narrow, user) == before


@given(SALTS)
def test_every_variant_gets_its_share(salt: str) -> None:
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    drawn = Experiment("e", salt, tuple(Variant(name, share) for name, share in shares.items()), traffic=0.6)
    found = [variant_of(drawn, f"shopper-{number}") for number in range(3000)]
    counts = [sum(one is not None and one.name == name for one in found) for name in shares]
    # One in a hundred million draws is so far off.
    assert mismatch([*counts, found.count(None)], [0.3, 0.18, 0.12, 0.4]) > 1e-8


@given(RANKINGS, RANKINGS, st.integers(0, 30), st.integers(0, 2**32))
def test_a_draft_shows_each_product_once_in_the_order_of_its_team(
    first: list[int], second: list[int], limit: int, seed: int
) -> None:
    drafted = team_draft(first, second, limit, seed)
    products = [product for product, _ in drafted]
    assert drafted == team_draft(first, second, limit, seed)
    assert len(set(products)) == len(products) == min(limit, len({*first, *second}))
    for team, ranking in enumerate((first, second)):
        places = [ranking.index(product) for product, picker in drafted if picker == team]
        assert places == sorted(places)
    if min(len(first), len(second)) >= limit:
        teams = [team for _, team in drafted]
        assert all(abs(teams[:cut].count(0) - teams[:cut].count(1)) <= 1 for cut in range(len(teams) + 1))


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_sign_test_does_not_care_who_is_first_and_looking_often_costs(wins: int, losses: int) -> None:
    assert sign_test(wins, losses) == sign_test(losses, wins)
    assert 0 <= sign_test(wins, losses) <= sequential_sign_test(wins, losses) + 1e-9 <= 1 + 1e-9


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.integers(1, 5))
def test_a_gini_lies_between_none_and_all_and_knows_no_scale(counts: list[int], factor: int) -> None:
    found = gini(counts)
    assert -1e-9 <= found < 1
    assert abs(gini([count * factor for count in counts]) - found) < 1e-9
    assert abs(gini(counts[::-1]) - found) < 1e-9


@given(st.floats(0, 200), st.integers(1, 12))
def test_a_chi_square_tail_falls_with_its_value_and_grows_with_its_freedom(value: float, freedom: int) -> None:
    tail = chi_square_tail(value, freedom)
    assert 0 <= tail <= 1
    assert chi_square_tail(value + 1, freedom) <= tail + 1e-12
    assert chi_square_tail(value, freedom + 1) >= tail - 1e-12
