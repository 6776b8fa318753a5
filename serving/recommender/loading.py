"""The model that answers: loaded beside the one that serves, swapped whole, and kept while no better one is at hand."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, InputRejected, StoreUnreachable
from marketplace.storage.model_files import (
    ModelVersion,
    fetch_from_registry,
    model_arrays,
    model_versions,
)
from marketplace.storage.publications import MODEL
from marketplace.storage.warehouse import Warehouse
from models.collaborative.hybrid import CF_WEIGHT
from models.collaborative.model import Recommender, read_model
from models.collaborative.ready import Ready, made_ready

log = logging.getLogger(__name__)
HALF_LIFE_DAYS = 60.0
RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified model, ready to answer; `weights` are its learned shares of the hybrid by depth of history."""

    version: str
    sha256: str
    kind: str
    model: Recommender
    ready: Ready
    depths: NDArray[np.int64]
    weights: NDArray[np.float64]
    is_learned: bool
    half_life_days: float


class ModelKeeper:
    """Follows one publication of a model.

    `loaded` is the newest model that could be verified, None before there is one; `trouble` says why it is not the one
    that is published.
    """

    def __init__(self, warehouse: Warehouse, folder: Path, tracking_uri: str, name: str = MODEL) -> None:
        self._warehouse = warehouse
        self._folder = folder
        self._tracking_uri = tracking_uri
        self._name = name
        self._retry_at = 0.0
        self._refused = ""
        self.loaded: LoadedModel | None = None
        self.trouble: str | None = None

    def follow(self, *, may_fetch: bool) -> bool:
        """Whether another model answers now, or another trouble is told of.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer.
        """
        before = (self.loaded, self.trouble)
        versions = model_versions(self._warehouse, self._name)
        if not versions:
            self.loaded, self.trouble = None, None
        elif not self._is_loaded(versions[0]):
            self._take(versions, may_fetch=may_fetch)
        else:
            self.trouble, self._refused = None, ""
        return (self.loaded, self.trouble) != before

    def _is_loaded(self, wanted: ModelVersion) -> bool:
        return self.loaded is not None and (self.loaded.sha256, self.loaded.version) == (wanted.sha256, wanted.version)

    def _take(self, versions: list[ModelVersion], *, may_fetch: bool) -> None:
        wanted = versions[0]
        if wanted.sha256 == self._refused and time.monotonic() < self._retry_at:
            return
        fetch = fetch_from_registry(self._tracking_uri, wanted) if may_fetch else None
        try:
            self.loaded = loaded_model(wanted, model_arrays(self._folder, wanted.sha256, fetch))
            self.trouble, self._refused = None, ""
            return
        except (ArtifactUnavailable, InputRejected, StoreUnreachable, OSError) as error:
            log.warning("model %s of %s cannot be served: %s", wanted.version, self._name, error)
            if may_fetch:
                self._refused, self._retry_at = wanted.sha256, time.monotonic() + RETRY_SECONDS
            why = _why(error)
        for earlier in versions[1:] if self.loaded is None else ():
            self.loaded = self._at_hand(earlier)
        stands_in = f"model {self.loaded.version} answers" if self.loaded else "no model answers"
        self.trouble = f"model {wanted.version} is published, but {why}; {stands_in}"

    def _at_hand(self, version: ModelVersion) -> LoadedModel | None:
        try:
            return loaded_model(version, model_arrays(self._folder, version.sha256))
        except (ArtifactUnavailable, InputRejected, OSError) as error:
            log.warning("nor can model %s: %s", version.version, error)
            return None


def loaded_model(version: ModelVersion, arrays: Mapping[str, NDArray[Any]]) -> LoadedModel:
    """The model of verified arrays.

    Raises
    ------
    InputRejected
        If they make no model, or its weights of the hybrid make no sense.
    """
    try:
        return _loaded(version, arrays)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        # Of another release, say: arrays of these names, but not of these shapes.
        raise InputRejected(f"model {version.version} cannot be read: {type(error).__name__}") from error


def _loaded(version: ModelVersion, arrays: Mapping[str, NDArray[Any]]) -> LoadedModel:
    model = read_model(arrays)
    is_learned = "hybrid_weights" in arrays
    depths = np.asarray(arrays.get("hybrid_depths", [0]), dtype=np.int64)
    weights = np.asarray(arrays.get("hybrid_weights", [CF_WEIGHT]), dtype=np.float64)
    if depths.shape != weights.shape or not len(depths) or (np.diff(depths) <= 0).any():
        raise InputRejected(f"the hybrid has {len(weights)} weights for {len(depths)} depths, which must ascend")
    if not ((weights >= 0) & (weights <= 1)).all():
        raise InputRejected("a weight of the hybrid lies outside 0..1")
    half_life = float(np.asarray(arrays.get("half_life_days", HALF_LIFE_DAYS)))
    if not half_life > 0:
        raise InputRejected(f"interest cannot fade with a half-life of {half_life} days")
    return LoadedModel(
        version.version, version.sha256, model.kind, model, made_ready(model), depths, weights, is_learned, half_life
    )


def _why(error: Exception) -> str:
    return "the registry of models does not answer" if isinstance(error, StoreUnreachable) else str(error)
