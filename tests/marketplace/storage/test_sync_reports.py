"""The heartbeat of every seller, and the syncs of one with what went wrong in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from marketplace.catalog.heartbeat import due_after
from marketplace.errors import NotFound
from marketplace.storage.sync_reports import EVENTS_SHOWN, heartbeats, syncs_of
from marketplace.storage.tables import sellers
from tests.marketplace.storage.kept import (
    DAY,
    NOW,
    keep_dead_letter,
    keep_event,
    keep_seller,
    keep_sync,
    raise_brake,
)

HOUR = timedelta(hours=1)


def of(warehouse, handle, now=NOW):
    return next(one for one in heartbeats(warehouse, now) if one.handle == handle)


def joined(warehouse, seller, at):
    with warehouse.begin() as connection:
        mine = sellers.c.seller_id == seller.seller_id
        connection.execute(sa.update(sellers).where(mine).values(created_at=at))


@pytest.mark.parametrize(("hour", "due"), [(0, 6), (5, 6), (6, 12), (7, 12), (18, 24), (23, 24)])
def test_a_beat_is_due_every_six_hours_of_utc(hour, due):
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    assert due_after(midnight + hour * HOUR) == midnight + due * HOUR


def test_a_heartbeat_counts_what_the_newest_sync_did_and_cost(warehouse):
    amina = keep_seller(warehouse)
    keep_sync(warehouse, amina, "old", NOW - DAY, new=9)
    counts = {"back": 2, "not_modified": 7, "requests": 12, "bytes_received": 34_000, "polite_seconds": 5.5}
    keep_sync(warehouse, amina, "newest", NOW - HOUR, **counts, errors={"SourceUnavailable": 3}, failed=3)
    beat = of(warehouse, "amina")
    assert beat.last is not None
    assert {name: getattr(beat.last, name) for name in counts} == counts
    assert (beat.last.sync_id, beat.last.errors, beat.last.new) == ("newest", {"SourceUnavailable": 3}, 0)
    assert (beat.next_due_at, beat.is_stale) == (datetime(2026, 11, 21, 12, tzinfo=UTC), False)


def test_a_seller_is_stale_when_no_sync_reached_them_for_more_than_a_beat(warehouse):
    amina = keep_seller(warehouse)
    keep_sync(warehouse, amina, "reached", NOW - 8 * HOUR, status="partial")
    keep_sync(warehouse, amina, "failed", NOW - HOUR, status="failed")
    beat = of(warehouse, "amina")
    assert (beat.is_stale, beat.last_read_at) == (True, NOW - 8 * HOUR)
    keep_sync(warehouse, amina, "braked", NOW - HOUR / 2, status="braked")
    assert not of(warehouse, "amina").is_stale


def test_a_seller_who_just_came_is_not_stale_and_one_who_was_never_read_is(warehouse):
    joined(warehouse, keep_seller(warehouse), NOW - HOUR)
    joined(warehouse, keep_seller(warehouse, "baraka"), NOW - DAY)
    assert (of(warehouse, "amina").is_stale, of(warehouse, "baraka").is_stale) == (False, True)
    assert of(warehouse, "baraka").next_due_at == NOW - DAY + 4 * HOUR
    assert of(warehouse, "amina").last is None


@pytest.mark.parametrize(
    "seller", [{"state": "paused"}, {"state": "pending"}, {"kind": "feed", "source_url": "/data/a.csv"}]
)
def test_who_is_not_read_by_the_clock_is_neither_due_nor_stale(warehouse, seller):
    joined(warehouse, keep_seller(warehouse, **seller), NOW - 9 * DAY)
    assert (of(warehouse, "amina").next_due_at, of(warehouse, "amina").is_stale) == (None, False)


def test_a_feed_that_has_an_address_is_read_by_the_clock(warehouse):
    joined(warehouse, keep_seller(warehouse, kind="feed"), NOW - HOUR)
    assert of(warehouse, "amina").next_due_at == datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_who_needs_a_person_stands_first(warehouse):
    for handle, hours in (("amina", 1), ("baraka", 2), ("chebet", 9), ("dalia", 3)):
        seller = keep_seller(warehouse, handle)
        keep_sync(warehouse, seller, handle, NOW - hours * HOUR)
        if handle == "amina":
            raise_brake(warehouse, seller, handle, ["1", "2"], live=3)
            keep_dead_letter(warehouse, seller, "1")
            keep_dead_letter(warehouse, seller, "2", "waiting")
            keep_dead_letter(warehouse, seller, "3", "resolved")
    found = heartbeats(warehouse, NOW)
    assert [one.handle for one in found] == ["amina", "chebet", "dalia", "baraka"]
    assert (found[0].brake, found[0].dead_letters, found[0].waiting_letters) == ("raised", 1, 1)
    assert (found[1].brake, found[1].dead_letters, found[1].is_stale) == (None, 0, True)


def test_the_syncs_of_a_seller_come_newest_first_with_their_own_events(warehouse):
    amina, baraka = keep_seller(warehouse), keep_seller(warehouse, "baraka")
    keep_sync(warehouse, amina, "first", NOW - DAY)
    keep_sync(warehouse, amina, "second", NOW, status="partial")
    keep_sync(warehouse, baraka, "other")
    keep_event(warehouse, amina, "second", "refused", "no title", source_ref="9", error="InputRejected")
    keep_event(warehouse, baraka, "other", "refused", "of somebody else")
    second, first = syncs_of(warehouse, amina.seller_id, limit=5)
    assert (second.sync.sync_id, second.event_count, first.sync.sync_id, first.events) == ("second", 1, "first", ())
    assert [(one.source_ref, one.kind, one.error, one.reason) for one in second.events] == [
        ("9", "refused", "InputRejected", "no title")
    ]
    assert syncs_of(warehouse, amina.seller_id, limit=1) == [second]


def test_of_many_events_the_first_are_shown_and_all_are_counted(warehouse):
    amina = keep_seller(warehouse)
    keep_sync(warehouse, amina, "first")
    for number in range(EVENTS_SHOWN + 3):
        keep_event(warehouse, amina, "first", "refused", f"{number}")
    [report] = syncs_of(warehouse, amina.seller_id, limit=5)
    assert report.event_count == EVENTS_SHOWN + 3
    assert [one.reason for one in report.events] == [f"{number}" for number in range(EVENTS_SHOWN)]


def test_the_syncs_of_nobody_are_asked_for_in_vain(warehouse):
    with pytest.raises(NotFound, match="no seller has the id 7"):
        syncs_of(warehouse, 7, limit=5)
