"""The audit of syncs as people read it: every seller's newest one, and all of one seller with what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.heartbeat import due_after, is_stale
from marketplace.catalog.products import SellerState, SourceKind, is_polled
from marketplace.errors import NotFound
from marketplace.storage.brakes import OPEN
from marketplace.storage.dead_letters import UNREAD
from marketplace.storage.tables import brakes, dead_letters, sellers, sync_events, sync_runs
from marketplace.storage.warehouse import Warehouse

EVENTS_SHOWN = 100
REACHED = ("done", "partial", "braked")  # the seller's catalogue was read, whatever was made of it


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync of one seller; `errors` counts refusals by kind, `note` says why it was partial, braked or failed."""

    sync_id: str
    status: str
    trigger: str
    is_complete: bool
    started_at: datetime
    finished_at: datetime | None
    scouted: int
    hydrated: int
    failed: int
    new: int
    gone: int
    back: int
    price_changed: int
    other_changed: int
    unchanged: int
    not_modified: int
    errors: Mapping[str, int]
    requests: int
    bytes_received: int
    polite_seconds: float
    note: str | None


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """Something that went otherwise than planned; `source_ref` is None where it is about the sync itself."""

    source_ref: str | None
    kind: str
    error: str | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SyncReport:
    """A sync and what went otherwise than planned in it: how much, and the first of it."""

    sync: Sync
    event_count: int
    events: tuple[SyncEvent, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How a seller's catalogue is kept up.

    `next_due_at` is None for who is not read by the clock; one in the past is overdue. `is_stale` only says
    something of those who are.
    """

    seller_id: int
    handle: str
    seller_name: str
    state: SellerState
    source_kind: SourceKind
    source_url: str | None
    last: Sync | None
    last_read_at: datetime | None
    next_due_at: datetime | None
    is_stale: bool
    brake: str | None
    dead_letters: int
    waiting_letters: int


def heartbeats(warehouse: Warehouse, now: datetime) -> list[Heartbeat]:
    """Every seller with their newest sync; first who needs a person, then who waited longest."""
    last = sa.select(*_SYNC).where(sync_runs.c.seller_id == sellers.c.seller_id)
    last_of = last.order_by(sync_runs.c.started_at.desc()).limit(1).lateral("last")
    read_at = (
        sa.select(sa.func.max(sync_runs.c.started_at))
        .where(sync_runs.c.seller_id == sellers.c.seller_id, sync_runs.c.status.in_(REACHED))
        .scalar_subquery()
    )
    brake = (
        sa.select(brakes.c.state)
        .where(brakes.c.seller_id == sellers.c.seller_id, brakes.c.state.in_(OPEN))
        .scalar_subquery()
    )
    letters = (
        sa.select(
            dead_letters.c.seller_id,
            *(sa.func.count().filter(dead_letters.c.state == state).label(state) for state in UNREAD),
        )
        .group_by(dead_letters.c.seller_id)
        .subquery()
    )
    statement = (
        sa.select(
            sellers,
            last_of,
            read_at.label("last_read_at"),
            brake.label("brake"),
            *(sa.func.coalesce(letters.c[state], 0).label(state) for state in UNREAD),
        )
        .select_from(sellers)
        .join(last_of, sa.true(), isouter=True)
        .join(letters, letters.c.seller_id == sellers.c.seller_id, isouter=True)
        .order_by(last_of.c.started_at.nulls_first(), sellers.c.seller_id)
    )
    with warehouse.begin() as connection:
        found = [_heartbeat(row, now) for row in connection.execute(statement).mappings()]
    return sorted(found, key=lambda one: (one.brake != "raised", not one.is_stale))


def syncs_of(warehouse: Warehouse, seller_id: int, *, limit: int) -> list[SyncReport]:
    """The seller's newest syncs, newest first.

    Raises
    ------
    NotFound
        If nobody has that id.
    """
    statement = (
        sa.select(*_SYNC)
        .where(sync_runs.c.seller_id == seller_id)
        .order_by(sync_runs.c.started_at.desc(), sync_runs.c.sync_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        if connection.scalar(sa.select(sellers.c.seller_id).where(sellers.c.seller_id == seller_id)) is None:
            raise NotFound(f"no seller has the id {seller_id}")
        syncs = [Sync(**row) for row in connection.execute(statement).mappings()]
        events = _events(connection, [sync.sync_id for sync in syncs])
    return [SyncReport(sync, *events.get(sync.sync_id, (0, ()))) for sync in syncs]


def _events(connection: sa.Connection, sync_ids: list[str]) -> dict[str, tuple[int, tuple[SyncEvent, ...]]]:
    """Of each sync with any: how many events, and the first of them."""
    columns = sync_events.c
    place = sa.func.row_number().over(partition_by=columns.sync_id, order_by=columns.event_id).label("place")
    total = sa.func.count().over(partition_by=columns.sync_id).label("total")
    placed = sa.select(sync_events, place, total).where(columns.sync_id.in_(sync_ids)).subquery()
    statement = sa.select(placed).where(placed.c.place <= EVENTS_SHOWN).order_by(placed.c.sync_id, placed.c.event_id)
    found: dict[str, tuple[int, tuple[SyncEvent, ...]]] = {}
    for sync_id, rows in groupby(connection.execute(statement), key=attrgetter("sync_id")):
        of_sync = list(rows)
        events = (SyncEvent(row.source_ref, row.kind, row.error, row.reason, row.at) for row in of_sync)
        found[sync_id] = (of_sync[0].total, tuple(events))
    return found


def _heartbeat(row: sa.RowMapping, now: datetime) -> Heartbeat:
    is_read = row["state"] == "active" and is_polled(row["source_kind"], row["source_url"])
    last = Sync(**{column.name: row[column.name] for column in _SYNC}) if row["sync_id"] else None
    return Heartbeat(
        seller_id=row["seller_id"],
        handle=row["handle"],
        seller_name=row["name"],
        state=row["state"],
        source_kind=row["source_kind"],
        source_url=row["source_url"],
        last=last,
        last_read_at=row["last_read_at"],
        next_due_at=due_after(last.started_at if last else row["created_at"]) if is_read else None,
        is_stale=is_read and is_stale(row["last_read_at"] or row["created_at"], now),
        brake=row["brake"],
        dead_letters=row["dead"],
        waiting_letters=row["waiting"],
    )


_SYNC: tuple[sa.Column[Any], ...] = tuple(sync_runs.c[name] for name in Sync.__slots__)
