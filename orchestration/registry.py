"""MLflow as the register of models: runs, versions as plain arrays, and the alias that serving follows.

A version's files are NumPy arrays read without pickle and a manifest of their hashes, so that
a tampered or foreign file is refused before it is used.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, StoreUnreachable

CHAMPION = "champion"
CF_MODEL = "cf_als"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version: its number, the run that made it, and where MLflow shows it."""

    name: str
    version: str
    run_id: str
    url: str


class ModelRegistry:
    """A client of one MLflow server."""

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri.rstrip("/")

    def register(
        self,
        name: str,
        arrays: Arrays,
        *,
        title: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        description: str,
        figures: Mapping[str, bytes] | None = None,
    ) -> Registered:
        """A new version of the model with everything that explains it; no alias moves.

        Parameters
        ----------
        arrays
            The model itself.
        title
            The name of the run.
        parameters, metrics, tags
            Shown on the run's page; tags name the version of the data.
        figures
            PNG pictures by file name.

        Raises
        ------
        StoreUnreachable
            If MLflow does not answer.
        """
        client = self._client()
        try:
            run_id = self._begun(client, name, title, parameters, metrics, tags)
            with tempfile.TemporaryDirectory() as folder:
                write_arrays(Path(folder) / "model", arrays)
                client.log_artifacts(run_id, str(Path(folder) / "model"), "model")
                for file, picture in (figures or {}).items():
                    (Path(folder) / file).write_bytes(picture)
                    client.log_artifact(run_id, str(Path(folder) / file), "figures")
            version = self._new_version(client, name, run_id, tags, description)
            client.set_terminated(run_id, "FINISHED")
        except self._mlflow_errors() as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error
        return Registered(name, version, run_id, f"{self.tracking_uri}/#/models/{name}/versions/{version}")

    def log(
        self,
        experiment: str,
        *,
        title: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> str:
        """The address of a run that holds what was measured; no model is registered.

        Parameters
        ----------
        files
            Content by name, kept with the run.

        Raises
        ------
        StoreUnreachable
            If MLflow does not answer.
        """
        client = self._client()
        try:
            run_id = self._begun(client, experiment, title, parameters, metrics, tags)
            with tempfile.TemporaryDirectory() as folder:
                for file, content in files.items():
                    (Path(folder) / file).write_bytes(content)
                client.log_artifacts(run_id, folder)
            client.set_terminated(run_id, "FINISHED")
            experiment_id = client.get_run(run_id).info.experiment_id
        except self._mlflow_errors() as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error
        return f"{self.tracking_uri}/#/experiments/{experiment_id}/runs/{run_id}"

    def promote(self, name: str, version: str) -> str | None:
        """The version that was champion before, None if there was none; `version` is champion now."""
        client = self._client()
        try:
            before = self._champion_version(client, name)
            client.set_registered_model_alias(name, CHAMPION, version)
        except self._mlflow_errors() as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error
        return before

    def newest(self, name: str, *, tagged: Mapping[str, str]) -> str:
        """The number of the newest version that carries the tags.

        Raises
        ------
        ArtifactUnavailable
            If the model has no such version.
        """
        client = self._client()
        try:
            versions = client.search_model_versions(f"name = '{name}'")
        except self._mlflow_errors() as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error
        numbers = [int(found.version) for found in versions if tagged.items() <= found.tags.items()]
        if not numbers:
            wanted = ", ".join(f"{key}={value}" for key, value in tagged.items())
            raise ArtifactUnavailable(f"none of {len(versions)} versions of model {name} carries {wanted}")
        return str(max(numbers))

    def champion(self, name: str) -> tuple[str, dict[str, NDArray[Any]]]:
        """The champion's version number and its arrays.

        Raises
        ------
        ArtifactUnavailable
            If there is no champion, or its files do not match their manifest.
        """
        client = self._client()
        try:
            version = self._champion_version(client, name)
            if version is None:
                raise ArtifactUnavailable(f"model {name} has no champion; materialise cf_model and cf_champion first")
            run_id = client.get_model_version(name, version).run_id
            with tempfile.TemporaryDirectory() as folder:
                client.download_artifacts(run_id, "model", folder)
                return version, read_arrays(Path(folder) / "model")
        except self._mlflow_errors() as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error

    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri)

    @staticmethod
    def _begun(
        client: Any,
        experiment: str,
        title: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> str:
        """The id of a new run with its parameters and metrics."""
        from mlflow.entities import Metric, Param

        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        run_id = str(client.create_run(experiment_id, tags=dict(tags), run_name=title).info.run_id)
        now = time.time_ns() // 1_000_000
        client.log_batch(
            run_id,
            metrics=[Metric(key, number, now, 0) for key, number in metrics.items()],
            params=[Param(key, str(value)) for key, value in parameters.items()],
        )
        return run_id

    @staticmethod
    def _mlflow_errors() -> tuple[type[Exception], ...]:
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        return (MlflowException, RequestException)

    @staticmethod
    def _champion_version(client: Any, name: str) -> str | None:
        models = client.search_registered_models(f"name = '{name}'")
        return str(models[0].aliases[CHAMPION]) if models and CHAMPION in models[0].aliases else None

    @staticmethod
    def _new_version(client: Any, name: str, run_id: str, tags: Mapping[str, str], description: str) -> str:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description="Collaborative filtering by implicit ALS, as arrays.")
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        made = client.create_model_version(name, source, run_id, tags=dict(tags), description=description)
        return str(made.version)


def write_arrays(folder: Path, arrays: Arrays) -> None:
    """Arrays as one file without pickle, and a manifest with its hash and their shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "arrays.npz"
    np.savez_compressed(file, allow_pickle=False, **dict(arrays))
    shapes = {name: [str(array.dtype), *array.shape] for name, array in arrays.items()}
    manifest = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "arrays": shapes}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, after their hash was compared with the manifest.

    Raises
    ------
    ArtifactUnavailable
        If a file is missing or was changed after it was written.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        content = (folder / "arrays.npz").read_bytes()
    except FileNotFoundError as error:
        raise ArtifactUnavailable(f"the model in {folder.name} lacks {Path(str(error.filename)).name}") from error
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ArtifactUnavailable(f"the arrays in {folder.name} are not those their manifest names")
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
