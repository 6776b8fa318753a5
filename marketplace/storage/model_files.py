"""Models by the hash of their arrays: which one Postgres names, its file, and the arrays, checked before they are read.

Whoever promotes a model keeps its file here before Postgres names it; whoever serves reads it here.

The registry is no trust boundary. Postgres says which bytes are the model; a file or a download that is not made of
those bytes is refused before anything looks into it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
import sqlalchemy as sa
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, StoreUnreachable
from marketplace.storage.publications import BEFORE, MODEL
from marketplace.storage.tables import publications
from marketplace.storage.warehouse import Warehouse

REGISTERED = "cf_als"  # its name in MLflow
FILE = "model/arrays.npz"
TIMEOUTS = (3.0, 30.0)  # to connect, and between two pieces
LARGEST = 2_000_000_000
# What NumPy says of files that are none of its own: empty, cut off, a bare array, a pickle, a broken archive.
_UNREADABLE = (ValueError, OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
_SHA256 = re.compile(r"[0-9a-f]{64}")
Fetch = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A published model: its number in the registry, the hash of its arrays, and the run that made it."""

    version: str
    sha256: str
    kind: str
    run_id: str | None
    details: Mapping[str, Any]


def model_versions(warehouse: Warehouse, name: str = MODEL) -> list[ModelVersion]:
    """The published model and the one before it, newest first; nothing before the first publication."""
    with warehouse.reading() as connection:
        row = connection.execute(sa.select(publications).where(publications.c.name == name)).one_or_none()
    if row is None:
        return []
    before = row.details.get(BEFORE)
    found = [(row.version, row.details)]
    if row.previous_version is not None and isinstance(before, dict):
        found.append((row.previous_version, before))
    return [_version(version, details) for version, details in found if "sha256" in details]


def model_arrays(folder: Path, sha256: str, fetch: Fetch | None = None) -> dict[str, NDArray[Any]]:
    """The arrays whose file has this hash, from the folder, else fetched and kept there.

    Parameters
    ----------
    fetch
        Brings the bytes where the folder has none or other ones; None to do without.

    Raises
    ------
    ArtifactUnavailable
        If no such file is at hand, or what is at hand are other bytes than Postgres names.
    StoreUnreachable
        If the registry does not answer.
    """
    if not _SHA256.fullmatch(sha256):
        raise ArtifactUnavailable(f"{sha256[:80]!r} is no SHA-256, so no model can be read by it")
    path = folder / f"{sha256}.npz"
    content = path.read_bytes() if path.is_file() else None
    if content is None or _sha256(content) != sha256:
        state = "not in the cache" if content is None else "changed on disk"
        if fetch is None:
            raise ArtifactUnavailable(f"the model {sha256[:12]} is {state}")
        content = fetch()
        if _sha256(content) != sha256:
            raise ArtifactUnavailable(f"the registry's file is not the model {sha256[:12]} that Postgres names")
        keep_model(folder, content)
    return arrays_of(content)


def keep_model(folder: Path, content: bytes) -> str:
    """The hash under which the bytes lie in the folder afterwards, whole or not at all."""
    sha256 = _sha256(content)
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # who serves may be another user
        Path(name).replace(folder / f"{sha256}.npz")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return sha256


@dataclass(frozen=True, slots=True)
class ModelCache:
    """The folder of model files that this machine has."""

    folder: Path

    def keep(self, content: bytes) -> str:
        """The SHA-256 of the content, under which it can be read from now on."""
        return keep_model(self.folder, content)

    def holds(self, sha256: str) -> bool:
        """Whether the file of that hash is here and is what its name says."""
        path = self.folder / f"{sha256}.npz"
        return path.is_file() and _sha256(path.read_bytes()) == sha256


def arrays_of(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file, none of which may be a pickle.

    Raises
    ------
    ArtifactUnavailable
        If it is no such file.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _UNREADABLE as error:
        raise ArtifactUnavailable(f"the model of {len(content)} bytes holds no plain arrays") from error


def fetch_from_registry(tracking_uri: str, model: ModelVersion) -> Fetch:
    """A function that brings a version's file from MLflow, over its plain HTTP."""
    server = tracking_uri.rstrip("/")

    def fetch() -> bytes:
        run_id = model.run_id or _run_of(server, model.version)
        return _content(f"{server}/get-artifact", {"run_uuid": run_id, "path": FILE}, server)

    return fetch


def _run_of(server: str, version: str) -> str:
    wanted = {"name": REGISTERED, "version": version}
    path = "/api/2.0/mlflow/model-versions/get"
    try:
        answer = requests.get(f"{server}{path}", wanted, timeout=TIMEOUTS)
        answer.raise_for_status()
        return str(answer.json()["model_version"]["run_id"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise StoreUnreachable(f"MLflow at {server}: {type(error).__name__}") from error


def _content(url: str, wanted: Mapping[str, str], server: str) -> bytes:
    try:
        with requests.get(url, wanted, timeout=TIMEOUTS, stream=True) as answer:
            answer.raise_for_status()
            content = bytearray()
            for piece in answer.iter_content(1 << 20):
                content += piece
                if len(content) > LARGEST:
                    raise ArtifactUnavailable(f"the registry's model is larger than {LARGEST:,} bytes")
            return bytes(content)
    except requests.RequestException as error:
        raise StoreUnreachable(f"MLflow at {server}: {type(error).__name__}") from error


def _version(version: str, details: Mapping[str, Any]) -> ModelVersion:
    run_id = details.get("run_id")
    kind = str(details.get("kind", ""))
    return ModelVersion(version, str(details["sha256"]), kind, None if run_id is None else str(run_id), dict(details))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
