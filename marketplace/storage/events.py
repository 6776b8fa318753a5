"""Interactions as they arrive: each event id is stored once, however often it is sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter

import sqlalchemy as sa

from marketplace.errors import Conflict, NotFound
from marketplace.events.interactions import Interaction
from marketplace.storage.landing import PIECE, Columns, as_array, land, sent
from marketplace.storage.people import erased_among
from marketplace.storage.tables import interactions
from marketplace.storage.warehouse import Warehouse

CHANNEL = "soko"  # those who serve listen there
MOST_NAMED = 100  # shoppers; of more it is only said that there are some
_CONTENT = ("user_id", "product_id", "kind", "session_id", "surface")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: how many events were new, and the ids of those whose product is not known yet.

    The latter are stored too, but nothing counts them until their product arrives. `erased` counts those that were
    dropped because their shopper asked to be forgotten.
    """

    new: int
    quarantined: tuple[str, ...] = ()
    erased: int = 0


def record_interactions(warehouse: Warehouse, events: Sequence[Interaction]) -> Ingested:
    """What became of the events; all are stored afterwards, or none.

    Whoever serves is told of the shoppers in the same transaction: `user:<id>` for each, or `users` for many.

    Raises
    ------
    Conflict
        If an id stands for another event than the one that was sent with it first.
    """
    once = sorted(_once(events), key=attrgetter("event_id"))  # two batches with the same ids meet them in one order
    if not once:
        return Ingested(0)
    with warehouse.begin() as connection:
        gone = erased_among(connection, {event.user_id for event in once})
        erased = len(once)
        once = [event for event in once if event.user_id not in gone] if gone else once
        erased -= len(once)
        new = sum(_land(connection, once[start : start + PIECE]) for start in range(0, len(once), PIECE))
        if new:
            _tell(connection, {event.user_id for event in once})
        unknown = _unknown(connection, {event.product_id for event in once})
    waiting = tuple(event.event_id for event in once if event.product_id in unknown) if unknown else ()
    return Ingested(new, waiting, erased)


def record_interaction(warehouse: Warehouse, event: Interaction) -> bool:
    """Whether the event was new; one of a shopper who was erased is dropped.

    Raises
    ------
    NotFound
        If it names a product that was never here.
    Conflict
        If its id stands for another event.
    """
    with warehouse.begin() as connection:
        if _unknown(connection, {event.product_id}):
            raise NotFound(f"product {event.product_id} is not known")
        if erased_among(connection, [event.user_id]):
            return False
        is_new = _land(connection, [event]) == 1
        if is_new:
            _tell(connection, {event.user_id})
    return is_new


def _once(events: Sequence[Interaction]) -> Sequence[Interaction]:
    """Each id's first event."""
    first = dict(zip([event.event_id for event in reversed(events)], reversed(events), strict=True))
    if len(first) == len(events):
        return events
    for event in events:
        known = first[event.event_id]
        if known is not event and not event.repeats(known):
            raise _conflict([event.event_id])
    return list(reversed(first.values()))


def _land(connection: sa.Connection, events: Sequence[Interaction]) -> int:
    new = land(connection, interactions, events, _columns)
    if new < len(events):
        _refuse_others(connection, events)
    return new


def _columns(events: Sequence[Interaction]) -> Columns:
    return {
        "event_id": [event.event_id for event in events],
        "user_id": [event.user_id for event in events],
        "product_id": [str(event.product_id) for event in events],
        "kind": [event.kind for event in events],
        "session_id": [event.session_id for event in events],
        "surface": [event.surface for event in events],
        "device": [event.device for event in events],
        "source": [event.source for event in events],
        "occurred_at": [str(event.occurred_at) for event in events],
    }


def _refuse_others(connection: sa.Connection, events: Sequence[Interaction]) -> None:
    """Returns when every event is stored as it was sent; read after the insert, so that no other writer is missed."""
    has_time = ["true" if event.has_own_time else "false" for event in events]
    source, values = sent(interactions, _columns(events), has_time=("boolean", has_time))
    content = ", ".join(f"stored.{name}" for name in _CONTENT), ", ".join(f"sent.{name}" for name in _CONTENT)
    # One look-up by key for each, whatever the planner believes of a table that has just grown: hence the offset.
    statement = f"""
        select sent.event_id
        from {source} cross join lateral
            (select * from raw.interactions as kept where kept.event_id = sent.event_id offset 0) as stored
        where ({content[0]}) is distinct from ({content[1]})
            or (sent.has_time and stored.occurred_at <> sent.occurred_at)
        limit 4
    """  # noqa: S608
    if others := connection.scalars(sa.text(statement), values).all():
        raise _conflict(others)


def _conflict(event_ids: Sequence[str]) -> Conflict:
    named = ", ".join(event_ids[:3]) + (" and others" if len(event_ids) > 3 else "")
    return Conflict(f"event_id {named} was sent before with another content; nothing was stored")


def _unknown(connection: sa.Connection, product_ids: Collection[int]) -> set[int]:
    statement = sa.text(
        "select asked.product_id from unnest(cast(:ids as bigint[])) as asked (product_id)"
        # A look-up for each: planned as a join, a batch would read every product there is. Hence the offset.
        " left join lateral (select true as is_there from catalog.products as product"
        "   where product.product_id = asked.product_id offset 0) as known on true"
        " where known.is_there is null"
    )
    return set(connection.scalars(statement, {"ids": as_array([str(one) for one in product_ids])}))


def _tell(connection: sa.Connection, user_ids: Collection[str]) -> None:
    said = [f"user:{user_id}" for user_id in user_ids] if len(user_ids) <= MOST_NAMED else ["users"]
    statement = sa.text("select pg_notify(:channel, said) from unnest(cast(:said as text[])) as said")
    connection.execute(statement, {"channel": CHANNEL, "said": as_array(said)})
