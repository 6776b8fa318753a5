"""Factors that Spark fits are the ones that are served: the same contract, and the same measures within tolerance."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import ConfigurationError, InputRejected
from marketplace.settings import Settings
from models.collaborative.distributed import SparkAls, fit_als_on_spark
from models.collaborative.evaluation import examination, judge
from models.collaborative.factors import AlsParameters, fit_als
from models.collaborative.features import Interactions
from models.collaborative.linear import ItemParameters
from models.collaborative.model import read_model
from models.collaborative.selection import Recipe, cook, is_warm
from models.collaborative.training import LocalAls
from orchestration.resources import als_of

pytest.importorskip("pyspark", reason="pip install 'soko[spark]' to train on Spark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java, which is not on PATH", allow_module_level=True)

DAY = pd.Timestamp("2026-11-01", tz="UTC")
LOCAL = "local[2]"
# Spark's own Python leaves a socket open, and warns of what it will drop.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark.*"),
]


def tastes(shoppers=120, products=60):
    generator = np.random.default_rng(3)
    rows = [
        (f"u{shopper:03d}", int(generator.choice(20)) + 20 * (shopper % 3), 1.0 + generator.random(), day)
        for shopper in range(shoppers)
        for day in range(0, 40, 3)
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "weight", "day"])
    frame["occurred_at"] = DAY + pd.to_timedelta(frame["day"], unit="D")
    return frame


def test_spark_fits_the_model_that_one_machine_fits_within_tolerance():
    exam = examination(tastes())
    here = fit_als(exam.past, AlsParameters(factors=10, regularization=0.1, alpha=5.0, iterations=15))
    # MLlib multiplies its penalty by how often a row was observed.
    there = fit_als_on_spark(
        exam.past, AlsParameters(factors=10, regularization=0.01, alpha=5.0, iterations=15), master=LOCAL
    )
    found = {name: judge(model, exam).means() for name, model in (("here", here), ("spark", there))}
    for measure in ("recall_at_20", "ndcg_at_20"):
        assert found["spark"][measure] == pytest.approx(found["here"][measure], abs=0.05)
        assert found["spark"][measure] > 0.4
    again = read_model(there.to_arrays())
    assert np.allclose(again.scores(exam.histories), there.scores(exam.histories))
    history = exam.histories[0]
    scores = there.scores(history)[0]
    assert there.shares(history, int(scores.argmax())).sum() == pytest.approx(scores.max(), rel=1e-3)


def test_recipes_are_cooked_on_spark_where_the_settings_say_so():
    past = examination(tastes()).past
    parameters = AlsParameters(factors=4, regularization=0.01, iterations=3)
    recipe = Recipe(("als", "item_cosine"), (parameters, ItemParameters()), (0.5, 0.5))
    there = als_of(Settings(_env_file=None, spark_master=LOCAL))
    here = als_of(Settings(_env_file=None))
    assert (there, here) == (SparkAls(LOCAL), LocalAls())
    direct = fit_als_on_spark(past, parameters, master=LOCAL)
    made = cook(recipe, past, als=there)
    assert np.allclose(made.parts[0].item_factors, direct.item_factors, atol=1e-3)
    assert made.parts[0].fold == direct.fold
    assert cook(recipe, past, als=here).parts[0].fold != direct.fold
    assert not is_warm(recipe, made, there)
    assert is_warm(recipe, made, here)


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="Spark at nonsense does not start"):
        fit_als_on_spark(examination(tastes(6)).past, AlsParameters(), master="nonsense")


def test_nothing_to_learn_from_is_refused_before_spark_starts():
    import scipy.sparse as sp

    nothing = Interactions(sp.csr_matrix((1, 2), dtype=np.float32), np.array(["a"]), np.arange(2))
    with pytest.raises(InputRejected, match="no interactions to train on"):
        fit_als_on_spark(nothing, AlsParameters(), master=LOCAL)
