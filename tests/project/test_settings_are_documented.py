"""`.env.example` names every setting and its default."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from marketplace.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()


@pytest.fixture
def uncommented(tmp_path, monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SOKO_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return re.sub(r"^# (\w+=)", r"\1", EXAMPLE, flags=re.MULTILINE)


def test_every_setting_is_in_the_example_and_nothing_else(uncommented):
    named = {name for name in dotenv_values(stream=StringIO(uncommented)) if name.startswith("SOKO_")}
    assert named == {f"SOKO_{name.upper()}" for name in Settings.model_fields}


def test_the_example_shows_the_defaults(uncommented, tmp_path):
    plain = Settings(_env_file=None)
    (tmp_path / "example.env").write_text(uncommented)
    shown = Settings(_env_file=tmp_path / "example.env")
    assert shown.artifacts_folder == plain.artifacts_folder
    assert shown.index_snapshots_folder == plain.index_snapshots_folder
    derived = {"artifacts", "index_snapshots"}
    assert shown.model_dump(exclude=derived) == plain.model_dump(exclude=derived)


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"
        assert f"# {field.description}\n# SOKO_{name.upper()}=" in EXAMPLE


def test_operations_name_every_setting():
    operations = (ROOT / "docs" / "operations.md").read_text()
    missing = [name for name in Settings.model_fields if f"SOKO_{name.upper()}" not in operations]
    assert missing == []


def test_every_variable_of_compose_is_in_the_example(uncommented):
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert used <= set(dotenv_values(stream=StringIO(uncommented)))
