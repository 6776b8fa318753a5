"""Secrets that all who serve one market share: random, made by who needs one first, and kept in Postgres."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.tables import secrets as kept
from marketplace.storage.warehouse import Warehouse

BYTES = 32


def shared_secret(warehouse: Warehouse, name: str) -> bytes:
    """The secret of that name, the same for everybody who asks this database.

    Raises
    ------
    StoreUnreachable
        If Postgres does not answer.
    """
    wanted = sa.select(kept.c.secret).where(kept.c.name == name)
    made = insert(kept).values(name=name, secret=secrets.token_bytes(BYTES))
    with warehouse.begin() as connection:
        found = connection.execute(wanted).scalar_one_or_none()
        if found is None:
            connection.execute(made.on_conflict_do_nothing())
            found = connection.execute(wanted).scalar_one()  # whoever was first
        return bytes(found)
