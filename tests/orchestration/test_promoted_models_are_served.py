"""What is promoted through the registry is what serving loads: from the shared folder, else from MLflow over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from marketplace.errors import StoreUnreachable
from marketplace.local.network import free_port
from marketplace.storage.model_files import ModelCache, fetch_from_registry, model_arrays, model_versions
from models.collaborative.blending import HybridWeights
from models.collaborative.model import ItemModel
from orchestration import promotion
from orchestration.learning import FEEDBACK
from orchestration.registry import CF_MODEL, ModelRegistry
from serving.recommender.loading import HALF_LIFE_DAYS, ModelKeeper
from serving.recommender.tastes import REFUSED
from tests.serving.recommending import chain

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HYBRID = HybridWeights(np.array([0, 3]), np.array([0.25, 0.75]), {})
NOWHERE = f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def cache(tmp_path):
    return ModelCache(tmp_path / "of-the-orchestrator")


@pytest.fixture
def promoted(warehouse, mlflow_uri, cache):
    """The publication of a model of sixty products."""
    registry, model = ModelRegistry(mlflow_uri), chain(range(60))
    made = registry.register(
        CF_MODEL,
        {**model.to_arrays(), **HYBRID.to_arrays()},
        title="t",
        parameters={},
        metrics={},
        tags={"data_version": "d1", "recipe": json.dumps({"kinds": ["item_cosine"]})},
        description="",
    )
    return promotion.put_before_shoppers(warehouse, registry, cache, made.version, now=NOW)


def test_the_folder_that_promotion_writes_is_the_one_that_serving_reads(warehouse, cache, promoted):
    keeper = ModelKeeper(warehouse, cache.folder, NOWHERE)
    assert keeper.follow(may_fetch=False)
    assert keeper.trouble is None
    assert (keeper.loaded.version, keeper.loaded.kind) == (promoted.version, "item_cosine")
    assert isinstance(keeper.loaded.model, ItemModel)
    assert keeper.loaded.depths.tolist() == [0, 3]
    assert keeper.loaded.weights.tolist() == [0.25, 0.75]


@pytest.mark.parametrize("is_run_known", [True, False])
def test_a_machine_without_the_file_fetches_it_from_mlflow(warehouse, mlflow_uri, tmp_path, promoted, is_run_known):
    (wanted,) = model_versions(warehouse)[:1]
    fetch = fetch_from_registry(mlflow_uri, wanted if is_run_known else replace(wanted, run_id=None))
    own = tmp_path / "of-the-server"
    assert model_arrays(own, wanted.sha256, fetch)["hybrid_weights"].tolist() == [0.25, 0.75]
    assert ModelCache(own).holds(promoted.details["sha256"])


def test_mlflow_without_the_run_is_told_apart_from_a_model(warehouse, mlflow_uri, promoted):
    (wanted,) = model_versions(warehouse)[:1]
    with pytest.raises(StoreUnreachable, match="MLflow"):
        fetch_from_registry(mlflow_uri, replace(wanted, run_id="0" * 32))()


def test_what_was_done_weighs_in_an_answer_what_it_weighed_in_training():
    assert {"hide": FEEDBACK.hide, "report": FEEDBACK.report} == REFUSED
    assert FEEDBACK.half_life_days == HALF_LIFE_DAYS
