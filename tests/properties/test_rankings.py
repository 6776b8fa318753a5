"""What holds for all lists, metrics and hybrid vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.collaborative.evaluation import bootstrap_interval, metrics, ndcgs, recalls
from models.collaborative.model import FactorModel, neighbours, top_items
from models.embedding.vectors import concatenated, hybrid, normalised

ITEMS = 12
SCORES = arrays(np.float32, (3, ITEMS), elements=st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0]))
TRUTH = st.lists(st.sets(st.integers(0, ITEMS - 1), min_size=1).map(sorted).map(np.array), min_size=3, max_size=3)
UNIT = arrays(np.float32, (2, 384), elements=st.floats(-1, 1, width=16)).map(normalised)


@given(SCORES, st.integers(1, 20))
def test_a_list_is_what_a_whole_stable_sort_would_give(scores, count):
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    expected = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)
    assert top_items(scores, count).tolist() == expected.tolist()


@given(SCORES, TRUTH, st.integers(1, ITEMS))
def test_recall_and_ndcg_lie_between_0_and_1_and_are_0_together(scores, truth, cut):
    lists = top_items(scores, ITEMS)
    recall, gain = recalls(lists, truth, cut), ndcgs(lists, truth, cut)
    assert ((recall >= 0) & (recall <= 1)).all()
    assert ((gain >= 0) & (gain <= 1 + 1e-9)).all()
    assert ((recall == 0) == (gain == 0)).all()


@given(TRUTH, st.integers(1, ITEMS))
def test_a_list_that_begins_with_all_that_matters_is_perfect(truth, cut):
    scores = np.array([np.isin(np.arange(ITEMS), items) for items in truth], dtype=np.float32)
    lists = top_items(scores, ITEMS)
    assert recalls(lists, truth, cut) == pytest.approx(1)
    assert ndcgs(lists, truth, cut) == pytest.approx(1)


@given(SCORES, TRUTH, st.integers(0, ITEMS - 2))
def test_moving_what_matters_up_never_lowers_ndcg(scores, truth, place):
    before = top_items(np.where(np.isfinite(scores), scores, -1).astype(np.float32), ITEMS)
    after = before.copy()
    for row, items in enumerate(truth):
        pair = after[row, place : place + 2]
        after[row, place : place + 2] = sorted(pair, key=lambda item, items=items: item not in items)
    assert (ndcgs(after, truth, ITEMS) >= ndcgs(before, truth, ITEMS) - 1e-12).all()


@given(SCORES, TRUTH, st.permutations(range(ITEMS)))
def test_metrics_do_not_depend_on_the_numbers_items_go_by(scores, truth, names):
    lists, renamed = top_items(scores, ITEMS), np.array([*names, -1])
    first = metrics(lists, truth, ITEMS)
    assert metrics(renamed[lists], [renamed[items] for items in truth], ITEMS) == pytest.approx(first)


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)), st.integers(0, 99))
def test_a_bootstrap_interval_lies_within_the_values(values, seed):
    low, high = bootstrap_interval(values, seed=seed)
    assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12


@given(arrays(np.float32, (6, 4), elements=st.floats(-10, 10, width=32)))
def test_no_item_is_its_own_neighbour_and_the_nearest_come_first(factors):
    model = FactorModel(np.zeros((1, 4), np.float32), factors, np.array(["u"]), np.arange(6))
    near, cosines = neighbours(model, keep=5)
    assert (near != np.arange(6)[:, None]).all()
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert (np.abs(cosines) <= 1 + 1e-5).all()


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
