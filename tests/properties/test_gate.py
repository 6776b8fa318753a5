"""The gate of models: what holds for every evidence, and each rule at its bound."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import InputRejected
from models.collaborative.evidence import MOST_SHOPPERS, Contender, Evidence, hashed, rounded
from models.collaborative.gate import CHECKS, RULES_VERSION, Rules, decide

SHARES = {"coverage": 0.4, "novelty": 6.0, "popularity_bias": 0.2, "seller_gini": 0.3}


def contender(name, ndcg, recall=None, latency=2.0, **means):
    ndcg = np.asarray(ndcg, dtype=float)
    recall = ndcg if recall is None else np.asarray(recall, dtype=float)
    measured = {"recall_at_20": recall.mean(), "ndcg_at_20": ndcg.mean(), "map_at_20": 0.1} | SHARES | means
    return Contender(name, "als", {k: float(v) for k, v in measured.items()}, rounded(ndcg), rounded(recall), latency)


def evidence(challenger, champion=None, popularity=0.0, segments=None, **told):
    """Contenders of these gains per shopper; a number is everybody's gain."""
    count = len(challenger.ndcg_at_20) if isinstance(challenger, Contender) else len(challenger)
    made = [
        one if one is None or isinstance(one, Contender) else contender(name, np.broadcast_to(one, count))
        for name, one in (("2", challenger), ("1", champion), ("popularity", popularity))
    ]
    shoppers = hashed([f"u{number}" for number in range(count)])
    return Evidence(*made, shoppers, segments or {"depth": ("light",) * count}, "d1", "2026-11-01", **told)


def gains(least=20, most=80):
    return st.integers(least, most).flatmap(
        lambda count: st.lists(st.floats(0.01, 0.9).map(lambda one: round(one, 4)), min_size=count, max_size=count)
    )


@given(gains())
@settings(max_examples=30)
def test_a_challenger_equal_to_the_champion_is_never_worse(values):
    decision = decide(evidence(values, values))
    assert decision.verdict == "promoted", decision.against


@given(gains(), st.data())
@settings(max_examples=30)
def test_one_that_is_worse_for_every_shopper_is_always_refused(values, data):
    falls = data.draw(st.lists(st.floats(0.0001, 0.009), min_size=len(values), max_size=len(values)))
    worse = np.array(values) - np.maximum(np.round(falls, 4), 0.0001)
    refused = {reason.rule for reason in decide(evidence(worse, values)).against}
    assert "not_worse_than_the_champion" in refused


@given(gains(), gains(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_shoppers_does_not_matter(first, second, random):
    count = min(len(first), len(second))
    places = list(range(count))
    labels = ["cold" if place % 3 else "heavy" for place in places]
    shoppers = hashed([str(place) for place in places])

    def judged(order):
        mine, theirs = ([values[place] for place in order] for values in (first, second))
        # Means come from the whole evaluation, whatever the order of its shoppers; only gains are reordered here.
        one = replace(contender("2", first[:count]), ndcg_at_20=tuple(mine), recall_at_20=tuple(mine))
        other = replace(contender("1", second[:count]), ndcg_at_20=tuple(theirs), recall_at_20=tuple(theirs))
        segments = {"depth": tuple(labels[place] for place in order)}
        names = tuple(shoppers[place] for place in order)
        return decide(Evidence(one, other, contender("popularity", [0.0] * count), names, segments, "d", "s"))

    shuffled = places.copy()
    random.shuffle(shuffled)
    assert judged(places) == judged(shuffled)


@given(gains(), gains())
@settings(max_examples=30)
def test_replay_from_what_was_kept_gives_the_same_decision(first, second):
    count = min(len(first), len(second))
    given_then = evidence(first[:count], second[:count], 0.1)
    kept = json.dumps({"evidence": given_then.as_json(), "rules": asdict(Rules(worst_fall=0.05))})
    read = json.loads(kept)
    again = decide(Evidence.from_json(read["evidence"]), Rules.from_json(read["rules"]))
    assert again == decide(given_then, Rules(worst_fall=0.05))


def test_a_better_one_is_promoted_with_a_reason_for_every_rule():
    decision = decide(evidence([0.5, 0.6] * 30, [0.4, 0.5] * 30, 0.2))
    assert decision.verdict == "promoted"
    assert {reason.rule for reason in decision.reasons} == set(CHECKS)
    assert decision.rules_version == RULES_VERSION


def refusals(judged, rules=None):
    decision = decide(judged, rules)
    assert decision.verdict == ("refused" if decision.against else "promoted")
    return {reason.rule for reason in decision.against}


def test_what_no_better_than_popularity_does_is_refused_also_as_the_first():
    assert refusals(evidence([0.3] * 60, None, 0.3)) == {"beats_popularity"}
    assert refusals(evidence([0.3] * 60, None, 0.2)) == set()


def test_a_gain_over_popularity_that_may_be_chance_does_not_count():
    lucky = [0.31] * 59 + [0.9]
    assert np.mean(lucky) > 0.315
    assert refusals(evidence([0.2, 0.44] * 30, None, 0.31)) == {"beats_popularity"}


def test_a_day_of_zeros_is_refused():
    assert refusals(evidence([0.0] * 60, [0.4] * 60, 0.0)) >= {"enough_to_judge", "beats_popularity"}


def test_what_is_not_shown_to_be_as_good_is_not_promoted():
    unsure = np.array([0.9, 0.1] * 30)
    assert unsure.mean() == pytest.approx(0.5)
    assert refusals(evidence(unsure, [0.5] * 60, 0.1)) == {"not_worse_than_the_champion"}


def test_too_few_shoppers_decide_nothing():
    assert refusals(evidence([0.5] * 19)) == {"enough_to_judge"}


def test_the_noise_of_ten_shoppers_in_a_segment_does_not_decide_and_the_fall_of_many_does():
    gain = [0.6] * 500
    before = [0.4] * 500

    def split(few):
        worse = [0.2] * few + gain[few:]
        return evidence(worse, before, 0.1, {"market": ("KE",) * few + ("NG",) * (500 - few)})

    assert refusals(split(10)) == set()
    assert refusals(split(60)) == {"harms_no_segment"}


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"coverage": 0.75 * 0.4 - 0.001}, "covers_the_catalog"),
        ({"novelty": 0.85 * 6 - 0.01}, "covers_the_catalog"),
        ({"seller_gini": 0.3 + 0.05 + 0.001}, "fair_to_sellers"),
        ({"latency": 100.1}, "fast_enough"),
    ],
)
def test_each_bound_refuses_what_is_beyond_it(changed, rule):
    assert refusals(evidence(contender("2", [0.5] * 60, **changed), 0.4)) == {rule}


@pytest.mark.parametrize("changed", [{"coverage": 0.301}, {"novelty": 5.11}, {"seller_gini": 0.349}, {"latency": 99.9}])
def test_each_bound_allows_what_is_within_it(changed):
    assert refusals(evidence(contender("2", [0.5] * 60, **changed), 0.4)) == set()


def test_shoppers_beyond_what_is_kept_are_left_out_by_hash():
    count = MOST_SHOPPERS + 50
    judged = evidence(np.linspace(0, 1, count), 0.1)
    assert len(judged.shoppers) == len(judged.challenger.ndcg_at_20) == MOST_SHOPPERS
    assert list(judged.shoppers) == sorted(hashed([f"u{number}" for number in range(count)]))[:MOST_SHOPPERS]


def test_evidence_that_does_not_fit_together_is_refused():
    sound = evidence([0.5] * 30, 0.4).as_json()
    with pytest.raises(InputRejected, match="29 values for 30 shoppers"):
        Evidence.from_json({**sound, "segments": {"depth": ["light"] * 29}})
    with pytest.raises(InputRejected, match="judged twice"):
        Evidence.from_json({**sound, "shoppers": ["a"] * 30})
    means = {name: value for name, value in sound["challenger"]["means"].items() if name != "novelty"}
    with pytest.raises(InputRejected, match="lack novelty"):
        Evidence.from_json({**sound, "challenger": {**sound["challenger"], "means": means}})
    with pytest.raises(InputRejected, match="cannot be read"):
        Evidence.from_json({})
    with pytest.raises(InputRejected, match="not a finite number"):
        contender("2", [float("nan")] * 30)
