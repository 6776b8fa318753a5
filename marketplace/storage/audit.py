"""What happened to the catalogue: syncs, changes, verdicts and events, as the pages of the graph show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from marketplace.storage.tables import (
    interactions,
    leads,
    product_changes,
    product_quality,
    products,
    sellers,
    sync_runs,
)
from marketplace.storage.warehouse import Warehouse

READ = ("done", "partial", "braked")  # of a sync that got to the end of its scan


@dataclass(frozen=True, slots=True)
class Scouted:
    """A scan that found product pages and waits to be hydrated."""

    sync_id: str
    seller_id: int
    scouted: int
    is_complete: bool
    note: str | None


def scouted(warehouse: Warehouse, sync_id: str) -> Scouted:
    """The scan of one sync."""
    with warehouse.begin() as connection:
        return Scouted(*connection.execute(_scans().where(sync_runs.c.sync_id == sync_id)).one())


def open_scans(warehouse: Warehouse) -> list[Scouted]:
    """The newest scan of each seller, where it waits to be hydrated; an older one is superseded by it.

    Sellers who were never read come first, then those who were read longest ago, so that runs that keep being killed
    still get to all of them.
    """
    newest = (
        sa.select(sync_runs.c.sync_id)
        .distinct(sync_runs.c.seller_id)
        .order_by(sync_runs.c.seller_id, sync_runs.c.started_at.desc())
    )
    read = (
        sa.select(sync_runs.c.seller_id, sa.func.max(sync_runs.c.started_at).label("last_at"))
        .where(sync_runs.c.status.in_(READ))
        .group_by(sync_runs.c.seller_id)
        .subquery()
    )
    with warehouse.begin() as connection:
        rows = connection.execute(
            _scans()
            .outerjoin(read, read.c.seller_id == sync_runs.c.seller_id)
            .where(sync_runs.c.status == "scouted", sync_runs.c.sync_id.in_(newest))
            .order_by(read.c.last_at.nulls_first(), sync_runs.c.started_at, sync_runs.c.seller_id)
        )
        return [Scouted(*row) for row in rows]


def changes_of(warehouse: Warehouse, sync_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the syncs found, in order: seller, product, kind, field, old and new value."""
    columns = (
        sellers.c.name.label("seller"),
        products.c.title.label("product"),
        product_changes.c.kind,
        product_changes.c.field,
        product_changes.c.old_value,
        product_changes.c.new_value,
    )
    statement = (
        sa.select(*columns)
        .join(products, products.c.product_id == product_changes.c.product_id)
        .join(sellers, sellers.c.seller_id == product_changes.c.seller_id)
        .where(product_changes.c.sync_id.in_(sync_ids))
        .order_by(product_changes.c.change_id)
    )
    with warehouse.begin() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def verdict_counts(warehouse: Warehouse) -> dict[str, int]:
    """Live products by verdict."""
    live = product_quality.join(products, products.c.product_id == product_quality.c.product_id)
    statement = (
        sa.select(product_quality.c.verdict, sa.func.count())
        .select_from(live)
        .where(~products.c.is_gone)
        .group_by(product_quality.c.verdict)
    )
    with warehouse.begin() as connection:
        return dict(connection.execute(statement).tuples().all())


def reason_counts(warehouse: Warehouse) -> dict[str, int]:
    """Live products by the reason they were flagged or rejected for."""
    reason = sa.func.unnest(product_quality.c.reasons).label("reason")
    reasons = (
        sa.select(reason)
        .join(products, products.c.product_id == product_quality.c.product_id)
        .where(~products.c.is_gone)
        .subquery()
    )
    statement = sa.select(reasons.c.reason, sa.func.count()).group_by(reasons.c.reason)
    with warehouse.begin() as connection:
        return dict(connection.execute(statement).tuples().all())


def rejected(warehouse: Warehouse, *, limit: int) -> list[dict[str, Any]]:
    """Some rejected products with their reasons, for a person to look at."""
    statement = (
        sa.select(products.c.product_id, products.c.title, product_quality.c.reasons)
        .join(products, products.c.product_id == product_quality.c.product_id)
        .where(product_quality.c.verdict == "rejected", ~products.c.is_gone)
        .order_by(products.c.product_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [
            {"product_id": row.product_id, "title": row.title, "reasons": ", ".join(row.reasons)}
            for row in connection.execute(statement)
        ]


def event_counts(warehouse: Warehouse) -> dict[str, int]:
    """How many interactions and leads were received in all."""
    with warehouse.begin() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (interactions, leads)
        }


def _scans() -> sa.Select[Any]:
    return sa.select(
        sync_runs.c.sync_id, sync_runs.c.seller_id, sync_runs.c.scouted, sync_runs.c.is_complete, sync_runs.c.note
    )
