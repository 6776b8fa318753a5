"""What a product looked like at one time, as it was known at another; nothing here is ever overwritten.

Two clocks: `valid_from` is when the source was seen to show a value, `known_from` when we recorded it. The value
of a field at D as known at K is that of the greatest (valid_from, version_id) with valid_from <= D and known_from <= K.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marketplace.errors import NotFound
from marketplace.storage.tables import product_changes, product_quality, product_versions, products, sellers
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class FieldValue:
    """What one field held; `origin` is where on the page it was read, `evidence` the SHA-256 of that page."""

    value: str | None
    valid_from: datetime
    known_from: datetime
    origin: str | None
    evidence: str | None
    sync_id: str


@dataclass(frozen=True, slots=True)
class Version(FieldValue):
    """A value with the time it held, as known now: from `valid_from` until before `valid_to`, None while it holds.

    `last_seen_at` is when its source last showed it, which may be well before another value was found.
    """

    version_id: int
    field: str
    valid_to: datetime | None
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class RecentChange:
    """A change that a sync found, and whose product it is."""

    seller_id: int
    seller_name: str
    product_id: int
    title: str
    kind: str
    field: str | None
    old_value: str | None
    new_value: str | None
    observed_at: datetime


def product_as_of(
    warehouse: Warehouse, product_id: int, valid_at: datetime, known_at: datetime
) -> Mapping[str, FieldValue] | None:
    """Every field as its source showed it at `valid_at`, by what was known at `known_at`; None before it was known.

    Raises
    ------
    NotFound
        If there was never such a product.
    """
    versions = product_versions.c
    statement = (
        sa.select(*_VALUE, versions.field)
        .distinct(versions.field)
        .where(versions.product_id == product_id, versions.valid_from <= valid_at, versions.known_from <= known_at)
        .order_by(versions.field, versions.valid_from.desc(), versions.version_id.desc())
    )
    with warehouse.begin() as connection:
        _refuse_unknown(connection, product_id)
        rows = connection.execute(statement).mappings().all()
    return {row["field"]: FieldValue(**_without(row, "field")) for row in rows} or None


def versions_of(
    warehouse: Warehouse, product_id: int, *, field: str | None = None, limit: int | None = None
) -> list[Version]:
    """Every value that the product's fields held, newest first, each with when it held and how we know.

    Raises
    ------
    NotFound
        If there was never such a product.
    """
    kept = _with_ends(product_id, field)
    statement = sa.select(kept).order_by(kept.c.valid_from.desc(), kept.c.version_id.desc()).limit(limit)
    with warehouse.begin() as connection:
        _refuse_unknown(connection, product_id)
        return [Version(**row) for row in connection.execute(statement).mappings()]


def recent_changes(warehouse: Warehouse, *, limit: int) -> list[RecentChange]:
    """What syncs found last, newest first, but of products that are hidden from shoppers."""
    changes = product_changes.c
    statement = (
        sa.select(
            changes.seller_id,
            sellers.c.name.label("seller_name"),
            changes.product_id,
            products.c.title,
            *(changes[name] for name in ("kind", "field", "old_value", "new_value", "observed_at")),
        )
        .join(products, products.c.product_id == changes.product_id)
        .join(sellers, sellers.c.seller_id == changes.seller_id)
        .join(product_quality, product_quality.c.product_id == products.c.product_id, isouter=True)
        .where(product_quality.c.verdict.is_distinct_from("rejected"))
        .order_by(changes.change_id.desc())
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [RecentChange(**row) for row in connection.execute(statement).mappings()]


def _with_ends(product_id: int, field: str | None) -> sa.Subquery:
    """Each version with its end: where the next one of its field begins."""
    versions = product_versions.c
    order: dict[str, Any] = {"partition_by": versions.field, "order_by": (versions.valid_from, versions.version_id)}
    seen_until = sa.func.lead(versions.before_seen_at).over(**order)
    is_newest = sa.func.lead(versions.version_id).over(**order).is_(None)
    # A value that was filed late may lie behind the last sighting that the next one was recorded with.
    last_seen = sa.func.greatest(versions.valid_from, sa.case((is_newest, products.c.last_seen_at), else_=seen_until))
    statement = (
        sa.select(
            *_VALUE,
            versions.version_id,
            versions.field,
            sa.func.lead(versions.valid_from).over(**order).label("valid_to"),
            last_seen.label("last_seen_at"),
        )
        .join(products, products.c.product_id == versions.product_id)
        .where(versions.product_id == product_id)
    )
    return (statement if field is None else statement.where(versions.field == field)).subquery()


def _refuse_unknown(connection: sa.Connection, product_id: int) -> None:
    if connection.scalar(sa.select(products.c.product_id).where(products.c.product_id == product_id)) is None:
        raise NotFound(f"product {product_id} is not known")


def _without(row: sa.RowMapping, name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


_VALUE = tuple(
    product_versions.c[name] for name in ("value", "valid_from", "known_from", "origin", "evidence", "sync_id")
)
