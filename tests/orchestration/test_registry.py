"""The register of models, against a real MLflow server."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from mlflow import MlflowClient

from marketplace.errors import ArtifactUnavailable, NotFound, StoreUnreachable
from orchestration.registry import CHALLENGER, ModelRegistry, read_arrays, write_arrays

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


def test_what_explains_a_version_is_kept_with_it(mlflow_uri):
    registry = ModelRegistry(mlflow_uri)
    made = registry.register("als_b", ARRAYS, **EXPLAINED, files={"reference.json": b"{}"}, alias=CHALLENGER)
    registry.tell("als_b", made.version, tags={"verdict": "refused"}, description="no better than popularity")
    (known,) = registry.versions("als_b")
    assert (known.version, known.aliases, known.description) == (
        made.version,
        ("challenger",),
        "no better than popularity",
    )
    assert known.tags["verdict"] == "refused"
    assert known.tags["sha256"] == made.sha256 == hashlib.sha256(registry.content("als_b", made.version)).hexdigest()
    assert (known.metrics, known.parameters) == ({"recall_at_10": 0.5}, {"factors": "3"})
    assert registry.file(made.run_id, "reference.json") == b"{}"
    with pytest.raises(ArtifactUnavailable, match=r"keeps no other\.json"):
        registry.file(made.run_id, "other.json")
    with pytest.raises(NotFound, match="als_b has no version 7"):
        registry.version("als_b", "7")
    with pytest.raises(NotFound, match="als_b has no version x"):
        registry.version("als_b", "x")


def test_runs_are_nested_with_their_curves_and_found_by_their_tags(mlflow_uri):
    registry = ModelRegistry(mlflow_uri)
    told = {"title": "all", "parameters": {}, "metrics": {}, "tags": {"stage": "candidates", "data_version": "d1"}}
    assert registry.newest_run("nested", tagged={"stage": "candidates"}) is None
    parent = registry.log("nested", **told)
    curves = {"loss": [3.0, 2.0, 1.0]}
    child = registry.log("nested", title="als", parameters={}, metrics={}, tags={}, curves=curves, parent=parent.run_id)
    client = MlflowClient(mlflow_uri)
    assert client.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.run_id
    assert [point.value for point in client.get_metric_history(child.run_id, "loss")] == [3.0, 2.0, 1.0]
    assert registry.newest_run("nested", tagged={"stage": "candidates"}) == parent.run_id
    again = registry.log("nested", **told)
    assert registry.newest_run("nested", tagged={"stage": "candidates", "data_version": "d1"}) == again.run_id
    registry.add_files(again.run_id, {"later.txt": b"more"})
    assert registry.file(again.run_id, "later.txt") == b"more"


def test_a_version_whose_file_was_changed_in_the_store_is_refused(mlflow_uri, scratch):
    registry = ModelRegistry(mlflow_uri)
    made = registry.register("als_c", ARRAYS, **EXPLAINED)
    (file,) = (scratch / "mlflow").rglob(f"{made.run_id}/**/arrays.npz")
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactUnavailable, match="not those their manifest names"):
        registry.content("als_c", made.version)
