"""Rows as a sync leaves them, written by hand, so that a test says exactly what was seen and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import Price, Seller, SourceKind, stable_id
from marketplace.storage.catalog import add_seller
from marketplace.storage.tables import (
    brakes,
    dead_letters,
    product_changes,
    product_quality,
    product_versions,
    products,
    sync_events,
    sync_runs,
)
from marketplace.storage.warehouse import Warehouse

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def keep_seller(warehouse: Warehouse, handle: str = "amina", kind: SourceKind = "whatsapp", **other: Any) -> Seller:
    """An active seller, unless told otherwise."""
    kept = {"name": handle.title(), "phone": "+254700000001", "city": "Nairobi", "country": "KE", "currency": "KES"}
    address = {"source_kind": kind, "source_url": f"https://{handle}.example/c/1"}
    seller = Seller(stable_id("seller", handle), handle, **{**kept, **address, **other})
    add_seller(warehouse, seller)
    return seller


def keep_sync(warehouse: Warehouse, seller: Seller, sync_id: str, at: datetime = NOW, **other: Any) -> str:
    """A sync that is done, unless told otherwise."""
    row = {"status": "done", "is_complete": True, "trigger": "schedule", "started_at": at, "finished_at": at}
    _insert(warehouse, sync_runs, {"sync_id": sync_id, "seller_id": seller.seller_id, **row, **other})
    return sync_id


def keep_product(warehouse: Warehouse, seller: Seller, ref: str = "1", *, at: datetime = NOW, **other: Any) -> int:
    """The id of a product that is approved and live, unless told otherwise."""
    product_id = stable_id("product", seller.seller_id, ref)
    price = Price(129_900, "KES")
    row = {"title": f"Sisal basket {ref}", "price_minor": price.amount_minor, "currency": price.currency}
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), at)
    key = {"product_id": product_id, "seller_id": seller.seller_id, "source_ref": ref, "content_hash": "c"}
    _insert(warehouse, products, {**key, **row, **seen, **other})
    verdict = {"verdict": "approved", "reasons": [], "rules_version": "1", "judged_at": at}
    _insert(warehouse, product_quality, {"product_id": product_id, "content_hash": "c", **verdict})
    return product_id


def keep_version(
    warehouse: Warehouse,
    product_id: int,
    sync_id: str,
    field: str,
    value: str | None,
    valid_from: datetime,
    known_from: datetime | None = None,
    **other: Any,
) -> None:
    """A version, known when it was seen unless told otherwise."""
    row = {"product_id": product_id, "sync_id": sync_id, "field": field, "value": value, "valid_from": valid_from}
    _insert(warehouse, product_versions, {**row, "known_from": known_from or valid_from, **other})


def keep_change(warehouse: Warehouse, seller: Seller, product_id: int, sync_id: str, kind: str, **other: Any) -> None:
    """A change of a product."""
    row = {"product_id": product_id, "seller_id": seller.seller_id, "sync_id": sync_id, "observed_at": NOW}
    _insert(warehouse, product_changes, {**row, "kind": kind, **other})


def keep_event(warehouse: Warehouse, seller: Seller, sync_id: str, kind: str, reason: str, **other: Any) -> None:
    """Something that went otherwise than planned."""
    row = {"sync_id": sync_id, "seller_id": seller.seller_id, "kind": kind, "reason": reason, "at": NOW}
    _insert(warehouse, sync_events, {**row, **other})


def raise_brake(warehouse: Warehouse, seller: Seller, sync_id: str, vanished: list[str], live: int) -> None:
    """A brake that waits for a person."""
    row = {"seller_id": seller.seller_id, "sync_id": sync_id, "live": live, "vanished": vanished}
    _insert(warehouse, brakes, {**row, "state": "raised", "raised_at": NOW})


def keep_dead_letter(warehouse: Warehouse, seller: Seller, ref: str, state: str = "dead", **other: Any) -> None:
    """A product that could not be read."""
    key = {"seller_id": seller.seller_id, "source_ref": ref, "stage": "read", "url": f"https://a.example/p/{ref}"}
    row = {"error": "InputRejected", "reason": "no title", "attempts": 5, "state": state}
    times = {"first_failed_at": NOW - DAY, "last_failed_at": NOW, "next_try_at": NOW if state == "waiting" else None}
    _insert(warehouse, dead_letters, {**key, **row, **times, **other})


def _insert(warehouse: Warehouse, table: sa.Table, row: dict[str, Any]) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.insert(table).values(**row))
