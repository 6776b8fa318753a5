"""Both kinds of Milvus, so that one contract is held against each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.storage.vectors import Vectors
from tests.marketplace.storage.milvus_server import VARIABLE, StandaloneMilvus, milvus_python

KINDS = ["lite", pytest.param("server", marks=pytest.mark.milvus_server)]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def milvus_server_uri(scratch: Path) -> Iterator[str]:
    """The address of a standalone Milvus; skips where no interpreter has the package."""
    yield from _standalone(scratch / "milvus-server")


@pytest.fixture
def locked_milvus_uri(scratch: Path) -> Iterator[str]:
    """The address of a standalone Milvus that asks for a password; skips as above."""
    yield from _standalone(scratch / "milvus-locked", is_locked=True)


def _standalone(folder: Path, *, is_locked: bool = False) -> Iterator[str]:
    python = milvus_python()
    if python is None:
        pytest.skip(f"no standalone Milvus: run `make milvus-server-env` or set {VARIABLE} to an interpreter with it")
    server = StandaloneMilvus(python, folder, is_locked=is_locked)
    server.start()
    yield server.uri
    server.stop()


@pytest.fixture(scope="session", params=KINDS)
def any_milvus_uri(request: pytest.FixtureRequest) -> str:
    """The address of Milvus Lite, then of a standalone server."""
    fixture = {"lite": "milvus_uri", "server": "milvus_server_uri"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def vectors(any_milvus_uri: str) -> Iterator[Vectors]:
    """An index of its own in each kind of Milvus."""
    yield from _index_of_its_own(any_milvus_uri)


@pytest.fixture
def lite_vectors(milvus_uri: str) -> Iterator[Vectors]:
    """An index of its own in Milvus Lite, for what does not depend on the kind: a server needs ten times as long."""
    yield from _index_of_its_own(milvus_uri)


def _index_of_its_own(uri: str) -> Iterator[Vectors]:
    opened = Vectors(uri, alias=f"test_{next(_numbers)}")
    yield opened
    if opened.current() is not None:
        opened.milvus.ask("drop_alias", opened.alias)
    for collection in opened.collections():
        opened.drop(collection)
    opened.close()
