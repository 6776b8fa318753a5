"""MLflow as the register of models: runs, versions as plain arrays, and the aliases that mirror what is served.

What is served is decided in Postgres, with the hash of the arrays; the register shows it and keeps what explains it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, ConfigurationError, NotFound, StoreUnreachable
from marketplace.storage.model_files import REGISTERED as CF_MODEL
from marketplace.storage.model_files import arrays_of
from orchestration.model_arrays import Arrays, read_arrays, read_content, write_arrays

__all__ = ["CF_MODEL", "CHALLENGER", "CHAMPION", "ModelRegistry", "Registered", "read_arrays", "write_arrays"]

CHAMPION = "champion"
CHALLENGER = "challenger"
PARENT = "mlflow.parentRunId"
SHA256 = "sha256"  # the tag of a version that names its arrays
AT_ONCE = 1000  # metrics that MLflow takes in one request
Curves = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version: its number, the run that made it, the hash of its arrays, and where MLflow shows it."""

    name: str
    version: str
    run_id: str
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class Version:
    """What the register says of a version, without its arrays."""

    version: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    description: str
    made_at: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """A run without a model: its id and where MLflow shows it."""

    run_id: str
    url: str


class ModelRegistry:
    """A client of one MLflow server.

    Whatever does not answer raises `StoreUnreachable`.
    """

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
        files: Mapping[str, bytes] | None = None,
        alias: str | None = None,
    ) -> Registered:
        """A new version of the model with everything that explains it; `champion` does not move.

        Parameters
        ----------
        arrays
            The model itself.
        title
            The name of the run.
        parameters, metrics, tags
            Shown on the run's page; tags name the version of the data.
        figures, files
            PNG pictures and other content by file name.
        alias
            What moves to the new version, if anything does.
        """
        with self._reached() as client, tempfile.TemporaryDirectory() as folder:
            run_id = self._begun(client, name, title, parameters, metrics, tags)
            digest = write_arrays(Path(folder) / "model", arrays)
            client.log_artifacts(run_id, str(Path(folder) / "model"), "model")
            self._write(client, run_id, figures or {}, "figures")
            self._write(client, run_id, files or {}, None)
            version = self._new_version(client, name, run_id, {**tags, SHA256: digest}, description)
            if alias is not None:
                client.set_registered_model_alias(name, alias, version)
            client.set_terminated(run_id, "FINISHED")
        return Registered(name, version, run_id, digest, self.url_of(name, version))

    def log(
        self,
        experiment: str,
        *,
        title: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
        curves: Curves | None = None,
        parent: str | None = None,
    ) -> Logged:
        """A run that holds what was measured; no model is registered.

        Parameters
        ----------
        files
            Content by name, kept with the run.
        curves
            Metrics that have a value for every step.
        parent
            The run that this one is nested in.
        """
        own = {**tags, **({PARENT: parent} if parent else {})}
        with self._reached() as client:
            run_id = self._begun(client, experiment, title, parameters, metrics, own, curves)
            self._write(client, run_id, files or {}, None)
            client.set_terminated(run_id, "FINISHED")
            experiment_id = client.get_run(run_id).info.experiment_id
        return Logged(run_id, f"{self.tracking_uri}/#/experiments/{experiment_id}/runs/{run_id}")

    def add_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """More content of a run, by name."""
        with self._reached() as client:
            self._write(client, run_id, files, None)

    def file(self, run_id: str, name: str) -> bytes:
        """What a run keeps under the name.

        Raises
        ------
        ArtifactUnavailable
            If it keeps nothing under it.
        """
        with self._reached() as client, tempfile.TemporaryDirectory() as folder:
            if name not in {found.path for found in client.list_artifacts(run_id)}:
                raise ArtifactUnavailable(f"run {run_id} keeps no {name}")
            return Path(client.download_artifacts(run_id, name, folder)).read_bytes()

    def newest_run(self, experiment: str, *, tagged: Mapping[str, str]) -> str | None:
        """The id of the last finished run of an experiment that carries the tags, None if there is none."""
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tagged.items())
        with self._reached() as client:
            found = client.get_experiment_by_name(experiment)
            if found is None:
                return None
            runs = client.search_runs(
                [found.experiment_id],
                filter_string=" and ".join(filter(None, [wanted, "attributes.status = 'FINISHED'"])),
                order_by=["attributes.start_time desc"],
                max_results=1,
            )
        return runs[0].info.run_id if runs else None

    def promote(self, name: str, version: str) -> str | None:
        """The version that was champion before, None if there was none; `version` is champion now."""
        with self._reached() as client:
            before = self._aliased(client, name, CHAMPION)
            client.set_registered_model_alias(name, CHAMPION, version)
        return before

    def aliased(self, name: str, alias: str) -> str | None:
        """The version that carries the alias, None if none does."""
        with self._reached() as client:
            return self._aliased(client, name, alias)

    def tell(self, name: str, version: str, *, tags: Mapping[str, str], description: str) -> None:
        """What is to be known of a version; tags that it has and are not named stay."""
        with self._reached() as client:
            for key, value in tags.items():
                client.set_model_version_tag(name, version, key, value)
            client.update_model_version(name, version, description)

    def versions(self, name: str) -> list[Version]:
        """Every version, newest first."""
        with self._reached() as client:
            found = client.search_model_versions(f"name = '{name}'")
            return [self._told(client, name, str(number)) for number in sorted(int(v.version) for v in found)[::-1]]

    def version(self, name: str, version: str) -> Version:
        """What is known of a version.

        Raises
        ------
        NotFound
            If there is no such version.
        """
        with self._reached() as client:
            return self._told(client, name, version)

    def newest(self, name: str, *, tagged: Mapping[str, str]) -> str:
        """The number of the newest version that carries the tags.

        Raises
        ------
        ArtifactUnavailable
            If the model has no such version.
        """
        with self._reached() as client:
            versions = client.search_model_versions(f"name = '{name}'")
        numbers = [int(found.version) for found in versions if tagged.items() <= found.tags.items()]
        if not numbers:
            wanted = ", ".join(f"{key}={value}" for key, value in tagged.items())
            raise ArtifactUnavailable(f"none of {len(versions)} versions of model {name} carries {wanted}")
        return str(max(numbers))

    def content(self, name: str, version: str) -> bytes:
        """The file of a version's arrays, as its manifest names it.

        Raises
        ------
        NotFound
            If there is no such version.
        ArtifactUnavailable
            If its files do not match their manifest, or are not those that were registered.
        """
        with self._reached() as client, tempfile.TemporaryDirectory() as folder:
            known = self._told(client, name, version)
            client.download_artifacts(known.run_id, "model", folder)
            content = read_content(Path(folder) / "model")
        if hashlib.sha256(content).hexdigest() != known.tags.get(SHA256):
            raise ArtifactUnavailable(f"the arrays of {name} version {version} are not those that were registered")
        return content

    def champion(self, name: str) -> tuple[str, dict[str, NDArray[Any]]]:
        """The champion's version number and its arrays.

        Raises
        ------
        ArtifactUnavailable
            If there is no champion, or its files do not match their manifest.
        """
        version = self.aliased(name, CHAMPION)
        if version is None:
            raise ArtifactUnavailable(f"model {name} has no champion; materialise cf_model and cf_champion first")
        return version, arrays_of(self.content(name, version))

    def url_of(self, name: str, version: str) -> str:
        """Where MLflow shows a version."""
        return f"{self.tracking_uri}/#/models/{name}/versions/{version}"

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
            from requests.exceptions import RequestException
        except ModuleNotFoundError as error:
            raise ConfigurationError(f"{error.name} is not installed; pip install 'soko[orchestration]'") from error
        try:
            yield MlflowClient(self.tracking_uri)
        except (MlflowException, RequestException) as error:
            raise StoreUnreachable(f"MLflow at {self.tracking_uri}: {_first_line(error)}") from error

    @staticmethod
    def _begun(
        client: Any,
        experiment: str,
        title: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        curves: Curves | None = None,
    ) -> str:
        """The id of a new run with its parameters and metrics."""
        from mlflow.entities import Metric, Param

        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        run_id = str(client.create_run(experiment_id, tags=dict(tags), run_name=title).info.run_id)
        now = time.time_ns() // 1_000_000
        stepped = [(key, value, step) for key, values in (curves or {}).items() for step, value in enumerate(values)]
        measured = [*((key, value, 0) for key, value in metrics.items()), *stepped]
        for start in range(0, max(len(measured), 1), AT_ONCE):
            client.log_batch(
                run_id,
                metrics=[Metric(key, value, now, step) for key, value, step in measured[start : start + AT_ONCE]],
                params=[] if start else [Param(key, str(value)) for key, value in parameters.items()],
            )
        return run_id

    @staticmethod
    def _write(client: Any, run_id: str, files: Mapping[str, bytes], place: str | None) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            client.log_artifacts(run_id, folder, place)

    @staticmethod
    def _aliased(client: Any, name: str, alias: str) -> str | None:
        models = client.search_registered_models(f"name = '{name}'")
        return str(models[0].aliases[alias]) if models and alias in models[0].aliases else None

    @staticmethod
    def _told(client: Any, name: str, version: str) -> Version:
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version(name, version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise NotFound(
                    f"model {name} has no version {version}; soko model list names those there are"
                ) from error
            raise
        run = client.get_run(found.run_id)
        return Version(
            str(found.version),
            str(found.run_id),
            dict(found.tags),
            tuple(found.aliases),
            str(found.description or ""),
            datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
            dict(run.data.metrics),
            dict(run.data.params),
        )

    @staticmethod
    def _new_version(client: Any, name: str, run_id: str, tags: Mapping[str, str], description: str) -> str:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description="Collaborative filtering, as arrays.")
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        made = client.create_model_version(name, source, run_id, tags=dict(tags), description=description)
        return str(made.version)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
