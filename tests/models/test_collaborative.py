"""Recommenders of every family under one contract, on shoppers with two tastes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from marketplace.errors import InputRejected
from models.collaborative.evaluation import examination, judge
from models.collaborative.factors import AlsParameters, ScaledAlsParameters, fit_als, fit_scaled_als
from models.collaborative.features import Feedback, Interactions, history_of, interaction_matrix
from models.collaborative.graph import GraphParameters, fit_graph
from models.collaborative.intervals import interval_of_mean
from models.collaborative.linear import EASE_MOST, EaseParameters, ItemParameters, fit_ease, fit_items
from models.collaborative.model import BlendModel, FactorModel, FoldIn, neighbours, read_model, top_items
from models.collaborative.selection import Recipe, choose, cook, search, varied
from models.collaborative.training import CANDIDATES, FLOOR, fit, parameters_of, possible

DAY = pd.Timestamp("2026-11-01", tz="UTC")
KINDS = list(CANDIDATES)
LEARNING = [kind for kind in KINDS if kind != FLOOR]


def events(*rows):
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "day"])
    frame["occurred_at"] = DAY + pd.to_timedelta(frame["day"], unit="D")
    return frame


def two_tastes(shoppers=60, products=30, days=40, seed=3):
    """Even shoppers like the first half of the products, odd ones the second."""
    generator = np.random.default_rng(seed)
    rows = []
    for shopper in range(shoppers):
        liked = np.arange(products // 2) + (products // 2) * (shopper % 2)
        rows += [
            (f"u{shopper:02d}", 100 + int(generator.choice(liked)), 1.0, day + 0.5 * generator.random())
            for day in range(0, days, 4)
        ]
    return events(*rows)


@pytest.fixture(scope="module")
def interactions():
    return interaction_matrix(two_tastes())


@pytest.fixture(scope="module", params=[*KINDS, "blend"])
def model(request, interactions):
    if request.param == "blend":
        return BlendModel(tuple(fit(interactions, CANDIDATES[kind]) for kind in ("als", "ease")), (0.7, 0.3))
    return fit(interactions, CANDIDATES[request.param])


def test_a_model_survives_as_arrays(model, interactions):
    again = read_model(model.to_arrays())
    assert again.kind == model.kind
    assert np.array_equal(again.items, model.items)
    assert np.allclose(again.scores(interactions.matrix), model.scores(interactions.matrix), atol=1e-6)


def test_arrays_hold_no_object_that_would_need_a_pickle(model):
    assert not [name for name, array in model.to_arrays().items() if array.dtype.hasobject]


def test_what_is_learned_of_equal_events_is_equal(interactions, model):
    if model.kind == "blend":
        return
    again = fit(interaction_matrix(two_tastes().sample(frac=1, random_state=1)), CANDIDATES[model.kind])
    assert np.array_equal(again.scores(interactions.matrix), model.scores(interactions.matrix))


def test_shares_of_a_score_sum_to_it(model, interactions):
    if model.kind == FLOOR:
        return
    for row in range(5):
        history = interactions.matrix[row]
        scores = model.scores(history)[0]
        for column in (int(scores.argmax()), int(scores.argmin())):
            assert model.shares(history, column).sum() == pytest.approx(scores[column], rel=1e-3, abs=1e-4)


def test_an_empty_history_moves_no_score(model):
    nothing = sp.csr_matrix((1, len(model.items)), dtype=np.float32)
    scores = model.scores(nothing)[0]
    assert model.kind == FLOOR or not scores.any()


def test_one_history_is_scored_as_it_is_among_others(model, interactions):
    together = model.scores(interactions.matrix[:7])
    alone = np.concatenate([model.scores(interactions.matrix[row]) for row in range(7)])
    assert np.allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", LEARNING)
def test_every_learning_family_tells_two_tastes_apart(kind, interactions):
    found = fit(interactions, CANDIDATES[kind])
    scores = np.where(interactions.matrix.toarray() > 0, -np.inf, found.scores(interactions.matrix))
    first = top_items(scores.astype(np.float32), 3)
    odd = np.array([int(user[1:]) % 2 for user in interactions.users.tolist()])
    right = (interactions.items[first] >= 115) == odd[:, None]
    assert right.mean() > 0.95, f"{kind}: {right.mean():.2f} of the first three are of the shopper's taste"


def test_one_click_is_enough_to_be_recommended_what_is_like_it(interactions):
    for kind in LEARNING:
        found = fit(interactions, CANDIDATES[kind])
        scores = found.scores(history_of({100: 2.0, 77_777: 1.0}, found.items))
        scores[0, 0] = -np.inf
        assert found.items[top_items(scores, 3)].max() < 115, kind


def test_a_refusal_lowers_what_is_like_it(interactions):
    for kind in ("als", "item_cosine", "ease", "graph_filter"):
        found = fit(interactions, CANDIDATES[kind])
        liked = found.scores(history_of({100: 1.0}, found.items))[0]
        refused = found.scores(history_of({100: 1.0, 101: -2.0}, found.items))[0]
        assert refused[2:15].mean() < liked[2:15].mean(), kind


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"item_factors": None}, "not known"),
        ({"fold_in": None}, "lacks fold_in"),
        ({"items": None}, "lacks its kind or its items"),
        ({"items": np.array([3, 3, 4])}, "ascend"),
        ({"item_factors": np.full((3, 2), np.nan)}, "not finite"),
        ({"item_factors": np.zeros((2, 2))}, "for 3 items"),
        ({"fold_in": np.zeros(4)}, "where 8 numbers are due"),
    ],
)
def test_a_broken_model_is_refused(broken, said):
    arrays = FactorModel(np.ones((3, 2), np.float32), np.array([1, 2, 3]), FoldIn(1.0, 1.0)).to_arrays() | broken
    with pytest.raises(InputRejected, match=said):
        read_model({name: array for name, array in arrays.items() if array is not None})


def test_links_that_point_outside_are_refused(interactions):
    arrays = fit_items(interactions, ItemParameters()).to_arrays()
    arrays["links_indices"] = arrays["links_indices"] + 1000
    with pytest.raises(InputRejected, match="links between items are broken"):
        read_model(arrays)


def test_folding_in_is_what_als_itself_would_solve(interactions):
    from implicit.cpu.als import AlternatingLeastSquares

    parameters = AlsParameters(factors=8)
    theirs = AlternatingLeastSquares(
        factors=8, regularization=5.0, alpha=1.0, iterations=20, random_state=7, num_threads=1, use_cg=False
    )
    theirs.fit(interactions.matrix, show_progress=False)
    ours = FactorModel(theirs.item_factors, interactions.items, FoldIn(parameters.regularization, parameters.alpha))
    solved = theirs.recalculate_user(np.arange(60), interactions.matrix)
    assert np.allclose(ours.factors_of(interactions.matrix), solved, atol=1e-4)


def test_scaled_als_solves_its_own_equation(interactions):
    found = fit_scaled_als(interactions, ScaledAlsParameters(factors=4, iterations=3))
    row = interactions.matrix[0]
    v, fold = found.item_factors.astype(np.float64), found.fold
    penalty = fold.regularization * (row.nnz + fold.unobserved * len(v)) ** fold.frequency
    system = fold.unobserved * v.T @ v + v[row.indices].T @ v[row.indices] + penalty * np.eye(4)
    assert found.factors_of(row)[0] == pytest.approx(np.linalg.solve(system, v[row.indices].sum(axis=0)), abs=1e-4)


def test_ease_is_the_closed_form_with_an_empty_diagonal(interactions):
    found = fit_ease(interactions, EaseParameters(50.0, least=0.0))
    ones = (interactions.matrix.toarray() > 0).astype(np.float64)
    inverse = np.linalg.inv(ones.T @ ones + 50 * np.eye(30))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert found.links.toarray() == pytest.approx(expected, abs=1e-4)


def test_ease_refuses_a_catalogue_whose_square_does_not_fit(interactions):
    many = EASE_MOST + 1
    wide = Interactions(sp.csr_matrix(([1.0], ([0], [0])), shape=(1, many)), np.array(["a"]), np.arange(many))
    with pytest.raises(InputRejected, match=f"{many} are more than {EASE_MOST}"):
        fit_ease(wide, EaseParameters())
    assert "ease" not in possible(wide)


def test_the_plain_graph_filter_is_its_matrix_product(interactions):
    plain = GraphParameters(touched=0.5, shoppers=1.0, reached=0.5, sharpen=0, low_pass=0)
    ones = (interactions.matrix.toarray() > 0).astype(np.float64)
    users, items = ones.sum(axis=1), ones.sum(axis=0)
    even = ones / np.sqrt(items)
    expected = ones @ (even.T @ (even / users[:, None]))
    asked = sp.csr_matrix(ones, dtype=np.float32)
    assert fit_graph(interactions, plain).scores(asked) == pytest.approx(expected, rel=1e-4)


def test_warm_training_begins_where_the_last_model_ended(interactions):
    cold = fit_als(interactions, AlsParameters(factors=8, iterations=30))
    more = interaction_matrix(pd.concat([two_tastes(), events(("new", 999, 1.0, 41))]))
    warm = fit_als(more, AlsParameters(factors=8, iterations=1), warm=cold)
    fresh = fit_als(more, AlsParameters(factors=8, iterations=1))
    full = fit_als(more, AlsParameters(factors=8, iterations=30)).scores(more.matrix)
    far = [np.abs(one.scores(more.matrix) - full).mean() for one in (warm, fresh)]
    assert far[0] < far[1]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_learn_from_is_refused(kind):
    nothing = Interactions(sp.csr_matrix((3, 4), dtype=np.float32), np.array(["a", "b", "c"]), np.arange(4))
    if kind == FLOOR:
        assert not fit(nothing, CANDIDATES[kind]).scores(nothing.matrix).any()
        return
    with pytest.raises(InputRejected, match="no interactions to train on"):
        fit(nothing, CANDIDATES[kind])


def test_neighbours_are_of_one_taste_and_never_the_item_itself(interactions):
    found = fit(interactions, CANDIDATES["item_cosine"])
    near, scores = neighbours(found, keep=5)
    assert all(
        {(item - 100) // 15 for item in row} == {(own - 100) // 15} for own, row in zip(found.items, near, strict=True)
    )
    assert not (near == found.items[:, None]).any()
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_list_leaves_out_numbers_that_are_none():
    scores = np.array([[np.nan, 1.0, np.inf, 2.0]], dtype=np.float32)
    assert top_items(scores, 3).tolist() == [[3, 1, -1]]
    assert top_items(scores, 0).shape == (1, 0)


def test_a_recipe_is_written_down_and_cooked_again(interactions):
    recipe = Recipe(("als", "item_bm25"), (AlsParameters(factors=8), ItemParameters("bm25", k1=2.0)), (0.4, 0.6))
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    assert cook(recipe, interactions).kind == recipe.kind == "blend"
    with pytest.raises(InputRejected, match="kind magic are not known"):
        parameters_of("magic", {})
    with pytest.raises(InputRejected, match="als has no parameter depth"):
        parameters_of("als", {"depth": 3})


def test_a_search_tries_every_family_and_more_settings_within_its_budget():
    exam = examination(two_tastes(), future_days=8)
    told = []
    trials = search(exam, trials=5, report=told.append)
    assert len(trials) == len(told) == len(CANDIDATES) + 5
    assert [trial.worth for trial in trials] == sorted((trial.worth for trial in trials), reverse=True)
    recipe, worth = choose(trials, exam)
    assert worth >= trials[0].worth
    assert judge(cook(recipe, exam.past), exam).ndcg_at_20.mean() == pytest.approx(worth, abs=1e-3)
    assert [trial.parameters for trial in search(exam, trials=5)] == [trial.parameters for trial in trials]


@pytest.mark.parametrize("kind", LEARNING)
def test_a_varied_setting_is_another_one_of_the_same_family(kind):
    generator = np.random.default_rng(1)
    tried = [varied(CANDIDATES[kind], generator) for _ in range(8)]
    assert {type(one) for one in tried} == {type(CANDIDATES[kind])}
    assert any(one != CANDIDATES[kind] for one in tried)
    assert kind != "als" or {one.factors for one in tried} == {50}


def test_the_bootstrap_interval_of_equal_values_is_that_value():
    assert interval_of_mean(np.full(20, 0.25), seed=1) == (0.25, 0.25)
    assert interval_of_mean(np.array([]), seed=1) == (0.0, 0.0)


def test_a_refusal_in_training_counts_against_the_product():
    frame = two_tastes()
    frame["kind"] = "view"
    refused = frame.iloc[[0]].assign(kind="hide", weight=0.0)
    plain = interaction_matrix(frame, Feedback(half_life_days=None))
    with_refusal = interaction_matrix(pd.concat([frame, refused]), Feedback(half_life_days=None, hide=-1.5))
    moved = (with_refusal.matrix - plain.matrix).tocoo()
    assert moved.data.tolist() == [-1.5]
    assert plain.items[moved.col].tolist() == [frame.iloc[0]["product_id"]]
