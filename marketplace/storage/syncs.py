"""Syncs in Postgres: the scan, the products it led to, what changed, and the audit row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.changes import Change
from marketplace.catalog.products import Seller, SourcedProduct, stable_id
from marketplace.errors import StoreUnreachable
from marketplace.storage.tables import product_changes, products, scouted_products, sellers, sync_events, sync_runs
from marketplace.storage.warehouse import Warehouse

SUPERSEDED = "a newer scan has taken its place"


@dataclass(frozen=True, slots=True)
class OpenScan:
    """A stored scan: how many products it saw, whether that is all there is, and which are left to it.

    Fewer are left than it saw when a newer scan has taken its place.
    """

    scouted: int
    is_complete: bool
    note: str
    pages: tuple[tuple[str, str | None], ...]


@contextlib.contextmanager
def sole_sync(warehouse: Warehouse, seller: Seller) -> Iterator[None]:
    """The right to sync a seller; it ends with the block, or with the process however that ends.

    Raises
    ------
    StoreUnreachable
        If Postgres fails, or another sync of this seller is under way.
    """
    with warehouse.held(seller.seller_id) as is_ours:
        if not is_ours:
            raise StoreUnreachable(f"another sync of {seller.handle} is under way")
        yield


def add_failed_sync(warehouse: Warehouse, opened: Mapping[str, Any], reason: str, now: datetime) -> None:
    """Keep a sync that ended before it began."""
    with warehouse.begin() as connection:
        ended = {"status": "failed", "started_at": now, "finished_at": now, "note": reason}
        connection.execute(sa.insert(sync_runs).values(**opened, **ended))


def add_scan(
    warehouse: Warehouse,
    opened: Mapping[str, Any],
    pages: Sequence[tuple[str, str | None]],
    *,
    is_complete: bool,
    note: str,
    now: datetime,
) -> None:
    """Keep a scan, by source id and address of each page; older ones of the seller that still wait are closed."""
    seller_id, sync_id = opened["seller_id"], opened["sync_id"]
    closed = {"status": "failed", "note": SUPERSEDED, "finished_at": now}
    waiting = (sync_runs.c.seller_id == seller_id) & (sync_runs.c.status == "scouted")
    found = {"status": "scouted", "is_complete": is_complete, "scouted": len(pages), "note": note, "started_at": now}
    seen = {"seller_id": seller_id, "sync_id": sync_id, "first_seen_at": now, "last_seen_at": now}
    rows = [{"source_ref": ref, "url": url, "position": place, **seen} for place, (ref, url) in enumerate(pages)]
    statement = insert(scouted_products)
    moved = {name: statement.excluded[name] for name in ("url", "position", "sync_id", "last_seen_at")}
    with warehouse.begin() as connection:
        connection.execute(sa.update(sync_runs).where(waiting).values(**closed))
        connection.execute(sa.insert(sync_runs).values(**opened, **found))
        if rows:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["seller_id", "source_ref"], set_=moved), rows
            )


def open_scan(connection: sa.Connection, sync_id: str) -> OpenScan:
    """The scan of a sync, its pages in order of discovery."""
    scouted, is_complete, note = connection.execute(
        sa.select(sync_runs.c.scouted, sync_runs.c.is_complete, sync_runs.c.note).where(sync_runs.c.sync_id == sync_id)
    ).one()
    pages = connection.execute(
        sa.select(scouted_products.c.source_ref, scouted_products.c.url)
        .where(scouted_products.c.sync_id == sync_id)
        .order_by(scouted_products.c.position)
    )
    return OpenScan(scouted, is_complete, note or "", tuple(pages.tuples()))


def store_product(
    connection: sa.Connection,
    seller_id: int,
    sync_id: str,
    product: SourcedProduct,
    image_sha256: str | None,
    changes: Sequence[Change],
    now: datetime,
) -> None:
    """Bring a new or changed product up to date and record its changes."""
    product_id = stable_id("product", seller_id, product.source_ref)
    seen = {"last_seen_at": now, "last_hydrated_at": now}
    values = {**_columns(product, image_sha256), **seen, "updated_at": now}
    key = {"product_id": product_id, "seller_id": seller_id, "source_ref": product.source_ref, "first_seen_at": now}
    statement = insert(products).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["product_id"], set_=values))
    _record(connection, product_id, seller_id, sync_id, changes, now)


def store_sighting(connection: sa.Connection, product_ids: Sequence[int], now: datetime) -> None:
    """Note that products were seen unchanged."""
    seen = {"last_seen_at": now, "last_hydrated_at": now}
    connection.execute(sa.update(products).where(products.c.product_id.in_(product_ids)).values(**seen))


def mark_gone(warehouse: Warehouse, seller_id: int, sync_id: str, product_ids: Sequence[int], now: datetime) -> None:
    """Mark products as gone and record it, all of them or none."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.update(products).where(products.c.product_id.in_(product_ids)).values(is_gone=True, updated_at=now)
        )
        for product_id in product_ids:
            _record(connection, product_id, seller_id, sync_id, [Change("gone")], now)


def recorded_changes(warehouse: Warehouse, sync_id: str) -> tuple[dict[str, int], int]:
    """How many products the sync recorded each kind of change for, and how many it recorded as new or changed.

    `other` counts the products with a change that is neither of price nor of coming and going.
    """
    changes = product_changes.c
    kind = sa.case((changes.kind.in_(["new", "gone", "back", "price"]), changes.kind), else_="other")
    by_kind = (
        sa.select(kind, sa.func.count(changes.product_id.distinct())).where(changes.sync_id == sync_id).group_by(kind)
    )
    touched = sa.select(sa.func.count(changes.product_id.distinct())).where(
        changes.sync_id == sync_id, changes.kind != "gone"
    )
    with warehouse.begin() as connection:
        return dict(connection.execute(by_kind).tuples().all()), connection.execute(touched).scalar_one()


def close_forsaken_scans(warehouse: Warehouse, now: datetime) -> int:
    """How many scans were closed that wait for a seller who is no longer active: what they saw is out of date."""
    inactive = sa.select(sellers.c.seller_id).where(sellers.c.state != "active")
    waiting = (sync_runs.c.status == "scouted") & sync_runs.c.seller_id.in_(inactive)
    closed = {"status": "failed", "note": "the seller is not active", "finished_at": now}
    with warehouse.begin() as connection:
        return connection.execute(sa.update(sync_runs).where(waiting).values(**closed)).rowcount


def close_sync(
    warehouse: Warehouse,
    sync_id: str,
    outcome: Mapping[str, Any],
    refusals: Sequence[Mapping[str, str]],
    now: datetime,
) -> None:
    """Close the audit row with its outcome, and keep what was refused, once however often it is closed."""
    with warehouse.begin() as connection:
        seller_id = connection.scalar(sa.select(sync_runs.c.seller_id).where(sync_runs.c.sync_id == sync_id))
        connection.execute(sa.delete(sync_events).where(sync_events.c.sync_id == sync_id))
        about = {"sync_id": sync_id, "seller_id": seller_id, "kind": "refused", "at": now}
        if refusals:
            connection.execute(sa.insert(sync_events), [{**refusal, **about} for refusal in refusals])
        connection.execute(
            sa.update(sync_runs).where(sync_runs.c.sync_id == sync_id).values(**outcome, finished_at=now)
        )


def _columns(product: SourcedProduct, image_sha256: str | None) -> dict[str, Any]:
    price = product.price
    return {
        "url": product.url,
        "title": product.title,
        "description": product.description,
        "category": product.category,
        "price_minor": price.amount_minor if price else None,
        "price_up_to_minor": price.up_to_minor if price else None,
        "currency": price.currency if price else None,
        "image_url": product.image_url,
        "image_sha256": image_sha256,
        "in_stock": product.in_stock,
        "content_hash": product.content_hash(image_sha256),
        "is_gone": False,
    }


def _record(
    connection: sa.Connection,
    product_id: int,
    seller_id: int,
    sync_id: str,
    changes: Sequence[Change],
    now: datetime,
) -> None:
    about = {"product_id": product_id, "seller_id": seller_id, "sync_id": sync_id, "observed_at": now}
    rows = [
        {**about, "kind": change.kind, "field": change.field, "old_value": change.old, "new_value": change.new}
        for change in changes
    ]
    connection.execute(sa.insert(product_changes), rows)
