"""`soko index`: what a person sees of the index and may do about it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.storage.vectors import Vectors

from .test_index_builds import change, embed, sell
from .test_upkeep import follow, market, own_milvus  # noqa: F401

MODEL = "m1"


@pytest.fixture
def soko(warehouse, database_url, own_milvus, tmp_path, monkeypatch):  # noqa: F811
    """Runs a command on a database and a Milvus of its own."""
    settings = {"DATABASE_URL": database_url, "MILVUS_URI": own_milvus.uri, "HOME": str(tmp_path / "home")}
    for name, value in settings.items():
        monkeypatch.setenv(f"SOKO_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["index", *words])


@pytest.fixture
def own_vectors(own_milvus):  # noqa: F811
    opened = Vectors(own_milvus.uri)
    yield opened
    opened.close()


def test_before_anything_is_served_every_command_says_what_to_do(warehouse, soko, tmp_path):
    status = soko("status")
    assert status.exit_code == 1
    assert "nothing is published; run: soko index rebuild" in status.output
    for words in (("verify",), ("rollback",), ("backup", str(tmp_path / "b.parquet")), ("rebuild",)):
        refused = soko(*words)
        assert refused.exit_code == 1
        assert refused.output.strip().startswith("error: ")
        assert refused.exception is None or isinstance(refused.exception, SystemExit)


def test_the_index_is_built_seen_verified_and_taken_back(warehouse, soko, own_vectors):
    sell(warehouse, 1, 2, 3)
    embed(warehouse)
    assert "3 products, IVF_FLAT" in soko("rebuild").output
    change(warehouse, 1, price_minor=7)
    told = json.loads(soko("status", "--json").output)
    assert (told["products"], told["index_type"], told["waiting"]["products"]) == (3, "IVF_FLAT", 1)
    assert told["recall"] == 1.0
    seen = soko("status").output
    assert "1 products, since" in seen
    assert own_vectors.current() in seen
    verified = soko("verify")
    assert verified.exit_code == 0
    assert "count and checksum are equal" in verified.output
    first = own_vectors.current()
    assert soko("rebuild").exit_code == 0
    assert own_vectors.current() != first
    assert soko("rollback").output == f"{first} is served\n"


def test_a_backup_is_written_and_restored(warehouse, soko, own_vectors, tmp_path):
    market(warehouse, own_vectors)
    file = tmp_path / "index.parquet"
    assert "6 products of" in soko("backup", str(file)).output
    restored = soko("restore", str(file))
    assert restored.exit_code == 0
    assert f"{own_vectors.current()} is served, restored from" in restored.output
    file.write_bytes(file.read_bytes()[:-100])
    refused = soko("restore", str(file))
    assert refused.exit_code == 1
    assert "index.parquet is not the file" in refused.output


def test_a_milvus_that_is_away_is_shown(warehouse, soko, own_vectors, own_milvus):  # noqa: F811
    market(warehouse, own_vectors)
    own_milvus.stop()
    status = soko("status")
    assert status.exit_code == 1
    assert "away: Milvus at" in status.output
    assert json.loads(soko("status", "--json").output)["server"] is None


def test_differences_that_were_mended_are_told(warehouse, soko, own_vectors):
    build = market(warehouse, own_vectors)
    own_vectors.remove(build.collection, [1, 2])
    verified = soko("verify")
    assert verified.exit_code == 0
    assert "2 missing, 0 stale, 0 too many; mended: 2 put, 0 removed" in verified.output


def test_a_model_without_vectors_is_refused_by_name(warehouse, soko, own_vectors):
    market(warehouse, own_vectors)
    follow(warehouse, own_vectors, MODEL)
    refused = soko("rebuild", "--model", "m9")
    assert "no product has a vector of m9; known are m1" in refused.output
