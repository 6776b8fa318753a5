"""A round of training on shoppers with two tastes: who is judged, who is chosen, and what is kept of it."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import InputRejected
from models.collaborative.blending import HybridWeights
from models.collaborative.factors import AlsParameters
from models.collaborative.features import Feedback
from models.collaborative.gate import decide
from models.collaborative.selection import Recipe
from models.collaborative.tournament import Ground, Tools, compete, days_of_the_future, defend, mostly, sampled
from models.collaborative.trials import Trials

DAY = pd.Timestamp("2026-10-01", tz="UTC")
PRODUCTS = 30
TICKS = itertools.count()
TOOLS = Tools(lambda: next(TICKS) / 1000)  # every answer takes a millisecond
WEAK = Recipe(("als",), (AlsParameters(factors=1, iterations=1, regularization=1e6),), (1.0,))


def ground(shoppers=60, days=48, seed=3):
    generator = np.random.default_rng(seed)
    half = PRODUCTS // 2
    rows = [
        (
            f"u{shopper:02d}",
            int(1 + generator.integers(half) + half * (shopper % 2)),
            "view",
            1.0,
            day + generator.random(),
        )
        for shopper in range(shoppers)
        for day in range(0, days, 3)
    ]
    events = pd.DataFrame(rows, columns=["user_id", "product_id", "kind", "weight", "day"])
    events["occurred_at"] = DAY + pd.to_timedelta(events.pop("day"), unit="D")
    ids = np.arange(1, PRODUCTS + 1)
    facts = pd.DataFrame({"seller_id": ids % 3, "country": np.where(ids % 2, "KE", "NG"), "language": "sw"}, index=ids)
    return Ground(events, facts, {}, Feedback(), "d1")


@pytest.fixture(scope="module")
def done():
    return compete(ground(), TOOLS, champion=WEAK)


def test_all_families_are_judged_on_the_same_shoppers_and_the_best_is_chosen_before(done):
    trials = done.trials
    assert {"als", "item_cosine", "ease", "popular", "champion"} <= set(trials.contenders)
    assert trials.chosen == max(trials.validation, key=trials.validation.__getitem__)
    assert {len(one.ndcg_at_20) for one in trials.contenders.values()} == {len(trials.shoppers)}
    assert trials.contenders[trials.chosen].means["ndcg_at_20"] > trials.contenders["popular"].means["ndcg_at_20"]
    assert {one.latency_p99_ms for one in trials.contenders.values()} == {1.0}
    assert set(trials.segments) == {"depth", "market", "language"}
    for name, curve in done.curves.items():
        assert curve[-1] == pytest.approx(trials.contenders[name].means["recall_at_20"])
        assert list(curve) == sorted(curve)


def test_only_the_kinds_that_were_named_compete():
    alone = compete(ground(), TOOLS, champion=None, only=["item_cosine"]).trials
    assert set(alone.contenders) == {"item_cosine", "popular"}
    with pytest.raises(InputRejected, match="models of kind magic are not known; there are als"):
        compete(ground(), TOOLS, champion=None, only=["magic"])


def test_a_good_one_passes_the_gate_beside_a_weak_champion_and_the_weak_one_does_not_pass_beside_it(done):
    better = decide(done.trials.evidence("2", "1"))
    assert better.verdict == "promoted", better.against
    held = done.trials.recipes[done.trials.chosen]
    turned = compete(ground(), TOOLS, champion=held).trials
    weak = defend(ground(), TOOLS, champion=WEAK, hybrid=turned.hybrid).trials.contenders["als"]
    refused = decide(
        Trials(
            **{
                **{name: getattr(turned, name) for name in Trials.__slots__},
                "contenders": {**turned.contenders, "weak": weak},
                "chosen": "weak",
            }
        ).evidence("3", "2")
    )
    assert {"not_worse_than_the_champion"} <= {reason.rule for reason in refused.against}


def test_the_champion_alone_is_tried_with_the_weights_it_has():
    weights = HybridWeights(np.array([0, 5]), np.array([0.2, 0.9]), {})
    found = defend(ground(), TOOLS, champion=WEAK, hybrid=weights)
    assert set(found.trials.contenders) == {"als", "popular"}
    assert (found.trials.chosen, found.trials.champion, found.trials.validation) == ("als", "als", {})
    assert found.trials.hybrid == weights


def test_trials_are_read_as_they_were_kept(done):
    again = Trials.from_json(json.loads(json.dumps(done.trials.as_json())))
    assert again.as_json() == done.trials.as_json()
    assert again.recipes == done.trials.recipes
    assert decide(again.evidence("2", "1")) == decide(done.trials.evidence("2", "1"))
    with pytest.raises(InputRejected, match="cannot be read"):
        Trials.from_json({})


def test_a_short_history_is_judged_on_its_last_quarter():
    events = ground(days=48).events
    assert days_of_the_future(events) == 45 // 4
    assert days_of_the_future(ground(days=90).events) == 14
    assert days_of_the_future(events.head(1)) == 1


def test_a_shopper_belongs_to_where_most_of_what_they_touched_is():
    events = pd.DataFrame({"user_id": ["a", "a", "a", "b"], "product_id": [1, 1, 2, 9]})
    assert mostly(events, pd.Series({1: "KE", 2: "NG"})) == {"a": "KE", "b": "unknown"}


def test_of_many_shoppers_always_the_same_are_drawn():
    exam = ground().examination(ground().events)
    few = sampled(exam, 10)
    assert len(few.users) == few.histories.shape[0] == few.truth.shape[0] == 10
    assert np.array_equal(few.users, sampled(exam, 10).users)
    assert all(len(mask) == 10 for mask in few.segments.values())
