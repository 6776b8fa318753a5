"""The files around the code: the instance, the hooks, the lock, the commands that the README names."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = {"ray", "retail", "spark"}  # extras that `make install` leaves out, with an exact version of their own
MAKEFILE = (ROOT / "Makefile").read_text()


def locked() -> dict[str, str]:
    pins = (line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    return {canonicalize_name(name): version for name, version in pins}


def test_the_lock_pins_every_requirement_within_its_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [texts for name, texts in project["optional-dependencies"].items() if name not in BY_HAND]
    wanted = [Requirement(text) for text in [*project["dependencies"], *(text for group in groups for text in group)]]
    pins = locked()
    for requirement in wanted:
        if requirement.name != "soko":
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), str(requirement)


def test_the_lock_names_no_build_of_one_machine():
    assert {version for version in locked().values() if "+" in version} == set()


def test_hooks_and_make_check_run_the_same_commands():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = re.search(r"^check: (.*?) ##", MAKEFILE, re.MULTILINE)[1].split()
    assert [hook["entry"] for hook in hooks] == [f"make {check}" for check in checks]


def test_make_alone_lists_every_command():
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"demo", "dev", "serve", "check", "test", "bench", "docs", "lock"} <= set(
        re.findall(r"make ([\w-]+)", done.stdout)
    )


def test_ci_runs_what_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text()
    assert [line.removeprefix("step ") for line in script.splitlines() if line.startswith("step ")] == [
        "make install",
        "make chromium",
        "make check",
        "make test",
    ]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_without_chromium_and_rights_the_message_says_what_to_do(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "uname", "id", "env"):
        (tools / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    environment = {"PATH": str(tools)}
    make = subprocess.check_output(["which", "make"], text=True).strip()
    command = [make, "-s", "chromium", "PYTHON=python3"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "SOKO_CHROMIUM_PATH" in done.stderr
    given = {**environment, "SOKO_CHROMIUM_PATH": "/opt/chrome"}
    assert subprocess.run(command, cwd=ROOT, env=given, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "README.md"])
def test_the_files_a_newcomer_expects_are_there(name):
    assert (ROOT / name).stat().st_size > 0


def test_the_dagster_instance_is_valid_and_stores_in_postgres(postgres, tmp_path, monkeypatch):
    from dagster import DagsterInstance
    from dagster_postgres import PostgresRunStorage

    monkeypatch.setenv("SOKO_DAGSTER_DATABASE_URL", postgres.create_database(f"dagster_{os.getpid()}"))
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert instance.managed_python_loggers == ["marketplace", "models", "orchestration"]


def test_the_workspace_names_one_code_location_with_its_folder():
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["module_name"] == "orchestration.definitions"
    assert (ROOT / location["python_module"]["working_directory"] / "orchestration" / "definitions.py").is_file()
