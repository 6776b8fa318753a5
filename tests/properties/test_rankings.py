"""What holds for all lists, metrics and hybrid vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.collaborative.evaluation import average_precisions, gini, ndcgs, recalls
from models.collaborative.hybrid import calibrated
from models.collaborative.intervals import interval_of_mean
from models.collaborative.model import FactorModel, FoldIn, neighbours, top_items
from models.embedding.vectors import concatenated, hybrid, normalised

ITEMS = 12
SCORES = arrays(np.float32, (3, ITEMS), elements=st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0]))
TRUTH = st.lists(st.sets(st.integers(0, ITEMS - 1), min_size=1).map(sorted).map(np.array), min_size=3, max_size=3)
UNIT = arrays(np.float32, (2, 384), elements=st.floats(-1, 1, width=16)).map(normalised)


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 3), st.integers(40, 200)), elements=st.sampled_from([-np.inf, 0, 1, 2])
    ),
    st.integers(1, 4),
)
def test_a_list_of_many_columns_is_what_a_whole_stable_sort_would_give(scores, count):
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    expected = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)
    assert top_items(scores, count).tolist() == expected.tolist()


@given(SCORES, st.integers(1, 20))
def test_a_list_is_what_a_whole_stable_sort_would_give(scores, count):
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    expected = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)
    assert top_items(scores, count).tolist() == expected.tolist()


def hits_of(lists, truth):
    hits = np.array([np.isin(row, items) for row, items in zip(lists, truth, strict=True)])
    return hits, np.array([len(items) for items in truth])


@given(SCORES, TRUTH, st.integers(1, ITEMS))
def test_recall_and_ndcg_lie_between_0_and_1_and_are_0_together(scores, truth, cut):
    hits, wanted = hits_of(top_items(scores, ITEMS), truth)
    recall, gain, precision = (measure(hits, wanted, cut) for measure in (recalls, ndcgs, average_precisions))
    for found in (recall, gain, precision):
        assert ((found >= 0) & (found <= 1 + 1e-9)).all()
        assert ((found == 0) == (recall == 0)).all()


@given(TRUTH)
def test_a_list_that_begins_with_all_that_matters_is_perfect(truth):
    scores = np.array([np.isin(np.arange(ITEMS), items) for items in truth], dtype=np.float32)
    hits, wanted = hits_of(top_items(scores, ITEMS), truth)
    for measure in (recalls, ndcgs, average_precisions):
        assert measure(hits, wanted, ITEMS) == pytest.approx(1)


@given(SCORES, TRUTH, st.integers(0, ITEMS - 2))
def test_moving_what_matters_up_never_lowers_ndcg(scores, truth, place):
    before = top_items(np.where(np.isfinite(scores), scores, -1).astype(np.float32), ITEMS)
    after = before.copy()
    for row, items in enumerate(truth):
        pair = after[row, place : place + 2]
        after[row, place : place + 2] = sorted(pair, key=lambda item, items=items: item not in items)
    assert (ndcgs(*hits_of(after, truth), ITEMS) >= ndcgs(*hits_of(before, truth), ITEMS) - 1e-12).all()


@given(SCORES)
def test_calibrated_scores_keep_the_order_and_lie_between_0_and_1(scores):
    worth = calibrated(scores)
    assert ((worth >= 0) & (worth <= 1)).all()
    for before, after in zip(scores, worth, strict=True):
        known = before > 0
        assert (after[~known] == 0).all()
        assert (
            np.sign(np.subtract.outer(before[known], before[known]))
            == np.sign(np.subtract.outer(after[known], after[known]))
        ).all()


@given(SCORES, st.floats(1, 64, width=32))
def test_calibrated_scores_ignore_scale(scores, factor):
    assert calibrated(scores * np.float32(factor)).tolist() == calibrated(scores).tolist()


@given(arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 50)), st.integers(1, 5))
def test_gini_ignores_scale_and_order_and_lies_between_0_and_1(amounts, factor):
    assert 0 <= gini(amounts) < 1
    assert gini(amounts * factor) == pytest.approx(gini(amounts))
    assert gini(amounts[::-1]) == pytest.approx(gini(amounts))


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)), st.integers(0, 99))
def test_a_bootstrap_interval_lies_within_the_values(values, seed):
    low, high = interval_of_mean(values, seed=seed)
    assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12


@given(arrays(np.float32, (6, 4), elements=st.floats(-10, 10, width=16)))
def test_no_item_is_its_own_neighbour_and_the_nearest_come_first(factors):
    near, scores = neighbours(FactorModel(factors, np.arange(6), FoldIn(1.0, 1.0)), keep=5)
    assert (near != np.arange(6)[:, None]).all()
    assert (np.diff(scores, axis=1) <= 0).all()


@given(UNIT, UNIT)
def test_a_dot_product_of_whole_vectors_is_six_parts_picture_and_four_parts_words(image, text):
    assume((np.linalg.norm([image, text], axis=-1) > 0.5).all())
    first, second = concatenated(image, text)
    assert first @ second == pytest.approx(0.6 * (image[0] @ image[1]) + 0.4 * (text[0] @ text[1]), abs=1e-5)


@given(UNIT)
def test_half_a_product_is_still_of_unit_length_and_its_other_half_empty(image):
    made = concatenated(image, np.zeros_like(image))
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.linalg.norm(image, axis=1), abs=1e-5)
    assert not made[:, 384:].any()


@given(UNIT, UNIT)
def test_a_hybrid_of_one_space_points_between_its_two_parts(image, text):
    made = hybrid(image, text)
    towards = 0.6 * image + 0.4 * text
    lengths = np.linalg.norm(towards, axis=1)
    assert (made * lengths[:, None]) == pytest.approx(towards, abs=1e-5)
