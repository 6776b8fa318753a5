"""Syncs in Postgres: the scan, the products it led to, what changed, and the audit row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.products import Seller
from marketplace.errors import StoreUnreachable
from marketplace.storage.tables import (
    page_validators,
    product_changes,
    scouted_products,
    sellers,
    sync_events,
    sync_runs,
)
from marketplace.storage.warehouse import Warehouse

SUPERSEDED = "a newer scan has taken its place"
BATCH = 1_000
_COST = (sync_runs.c.requests, sync_runs.c.bytes_received, sync_runs.c.not_modified, sync_runs.c.polite_seconds)


@dataclass(frozen=True, slots=True)
class OpenScan:
    """A stored scan: how many products it saw, whether that is all there is, when, which are left to it, and its cost.

    Fewer are left than it saw when a newer scan has taken its place.
    """

    scouted: int
    is_complete: bool
    note: str
    seen_at: datetime
    refs: tuple[ScannedRef, ...]
    cost: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScannedRef:
    """A product as a scan found it."""

    source_ref: str
    url: str | None
    harvest: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """What a listing page said of itself when a scan read it: a role, and what makes the next request conditional."""

    url: str
    role: str
    etag: str | None
    last_modified: str | None
    content_sha256: str
    read_as: str | None = None


@contextlib.contextmanager
def sole_sync(warehouse: Warehouse, seller: Seller) -> Iterator[None]:
    """The right to sync a seller; it ends with the block, or with the process however that ends.

    Raises
    ------
    StoreUnreachable
        If Postgres fails, or another sync of this seller is under way.
    """
    with warehouse.held(seller.seller_id) as is_ours:
        if not is_ours:
            raise StoreUnreachable(f"another sync of {seller.handle} is under way")
        yield


def add_failed_sync(warehouse: Warehouse, opened: Mapping[str, Any], reason: str, now: datetime) -> None:
    """Keep a sync that ended before it began."""
    with warehouse.begin() as connection:
        ended = {"status": "failed", "started_at": now, "finished_at": now, "note": reason}
        connection.execute(sa.insert(sync_runs).values(**opened, **ended))


def add_scan(
    warehouse: Warehouse,
    opened: Mapping[str, Any],
    refs: Sequence[ScannedRef],
    pages: Sequence[ScannedPage],
    *,
    is_complete: bool,
    note: str,
    now: datetime,
    cost: Mapping[str, float] | None = None,
) -> None:
    """Keep a scan, what its pages said and what it cost; older ones of the seller that still wait are closed."""
    seller_id, sync_id = opened["seller_id"], opened["sync_id"]
    closed = {"status": "failed", "note": SUPERSEDED, "finished_at": now}
    waiting = (sync_runs.c.seller_id == seller_id) & (sync_runs.c.status == "scouted")
    found = {"status": "scouted", "is_complete": is_complete, "scouted": len(refs), "note": note, "started_at": now}
    seen = {"seller_id": seller_id, "sync_id": sync_id, "first_seen_at": now, "last_seen_at": now}
    rows = [{**asdict(ref), "position": place, **seen} for place, ref in enumerate(refs)]
    statement = insert(scouted_products)
    moved = {name: statement.excluded[name] for name in ("url", "position", "sync_id", "last_seen_at", "harvest")}
    with warehouse.begin() as connection:
        connection.execute(sa.update(sync_runs).where(waiting).values(**closed))
        connection.execute(sa.insert(sync_runs).values(**opened, **found, **(cost or {})))
        for some in batched(rows, BATCH):
            connection.execute(
                statement.on_conflict_do_update(index_elements=["seller_id", "source_ref"], set_=moved), some
            )
        old = page_validators.c
        connection.execute(
            sa.delete(page_validators).where(old.seller_id == seller_id, old.role.in_(["listing", "trace"]))
        )
        keep_pages(connection, seller_id, pages, now)


def keep_pages(connection: sa.Connection, seller_id: int, pages: Sequence[ScannedPage], now: datetime) -> None:
    """Keep what hosts said of pages, in place of what they said before."""
    rows = [{**asdict(page), "seller_id": seller_id, "checked_at": now} for page in {p.url: p for p in pages}.values()]
    statement = insert(page_validators)
    changed = {
        name: statement.excluded[name]
        for name in ("role", "etag", "last_modified", "content_sha256", "read_as", "checked_at")
    }
    for some in batched(rows, BATCH):
        connection.execute(statement.on_conflict_do_update(index_elements=["seller_id", "url"], set_=changed), some)


def pages_of(connection: sa.Connection, seller_id: int) -> dict[str, ScannedPage]:
    """What is known of the seller's pages, by address."""
    columns = page_validators.c
    rows = connection.execute(
        sa.select(
            columns.url, columns.role, columns.etag, columns.last_modified, columns.content_sha256, columns.read_as
        )
        .where(columns.seller_id == seller_id)
        .order_by(columns.read_as, columns.url)
    )
    return {row.url: ScannedPage(*row) for row in rows}


def last_whole_scan(connection: sa.Connection, seller_id: int) -> tuple[ScannedRef, ...] | None:
    """What the seller's newest sync found, None unless it was complete and ended well."""
    columns = sync_runs.c
    newest = connection.execute(
        sa.select(columns.sync_id, columns.status, columns.is_complete)
        .where(columns.seller_id == seller_id)
        .order_by(columns.started_at.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or newest.status != "done" or not newest.is_complete:
        return None
    return _refs(connection, newest.sync_id)


def open_scan(connection: sa.Connection, sync_id: str) -> OpenScan:
    """The scan of a sync, its pages in order of discovery."""
    columns = sync_runs.c
    row = connection.execute(
        sa.select(columns.scouted, columns.is_complete, columns.note, columns.started_at, *_COST).where(
            columns.sync_id == sync_id
        )
    ).one()
    cost = {column.name: row._mapping[column.name] for column in _COST}
    refs = _refs(connection, sync_id)
    return OpenScan(row.scouted, row.is_complete, row.note or "", row.started_at, refs, cost)


def _refs(connection: sa.Connection, sync_id: str) -> tuple[ScannedRef, ...]:
    columns = scouted_products.c
    found = connection.execute(
        sa.select(columns.source_ref, columns.url, columns.harvest)
        .where(columns.sync_id == sync_id)
        .order_by(columns.position)
    )
    return tuple(ScannedRef(*row) for row in found)


def recorded_changes(warehouse: Warehouse, sync_id: str) -> tuple[dict[str, int], int]:
    """How many products the sync recorded each kind of change for, and how many it recorded as new or changed.

    `other` counts the products with a change that is neither of price nor of coming and going.
    """
    changes = product_changes.c
    kind = sa.case((changes.kind.in_(["new", "gone", "back", "price"]), changes.kind), else_="other")
    by_kind = (
        sa.select(kind, sa.func.count(changes.product_id.distinct())).where(changes.sync_id == sync_id).group_by(kind)
    )
    touched = sa.select(sa.func.count(changes.product_id.distinct())).where(
        changes.sync_id == sync_id, changes.kind != "gone"
    )
    with warehouse.begin() as connection:
        return dict(connection.execute(by_kind).tuples().all()), connection.execute(touched).scalar_one()


def close_forsaken_scans(warehouse: Warehouse, now: datetime) -> int:
    """How many scans were closed that wait for a seller who is no longer active: what they saw is out of date."""
    inactive = sa.select(sellers.c.seller_id).where(sellers.c.state != "active")
    waiting = (sync_runs.c.status == "scouted") & sync_runs.c.seller_id.in_(inactive)
    closed = {"status": "failed", "note": "the seller is not active", "finished_at": now}
    with warehouse.begin() as connection:
        return connection.execute(sa.update(sync_runs).where(waiting).values(**closed)).rowcount


def close_sync(
    warehouse: Warehouse,
    sync_id: str,
    outcome: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Close the audit row with its outcome, and keep what went otherwise than planned, once however often closed."""
    with warehouse.begin() as connection:
        seller_id = connection.scalar(sa.select(sync_runs.c.seller_id).where(sync_runs.c.sync_id == sync_id))
        connection.execute(sa.delete(sync_events).where(sync_events.c.sync_id == sync_id))
        about = {"sync_id": sync_id, "seller_id": seller_id, "at": now}
        if events:
            connection.execute(sa.insert(sync_events), [{**event, **about} for event in events])
        connection.execute(
            sa.update(sync_runs).where(sync_runs.c.sync_id == sync_id).values(**outcome, finished_at=now)
        )


def batched(rows: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """The rows, some at a time."""
    iterator = iter(rows)
    while some := list(islice(iterator, size)):
        yield some
