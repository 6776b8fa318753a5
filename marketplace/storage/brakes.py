"""Deletions that wait for a person: a sync raises the brake, a person releases it or clears it.

While it is raised nothing of the seller is deleted. Released, the next sync may delete exactly the products that had
vanished and that it again does not see; cleared, they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.tables import brakes, products, sellers
from marketplace.storage.warehouse import Warehouse

SHOWN = 20
OPEN = ("raised", "released")


@dataclass(frozen=True, slots=True)
class Brake:
    """An open brake: how many of a seller's live products would go, and some of them by id and title."""

    brake_id: int
    seller_id: int
    handle: str
    seller_name: str
    sync_id: str
    state: str
    live: int
    vanished: int
    examples: Mapping[int, str]
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None


def open_brakes(warehouse: Warehouse) -> list[Brake]:
    """Every brake that is raised, or released and not yet spent; those that wait longest first."""
    statement = _brakes().where(brakes.c.state.in_(OPEN)).order_by(brakes.c.raised_at, brakes.c.brake_id)
    with warehouse.begin() as connection:
        return [_brake(connection, row) for row in connection.execute(statement).mappings().all()]


def release(warehouse: Warehouse, seller_id: int, *, by: str, note: str, now: datetime) -> Brake:
    """The seller's brake, released: the next sync deletes what vanished, unless it sees it again.

    Raises
    ------
    InputRejected
        If nobody is named who decided.
    NotFound
        If no brake of that seller is open.
    Conflict
        If somebody released it already.
    """
    return _decide(warehouse, seller_id, "released", by=by, note=note, now=now)


def clear(warehouse: Warehouse, seller_id: int, *, by: str, note: str, now: datetime) -> Brake:
    """The seller's brake, cleared: what vanished is kept; also one that was released and is not yet spent.

    Raises
    ------
    InputRejected
        If nobody is named who decided.
    NotFound
        If no brake of that seller is open.
    """
    return _decide(warehouse, seller_id, "cleared", by=by, note=note, now=now)


def _decide(warehouse: Warehouse, seller_id: int, state: str, *, by: str, note: str, now: datetime) -> Brake:
    if not by.strip():
        raise InputRejected("a brake is released or cleared by somebody: say who")
    is_open = (brakes.c.seller_id == seller_id) & brakes.c.state.in_(OPEN)
    decision = {"state": state, "decided_at": now, "decided_by": by.strip(), "note": note.strip() or None}
    with warehouse.begin() as connection:
        before = connection.execute(sa.select(brakes).where(is_open).with_for_update()).one_or_none()
        if before is None:
            raise NotFound(f"no brake of seller {seller_id} is open")
        if before.state == state:
            raise Conflict(f"the brake of seller {seller_id} was {state} by {before.decided_by} at {before.decided_at}")
        mine = brakes.c.brake_id == before.brake_id
        connection.execute(sa.update(brakes).where(mine).values(**decision))
        return _brake(connection, connection.execute(_brakes().where(mine)).mappings().one())


def _brakes() -> sa.Select[Any]:
    names = ("brake_id", "seller_id", "sync_id", "state", "live", "vanished", "raised_at", "decided_at", "decided_by")
    columns = [brakes.c[name] for name in (*names, "note")]
    return sa.select(*columns, sellers.c.handle, sellers.c.name.label("seller_name")).join(
        sellers, sellers.c.seller_id == brakes.c.seller_id
    )


def _brake(connection: sa.Connection, row: sa.RowMapping) -> Brake:
    refs: Sequence[str] = row["vanished"]
    named = (
        sa.select(products.c.product_id, products.c.title)
        .where(products.c.seller_id == row["seller_id"], products.c.source_ref.in_(refs[:SHOWN]))
        .order_by(products.c.title, products.c.product_id)
    )
    examples = dict(connection.execute(named).tuples().all())
    return Brake(**{**row, "vanished": len(refs), "examples": examples})
