"""Assignment, sequential intervals, ratios, guardrails and what a report concludes from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marketplace.errors import InputRejected
from marketplace.experiments.assignment import Experiment, Variant, variant_of
from marketplace.experiments.guardrails import Waiting, gini, latency, seller_exposure
from marketplace.experiments.interleaving import sequential_sign_test, sign_test, team_draft
from marketplace.experiments.ratio import chi_square_tail, mismatch
from marketplace.experiments.report import Preference, VariantFigures, report_on
from marketplace.experiments.sequential import FEWEST, Moments, difference

PLAIN = (Variant("control", 0.5), Variant("treatment", 0.5, {"weights": "documented"}))
EXPERIMENT = Experiment("blend", "s", PLAIN)


def moments(values: Any) -> Moments:
    found = np.asarray(values, dtype=float)
    return Moments(len(found), float(found.sum()), float((found**2).sum()))


def figures(name: str, clicks: int, shoppers: int = 1000, **others: Any) -> VariantFigures:
    clicked = moments([1] * clicks + [0] * (shoppers - clicks))
    known = {"waiting": Waiting(200, 0.01), "impressions": {10: 100, 20: 100}}
    return VariantFigures(name, {"clicked": clicked, "purchases": moments([0] * shoppers)}, **{**known, **others})


def test_assignment_is_the_same_on_every_machine() -> None:
    found = [variant_of(EXPERIMENT, f"shopper-{number:03d}") for number in range(8)]
    letters = "".join(one.name[0] if one else "-" for one in found)
    assert letters == "ttcctctc"  # another word, and every running experiment would be dealt anew


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: Variant("a", 0.5, {"colour": "red"}), "'colour' is no setting"),
        (lambda: Variant("a", 0.5, {"model": "best"}), "champion or challenger"),
        (lambda: Variant("a", 0.5, {"diversity": 2}), "diversity 2"),
        (lambda: Variant("a", 0), "share 0"),
        (lambda: Variant("a b", 0.5), "a name is"),
        (lambda: Experiment("e", "s", (Variant("a", 1.0),)), "two variants or more"),
        (lambda: Experiment("e", "s", (Variant("a", 0.5), Variant("b", 0.4))), "add up to 0.9"),
        (lambda: Experiment("e", "s", PLAIN, traffic=0), "traffic 0"),
        (
            lambda: Experiment("e", "s", tuple(Variant(x, 0.25) for x in "abcd"), is_interleaved=True),
            "two variants are interleaved",
        ),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused(broken: Callable[[], object], said: str) -> None:
    with pytest.raises(InputRejected, match=said):
        broken()


def test_false_alarms_of_equal_variants_stay_below_alpha_however_often_one_looks() -> None:
    rng, alarms, experiments, alpha = np.random.default_rng(11), 0, 400, 0.05
    for _ in range(experiments):
        both = rng.random((2, 3000)) < 0.1  # one shopper in ten clicks
        sums = both.cumsum(axis=1)
        for count in range(FEWEST, 3000, 10):
            control, treatment = (Moments(count, float(one[count - 1]), float(one[count - 1])) for one in sums)
            if difference(control, treatment, alpha=alpha).verdict:
                alarms += 1
                break
    assert alarms / experiments <= alpha


def test_the_usual_interval_looked_at_as_often_would_cry_wolf() -> None:
    rng, alarms, experiments = np.random.default_rng(11), 0, 200
    for _ in range(experiments):
        means = (rng.random((2, 3000)) < 0.1).cumsum(axis=1) / np.arange(1, 3001)
        spread = np.sqrt((means * (1 - means)).sum(axis=0) / np.arange(1, 3001))
        alarms += bool((np.abs(means[0] - means[1])[FEWEST::10] > 1.96 * spread[FEWEST::10]).any())
    assert alarms / experiments > 0.2


def test_figures_without_any_difference_among_shoppers_tell_nothing() -> None:
    nothing_bought = difference(Moments(5_000, 0, 0), Moments(5_000, 0, 0))
    assert (nothing_bought.verdict, nothing_bought.is_known) == (0, False)
    assert difference(Moments(5_000, 0, 0), Moments(5_000, 1, 1)).is_known


def test_a_real_difference_is_found_and_lies_in_its_interval() -> None:
    rng = np.random.default_rng(3)
    control, treatment = rng.random(4000) < 0.10, rng.random(4000) < 0.15
    found = difference(moments(control), moments(treatment))
    assert found.verdict == 1
    assert found.low < 0.05 < found.high
    assert difference(moments(treatment), moments(control)).verdict == -1
    assert not difference(moments([1] * 49), moments([0] * 200)).is_known


@pytest.mark.parametrize(
    ("value", "freedom", "tail"),
    # From the tables of the distribution: the value above which so much lies.
    [(3.841459, 1, 0.05), (10.827566, 1, 0.001), (5.991465, 2, 0.05), (7.814728, 3, 0.05), (18.307038, 10, 0.05)],
)
def test_the_tail_of_chi_square_is_that_of_the_tables(value: float, freedom: int, tail: float) -> None:
    assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=1e-5)


def test_counts_far_from_their_shares_are_suspicious() -> None:
    assert mismatch([500, 500], [0.5, 0.5]) == 1
    assert mismatch([5000, 4800], [0.5, 0.5]) > 0.001
    assert mismatch([5500, 4500], [0.5, 0.5]) < 1e-20
    assert mismatch([0, 0], [0.5, 0.5]) == 1


def test_a_draft_gives_each_ranking_the_first_place_as_often() -> None:
    firsts = [team_draft([1, 2, 3], [4, 5, 6], 4, seed)[0] for seed in range(400)]
    assert 150 < sum(team == 0 for _, team in firsts) < 250
    assert {product for product, _ in firsts} == {1, 4}


def test_sign_tests_by_hand() -> None:
    assert sign_test(5, 0) == pytest.approx(2 / 2**5)
    assert sign_test(2, 2) == 1
    # Integral of p^8 over [0, 1] is 1/9; under the coin it is 1/2^8.
    assert sequential_sign_test(8, 0) == pytest.approx(9 / 2**8)


def test_guardrails_hold_break_or_say_that_too_little_is_known() -> None:
    assert latency(Waiting(99, 0.01), Waiting(200, 0.01)).passed is None
    assert latency(Waiting(200, 0.01), Waiting(200, 0.0105)).passed is True
    slow = latency(Waiting(200, 0.01), Waiting(200, 0.05))
    assert (slow.passed, slow.value) == (False, 5)
    assert seller_exposure([100, 100], [90, 110]).passed is False
    assert seller_exposure([100, 100], [99, 101]).passed is True
    assert gini([0, 0, 0, 8]) == 0.75


@pytest.mark.parametrize(
    ("control", "treatment", "said"),
    [
        (figures("control", 100), figures("treatment", 105), "No difference between treatment"),
        (figures("control", 100), figures("treatment", 300), "treatment is better: more shoppers who clicked"),
        (figures("control", 300), figures("treatment", 100), "Stop treatment: fewer shoppers who clicked"),
        (figures("control", 3, 30), figures("treatment", 9, 30), "Too few shoppers yet"),
        (
            figures("control", 100),
            figures("treatment", 300, waiting=Waiting(200, 0.02)),
            "breaks the bound of latency p95",
        ),
        (figures("control", 100), figures("treatment", 300, 1400), "Do not trust it"),
    ],
)
def test_the_verdict_says_what_to_do(control: VariantFigures, treatment: VariantFigures, said: str) -> None:
    assert said in report_on(EXPERIMENT, {"control": control, "treatment": treatment}).verdict


def test_variants_that_are_the_same_should_not_differ() -> None:
    same = Experiment("aa", "s", (Variant("control", 0.5), Variant("again", 0.5)))
    fine = report_on(same, {"control": figures("control", 100), "again": figures("again", 104)})
    wrong = report_on(same, {"control": figures("control", 100), "again": figures("again", 300)})
    assert fine.is_same_throughout
    assert fine.verdict.startswith("As it should be")
    assert wrong.verdict.startswith("Something is wrong")


def test_an_interleaved_experiment_is_judged_by_preference_alone() -> None:
    mixed = Experiment("mix", "s", PLAIN, is_interleaved=True)
    assert report_on(mixed, {}, Preference(60, 20, 9)).verdict.startswith("Shoppers prefer control: 60 to 20")
    assert report_on(mixed, {}, Preference(22, 20, 9)).verdict.startswith("Neither ranking")
    with pytest.raises(InputRejected, match="no variant other"):
        report_on(mixed, {"other": figures("other", 1)})
