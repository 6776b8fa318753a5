"""Events as they arrive: once each however often they come, and word of them to who serves."""

from __future__ import annotations

import random
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from marketplace.errors import Conflict, NotFound
from marketplace.events.interactions import Interaction
from marketplace.storage.events import record_interaction, record_interactions
from marketplace.storage.landing import FEWEST_COPIED
from marketplace.storage.tables import interactions
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import world

NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)
MANY = FEWEST_COPIED + 20


@pytest.fixture
def market(warehouse: Warehouse) -> Warehouse:
    world.insert(warehouse, world.tables.sellers, world.SELLERS)
    world.insert(warehouse, world.tables.products, world.PRODUCTS)
    return warehouse


def event(number: int, **others: Any) -> Interaction:
    """An event of its own shopper."""
    at = NOON + timedelta(seconds=number)
    made = Interaction(f"event-{number:05d}", f"shopper-{number}", world.BASKET, "view", None, "grid", at)
    return replace(made, **others)


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    names = "event_id, user_id, product_id, kind, session_id, surface, occurred_at"
    return world.rows_of(warehouse, f"select {names} from raw.interactions order by event_id")


@pytest.mark.parametrize("count", [3, MANY])
def test_few_and_many_events_are_stored_as_they_were_sent(market: Warehouse, count: int) -> None:
    awkward = 'tab\there, line\nthere, back\\slash, "quoted", {braced}, \\N'
    events = [event(0, session_id=awkward), event(1, session_id=""), *map(event, range(2, count))]
    assert record_interactions(market, events).new == count
    assert stored(market)[0] == (
        *("event-00000", "shopper-0", world.BASKET, "view"),
        *(awkward, "grid", NOON),
    )
    assert [row[4] for row in stored(market)[1:3]] == ["", None]
    assert len(stored(market)) == count


@pytest.mark.parametrize("count", [5, MANY])
def test_events_that_come_three_times_in_any_order_are_stored_once(market: Warehouse, count: int) -> None:
    events = [event(number) for number in range(count)]
    record_interactions(market, events[: count // 2])
    before = stored(market)
    shuffled = events * 3
    random.Random(1).shuffle(shuffled)
    assert record_interactions(market, shuffled).new == count - count // 2
    assert record_interactions(market, shuffled).new == 0
    assert stored(market)[: count // 2] == before
    assert len(stored(market)) == count


@pytest.mark.parametrize("count", [5, MANY])
@pytest.mark.parametrize(
    "change", [{"kind": "click"}, {"user_id": "other"}, {"surface": None}, {"occurred_at": NOON - timedelta(days=1)}]
)
def test_an_id_with_another_content_refuses_the_whole_batch(
    market: Warehouse, count: int, change: dict[str, Any]
) -> None:
    record_interactions(market, [event(3)])
    batch = [event(number) for number in range(count) if number != 3]
    with pytest.raises(Conflict, match="event-00003"):
        record_interactions(market, [*batch, event(3, **change)])
    assert len(stored(market)) == 1


def test_two_contents_of_one_id_in_one_batch_are_refused(market: Warehouse) -> None:
    with pytest.raises(Conflict, match="event-00001"):
        record_interactions(market, [event(1), event(1, kind="purchase")])


def test_a_repetition_that_tells_no_time_is_compared_without_it(market: Warehouse) -> None:
    assert record_interaction(market, event(1))
    later = event(1, occurred_at=NOON + timedelta(days=1), has_own_time=False)
    assert not record_interaction(market, later)
    assert record_interactions(market, [later, event(1)]).new == 0
    assert stored(market)[0][-1] == event(1).occurred_at


def test_events_of_a_product_that_is_not_known_wait_in_a_batch_and_are_refused_alone(market: Warehouse) -> None:
    early = event(2, product_id=world.UNKNOWN)
    done = record_interactions(market, [event(1), early])
    assert (done.new, done.quarantined) == (2, ("event-00002",))
    with pytest.raises(NotFound, match="product 9"):
        record_interaction(market, event(3, product_id=world.UNKNOWN))
    world.insert(market, world.tables.products, [world.product(world.UNKNOWN, world.KOFI, "Late", 100)])
    assert record_interactions(market, [early]).quarantined == ()


@contextmanager
def listening(warehouse: Warehouse) -> Iterator[Any]:
    connection = psycopg2.connect(warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    connection.cursor().execute("listen soko")
    yield connection
    connection.close()


def heard(connection: Any) -> list[str]:
    if select.select([connection], [], [], 5)[0]:
        connection.poll()
    told = sorted(one.payload for one in connection.notifies)
    connection.notifies.clear()
    return told


def test_who_serves_is_told_of_the_shoppers_once_and_of_very_many_in_one_word(market: Warehouse) -> None:
    with listening(market) as connection:
        record_interactions(market, [event(1), event(2), event(3, user_id="shopper-1")])
        assert heard(connection) == ["user:shopper-1", "user:shopper-2"]
        record_interactions(market, [event(number) for number in range(1000, 1000 + MANY)])
        assert heard(connection) == ["users"]
        record_interactions(market, [event(1)])
        record_interaction(market, event(9))
        assert heard(connection) == ["user:shopper-9"]  # a repetition is no news


def test_received_is_when_it_came_and_no_events_are_nothing(market: Warehouse) -> None:
    assert record_interactions(market, []).new == 0
    record_interactions(market, [event(1)])
    with market.begin() as connection:
        assert connection.scalar(sa.select(interactions.c.received_at)) > NOON
