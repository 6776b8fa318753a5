"""Which encoder's vectors a collection holds."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.storage.tables import index_builds
from marketplace.storage.warehouse import Warehouse


def model_of(warehouse: Warehouse, collection: str) -> str | None:
    """The encoder whose vectors a collection was built from, None where no build of that name is recorded."""
    statement = sa.select(index_builds.c.model_version).where(index_builds.c.collection == collection)
    with warehouse.reading() as connection:
        return connection.execute(statement).scalar_one_or_none()
