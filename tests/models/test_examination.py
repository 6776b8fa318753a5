"""Matrices, splits, measures and weights, with expected numbers derived in view."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from marketplace.errors import InputRejected
from models.collaborative.blending import learn_blend, learn_hybrid
from models.collaborative.evaluation import examination, gini, judge, judged, ranked
from models.collaborative.features import Feedback, aligned, depths, history_of, interaction_matrix, split_by_time
from models.collaborative.hybrid import blended, calibrated, visual_scores, weight_of
from models.collaborative.model import FactorModel, FoldIn, ItemModel, PopularModel
from models.collaborative.serving_rows import (
    Offered,
    alike_matrix,
    alike_rows,
    personal_rows,
    popular_rows,
    together_rows,
)

DAY = pd.Timestamp("2026-11-01", tz="UTC")


def events(*rows):
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "day"])
    frame["occurred_at"] = DAY + pd.to_timedelta(frame["day"], unit="D")
    return frame


def linked(items, links):
    return ItemModel(np.array(items), sp.csr_matrix(np.array(links, np.float32)), np.ones(len(items), np.float32), "x")


def test_repeated_interest_is_summed_and_ids_are_sorted():
    found = interaction_matrix(events(("b", 9, 1.0, 0), ("a", 5, 2.0, 0), ("b", 9, 3.0, 1)))
    assert found.users.tolist() == ["a", "b"]
    assert found.items.tolist() == [5, 9]
    assert found.matrix.toarray().tolist() == [[2.0, 0.0], [0.0, 1.0 + 3.0]]


def test_interest_halves_with_its_half_life_and_never_grows():
    frame = events(("a", 1, 2.0, 0), ("a", 2, 2.0, 30), ("a", 3, 2.0, 60))
    found = interaction_matrix(frame, Feedback(half_life_days=30), DAY + pd.Timedelta(days=30))
    assert found.matrix.toarray()[0] == pytest.approx([2 * 0.5, 2, 2])
    assert interaction_matrix(frame, Feedback(half_life_days=None)).matrix.toarray()[0].tolist() == [2, 2, 2]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_that_is_no_interest_is_refused(weight):
    with pytest.raises(InputRejected, match="positive and finite"):
        interaction_matrix(events(("a", 1, weight, 0)))


@pytest.mark.parametrize(("settings", "said"), [({"half_life_days": 0}, "half_life_days is 0"), ({"hide": 1}, "hide")])
def test_settings_of_feedback_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(InputRejected, match=said):
        Feedback(**settings)


@pytest.mark.parametrize("column", ["user_id", "product_id"])
def test_an_event_of_nobody_or_of_nothing_is_refused(column):
    frame = events(("a", 1, 1.0, 0), ("b", 2, 1.0, 0)).astype({"product_id": "Int64"})
    frame.loc[0, column] = None
    with pytest.raises(InputRejected, match=f"1 interactions have no {column}"):
        interaction_matrix(frame)


def test_the_future_is_never_in_the_past():
    split = split_by_time(events(("a", 1, 1.0, 0), ("a", 2, 1.0, 9), ("a", 3, 1.0, 10)), future_days=5)
    assert split.past["product_id"].tolist() == [1]
    assert split.future["product_id"].tolist() == [2, 3]
    with pytest.raises(InputRejected, match="less than 50 days"):
        split_by_time(events(("a", 1, 1.0, 0), ("a", 2, 1.0, 9)), future_days=50)


def test_questions_are_only_of_what_is_new_and_known():
    past = [(f"u{number}", item, 1.0, number / 10) for number in range(9) for item in (1, 2, 3 + number % 3)]
    again = ("u0", 1, 1.0, 20)  # seen before
    foreign = ("u1", 99, 1.0, 20)  # a product the past does not know
    stranger = ("u99", 1, 1.0, 20)  # a shopper the past does not know, who is asked all the same
    new = ("u2", 3, 1.0, 20)
    exam = examination(events(*past, again, foreign, stranger, new))
    assert exam.users.tolist() == ["u2", "u99"]
    assert exam.past.items[exam.truth.indices].tolist() == [3, 1]
    assert exam.histories[1].nnz == 0
    assert exam.segments["depth: cold"].tolist() == [False, True]


def test_questions_that_nobody_asks_are_refused():
    with pytest.raises(InputRejected, match="nobody turned to a product that was new"):
        examination(events(("a", 1, 1.0, 0), ("b", 2, 1.0, 0), ("a", 1, 1.0, 20)))


def test_a_refusal_is_neither_asked_for_nor_shown():
    frame = events(("a", 1, 1.0, 0), ("b", 2, 1.0, 0), ("b", 1, 1.0, 0), ("a", 2, 0.0, 20), ("b", 3, 1.0, 20))
    frame["kind"] = ["view", "view", "view", "hide", "view"]
    with pytest.raises(InputRejected, match="nobody turned"):
        examination(frame)


def test_measures_are_the_arithmetic_they_claim():
    exam = examination(
        events(
            *[(user, item, 1.0, 0) for user in "ab" for item in (1, 2)],
            *[("z", item, 1.0, 0) for item in range(3, 13)],
            ("a", 4, 1.0, 20),
            ("a", 6, 1.0, 20),
            ("b", 3, 1.0, 20),
        ),
        sellers={item: item % 2 for item in range(13)},
    )
    lists = np.full((2, 20), -1)
    lists[0, :4] = [9, 3, 8, 5]  # of a: hits at places 2 and 4
    lists[1, :2] = [7, 8]  # of b: none
    found = judged("by hand", lists, exam)
    assert found.recall_at_10.tolist() == [1.0, 0.0]
    perfect = 1 / math.log2(2) + 1 / math.log2(3)
    assert found.ndcg_at_20 == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / perfect, 0])
    assert found.map_at_20 == pytest.approx([(1 / 2 + 2 / 4) / 2, 0])
    assert found.coverage == len({9, 3, 8, 5, 7}) / 12
    # places 9, 3, 8, 5, 7, 8 are products 10, 4, 9, 6, 8, 9: four of the even seller, two of the odd one
    assert found.seller_gini == pytest.approx((6 - 2 * 2) / (2 * 6))


def test_lists_hold_nothing_touched_and_are_popular_for_whom_nothing_is_known():
    past = interaction_matrix(events(("a", 1, 1.0, 0), ("b", 2, 5.0, 0), ("c", 3, 2.0, 0)))
    histories = sp.csr_matrix(np.array([[1, 0, 0], [0, 0, 0]], np.float32))
    model = linked([1, 2, 3], [[0, 0.1, 0.9], [0, 0, 0], [0, 0, 0]])
    lists = ranked(model.scores, histories, np.asarray(past.matrix.sum(axis=0)).ravel(), keep=3)
    assert lists.tolist() == [[2, 1, -1], [1, 2, 0]]


def test_gini_is_0_for_equals_and_nears_1_for_one_who_has_all():
    assert gini(np.array([5, 5, 5, 5])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)
    assert gini(np.array([0, 0])) == 0


def test_calibration_goes_by_rank_and_leaves_out_what_has_no_evidence():
    worth = calibrated(np.array([[10.0, 1000.0, 0.0, -np.inf, 10.0]], dtype=np.float32))[0]
    assert worth == pytest.approx([1 - math.log(2) / math.log(6), 1, 0, 0, 1 - math.log(2) / math.log(6)])


def test_a_blend_is_six_tenths_interest_and_four_tenths_likeness_and_keeps_what_is_barred():
    cf = np.array([[3.0, 2.0, -np.inf]], dtype=np.float32)
    visual = np.array([[0.1, 0.2, 0.9]], dtype=np.float32)
    second, third = (1 - math.log(rank) / math.log(4) for rank in (2, 3))
    assert blended(cf, visual)[0].tolist() == [
        pytest.approx(0.6 * 1 + 0.4 * third, abs=1e-6),
        pytest.approx(0.6 * second + 0.4 * second, abs=1e-6),
        -math.inf,
    ]


def test_the_weight_is_that_of_the_bucket_of_depth():
    found = weight_of(np.array([0, 2, 3, 50]), np.array([0, 3, 10]), np.array([0.1, 0.5, 0.9]))
    assert found == pytest.approx([0.1, 0.1, 0.5, 0.9])


def test_likeness_is_the_sum_of_cosines_by_interest():
    alike = sp.csr_matrix(np.array([[0, 0.5, 0], [0, 0, 0.8], [0.2, 0, 0]], np.float32))
    touched = sp.csr_matrix(np.array([[2.0, 1.0, 0]], np.float32))
    assert visual_scores(touched, alike)[0] == pytest.approx([0, 2 * 0.5, 0.8])


def test_weights_of_a_blend_leave_out_a_model_that_knows_nothing():
    generator = np.random.default_rng(1)
    rows = [
        (f"u{n}", 10 + int(i), 1.0, 0) for n in range(80) for i in generator.choice(10, 3, replace=False) + 10 * (n % 2)
    ]
    later = [
        (f"u{n}", 10 + int(i), 1.0, 20)
        for n in range(80)
        for i in generator.choice(10, 3, replace=False) + 10 * (n % 2)
    ]
    exam = examination(events(*rows, *later))
    taste = np.kron(np.eye(2), np.ones((10, 10))).astype(np.float32)
    knowing = linked(exam.past.items, taste)
    guessing = linked(exam.past.items, generator.random((20, 20)))
    blend = learn_blend([guessing, knowing], exam)
    weights = dict(zip(map(id, blend.parts), blend.weights, strict=True))
    assert weights[id(knowing)] > weights.get(id(guessing), 0)
    assert judge(blend, exam).ndcg_at_20.mean() >= judge(knowing, exam).ndcg_at_20.mean()


def test_the_hybrid_weight_is_0_where_only_likeness_knows_and_1_where_only_interest_does():
    rows = [(f"u{n}", 10 + n % 5, 1.0, 0) for n in range(100)]
    later = [(f"u{n}", 10 + (n + 1) % 5, 1.0, 20) for n in range(100)]
    exam = examination(events(*rows, *later))
    ring = np.roll(np.eye(5), 1, axis=1).astype(np.float32)
    wrong = np.roll(np.eye(5), 3, axis=1).astype(np.float32)
    by_likeness = learn_hybrid(linked(exam.past.items, wrong), sp.csr_matrix(ring), exam)
    by_interest = learn_hybrid(linked(exam.past.items, ring), sp.csr_matrix(wrong), exam)
    assert by_likeness.weights[0] < 0.5 < by_interest.weights[0]
    assert by_likeness.measured["learned"] == pytest.approx(1)
    assert by_likeness.measured["learned"] >= by_likeness.measured["documented"]


def test_a_history_keeps_what_the_model_knows_and_depth_counts_no_refusal():
    found = history_of({30: 1.0, 20: -2.0, 99: 5.0}, np.array([10, 20, 30]))
    assert found.toarray().tolist() == [[0, -2, 1]]
    assert depths(found).tolist() == [1]
    assert history_of({1: 1.0}, np.array([], dtype=np.int64)).shape == (1, 0)


def test_a_matrix_follows_the_items_of_another_model():
    found = interaction_matrix(events(("a", 5, 2.0, 0), ("b", 9, 1.0, 0)))
    assert aligned(found, np.array([4, 9])).toarray().tolist() == [[0, 0], [0, 1]]


def test_rows_hold_nothing_that_is_not_offered_or_was_touched():
    past = interaction_matrix(events(("a", 1, 1.0, 0), ("b", 2, 1.0, 0)))
    model = linked([1, 2, 3, 4], np.ones((4, 4)) - np.eye(4))
    vectors = {item: np.eye(4, dtype=np.float32)[item - 1] + 0.1 for item in (1, 2, 3, 4)}
    vectors = {item: vector / np.linalg.norm(vector) for item, vector in vectors.items()}
    alike = list(alike_rows(vectors))
    weights = type("W", (), {"depths": np.array([0]), "weights": np.array([0.6])})
    rows = list(personal_rows(model, past, alike_matrix(alike, model.items), weights, [1, 2, 3]))
    assert sorted((row["user_id"], row["product_id"]) for row in rows) == [("a", 2), ("a", 3), ("b", 1), ("b", 3)]
    assert [row["rank"] for row in rows] == [1, 2, 1, 2]
    assert {row["neighbour_id"] for row in together_rows(model, [1, 2])} == {1, 2}
    assert all(row["neighbour_id"] != row["product_id"] and row["score"] > 0 for row in alike)


def test_popular_goes_by_interest_and_age_in_each_category_and_city():
    frame = events(("a", 1, 1.0, 28), ("a", 2, 3.0, 0), ("a", 3, 5.0, 28), ("b", 4, 0.0, 28))
    offered = [Offered(1, "mugs", "Nakuru"), Offered(2, "mugs", "Accra"), Offered(4, "mugs", "Accra")]
    rows = list(popular_rows(frame, offered, DAY + pd.Timedelta(days=28)))
    lists = {}
    for row in rows:
        lists.setdefault((row["category"], row["city"]), []).append((row["rank"], row["product_id"], row["score"]))
    aged = 3 * 0.5 ** (28 / 14)
    assert lists["", ""] == [(1, 1, 1.0), (2, 2, pytest.approx(aged))]
    assert lists["mugs", "Accra"] == [(1, 2, pytest.approx(aged))]
    assert set(lists) == {("", ""), ("mugs", ""), ("", "Nakuru"), ("mugs", "Nakuru"), ("", "Accra"), ("mugs", "Accra")}


def test_factors_of_an_unknown_shopper_are_zero_and_popular_scores_are_everyones():
    model = FactorModel(np.ones((3, 2), np.float32), np.array([1, 2, 3]), FoldIn(1.0, 1.0))
    assert model.factors_of(sp.csr_matrix((2, 3), dtype=np.float32)).tolist() == [[0, 0], [0, 0]]
    popular = PopularModel(np.array([1, 2]), np.array([5, 1], np.float32))
    assert popular.scores(sp.csr_matrix((2, 2), dtype=np.float32)).tolist() == [[5, 1], [5, 1]]
