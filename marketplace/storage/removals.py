"""The brake on deletions, as a sync meets it: raised, released by a person and spent, or cleared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from marketplace.storage.tables import brakes

OPEN = ("raised", "released")


@dataclass(frozen=True, slots=True)
class Brake:
    """An open brake of a seller: raised and waiting, or released for these products."""

    brake_id: int
    state: Literal["raised", "released"]
    vanished: frozenset[str]


def open_brake(connection: sa.Connection, seller_id: int) -> Brake | None:
    """The seller's open brake, None without one."""
    columns = brakes.c
    row = connection.execute(
        sa.select(columns.brake_id, columns.state, columns.vanished)
        .where(columns.seller_id == seller_id, columns.state.in_(OPEN))
        .with_for_update()
    ).one_or_none()
    return Brake(row.brake_id, row.state, frozenset(row.vanished)) if row is not None else None


def raise_brake(
    connection: sa.Connection,
    seller_id: int,
    sync_id: str,
    vanished: Collection[str],
    *,
    live: int,
    before: Brake | None,
    now: datetime,
) -> None:
    """Stop the deletion of these products; a brake that is open already takes them up and waits again."""
    values = {"sync_id": sync_id, "live": live, "vanished": sorted(vanished), "state": "raised"}
    if before is None:
        connection.execute(sa.insert(brakes).values(**values, seller_id=seller_id, raised_at=now))
    elif before.state == "released" or before.vanished != frozenset(vanished):
        connection.execute(sa.update(brakes).where(brakes.c.brake_id == before.brake_id).values(**values))


def settle_brake(connection: sa.Connection, brake: Brake, state: Literal["spent", "cleared"], now: datetime) -> None:
    """Close a brake: its products were deleted as a person allowed, or they came back."""
    settled = {"state": state, "decided_at": sa.func.coalesce(brakes.c.decided_at, now)}
    connection.execute(sa.update(brakes).where(brakes.c.brake_id == brake.brake_id).values(**settled))
