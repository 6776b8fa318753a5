"""Real stores for every test: an embedded Postgres and a Milvus Lite server, started once."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.warehouse import Warehouse

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_numbers = itertools.count()
# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("soko", deadline=None)
hypothesis.settings.load_profile("soko")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the session's servers, reachable by the user Postgres runs as."""
    folder = Path(tempfile.mkdtemp(prefix="soko-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[EmbeddedPostgres]:
    """A running server whose database `template_soko` holds the migrated schema."""
    server = EmbeddedPostgres(scratch / "postgres", free_port(), durable=False)
    server.start(scratch / "postgres.log")
    warehouse = Warehouse(server.create_database("template_soko"))
    warehouse.migrate()
    warehouse.close()
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh, migrated database, which goes with its test: thousands of them would fill the disk."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield postgres.create_database(name, template="template_soko")
    postgres.drop_database(name)


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """A warehouse over a fresh, migrated database."""
    opened = Warehouse(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def milvus_uri(scratch: Path) -> Iterator[str]:
    """The address of a Milvus Lite server, shared by the session."""
    server = EmbeddedMilvus(scratch / "milvus", free_port())
    server.start(scratch / "milvus.log")
    yield server.uri
    server.stop()


@pytest.fixture(scope="session")
def mlflow_uri(scratch: Path, postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of an MLflow server on the embedded Postgres, shared by the session."""
    port = free_port()
    store = postgres.create_database("mlflow")
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]
    artifacts = ["--serve-artifacts", "--artifacts-destination", str(scratch / "mlflow")]
    with (scratch / "mlflow.log").open("ab") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("mlflow")), "server", *arguments, *artifacts],
            stdout=log,
            stderr=log,
            env={**os.environ, **quiet},
            start_new_session=True,
        )
    try:
        assert wait_until(lambda: answers(port), 90), (scratch / "mlflow.log").read_text()[-2000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


@pytest.fixture(scope="session")
def real_input() -> Path:
    """The folder of real catalogues: SOKO_REAL_INPUT, or one beside this checkout; skips where there is none."""
    beside = sorted(Path(__file__).resolve().parents[2].glob("*/data/grocery/catalog.json"))
    named = os.environ.get("SOKO_REAL_INPUT")
    folder = Path(named) if named else beside[0].parents[1] if beside else None
    if folder is None or not folder.is_dir():
        pytest.skip("no real input: set SOKO_REAL_INPUT to its folder")
    return folder
