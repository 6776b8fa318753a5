"""The shape of the graph, in plain text: it cannot change unseen.

Write the new shape with `UPDATE_SNAPSHOT=1 make test` after looking at the difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.settings import Settings

SNAPSHOT = Path(__file__).with_name("graph.txt")


@pytest.fixture(scope="module")
def repository():
    from orchestration.definitions import definitions_for

    return definitions_for(Settings(_env_file=None)).get_repository_def()


def lines_of(repository):
    graph = repository.asset_graph
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        kinds = ", ".join(sorted(node.kinds or ()))
        yield f"{node.group_name}: {key.to_user_string()} [{kinds}] <- {parents}"
    for check in sorted(graph.asset_check_keys, key=lambda check: (check.asset_key, check.name)):
        blocking = " (blocking)" if graph.get_check_spec(check).blocking else ""
        yield f"check: {check.asset_key.to_user_string()}.{check.name}{blocking}"
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        yield f"schedule: {schedule.name} {schedule.cron_schedule} -> {schedule.job_name}"
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        yield f"sensor: {sensor.name} -> {', '.join(sorted(target.job_name for target in sensor.targets))}"
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            yield f"job: {job.name}"


def test_the_graph_has_the_shape_that_was_agreed_on(repository):
    shape = "\n".join(lines_of(repository)) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(shape)
    assert shape == SNAPSHOT.read_text()


def test_every_asset_says_what_it_is_whose_it_is_and_what_a_row_is(repository):
    graph = repository.asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, f"{key} has no description"
        assert node.owners, f"{key} has no owner"
        if node.group_name != "seeds":
            assert "One " in node.description, f"{key} does not end with its grain: {node.description}"


def test_dagster_finds_the_definitions_valid_without_a_warning(tmp_path):
    (tmp_path / "dagster.yaml").touch()
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "orchestration.definitions"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "SOKO_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in (done.stdout + done.stderr).lower().splitlines() if "warning" in line]
    assert [line for line in warnings if "superseded" not in line] == []  # the command itself has a newer name
