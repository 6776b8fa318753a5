"""Experiments as they are kept, and the command that starts, ends and reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.errors import ArtifactUnavailable, Conflict, InputRejected, NotFound
from marketplace.experiments.assignment import Experiment, Variant
from marketplace.experiments.commands import read_variant
from marketplace.storage import experiments
from marketplace.storage.warehouse import Warehouse

NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)
VARIANTS = (Variant("control", 0.5), Variant("treatment", 0.5, {"weights": "documented", "diversity": 0.3}))


def named(name: str) -> Experiment:
    return Experiment(name, f"salt of {name}", VARIANTS, traffic=0.2, hypothesis="better")


def test_an_experiment_runs_from_its_start_to_its_end_and_is_kept(warehouse: Warehouse) -> None:
    assert experiments.running_experiment(warehouse) is None
    begun = experiments.start(warehouse, named("blend"), now=NOON)
    assert experiments.running_experiment(warehouse) == begun
    assert (begun.variants, begun.traffic, begun.started_at) == (VARIANTS, 0.2, NOON)
    ended = experiments.end(warehouse, "blend", now=NOON + timedelta(days=7))
    assert (ended.status, ended.ended_at) == ("ended", NOON + timedelta(days=7))
    assert experiments.end(warehouse, "blend", now=NOON + timedelta(days=9)) == ended
    assert experiments.running_experiment(warehouse) is None
    second = experiments.start(warehouse, named("second"), now=NOON + timedelta(days=8))
    assert experiments.list_experiments(warehouse) == [second, ended]


def test_two_do_not_run_at_once_and_no_name_is_used_again(warehouse: Warehouse) -> None:
    experiments.start(warehouse, named("blend"), now=NOON)
    with pytest.raises(Conflict, match="blend is running"):
        experiments.start(warehouse, named("second"), now=NOON)
    experiments.end(warehouse, "blend", now=NOON)
    with pytest.raises(Conflict, match="already"):
        experiments.start(warehouse, named("blend"), now=NOON)
    with pytest.raises(NotFound, match="nothing"):
        experiments.end(warehouse, "nothing", now=NOON)


def test_before_the_marts_are_built_there_is_no_report(warehouse: Warehouse) -> None:
    begun = experiments.start(warehouse, named("blend"), now=NOON)
    with pytest.raises(ArtifactUnavailable, match="fct_experiment_outcomes"):
        experiments.read_report(warehouse, begun)


def test_a_variant_is_read_from_one_word() -> None:
    assert read_variant("control=0.5") == Variant("control", 0.5)
    assert read_variant("t=0.25:weights=documented,diversity=0.3").settings == {
        "weights": "documented",
        "diversity": 0.3,
    }
    for wrong in ("control", "control=half", "control=0.5:colour=red", "=0.5"):
        with pytest.raises(InputRejected):
            read_variant(wrong)


def test_the_command_starts_lists_and_ends(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOKO_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    run = CliRunner().invoke
    halves = ["--variant", "control=0.5", "--variant", "treatment=0.5:model=challenger"]
    started = run(app, ["experiment", "start", "blend", *halves, "--traffic", "0.2"])
    assert started.exit_code == 0, started.output
    assert "control 50%, treatment 50% of 20% of shoppers" in started.output
    assert "running" in run(app, ["experiment", "list"]).output
    assert run(app, ["experiment", "start", "other", *halves, "--interleave"]).exit_code == 1
    assert "ended" in run(app, ["experiment", "end", "blend"]).output
    assert run(app, ["experiment", "report", "blend"]).exit_code == 1
