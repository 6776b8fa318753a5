"""The weight of collaborative interest, where one knows which of the two is right."""

from __future__ import annotations

import numpy as np

from models.collaborative.hybrid import CF_WEIGHT, weight_of
from models.collaborative.hybrid_weights import HybridWeights, learned_weights


def world(shoppers=80, items=200, seed=5):
    """Shoppers whose future is what the eye suggests for the shallow, and what the crowd suggests for the deep."""
    generator = np.random.default_rng(seed)
    cf, visual = (generator.random((shoppers, items)).astype(np.float32) for _ in range(2))
    depth = np.where(np.arange(shoppers) < shoppers // 2, 1, 40)
    right = [visual[row] if depth[row] == 1 else cf[row] for row in range(shoppers)]
    truth = [np.argsort(-scores)[[0, 2, 4]] for scores in right]
    return cf, visual, truth, depth


def test_the_weight_follows_who_is_right_at_each_depth():
    found = learned_weights(*world())
    shallow, deep = weight_of(np.array([1, 40]), found.depths, found.weights)
    assert shallow < CF_WEIGHT < deep
    assert found.shoppers == (40, 0, 0, 40)
    assert all(np.array(found.learned_ndcg) >= np.array(found.documented_ndcg))


def test_a_bucket_with_few_shoppers_keeps_the_documented_weight():
    cf, visual, truth, depth = world(shoppers=40)
    assert set(learned_weights(cf, visual, truth, depth).weights.tolist()) == {CF_WEIGHT}
    assert HybridWeights.documented().weights.tolist() == [CF_WEIGHT]


def test_what_must_not_be_shown_never_counts_as_found():
    cf, visual, truth, depth = world()
    for row, wanted in enumerate(truth):
        cf[row, wanted] = -np.inf
    assert max(learned_weights(cf, visual, truth, depth).learned_ndcg) == 0
