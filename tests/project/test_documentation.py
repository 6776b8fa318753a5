"""What README and quickstart tell a newcomer to type exists as they write it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/quickstart.md",
    "docs/experiments.md",
    "docs/feeds.md",
    "docs/history.md",
    "docs/operations.md",
    "docs/quality.md",
    "docs/search-api.md",
    "docs/search-quality.md",
]
COMMANDS = sorted(
    {
        line[2:]
        for page in PAGES
        for block in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("$ ")
    }
)


def named(program):
    return [command for command in COMMANDS if shlex.split(command, comments=True)[0].endswith(program)]


@pytest.mark.parametrize("command", named("make"))
def test_every_make_target_exists(command):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert shlex.split(command, comments=True)[1] in targets


@pytest.mark.parametrize("command", named("soko"))
def test_every_soko_command_takes_its_options(command):
    words = shlex.split(command, comments=True)[1:]
    path = [word for word in words if not word.startswith("-")][
        : 2
        if words[0] in {"seller", "import", "brake", "dead-letter", "experiment", "search", "key", "alert", "person"}
        else 1
    ]
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.output, f"{option} of {command}"


@pytest.mark.parametrize("command", named("curl"))
def test_every_address_of_the_api_exists(command):
    from serving.app import create_app

    address = next(word for word in shlex.split(command) if word.startswith("http://127.0.0.1:"))
    port, _, path = address.removeprefix("http://127.0.0.1:").partition("/")
    if port != "8000":
        return
    paths = create_app(Settings(_env_file=None)).openapi()["paths"]
    forms = [re.sub(r"\{\w+\}", r"[^/]+", known) for known in paths]
    assert any(re.fullmatch(form, "/" + path.partition("?")[0]) for form in forms), path


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), f"{link} in {page}"
