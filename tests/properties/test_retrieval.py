"""What holds for every ranking and every set of judgements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.retrieval.bootstrap import difference, intervals
from models.retrieval.metrics import CUTS, DEPTH, graded, metrics, ndcg

PRODUCTS = st.integers(0, 40)
RANKING = st.lists(PRODUCTS, unique=True, max_size=30)
GRADES = st.dictionaries(PRODUCTS, st.integers(0, 3), min_size=1).filter(lambda grades: max(grades.values()) >= 2)
QUERY = st.tuples(RANKING, GRADES)
SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=20).map(np.array)


def measured(queries):
    return metrics(graded([ranking for ranking, _ in queries], [grades for _, grades in queries]))


@given(st.lists(QUERY, min_size=1, max_size=4))
def test_every_metric_lies_between_0_and_1(queries):
    for name, values in measured(queries).items():
        assert ((values >= 0) & (values <= 1 + 1e-12)).all(), name


@given(GRADES)
def test_the_best_ranking_there_is_scores_1_but_for_places_it_cannot_fill(grades):
    best = sorted(grades, key=lambda product_id: -grades[product_id])
    found = {name: values[0] for name, values in measured([(best, grades)]).items()}
    relevant = sum(grade >= 2 for grade in grades.values())
    assert found.pop("precision_at_10") == pytest.approx(min(relevant, 10) / 10)
    assert set(np.round(list(found.values()), 9)) == {1.0}


@given(st.lists(QUERY, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_queries_and_of_judgements_does_not_matter(queries, random):
    places = list(range(len(queries)))
    random.shuffle(places)
    shuffled = [(queries[place][0], dict(reversed(queries[place][1].items()))) for place in places]
    before, after = measured(queries), measured(shuffled)
    for name in before:
        assert after[name].tolist() == before[name][places].tolist(), name


@given(QUERY, st.permutations(range(41)))
def test_a_product_counts_by_its_grade_and_not_by_its_name(query, names):
    ranking, grades = query
    renamed = ([names[one] for one in ranking], {names[one]: grade for one, grade in grades.items()})
    before, after = measured([query]), measured([renamed])
    assert all(np.array_equal(before[name], after[name]) for name in before)


@given(QUERY)
def test_what_stands_below_the_places_looked_at_changes_nothing(query):
    ranking, grades = query
    cut = ranking[:DEPTH]
    assert all(np.array_equal(values, measured([(cut, grades)])[name]) for name, values in measured([query]).items())


@given(QUERY, st.integers(0, 8))
def test_moving_a_better_product_up_never_lowers_ndcg(query, place):
    ranking, grades = query
    if place + 1 >= len(ranking):
        return
    better = sorted(ranking[place : place + 2], key=lambda product_id: -grades.get(product_id, 0))
    mended = [*ranking[:place], *better, *ranking[place + 2 :]]
    before, after = (ndcg(graded([one], [grades]), 10)[0] for one in (ranking, mended))
    assert after >= before - 1e-12


@given(QUERY)
def test_a_deeper_cut_never_finds_less(query):
    found = measured([query])
    hits = [found[f"hit_at_{cut}"][0] for cut in CUTS]
    assert hits == sorted(hits)
    assert (found["mrr"][0] > 0) >= (hits[-1] > 0)


@given(SCORES, st.integers(0, 5))
def test_an_interval_holds_its_mean_and_stays_within_the_values(values, seed):
    found = intervals(values[:, None], seed=seed, resamples=200)[0]
    assert values.min() - 1e-9 <= found.low <= found.mean <= found.high <= values.max() + 1e-9


@given(SCORES)
def test_a_system_does_not_differ_from_itself(values):
    found = difference(values, values, seed=0)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero
