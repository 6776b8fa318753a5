"""Lists, neighbours and rows for serving on models small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import InputRejected
from models.collaborative.evaluation import evaluate, metrics, ndcgs, recalls
from models.collaborative.features import interaction_matrix
from models.collaborative.model import BLOCK, FactorModel, neighbours, top_items
from models.collaborative.serving_rows import draw_recommendations, interest_of
from models.collaborative.training import AlsParameters, popularity, seen, train_als

DAY = pd.Timestamp("2026-11-01", tz="UTC")


def events(*rows):
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "day"])
    frame["occurred_at"] = DAY + pd.to_timedelta(frame["day"], unit="D")
    return frame


def of_factors(users, items):
    return FactorModel(
        np.array(users, dtype=np.float32),
        np.array(items, dtype=np.float32),
        np.array([f"u{row}" for row in range(len(users))]),
        np.arange(10, 10 + len(items)),
    )


def test_neighbours_are_the_cosines_of_their_factors():
    model = of_factors([[1, 0]], [[2, 0], [3, 4], [0, 5]])
    near, cosines = neighbours(model, keep=2)
    assert near.tolist() == [[11, 12], [12, 10], [11, 10]]
    assert cosines == pytest.approx(np.array([[3 / 5, 0], [4 / 5, 3 / 5], [4 / 5, 0]]), abs=1e-6)


def test_an_item_without_factors_is_like_nothing():
    _, cosines = neighbours(of_factors([[1, 0]], [[0, 0], [1, 0]]), keep=5)
    assert cosines.tolist() == [[0], [0]]


def test_a_lone_item_has_no_neighbours():
    near, cosines = neighbours(of_factors([[1, 0]], [[1, 0]]), keep=5)
    assert near.shape == cosines.shape == (1, 0)


def test_neighbours_are_found_across_blocks():
    items = np.random.default_rng(4).normal(size=(BLOCK + 20, 8)).astype(np.float32)
    near, _ = neighbours(of_factors([[1] * 8], items), keep=3)
    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    for row in (0, BLOCK - 1, BLOCK, BLOCK + 19):
        cosine = np.delete(unit @ unit[row], row)
        others = np.delete(np.arange(len(items)), row)
        assert near[row].tolist() == (10 + others[np.argsort(-cosine)[:3]]).tolist()


def test_a_list_leaves_out_numbers_that_are_none():
    scores = np.array([[np.nan, 1.0, np.inf, 2.0]], dtype=np.float32)
    assert top_items(scores, 3).tolist() == [[3, 1, -1]]
    assert top_items(scores, 0).shape == (1, 0)
    assert top_items(scores, 9).shape == (1, 4)


def test_popularity_is_the_sum_of_interest_and_seen_is_where_there_was_any():
    found = interaction_matrix(events(("a", 1, 1.0, 0), ("b", 1, 2.5, 0), ("b", 2, 3.0, 0)))
    assert popularity(found).tolist() == [1 + 2.5, 3]
    assert seen(found, np.array([0, 1])).tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize("column", ["user_id", "product_id"])
def test_an_event_of_nobody_or_of_nothing_is_refused(column):
    frame = events(("a", 1, 1.0, 0), ("b", 2, 1.0, 0)).astype({"product_id": "Int64"})
    frame.loc[0, column] = None
    with pytest.raises(InputRejected, match=f"1 interactions have no {column}"):
        interaction_matrix(frame)


def test_a_model_of_no_events_is_refused():
    with pytest.raises(InputRejected, match="no interactions to train on"):
        train_als(interaction_matrix(events(("a", 1, 1.0, 0)).iloc[:0]), AlsParameters())


def test_the_number_of_threads_does_not_change_the_model():
    generator = np.random.default_rng(2)
    history = events(*[(f"u{generator.integers(40)}", int(generator.integers(25)), 1.0, 0) for _ in range(600)])
    one, two = (train_als(interaction_matrix(history), AlsParameters(), threads=threads) for threads in (1, 2))
    assert np.array_equal(one.user_factors, two.user_factors)
    assert np.array_equal(one.item_factors, two.item_factors)


def test_metrics_of_a_case_counted_by_hand():
    lists = np.array([[7, 3, 5, 1], [2, 0, 6, 4]])
    truth = [np.array([3, 1, 8]), np.array([2])]
    assert recalls(lists, truth, 2).tolist() == [1 / 2, 1]
    assert recalls(lists, truth, 4).tolist() == [2 / 3, 1]
    gained = 1 / np.log2(3) + 1 / np.log2(5)
    best = 1 / np.log2(2) + 1 / np.log2(3) + 1 / np.log2(4)
    assert ndcgs(lists, truth, 4) == pytest.approx([gained / best, 1])
    assert metrics(lists, truth, 16)["recall_at_10"] == pytest.approx((2 / 3 + 1) / 2)
    assert metrics(lists, truth, 16)["coverage_at_10"] == 8 / 16


def test_evaluation_counts_only_what_is_new_and_known():
    past = [(f"u{number}", item, 1.0, number / 10) for number in range(9) for item in (1, 2, 3 + number % 3)]
    again = ("u0", 1, 1.0, 20)  # seen before
    foreign = ("u1", 99, 1.0, 20)  # a product the past does not know
    stranger = ("u99", 1, 1.0, 20)  # a shopper the past does not know
    new = ("u2", 3, 1.0, 20)
    report = evaluate(events(*past, again, foreign, stranger, new), AlsParameters(factors=2))
    assert report.shoppers == 1
    assert report.popularity["recall_at_10"] == 1  # three products are left to rank, so the list holds it


def test_evaluation_without_anyone_to_judge_by_does_not_beat_popularity():
    report = evaluate(events(("a", 1, 1.0, 0), ("b", 2, 1.0, 20)), AlsParameters(factors=2))
    assert (report.shoppers, report.beats_popularity) == (0, False)


def test_interest_follows_the_order_of_the_model_and_forgets_whom_it_does_not_know():
    model = of_factors([[1, 0], [0, 1]], [[1, 0], [0, 1], [1, 1]])
    history = events(("u1", 12, 3.0, 0), ("u1", 10, 1.0, 0), ("u1", 10, 2.0, 0), ("u9", 10, 1.0, 0), ("u1", 77, 1.0, 0))
    assert interest_of(model, history).toarray().tolist() == [[0, 0, 0], [1 + 2, 0, 3]]


def test_a_shopper_whose_events_are_gone_is_still_served_by_the_model():
    model = of_factors([[1, 0], [0, 1]], [[1, 0], [0, 1], [0.5, 0.5]])
    history = events(("u1", 11, 3.0, 0))
    rows = draw_recommendations(model, history, [(10, "a"), (11, "a"), (12, "b")], {}, now=DAY)
    lists = {user: [row["product_id"] for row in rows.personal if row["user_id"] == user] for user in ("u0", "u1")}
    assert lists == {"u0": [10, 12, 11], "u1": [12, 10]}
