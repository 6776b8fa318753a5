"""What the API asked the orchestrator to do, and how far that has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from marketplace.storage.tables import work_requests
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """A sync of one seller, or a training."""

    request_id: str
    kind: Literal["sync", "train"]
    seller_id: int | None


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
    values = {"status": status, "run_id": run_id, "note": note}
    if status != "running":
        values["finished_at"] = now
    open_ones = work_requests.c.status.in_(["queued", "running"])
    with warehouse.begin() as connection:
        connection.execute(
            sa.update(work_requests).where(work_requests.c.request_id.in_(request_ids), open_ones).values(**values)
        )
