"""`soko search`, as a person types it."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.storage.evaluations import baseline, record
from tests.marketplace.storage.test_evaluations import NOW, judged


@pytest.fixture
def soko(database_url, tmp_path, monkeypatch):
    """Runs one command line; its exit code, and what it printed with single spaces."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOKO_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return done.exit_code, re.sub(r"[ │]+", " ", done.output)

    return run


def test_evaluations_are_listed_and_a_refused_one_accepted_by_its_number(soko, warehouse):
    assert soko("search", "evaluations") == (0, "Search was never judged; materialise search_quality.\n")
    first = record(warehouse, judged(0.8), run_id="r1", status="accepted", compared_with=None, now=NOW)
    worse = record(warehouse, judged(0.6), run_id="r2", status="refused", compared_with=first.evaluation_id, now=NOW)
    code, said = soko("search", "evaluations")
    assert code == 0
    ids = worse.evaluation_id, first.evaluation_id
    row = "{} 1 of sample g1 0.600 refused {} compact-1 products_a 2026-11-21 08:00".format(*ids)
    assert row in said
    code, said = soko("search", "accept", worse.evaluation_id, "--who", "Wanjiru", "--note", "[new] kinds")
    assert (code, said) == (
        0,
        f"evaluation {worse.evaluation_id} is accepted: nDCG@10 0.600 is what later ones must hold\n",
    )
    assert baseline(warehouse, "g1", queries=["en: bag"]).decided_by == "Wanjiru"
    assert "Wanjiru: [new] kinds" in soko("search", "evaluations")[1]
    code, said = soko("search", "accept", worse.evaluation_id)
    assert (code, said) == (1, f"error: evaluation {worse.evaluation_id} is accepted already\n")
