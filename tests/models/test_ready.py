"""A model made ready answers as the model does."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.collaborative.hybrid import calibrated
from models.collaborative.model import BlendModel, FactorModel, FoldIn, ItemModel, PopularModel
from models.collaborative.ready import calibrated_one, made_ready, summed

ITEMS = np.arange(10, 40, dtype=np.int64)
RNG = np.random.default_rng(3)
LINKS = sp.random(30, 30, density=0.3, random_state=1, format="csr", dtype=np.float32)
FACTORS = RNG.standard_normal((30, 6)).astype(np.float32)
COSINES = ItemModel(ITEMS, LINKS, np.linspace(0.5, 1, 30, dtype=np.float32), "item_cosine")
PLAIN = FactorModel(FACTORS, ITEMS, FoldIn(2.0, 20.0))
SCALED = FactorModel(FACTORS, ITEMS, FoldIn(0.05, 1.0, unobserved=0.1, frequency=1.0, is_binary=True))
MODELS = [
    COSINES,
    PLAIN,
    SCALED,
    PopularModel(ITEMS, RNG.random(30).astype(np.float32)),
    BlendModel((COSINES, PLAIN), (0.3, 0.7)),
]
HISTORY = sp.csr_matrix(([1.0, 2.5, -1.0], ([0, 0, 0], [2, 7, 20])), shape=(1, 30), dtype=np.float32)
NOTHING = sp.csr_matrix((1, 30), dtype=np.float32)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
@pytest.mark.parametrize("history", [HISTORY, NOTHING], ids=["history", "nothing"])
def test_scores_and_shares_stay_what_they_were(model, history):
    ready = made_ready(model)
    columns = np.array([0, 3, 7, 29])
    assert np.allclose(ready.scores(history), model.scores(history)[0], rtol=1e-3, atol=1e-5)
    wanted = np.stack([model.shares(history, int(column)) for column in columns], axis=1)
    assert np.allclose(ready.shares(history, columns), wanted, rtol=1e-3, atol=1e-5)


def test_a_sum_of_rows_is_the_product_of_the_matrices():
    rows, weights = np.array([3, 3, 9, 0]), np.array([1.0, 2.0, -1.0, 0.5], dtype=np.float32)
    wanted = sum(weight * LINKS[row].toarray()[0] for row, weight in zip(rows, weights, strict=True))
    assert np.allclose(summed(LINKS, rows, weights), wanted, atol=1e-6)
    assert not summed(LINKS, np.array([], dtype=np.int64), weights[:0]).any()


@pytest.mark.parametrize("scores", [[], [0, -1], [3, 1, 2], [2, 2, 1, 1, 0, -5], [1, 1, 1], [0.5]])
def test_one_row_is_calibrated_as_all_of_them_are(scores):
    row = np.array(scores, dtype=np.float32)
    assert np.allclose(calibrated_one(row), calibrated(row[None])[0])
