"""`soko alert`, as a person types it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.storage.alerts import Observed, keep_alerts, list_alerts

NOW = datetime.now(UTC)
DAY = NOW.date() - timedelta(days=1)
LOW = Observed("views", 0, DAY, "low", 12, 140, 85, 210, -6.1, ("Saturday: +20 %",))


@pytest.fixture
def soko(warehouse, database_url, tmp_path, monkeypatch):
    """Runs one command line; its exit code, and what it printed with single spaces."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOKO_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "300")
    keep_alerts(warehouse, [LOW], (DAY, DAY), channels=["log"], due_at=lambda _: NOW, now=NOW)

    def run(*arguments):
        done = CliRunner().invoke(app, ["alert", *(str(argument) for argument in arguments)])
        return done.exit_code, re.sub(r"[ │]+", " ", done.output)

    return run


def test_alerts_are_listed_with_their_band_and_what_waits(soko):
    code, said = soko("list")
    assert code == 0, said
    assert f"views of the market on {DAY.day} {DAY:%B}: 12, below 85 to 210" in said
    assert "Saturday: +20 %" in said
    assert "1 wait to be told" in said
    assert "nothing was odd in the last 30 days" in soko("list", "--seller", 7)[1]


def test_an_alert_is_seen_by_somebody(soko, warehouse):
    [alert] = list_alerts(warehouse)
    code, said = soko("seen", alert.alert_id, "--who", "Wanjiru")
    assert (code, said.strip()) == (0, f"alert {alert.alert_id} was seen by Wanjiru")
    assert "1 wait" not in soko("list")[1]
    assert soko("seen", 999, "--who", "Wanjiru") == (1, "error: alert 999 is not known\n")


def test_a_figure_is_muted_for_a_while_and_unmuted(soko):
    assert "fell silent" in soko("mute", "views", "--who", "Wanjiru", "--days", 3)[1]
    assert soko("unmute", "views")[1].strip() == "views of the market is told again"
    code, said = soko("unmute", "views", "--seller", 7)
    assert (code, said.strip()) == (1, "error: views of seller 7 is not muted")
