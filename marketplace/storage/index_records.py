"""What Postgres knows of each collection: what it was built from, whether it serves, and how it has fared since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.index_source import CHECKSUM_BITS, input_hash_of
from marketplace.storage.index_types import IndexType
from marketplace.storage.tables import index_builds
from marketplace.storage.vector_rows import LAYOUT
from marketplace.storage.warehouse import Warehouse

Status = Literal["building", "live", "previous", "refused", "dropped"]


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """A collection: from what it was made, what verification found in it, and how it changed since.

    `breadth` is how many cells or candidates a search of it reads.
    """

    collection: str
    model_version: str
    input_hash: str
    products: int
    nlist: int
    report: Mapping[str, Any]
    rebuilt: bool
    index_type: IndexType = "IVF_FLAT"
    breadth: int = 0
    checksum: int = 0
    layout: int = LAYOUT
    built_products: int = 0
    changed: int = 0
    status: Status = "building"
    published_at: datetime | None = None
    checked: Mapping[str, Any] | None = None
    checked_at: datetime | None = None


def build_of(warehouse: Warehouse, collection: str | None) -> IndexBuild | None:
    """The record of the collection, None if there is none."""
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(index_builds).where(index_builds.c.collection == collection)).one_or_none()
    return None if row is None else _build(row)


def builds_by_status(warehouse: Warehouse, *statuses: Status) -> list[IndexBuild]:
    """Every build of these statuses, the last published first."""
    statement = sa.select(index_builds).where(index_builds.c.status.in_(statuses))
    with warehouse.begin() as connection:
        ordered = statement.order_by(index_builds.c.published_at.desc().nulls_last(), index_builds.c.collection)
        return [_build(row) for row in connection.execute(ordered)]


def statuses(warehouse: Warehouse) -> dict[str, Status]:
    """The status of every collection that there ever was."""
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(index_builds.c.collection, index_builds.c.status))
        return dict(rows.tuples().all())


def record(warehouse: Warehouse, build: IndexBuild, now: datetime, *, status: Status = "building") -> None:
    """The build is known, in place of what was known of a collection of that name."""
    values = {
        "model_version": build.model_version,
        "input_hash": build.input_hash,
        "products": build.products,
        "built_products": build.products,
        "nlist": build.nlist,
        "index_type": build.index_type,
        "breadth": build.breadth,
        "checksum": build.checksum,
        "layout": build.layout,
        "changed": 0,
        "status": status,
        "report": dict(build.report),
        "created_at": now,
        "published_at": None,
        "catalog_hash": None,
        "checked": None,
        "checked_at": None,
    }
    statement = insert(index_builds).values(collection=build.collection, **values)
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["collection"], set_=values))


def record_switch(warehouse: Warehouse, collection: str, now: datetime) -> None:
    """The collection serves, and what served before is kept."""
    others = index_builds.c.collection != collection
    steps = (
        sa.update(index_builds).where(others, index_builds.c.status == "previous").values(status="dropped"),
        sa.update(index_builds).where(others, index_builds.c.status == "live").values(status="previous"),
        sa.update(index_builds).where(~others).values(status="live", published_at=now),
    )
    with warehouse.begin() as connection:
        for step in steps:
            connection.execute(step)


def record_changes(warehouse: Warehouse, build: IndexBuild, *, products: int, checksum: int, changed: int) -> None:
    """The collection holds this many products of this checksum now, after so many more changes."""
    checksum %= 1 << CHECKSUM_BITS
    values = {
        "products": products,
        "checksum": checksum,
        "input_hash": input_hash_of(build.model_version, build.index_type, products, checksum),
        "changed": index_builds.c.changed + changed,
    }
    with warehouse.begin() as connection:
        connection.execute(sa.update(index_builds).where(index_builds.c.collection == build.collection).values(values))


def record_check(warehouse: Warehouse, collection: str, found: Mapping[str, Any], now: datetime) -> None:
    """What a look at the collection found, and when."""
    values = {"checked": dict(found), "checked_at": now}
    with warehouse.begin() as connection:
        connection.execute(sa.update(index_builds).where(index_builds.c.collection == collection).values(values))


def record_status(warehouse: Warehouse, collection: str, status: Status) -> None:
    """The collection has this status now."""
    with warehouse.begin() as connection:
        connection.execute(sa.update(index_builds).where(index_builds.c.collection == collection).values(status=status))


def abandon_unfinished(warehouse: Warehouse, served: str | None) -> None:
    """Builds that never came to serve are dropped."""
    abandoned = sa.and_(index_builds.c.status == "building", index_builds.c.collection != (served or ""))
    with warehouse.begin() as connection:
        connection.execute(sa.update(index_builds).where(abandoned).values(status="dropped"))


@contextmanager
def one_at_a_time(warehouse: Warehouse) -> Iterator[None]:
    """Nobody else writes to the index to the end of the block; a process that was killed holds nothing."""
    with warehouse.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("soko.product_index"))))
        yield


def _build(row: sa.Row[Any]) -> IndexBuild:
    return IndexBuild(
        collection=row.collection,
        model_version=row.model_version,
        input_hash=row.input_hash,
        products=row.products,
        nlist=row.nlist,
        report=row.report,
        rebuilt=False,
        index_type=row.index_type,
        breadth=row.breadth,
        checksum=row.checksum,
        layout=row.layout,
        built_products=row.built_products,
        changed=row.changed,
        status=row.status,
        published_at=row.published_at,
        checked=row.checked,
        checked_at=row.checked_at,
    )
