"""What could not be read is listed with its reason, and tried again when a person says so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from marketplace.errors import NotFound
from marketplace.storage.dead_letters import redrive, unread
from marketplace.storage.tables import dead_letters
from tests.marketplace.storage.kept import DAY, NOW, keep_dead_letter, keep_seller


@pytest.fixture
def sellers(warehouse):
    """Amina has a dead, a waiting and a resolved letter, Baraka a dead one."""
    amina, baraka = keep_seller(warehouse), keep_seller(warehouse, "baraka")
    keep_dead_letter(warehouse, amina, "1")
    keep_dead_letter(warehouse, amina, "2", "waiting", last_failed_at=NOW - DAY)
    keep_dead_letter(warehouse, amina, "3", "resolved")
    keep_dead_letter(warehouse, baraka, "1", stage="picture")
    return amina, baraka


def states(warehouse):
    columns = dead_letters.c
    query = sa.select(columns.source_ref, columns.state, columns.attempts, columns.next_try_at)
    with warehouse.begin() as connection:
        rows = connection.execute(query.order_by(columns.seller_id, columns.source_ref))
        return [tuple(row) for row in rows]


def test_dead_and_waiting_letters_are_listed_the_last_failure_first(warehouse, sellers):
    amina, _ = sellers
    assert {(one.handle, one.source_ref) for one in unread(warehouse, limit=9)} == {
        ("amina", "1"),
        ("amina", "2"),
        ("baraka", "1"),
    }
    own = unread(warehouse, seller_id=amina.seller_id, limit=9)
    assert [(one.source_ref, one.state, one.reason, one.attempts) for one in own] == [
        ("1", "dead", "no title", 5),
        ("2", "waiting", "no title", 5),
    ]
    assert [one.source_ref for one in unread(warehouse, state="resolved", limit=9)] == ["3"]
    assert len(unread(warehouse, limit=1)) == 1


def test_all_of_a_seller_are_tried_again_and_nobody_elses(warehouse, sellers):
    amina, baraka = sellers
    before = [row for row in states(warehouse) if row[1] == "resolved"]
    assert redrive(warehouse, amina.seller_id, now=NOW + DAY) == 2
    own = unread(warehouse, seller_id=amina.seller_id, limit=9)
    assert {(one.state, one.attempts, one.next_try_at) for one in own} == {("waiting", 0, NOW + DAY)}
    assert [one.state for one in unread(warehouse, seller_id=baraka.seller_id, limit=9)] == ["dead"]
    assert [row for row in states(warehouse) if row[1] == "resolved"] == before


def test_one_letter_is_tried_again_alone(warehouse, sellers):
    amina, _ = sellers
    assert redrive(warehouse, amina.seller_id, source_ref="1", now=NOW) == 1
    assert {one.source_ref: one.attempts for one in unread(warehouse, seller_id=amina.seller_id, limit=9)} == {
        "1": 0,
        "2": 5,
    }


@pytest.mark.parametrize("ref", ["3", "nothing"])
def test_what_is_resolved_or_never_was_cannot_be_tried_again(warehouse, sellers, ref):
    before = states(warehouse)
    with pytest.raises(NotFound, match=f"no dead letter of seller {sellers[0].seller_id} has the source id '{ref}'"):
        redrive(warehouse, sellers[0].seller_id, source_ref=ref, now=NOW)
    with pytest.raises(NotFound, match="no seller has the id 7"):
        redrive(warehouse, 7, now=NOW)
    assert states(warehouse) == before
