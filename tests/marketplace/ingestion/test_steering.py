"""`soko brake`, `soko dead-letter`, `soko history` and `soko syncs`, as a person types them."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.storage.brakes import open_brakes
from marketplace.storage.dead_letters import unread
from tests.marketplace.storage.kept import (
    DAY,
    NOW,
    keep_dead_letter,
    keep_event,
    keep_product,
    keep_seller,
    keep_sync,
    keep_version,
    raise_brake,
)


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


@pytest.fixture
def amina(warehouse):
    """A seller whose last sync was braked, with one page that could not be read."""
    seller = keep_seller(warehouse, name="Amina & Daughters")
    keep_sync(warehouse, seller, "s1", NOW - DAY, new=4, scouted=4, requests=9, bytes_received=1_200_000)
    keep_sync(warehouse, seller, "s2", status="braked", scouted=1, unchanged=1, is_complete=False, note="3 of 4")
    for ref in "1234":
        keep_product(warehouse, seller, ref)
    raise_brake(warehouse, seller, "s2", ["1", "2", "3"], live=4)
    keep_dead_letter(warehouse, seller, "7", error="PriceUnreadable", reason="'[abc]' is no price")
    for number in range(23):
        keep_event(warehouse, seller, "s2", "refused", f"[reason] {number}", source_ref=f"{number}")
    return seller


def test_a_brake_is_listed_and_released_by_name(soko, warehouse, amina):
    code, said = soko("brake", "list")
    assert (code, "amina raised 3 of 4 2026-11-21 08:00" in said) == (0, True), said
    assert "Sisal basket 1, Sisal basket 2, Sisal basket 3" in said
    code, said = soko("brake", "release", "Amina", "--who", "Wanjiru", "--note", "sold out")
    assert (code, "Amina & Daughters: the next sync may delete 3 of 4 products" in said) == (0, True)
    [brake] = open_brakes(warehouse)
    assert (brake.state, brake.decided_by, brake.note) == ("released", "Wanjiru", "sold out")
    code, said = soko("brake", "release", "amina")
    assert (code, "was released by Wanjiru" in said) == (1, True)


def test_a_brake_is_cleared_by_the_user_of_the_machine_unless_another_is_named(soko, amina, monkeypatch):
    monkeypatch.setenv("LOGNAME", "njoki")
    code, said = soko("brake", "clear", amina.seller_id)
    assert (code, "all 4 products are kept" in said) == (0, True)
    assert soko("brake", "list") == (0, "No brake is open.\n")
    code, said = soko("brake", "clear", "amina")
    assert (code, "is open" in said) == (1, True)


def test_dead_letters_are_listed_and_tried_again(soko, warehouse, amina):
    code, said = soko("dead-letter", "list", "--seller", "amina")
    assert (code, "amina 7 read dead 5 PriceUnreadable: '[abc]' is no price" in said) == (0, True), said
    assert soko("dead-letter", "redrive", "amina", "--source-id", "8")[0] == 1
    code, said = soko("dead-letter", "redrive", "amina")
    assert (code, "the next sync tries 1 again" in said) == (0, True)
    assert [letter.state for letter in unread(warehouse, limit=9)] == ["waiting"]
    assert soko("dead-letter", "list", "--state", "dead") == (0, "Everything could be read.\n")


def test_syncs_are_shown_with_what_they_found_cost_and_refused(soko, warehouse, amina):
    code, said = soko("syncs", "amina")
    assert code == 0
    assert "2026-11-20 08:00 schedule done 4 4 new 9 requests, 1.2 MB, waited 0 s" in said
    assert "2026-11-21 08:00 schedule braked 1, not all 1 unchanged" in said
    assert "refused 19: [reason] 19" in said
    assert "[reason] 20" not in said
    assert "and 3 more; all are in catalog.sync_events" in said
    keep_seller(warehouse, "baraka")
    assert soko("syncs", "baraka") == (0, "Baraka was never read.\n")
    assert soko("syncs", "nobody")[0] == 1


def test_history_shows_every_value_and_how_it_was_at_a_time(soko, warehouse, amina):
    basket = keep_product(warehouse, amina, "basket")
    seen = {"origin": "json-ld", "evidence": "e" * 64}
    keep_version(warehouse, basket, "s1", "price", "85000 KES", NOW - 9 * DAY, **seen)
    keep_version(warehouse, basket, "s1", "price", "90000 KES", NOW - 7 * DAY, before_seen_at=NOW - 8 * DAY, **seen)
    keep_version(warehouse, basket, "s1", "title", "Basket [new]", NOW - 7 * DAY, known_from=NOW)
    code, said = soko("history", basket)
    assert code == 0
    assert (
        "price KSh 850 2026-11-12 08:00 2026-11-14 08:00 2026-11-13 08:00 2026-11-12 08:00 json-ld eeeeeeeeeeee" in said
    )
    assert "title Basket [new]" in said
    assert "title" not in soko("history", basket, "--field", "price")[1]
    code, said = soko("history", basket, "--valid-at", "2026-11-13")
    assert (code, "KSh 850" in said, "KSh 900" in said) == (0, True, False)
    assert "Basket" not in soko("history", basket, "--known-at", "2026-11-20")[1]


def test_history_says_what_was_not_known(soko, warehouse, amina):
    basket = keep_product(warehouse, amina, "basket")
    assert soko("history", basket) == (0, f"No history of product {basket} was recorded yet.\n")
    code, said = soko("history", basket, "--valid-at", "2026-11-13")
    assert (code, f"product {basket} was not known" in said) == (1, True)
    assert soko("history", 7)[0] == 1
    code, said = soko("history", basket, "--valid-at", "soon")
    assert (code, "'soon' is no day or instant" in said) == (1, True)


def test_every_command_of_ingestion_is_listed():
    assert {"brake", "dead-letter", "history", "syncs", "seller", "import"} <= set(
        re.findall(r"[\w-]+", CliRunner().invoke(app, ["--help"]).output)
    )
