"""What the API asked the orchestrator to do, and how far that has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.catalog.products import is_polled
from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.tables import sellers, work_requests
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """A sync of one seller, or a training."""

    request_id: str
    kind: Literal["sync", "train"]
    seller_id: int | None


def ask_for(warehouse: Warehouse, asked: WorkRequest) -> WorkRequest:
    """The request that will be taken up: an equal one that still waits, or else this one, now queued.

    Raises
    ------
    NotFound
        If there is no such seller.
    Conflict
        If the seller is not active.
    InputRejected
        If the seller has no address to read.
    """
    columns = work_requests.c
    waiting = sa.select(columns.request_id, columns.kind, columns.seller_id).where(
        columns.status == "queued",
        columns.kind == asked.kind,
        columns.seller_id.is_not_distinct_from(asked.seller_id),
    )
    with warehouse.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('raw.work_requests'))"))
        if row := connection.execute(waiting).first():
            return WorkRequest(*row)
        if asked.seller_id is not None:
            _refuse_unreadable(connection, asked.seller_id)
        connection.execute(sa.insert(work_requests).values(**asdict(asked)))
    return asked


def _refuse_unreadable(connection: sa.Connection, seller_id: int) -> None:
    columns = (sellers.c.handle, sellers.c.state, sellers.c.source_kind, sellers.c.source_url)
    known = connection.execute(sa.select(*columns).where(sellers.c.seller_id == seller_id)).one_or_none()
    if known is None:
        raise NotFound(f"seller {seller_id} is not known")
    if known.state != "active":
        raise Conflict(f"seller {known.handle} is {known.state}; only an active seller is read")
    if not is_polled(known.source_kind, known.source_url):
        raise InputRejected(f"seller {seller_id} sends files, which are read when they come: soko import catalog FILE")


def queued(warehouse: Warehouse) -> list[WorkRequest]:
    """Requests that nobody has taken up, oldest first."""
    columns = work_requests.c
    statement = (
        sa.select(columns.request_id, columns.kind, columns.seller_id)
        .where(columns.status == "queued")
        .order_by(columns.requested_at)
    )
    with warehouse.begin() as connection:
        return [WorkRequest(*row) for row in connection.execute(statement)]


def mark(
    warehouse: Warehouse,
    request_ids: Sequence[str],
    *,
    status: Literal["running", "done", "failed"],
    run_id: str,
    note: str | None,
    now: datetime,
) -> None:
    """Record how far the requests have come; one that has ended is not taken up again."""
    values: dict[str, Any] = {"status": status, "run_id": run_id, "note": note}
    if status != "running":
        values["finished_at"] = now
    open_ones = work_requests.c.status.in_(["queued", "running"])
    with warehouse.begin() as connection:
        connection.execute(
            sa.update(work_requests).where(work_requests.c.request_id.in_(request_ids), open_ones).values(**values)
        )
