"""The outbox: products whose row in the index may be out of date, noted in the transaction that changed them.

Triggers append a row for every change, which never waits for another: one row per product would let two writers that
go through products in different orders lock each other. Several changes of a product are handled as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from marketplace.storage.tables import index_outbox
from marketplace.storage.warehouse import Warehouse

SETTLED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be carried to the index; `oldest` is None when nothing does."""

    changes: int
    products: int
    oldest: datetime | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Products to look at, and the numbers of the rows that named them."""

    product_ids: tuple[int, ...]
    numbers: tuple[int, ...]


def backlog(warehouse: Warehouse) -> Backlog:
    """How much waits, and since when."""
    number, product_id, at = index_outbox.c.number, index_outbox.c.product_id, index_outbox.c.at
    counts = (sa.func.count(), sa.func.count(product_id.distinct()), sa.func.min(at), sa.func.max(number))
    with warehouse.begin() as connection:
        return Backlog(*connection.execute(sa.select(*counts).select_from(index_outbox)).one())


def oldest_changes(warehouse: Warehouse, *, limit: int) -> Changes:
    """The changes that wait longest."""
    statement = sa.select(index_outbox.c.number, index_outbox.c.product_id)
    with warehouse.begin() as connection:
        rows = connection.execute(statement.order_by(index_outbox.c.number).limit(limit)).all()
    return Changes(tuple(sorted({row.product_id for row in rows})), tuple(row.number for row in rows))


def settle(warehouse: Warehouse, numbers: Sequence[int]) -> None:
    """These changes are in the index; what changed since has numbers of its own and stays."""
    for part in _parts(numbers, SETTLED_AT_ONCE):
        handled = index_outbox.c.number == sa.any_(sa.cast(part, sa.ARRAY(sa.BigInteger)))
        with warehouse.begin() as connection:
            connection.execute(sa.delete(index_outbox).where(handled))


def note(warehouse: Warehouse, product_ids: Iterable[int]) -> None:
    """These products are looked at again."""
    rows = [{"product_id": product_id} for product_id in product_ids]
    if rows:
        with warehouse.begin() as connection:
            connection.execute(sa.insert(index_outbox), rows)


def _parts(numbers: Sequence[int], size: int) -> Iterable[list[int]]:
    iterator = iter(numbers)
    while part := list(islice(iterator, size)):
        yield part
