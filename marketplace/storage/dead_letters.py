"""Products that could not be read: what they are, why, and another chance for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.errors import NotFound
from marketplace.storage.tables import dead_letters, sellers
from marketplace.storage.warehouse import Warehouse

LetterState = Literal["waiting", "dead", "resolved"]
UNREAD = ("waiting", "dead")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A product that could not be read at one stage; `next_try_at` is None once it is dead."""

    seller_id: int
    handle: str
    seller_name: str
    source_ref: str
    stage: str
    url: str | None
    error: str
    reason: str
    payload_sha256: str | None
    attempts: int
    state: LetterState
    first_failed_at: datetime
    last_failed_at: datetime
    next_try_at: datetime | None


def unread(
    warehouse: Warehouse, *, seller_id: int | None = None, state: LetterState | None = None, limit: int
) -> list[DeadLetter]:
    """What could not be read, the last failure first: waiting and dead ones, unless a state is named."""
    columns = [column for column in dead_letters.c if column.name in DeadLetter.__slots__]
    statement = (
        sa.select(*columns, sellers.c.handle, sellers.c.name.label("seller_name"))
        .join(sellers, sellers.c.seller_id == dead_letters.c.seller_id)
        .where(dead_letters.c.state.in_(UNREAD if state is None else (state,)))
        .order_by(dead_letters.c.last_failed_at.desc(), dead_letters.c.seller_id, dead_letters.c.source_ref)
        .limit(limit)
    )
    if seller_id is not None:
        statement = statement.where(dead_letters.c.seller_id == seller_id)
    with warehouse.begin() as connection:
        return [DeadLetter(**row) for row in connection.execute(statement).mappings()]


def redrive(warehouse: Warehouse, seller_id: int, *, source_ref: str | None = None, now: datetime) -> int:
    """How many are tried again by the next sync, as if they had never failed: one product's, or all of the seller.

    Raises
    ------
    NotFound
        If nobody has that id, or nothing unread of the seller has that source id.
    """
    columns = dead_letters.c
    chosen = (columns.seller_id == seller_id) & columns.state.in_(UNREAD)
    if source_ref is not None:
        chosen &= columns.source_ref == source_ref
    again: dict[str, Any] = {"state": "waiting", "attempts": 0, "next_try_at": now}
    with warehouse.begin() as connection:
        if connection.scalar(sa.select(sellers.c.seller_id).where(sellers.c.seller_id == seller_id)) is None:
            raise NotFound(f"no seller has the id {seller_id}")
        redriven = connection.execute(sa.update(dead_letters).where(chosen).values(**again)).rowcount
        if source_ref is not None and not redriven:
            raise NotFound(f"no dead letter of seller {seller_id} has the source id {source_ref!r}")
    return redriven
