"""Who asked for people's data, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import sqlalchemy as sa

from marketplace.storage.tables import accesses
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Access:
    """One request; `rows` is how many were handed out, where it counts."""

    subject: str
    role: str
    action: str
    resource: str
    outcome: Literal["allowed", "refused"]
    rows: int | None = None
    request_id: str | None = None


def record_access(warehouse: Warehouse, access: Access) -> None:
    """Keep it for ever."""
    with warehouse.begin() as connection:
        add_access(connection, access)


def add_access(connection: sa.Connection, access: Access) -> None:
    """Keep it for ever, if what else the transaction does is kept."""
    connection.execute(sa.insert(accesses).values(asdict(access)))


def accesses_to(warehouse: Warehouse, resource: str, *, limit: int = 100) -> list[Access]:
    """The last requests for something, newest first."""
    columns = [accesses.c[name] for name in Access.__slots__]
    statement = sa.select(*columns).where(accesses.c.resource == resource)
    with warehouse.begin() as connection:
        found = connection.execute(statement.order_by(accesses.c.access_id.desc()).limit(limit))
        return [Access(*row) for row in found]
