"""Metrics of search against examples worked by hand, intervals against SciPy's, and the search for weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marketplace.errors import InputRejected
from models.retrieval.bootstrap import by_group, difference, intervals
from models.retrieval.evaluation import Asked, compared, evaluate
from models.retrieval.metrics import Graded, graded, hit, metrics, ndcg, precision, recall, reciprocal_rank
from models.retrieval.tuning import tuned


def one(ranking: list[int], grades: dict[int, int]) -> Graded:
    return graded([ranking], [grades])


def test_linear_ndcg_is_that_of_the_worked_example():
    """Wikipedia, "Discounted cumulative gain": grades 3 2 3 0 1 2, and a 3 and a 2 that were not found."""
    answers = one([1, 2, 3, 4, 5, 6], {1: 3, 2: 2, 3: 3, 4: 0, 5: 1, 6: 2, 7: 3, 8: 2})
    assert ndcg(answers, 6, gain="linear")[0] == pytest.approx(6.861 / 8.740, abs=2e-4)


def test_exponential_ndcg_is_what_one_works_out_on_paper():
    answers = one([10, 11, 12], {10: 1, 12: 3})
    gained = (2**1 - 1) / np.log2(2) + (2**3 - 1) / np.log2(4)  # a product between the two fits nothing
    best = (2**3 - 1) / np.log2(2) + (2**1 - 1) / np.log2(3)
    assert ndcg(answers, 10)[0] == pytest.approx(gained / best)  # 4.5 / 7.631


def test_reciprocal_ranks_are_those_of_the_worked_example():
    """Wikipedia, "Mean reciprocal rank": the right plural stands third, second and first, so the mean is 11/18."""
    answers = graded([[7, 8, 9], [8, 9, 7], [9, 7, 8]], [{9: 3}] * 3)
    assert reciprocal_rank(answers).mean() == pytest.approx(11 / 18)


def test_precision_and_recall_are_those_of_the_worked_example():
    """Manning, Raghavan and Schütze, "Introduction to information retrieval", exercise 8.8, system 1.

    R N R N N N N N R R with four relevant in all: P@10 = 0.4, R@5 = 2/4.
    """
    answers = one(list(range(10)), {0: 2, 2: 3, 8: 2, 9: 3})
    assert precision(answers, 10)[0] == pytest.approx(0.4)
    assert recall(answers, 5)[0] == pytest.approx(2 / 4)
    assert recall(answers, 1)[0] == 1.0  # of the one that one place can hold
    assert hit(answers, 1)[0] == 1.0


def test_half_fitting_products_count_for_ndcg_alone():
    answers = one([1], {1: 1, 2: 3})
    assert {name for name, values in metrics(answers).items() if values[0] > 0} == {"ndcg_at_10"}


@pytest.mark.parametrize(
    ("ranking", "grades", "message"),
    [
        ([1, 2, 1], {1: 3}, "product 1 stands twice in the ranking of query 0"),
        ([1], {1: 4}, "a grade is 0 to 3, not 4"),
        ([1], {1: 1}, "query 0 has no product of grade 2 or 3"),
    ],
)
def test_what_cannot_be_judged_is_refused(ranking, grades, message):
    with pytest.raises(InputRejected, match=message):
        one(ranking, grades)


@pytest.mark.parametrize("shape", ["even", "skewed", "binary"])
def test_intervals_are_those_of_scipy(shape):
    generator = np.random.default_rng(3)
    drawn = {
        "even": generator.uniform(size=60),
        "skewed": generator.beta(5, 0.7, size=40),
        "binary": (generator.random(50) < 0.8).astype(float),
    }[shape]
    ours = intervals(drawn[:, None], seed=1, resamples=20_000)[0]
    theirs = stats.bootstrap((drawn,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    assert ours.mean == pytest.approx(drawn.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


@pytest.mark.parametrize("shape", ["even", "skewed", "lopsided"])
def test_intervals_over_topics_are_those_of_scipy(shape):
    generator = np.random.default_rng(5)
    sizes = {"even": np.full(30, 4), "skewed": generator.integers(1, 9, 30), "lopsided": np.array([40, *[2] * 29])}[
        shape
    ]
    level = generator.beta(3, 1, size=30)  # of a topic, around which its queries lie
    values = np.concatenate(
        [np.clip(level[number] + generator.normal(0, 0.05, size), 0, 1) for number, size in enumerate(sizes)]
    )
    topics = [f"t{number:02}" for number, size in enumerate(sizes) for _ in range(size)]
    sums = np.array([values[[topic == f"t{number:02}" for topic in topics]].sum() for number in range(30)])
    ours = intervals(values[:, None], seed=1, topics=topics, resamples=20_000)[0]
    theirs = stats.bootstrap(
        (sums, sizes),
        lambda some, many, axis: some.sum(axis=axis) / many.sum(axis=axis),
        n_resamples=20_000,
        method="BCa",
        paired=True,
        vectorized=True,
        rng=1,
    ).confidence_interval
    alone = intervals(values[:, None], seed=1)[0]
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert ours.high - ours.low > 1.2 * (alone.high - alone.low)


def test_topics_of_one_query_each_change_nothing():
    values = np.random.default_rng(0).uniform(size=(30, 2))
    topics = [f"{number:02}" for number in range(30)]
    for one, other in zip(intervals(values, seed=4), intervals(values, seed=4, topics=topics), strict=True):
        assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_a_paired_difference_is_surer_than_two_means():
    generator = np.random.default_rng(0)
    hardness = generator.uniform(size=80)  # queries differ far more than the two systems do
    ours, theirs = hardness, hardness - 0.02 + generator.normal(0, 0.01, 80)
    gap = difference(ours, theirs, seed=0)
    apart = intervals(np.stack([ours, theirs], axis=1), seed=0)
    assert gap.low > 0
    assert gap.excludes_zero
    assert apart[0].low < apart[1].high
    assert difference(theirs, ours, seed=0).high == pytest.approx(-gap.low, abs=2e-3)


def test_the_same_seed_gives_the_same_interval_and_a_sure_thing_has_no_width():
    values = np.random.default_rng(0).uniform(size=(30, 2))
    assert intervals(values, seed=4) == intervals(values, seed=4)
    certain = intervals(np.ones((5, 1)), seed=4)[0]
    assert (certain.mean, certain.low, certain.high) == (1.0, 1.0, 1.0)


def test_every_group_has_its_own_mean_and_count():
    values = np.array([[1.0], [0.0], [0.5], [0.5]])
    found = by_group(values, ["sw", "en", "sw", "sw"], seed=0)
    assert list(found) == ["en", "sw"]
    assert [count for count, _ in found.values()] == [1, 3]
    assert found["sw"][1][0].mean == pytest.approx(2 / 3)


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(InputRejected, match="at least one query"):
        intervals(np.zeros((0, 1)), seed=0)
    with pytest.raises(InputRejected, match="3 values cannot be paired with 2"):
        difference(np.zeros(3), np.zeros(2), seed=0)


def test_tuning_finds_the_peak_of_weights_that_depend_on_each_other():
    def score(weights):
        return -((weights["image"] - 0.7) ** 2) - (weights["likeness"] - 2 * weights["image"]) ** 2

    grid = {"image": [0.5, 0.6, 0.7, 0.8], "likeness": [1.0, 1.2, 1.4, 1.6]}
    found = tuned(score, {"image": 0.6, "likeness": 1.0}, grid)
    assert found.weights == {"image": 0.7, "likeness": 1.4}
    assert found.before == pytest.approx(score({"image": 0.6, "likeness": 1.0}))
    assert len(found.tried) == 16


def test_weights_that_gain_nothing_stay_as_they_were():
    found = tuned(lambda weights: 0.5, {"image": 0.6}, {"image": [0.1, 0.6, 0.9]})
    assert found.weights == {"image": 0.6}
    assert found.score == found.before == 0.5
    with pytest.raises(InputRejected, match="'images'"):
        tuned(lambda weights: 0.5, {"image": 0.6}, {"images": [1]})


def asked(name: str, language: str = "en", modality: str = "words", topic: str = "") -> Asked:
    return Asked(name, language, modality, {1: 3, 2: 2}, topic)


def test_a_report_has_a_row_for_every_modality_and_language():
    queries = [asked("a"), asked("b", "sw"), asked("c", "", "photo")]
    report = evaluate(queries, [[1, 2], [2, 1], []])
    assert [(row.group, row.queries) for row in report.rows] == [
        ("all", 3),
        ("photo", 1),
        ("words", 2),
        ("words, en", 1),
        ("words, sw", 1),
    ]
    assert report.row("words").means["recall_at_10"].mean == 1.0
    assert report.row("words, sw").means["ndcg_at_10"].mean == pytest.approx(
        (3 + 7 / np.log2(3)) / (7 + 3 / np.log2(3))
    )
    assert report.by_query["c"] == 0.0
    assert report.score == pytest.approx(np.mean(list(report.by_query.values())))
    with pytest.raises(InputRejected, match="no query fits"):
        evaluate([], [])


def fell(queries: list[Asked], after: dict[str, float], before: dict[str, float], by: float = 0.02) -> list[str]:
    found = compared(queries, after, before)
    assert found is not None
    return [one.group for one in found.fallen(by=by, group_by=0.05)]


def test_a_fall_counts_only_when_it_is_larger_than_the_bound_and_than_chance():
    before = {f"q{number}": 0.8 for number in range(10)}
    queries = [asked(name) for name in before]  # too few for groups of their own
    everywhere = dict.fromkeys(before, 0.7)
    by_chance = {name: 0.0 if name == "q0" else 0.8 for name in before}
    assert fell(queries, everywhere, before) == ["all"]
    assert fell(queries, everywhere, before, by=0.2) == []
    assert fell(queries, by_chance, before, by=0.01) == []  # one query of ten says little
    assert fell(queries, before, everywhere) == []


def test_a_language_that_falls_is_told_though_the_whole_has_gained():
    queries = [asked(f"{language}{number}", language) for language in ("en", "sw") for number in range(20)]
    queries += [asked(f"am{number}", "am") for number in range(19)]
    before = {query.name: 0.5 for query in queries}
    moves = {"en": 0.8, "sw": 0.4, "am": 0.0}
    after = {query.name: moves[query.language] for query in queries if query.language != "am"}
    assert fell(queries, after, before) == ["words, sw"]
    few = {query.name: moves[query.language] for query in queries if query.language != "sw"}
    assert fell(queries, few, before, by=0.2) == []  # 19 queries are no group of their own


def test_queries_of_one_topic_are_one_witness():
    """Forty ways to ask for one thing that is no longer found say no more than one way."""
    before = {f"q{number}": 0.8 for number in range(80)}
    after = {name: 0.4 if number < 40 else 0.8 for number, name in enumerate(before)}
    alone = [asked(name) for name in before]
    together = [asked(name, topic="shoes" if number < 40 else f"t{number % 4}") for number, name in enumerate(before)]
    assert "all" in fell(alone, after, before)
    assert fell(together, after, before) == []


def test_only_queries_of_both_evaluations_are_compared():
    queries = [asked("a"), asked("b"), asked("c")]
    found = compared(queries, {"a": 1.0, "b": 0.0}, {"a": 0.5, "c": 1.0})
    assert (found.whole.queries, found.whole.before, found.whole.after) == (1, 0.5, 1.0)
    assert compared(queries, {"a": 1.0}, {"b": 1.0}) is None
