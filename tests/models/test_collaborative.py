"""Matrices, splits, metrics and lists, with expected numbers derived in view."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import InputRejected
from models.collaborative.evaluation import bootstrap_interval, evaluate, metrics, ndcgs, recalls
from models.collaborative.features import interaction_matrix, split_by_time
from models.collaborative.model import FactorModel, hybrid_scores, neighbours, top_items
from models.collaborative.serving_rows import draw_recommendations
from models.collaborative.training import AlsParameters, train_als

DAY = pd.Timestamp("2026-11-01", tz="UTC")


def events(*rows):
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "day"])
    frame["occurred_at"] = DAY + pd.to_timedelta(frame["day"], unit="D")
    return frame


def two_tastes(shoppers=60, products=30, days=40):
    generator = np.random.default_rng(3)
    rows = []
    for shopper in range(shoppers):
        liked = np.arange(products // 2) + (products // 2) * (shopper % 2)
        rows += [
            (f"u{shopper:02d}", int(generator.choice(liked)), 1.0, day + 0.5 * generator.random())
            for day in range(days)
        ]
    return events(*rows)


def test_repeated_interest_is_summed_and_ids_are_sorted():
    found = interaction_matrix(events(("b", 9, 1.0, 0), ("a", 5, 2.0, 0), ("b", 9, 3.0, 1)))
    assert found.users.tolist() == ["a", "b"]
    assert found.items.tolist() == [5, 9]
    assert found.matrix.toarray().tolist() == [[2.0, 0.0], [0.0, 1.0 + 3.0]]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_that_is_no_interest_is_refused(weight):
    with pytest.raises(InputRejected, match="positive and finite"):
        interaction_matrix(events(("a", 1, weight, 0)))


def test_the_future_is_never_in_the_past():
    split = split_by_time(events(("a", 1, 1.0, 0), ("a", 2, 1.0, 9), ("a", 3, 1.0, 10)), future_days=5)
    assert split.past["product_id"].tolist() == [1]
    assert split.future["product_id"].tolist() == [2, 3]
    with pytest.raises(InputRejected, match="less than 50 days"):
        split_by_time(events(("a", 1, 1.0, 0), ("a", 2, 1.0, 9)), future_days=50)


def test_metrics_are_the_arithmetic_they_claim():
    lists = np.array([[0, 1, 2, 3], [4, 5, -1, -1]])
    truth = [np.array([1, 3]), np.array([0])]
    assert recalls(lists, truth, 2).tolist() == [1 / 2, 0]
    perfect = 1 / math.log2(2) + 1 / math.log2(3)
    assert ndcgs(lists, truth, 4) == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / perfect, 0])
    assert metrics(lists, truth, items=12)["coverage_at_10"] == 6 / 12


def test_the_bootstrap_interval_of_equal_values_is_that_value():
    assert bootstrap_interval(np.full(20, 0.25), seed=1) == (0.25, 0.25)
    assert bootstrap_interval(np.array([]), seed=1) == (0.0, 0.0)


def test_als_beats_popularity_where_there_are_tastes_and_not_where_there_are_none():
    assert evaluate(two_tastes(), AlsParameters(factors=8)).beats_popularity
    chance = two_tastes()
    chance["product_id"] = np.random.default_rng(5).integers(0, 30, len(chance))
    assert not evaluate(chance, AlsParameters(factors=8)).beats_popularity


def test_the_same_events_train_the_same_model_and_survive_as_arrays():
    interactions = interaction_matrix(two_tastes())
    first, second = (train_als(interactions, AlsParameters(factors=8)) for _ in range(2))
    assert np.array_equal(first.item_factors, second.item_factors)
    again = FactorModel.from_arrays(first.to_arrays())
    assert np.array_equal(again.user_factors, first.user_factors)
    with pytest.raises(InputRejected, match="lacks items"):
        FactorModel.from_arrays({k: v for k, v in first.to_arrays().items() if k != "items"})


def test_a_model_with_a_number_that_is_none_is_refused():
    arrays = train_als(interaction_matrix(two_tastes()), AlsParameters(factors=4)).to_arrays()
    arrays["item_factors"][0, 0] = np.nan
    with pytest.raises(InputRejected, match="not finite"):
        FactorModel.from_arrays(arrays)


def test_hybrid_scores_are_six_tenths_cf_and_four_tenths_visual():
    cf = np.array([[0.0, 5.0, 10.0, -np.inf]], dtype=np.float32)
    visual = np.array([[1.0, 0.0, 0.5, -np.inf]], dtype=np.float32)
    assert hybrid_scores(cf, visual).tolist() == [
        pytest.approx([0.6 * 0 + 0.4 * 1, 0.6 * 0.5 + 0.4 * 0, 0.6 * 1 + 0.4 * 0.5, -math.inf])
    ]


def test_top_items_go_by_score_then_place_and_leave_gaps_open():
    scores = np.array([[1.0, 3.0, 3.0, -np.inf]], dtype=np.float32)
    assert top_items(scores, 4).tolist() == [[1, 2, 0, -1]]


def test_products_of_one_taste_are_neighbours():
    model = train_als(interaction_matrix(two_tastes()), AlsParameters(factors=8))
    near, cosines = neighbours(model, keep=5)
    assert all({item // 15 for item in row} == {own // 15} for own, row in zip(model.items, near, strict=True))
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_nothing_is_recommended_that_is_not_offered_or_was_seen():
    history = two_tastes(days=6)
    model = train_als(interaction_matrix(history), AlsParameters(factors=8))
    offered = [(item, "even" if item % 2 == 0 else "odd") for item in range(28)]
    vectors = {item: np.eye(30, dtype=np.float32)[item] for item in range(30)}
    rows = draw_recommendations(model, history, offered, vectors, now=history["occurred_at"].max())
    seen = set(zip(history["user_id"], history["product_id"], strict=True))
    assert rows.personal
    assert all(row["product_id"] < 28 and (row["user_id"], row["product_id"]) not in seen for row in rows.personal)
    assert {row["category"] for row in rows.popular} == {"", "even", "odd"}
    assert all(row["neighbour_id"] < 28 and row["neighbour_id"] != row["product_id"] for row in rows.neighbours)
