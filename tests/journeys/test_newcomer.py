"""A newcomer types what README and quickstart say, in their order, on a market that `soko up` made."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.local.home import Home
from marketplace.local.state import load_state

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/quickstart.md"]
# `make demo` is what the fixture does; `make test` is what runs this; reset ends the market, at the very end.
ELSEWHERE = {"make demo", "make test", ".venv/bin/soko reset --yes"}
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def commands():
    lines = [line for page in PAGES for block in blocks(page, "console") for line in block.splitlines()]
    typed = [line[2:].partition("  #")[0].strip() for line in lines if line.startswith("$ ")]
    return [command for command in dict.fromkeys(typed) if command not in ELSEWHERE]


def run(command, home, folder):
    program, *arguments = shlex.split(command)
    if program.endswith("/soko"):
        words = [sys.executable, "-m", "marketplace.cli", *arguments]
    elif program == "make":
        folder, words = ROOT, [program, *arguments, f"VENV={Path(sys.executable).parents[1]}"]
    else:
        words = [program, "--fail-with-body", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOKO_")}
    environment |= {"SOKO_HOME": str(home.folder), "COLUMNS": "200"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def here(command, home):
    """The command with the ports that this market got, for another may have the usual ones."""
    ports = load_state(home.state).ports
    for service, usual in (("api", 8000), ("shop", 8090)):
        command = command.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ports[service]}")
    return command


@pytest.fixture(scope="module")
def market(scratch):
    home = Home(scratch / "newcomer")
    started = run(".venv/bin/soko up --detach", home, ROOT)
    assert started.returncode == 0, started.stdout + started.stderr
    yield home
    assert run(".venv/bin/soko reset --yes", home, ROOT).returncode == 0
    assert not home.folder.exists()


def test_every_command_of_readme_and_quickstart_does_what_it_says(market, tmp_path):
    (tmp_path / "my-shop.csv").write_text(blocks("docs/feeds.md", "csv")[0])
    (tmp_path / "sales.csv").write_text(blocks("docs/imports.md", "csv")[0])
    for command in commands():
        done = run(here(command, market), market, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    for published in ("index", "recommendations"):
        gone_back = run(f".venv/bin/soko rollback {published}", market, ROOT)
        assert "is served" in gone_back.stdout or "nothing to go back to" in gone_back.stderr
    assert all(f"{name} " in run(".venv/bin/soko status", market, ROOT).stdout for name in ("api", "daemon", "milvus"))
