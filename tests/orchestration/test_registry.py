"""The register of models, against a real MLflow server."""

from __future__ import annotations

import numpy as np
import pytest

from marketplace.errors import ArtifactUnavailable, StoreUnreachable
from orchestration.registry import ModelRegistry, read_arrays, write_arrays

ARRAYS = {"user_factors": np.eye(3, dtype=np.float32), "items": np.array([5, 7, 9])}
EXPLAINED = {
    "title": "ALS of d1",
    "parameters": {"factors": 3},
    "metrics": {"recall_at_10": 0.5},
    "tags": {"data_version": "d1"},
    "description": "for a test",
}


def test_a_model_is_champion_only_after_it_was_promoted(mlflow_uri):
    registry = ModelRegistry(mlflow_uri)
    first = registry.register("als_a", ARRAYS, **EXPLAINED)
    with pytest.raises(ArtifactUnavailable, match="no champion"):
        registry.champion("als_a")
    assert registry.promote("als_a", first.version) is None
    version, arrays = registry.champion("als_a")
    assert version == first.version
    assert np.array_equal(arrays["items"], ARRAYS["items"])
    second = registry.register("als_a", ARRAYS, **EXPLAINED)
    assert registry.newest("als_a", tagged={"data_version": "d1"}) == second.version
    with pytest.raises(ArtifactUnavailable, match="none of 2 versions of model als_a carries beats=true"):
        registry.newest("als_a", tagged={"beats": "true"})
    assert registry.champion("als_a")[0] == first.version
    assert registry.promote("als_a", second.version) == first.version


def test_arrays_that_were_changed_after_writing_are_refused(tmp_path):
    write_arrays(tmp_path / "model", ARRAYS)
    assert read_arrays(tmp_path / "model").keys() == ARRAYS.keys()
    with (tmp_path / "model" / "arrays.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtifactUnavailable, match="manifest"):
        read_arrays(tmp_path / "model")


def test_a_pickle_among_the_arrays_is_never_loaded(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        write_arrays(tmp_path / "model", {"hostile": np.array([object()])})


def test_an_absent_server_is_said_by_its_address(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:9"):
        ModelRegistry("http://127.0.0.1:9").newest("als_a", tagged={})
