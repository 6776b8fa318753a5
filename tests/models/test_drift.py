"""Drift, with expected numbers derived in view, and noise that is none."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import InputRejected
from models.collaborative.drift import (
    Profile,
    distance,
    divergence,
    moved,
    profile_of_events,
    profile_of_scores,
    session_lengths,
    stability_index,
)

DAY = pd.Timestamp("2026-11-01", tz="UTC")


def drawn(seed, rows=2000, views=0.8, products=60, country="KE"):
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user_id": [f"u{number}" for number in generator.integers(0, 200, rows)],
            "product_id": np.minimum(generator.zipf(1.5, rows), products),
            "kind": generator.choice(["view", "click"], rows, p=[views, 1 - views]),
            "surface": generator.choice(["grid", None], rows),
            "country": country,
            "occurred_at": DAY + pd.to_timedelta(generator.integers(0, 14 * 24 * 60, rows), unit="min"),
        }
    )


def drifted(before, now):
    return {one.feature for one in moved(before, now) if one.has_drifted}


def test_the_measures_are_the_arithmetic_they_claim():
    before, now = {"view": 0.8, "click": 0.2}, {"view": 0.5, "click": 0.5}
    assert stability_index(before, now) == pytest.approx(-0.3 * math.log(0.5 / 0.8) + 0.3 * math.log(0.5 / 0.2))
    assert stability_index(before, before) == divergence(before, before) == 0
    assert divergence({"view": 1.0}, {"click": 1.0}) == pytest.approx(1)
    assert distance([0, 2], [1, 3]) == pytest.approx(1)  # each moved by 1, their deviation is 1
    assert distance([4, 4], [6, 6]) == pytest.approx(0.5)
    assert distance([0, 0], [0, 0]) == 0


def test_a_session_ends_after_half_an_hour_of_nothing():
    minutes = {"a": [0, 10, 41, 60], "b": [5]}
    rows = [(user, DAY + pd.Timedelta(minutes=minute)) for user, at in minutes.items() for minute in at]
    events = pd.DataFrame(rows, columns=["user_id", "occurred_at"]).sample(frac=1, random_state=1)
    assert session_lengths(events).tolist() == [2, 2, 1]  # 31 minutes pass between 10 and 41


@pytest.mark.parametrize("rows", [100, 2000])
def test_another_draw_of_the_same_shoppers_is_no_drift(rows):
    before = profile_of_events(drawn(1, 2000))
    for seed in range(2, 12):
        assert drifted(before, profile_of_events(drawn(seed, rows))) == set()


def test_what_moved_is_named():
    before = profile_of_events(drawn(1))
    assert drifted(before, profile_of_events(drawn(2, views=0.4))) == {"kind"}
    assert drifted(before, profile_of_events(drawn(2, country="NG"))) == {"country"}
    assert drifted(before, profile_of_events(drawn(2).assign(product_id=lambda of: of["product_id"] + 500))) == {
        "product"
    }


def test_scores_that_shrank_are_noticed():
    generator = np.random.default_rng(4)
    scores = generator.gamma(2, 1, (300, 50))
    before = profile_of_scores(scores)
    assert drifted(before, profile_of_scores(generator.gamma(2, 1, (300, 50)))) == set()
    assert drifted(before, profile_of_scores(scores * 0.5)) == {
        "score_of_the_first",
        "score_of_the_last",
        "scores",
    }


def test_a_profile_is_read_as_it_was_kept_and_nothing_is_said_of_what_was_not_seen():
    kept = profile_of_events(drawn(1)).beside(profile_of_scores(np.ones((3, 4))))
    assert Profile.from_json(json.loads(json.dumps(kept.as_json()))) == kept
    assert moved(kept, profile_of_scores(np.zeros((0, 4)))) == []
    assert moved(kept, Profile({"kind": {}}, {}, {"kind": 0})) == []
    with pytest.raises(InputRejected, match="cannot be read"):
        Profile.from_json({"shares": {}})
