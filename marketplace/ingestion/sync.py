"""A sync of one seller: scan, read, store what changed, and leave an audit row.

Products are written in small transactions by natural key and content hash, so a sync that
dies anywhere and is followed by another ends in the state of one that did not die.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.changes import Change, changes_between
from marketplace.catalog.products import Product, Seller, SourcedProduct, stable_id
from marketplace.errors import ImageRejected, MarketplaceError, StoreUnreachable
from marketplace.ingestion.sources import CatalogSource, Hydration, ProductRef, Scan
from marketplace.storage.catalog import products_of
from marketplace.storage.images import Images
from marketplace.storage.tables import product_changes, products, scouted_products, syncs
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
BATCH = 25
FEW_PRODUCTS = 4
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class SyncAudit:
    """What one sync did; `status` is done, partial, braked or failed."""

    sync_id: str
    seller_id: int
    status: str = "done"
    note: str = ""
    scouted: int = 0
    hydrated: int = 0
    failed: int = 0
    new: int = 0
    gone: int = 0
    price_changed: int = 0
    other_changed: int = 0
    unchanged: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, source_ref: str, reason: str) -> None:
        """Keep why a product or its picture was refused."""
        self.refusals.append({"source_ref": source_ref, "reason": reason[:500]})

    def count(self, changes: Sequence[Change]) -> None:
        """Count one product by what happened to it."""
        kinds = {change.kind for change in changes}
        self.unchanged += not kinds
        self.new += "new" in kinds
        self.gone += "gone" in kinds
        self.price_changed += "price" in kinds
        self.other_changed += "other" in kinds


def sync_seller(
    warehouse: Warehouse,
    images: Images,
    source: CatalogSource,
    seller: Seller,
    *,
    trigger: str,
    now: datetime,
    brake_share: float,
    progress: Progress | None = None,
) -> SyncAudit:
    """Scan and read one seller; what was found and done."""
    sync_id = scout_seller(warehouse, source, seller, trigger=trigger, now=now)
    return hydrate_seller(
        warehouse, images, source, seller, sync_id, now=now, brake_share=brake_share, progress=progress
    )


def scout_seller(
    warehouse: Warehouse,
    source: CatalogSource,
    seller: Seller,
    *,
    trigger: str,
    run_id: str | None = None,
    now: datetime,
) -> str:
    """The id of a new sync whose scan is stored and waits to be hydrated.

    Raises
    ------
    MarketplaceError
        What the source raised; the sync is then closed as failed, with the reason.
    """
    sync_id = uuid.uuid4().hex
    opened = {"sync_id": sync_id, "seller_id": seller.seller_id, "run_id": run_id, "trigger": trigger}
    try:
        scan = source.scout()
    except MarketplaceError as error:
        with warehouse.begin() as connection:
            ended = {"status": "failed", "started_at": now, "finished_at": now, "note": str(error)}
            connection.execute(sa.insert(syncs).values(**opened, **ended))
        raise
    with warehouse.begin() as connection:
        found = {"status": "scouted", "is_complete": scan.is_complete, "scouted": len(scan.refs), "note": scan.note}
        connection.execute(sa.insert(syncs).values(**opened, **found, started_at=now))
        _store_scan(connection, seller, sync_id, scan, now)
    log.info("%s shows %d products, complete: %s", seller.handle, len(scan.refs), scan.is_complete)
    return sync_id


def hydrate_seller(
    warehouse: Warehouse,
    images: Images,
    source: CatalogSource,
    seller: Seller,
    sync_id: str,
    *,
    now: datetime,
    brake_share: float,
    progress: Progress | None = None,
) -> SyncAudit:
    """What the sync found, after everything its scan saw was read and stored.

    A product is gone when its page answered 404 or 410, or a complete scan did not show it; but when more
    than `brake_share` of the seller's live products would go at once, none goes and the sync is braked.

    Raises
    ------
    StoreUnreachable
        If Postgres fails, or another sync of this seller is under way.
    """
    with _only_sync_of(warehouse, seller):
        with warehouse.begin() as connection:
            is_complete, note = connection.execute(
                sa.select(syncs.c.is_complete, syncs.c.note).where(syncs.c.sync_id == sync_id)
            ).one()
            refs = _scanned(connection, sync_id)
            known = products_of(connection, seller.seller_id)
        audit = SyncAudit(sync_id, seller.seller_id, note=note or "", scouted=len(refs))
        vanished = _read_all(warehouse, images, source, seller, refs, known, audit, now, progress)
        if is_complete:
            shown = {ref.source_ref for ref in refs}
            vanished |= {ref for ref, product in known.items() if ref not in shown and not product.is_gone}
        _remove(warehouse, seller, known, vanished, audit, now, brake_share)
        if not is_complete and audit.status == "done":
            audit.status = "partial"
        _close(warehouse, audit, now)
    log.info(
        "%s: %d new, %d gone, %d prices, %d other, %d unchanged, %d refused",
        seller.handle, audit.new, audit.gone, audit.price_changed, audit.other_changed, audit.unchanged, audit.failed,
    )  # fmt: skip
    return audit


def _read_all(
    warehouse: Warehouse,
    images: Images,
    source: CatalogSource,
    seller: Seller,
    refs: Sequence[ProductRef],
    known: dict[str, Product],
    audit: SyncAudit,
    now: datetime,
    progress: Progress | None,
) -> set[str]:
    vanished: set[str] = set()
    done = 0
    for batch in _batches(source.hydrate(refs), BATCH):
        for hydration in batch:
            if hydration.is_gone:
                vanished |= {hydration.ref.source_ref} & {ref for ref, p in known.items() if not p.is_gone}
            elif hydration.product is None:
                audit.failed += 1
                audit.refuse(hydration.ref.source_ref, hydration.refusal)
        read = [_with_picture(images, hydration, known, audit) for hydration in batch if hydration.product]
        with warehouse.begin() as connection:
            for product, image_sha256 in read:
                _store(connection, seller, product, image_sha256, known.get(product.source_ref), audit, now)
        done += len(batch)
        log.info("%s: read %d of %d products", seller.handle, done, len(refs))
        if progress:
            progress(done, len(refs))
    return vanished


def _with_picture(
    images: Images, hydration: Hydration, known: dict[str, Product], audit: SyncAudit
) -> tuple[SourcedProduct, str | None]:
    product = hydration.product
    assert product is not None
    if hydration.image is not None:
        try:
            return product, images.put(hydration.image)
        except ImageRejected as error:
            audit.refuse(product.source_ref, f"image: {error}")
            return product, None
    if hydration.image_refusal:
        audit.refuse(product.source_ref, f"image: {hydration.image_refusal}")
        before = known.get(product.source_ref)
        if before is not None and before.image_url == product.image_url:
            return product, before.image_sha256  # the picture did not answer today; the one we have still stands
    return product, None


def _store(
    connection: sa.Connection,
    seller: Seller,
    product: SourcedProduct,
    image_sha256: str | None,
    known: Product | None,
    audit: SyncAudit,
    now: datetime,
) -> None:
    changes = changes_between(known, product, image_sha256) if known else [Change("new")]
    product_id = stable_id("product", seller.seller_id, product.source_ref)
    seen = {"last_seen_at": now, "last_hydrated_at": now}
    if not changes:
        connection.execute(sa.update(products).where(products.c.product_id == product_id).values(**seen))
    else:
        values = {**_columns(product, image_sha256), **seen, "updated_at": now}
        key = {"product_id": product_id, "seller_id": seller.seller_id, "source_ref": product.source_ref}
        statement = insert(products).values(**key, **values, first_seen_at=now)
        connection.execute(statement.on_conflict_do_update(index_elements=["product_id"], set_=values))
        _record(connection, product_id, seller, audit.sync_id, changes, now)
    audit.hydrated += 1
    audit.count(changes)


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


def _remove(
    warehouse: Warehouse,
    seller: Seller,
    known: dict[str, Product],
    vanished: set[str],
    audit: SyncAudit,
    now: datetime,
    brake_share: float,
) -> None:
    live = sum(not product.is_gone for product in known.values())
    if len(vanished) > brake_share * live and live >= FEW_PRODUCTS:
        audit.status = "braked"
        audit.note = (
            f"{len(vanished)} of {live} products would vanish at once, more than {brake_share:.0%}; none was removed"
        )
        log.warning("%s: %s", seller.handle, audit.note)
        return
    with warehouse.begin() as connection:
        for source_ref in sorted(vanished):
            product_id = known[source_ref].product_id
            connection.execute(
                sa.update(products).where(products.c.product_id == product_id).values(is_gone=True, updated_at=now)
            )
            _record(connection, product_id, seller, audit.sync_id, [Change("gone")], now)
            audit.count([Change("gone")])


def _record(
    connection: sa.Connection, product_id: int, seller: Seller, sync_id: str, changes: Sequence[Change], now: datetime
) -> None:
    rows = [
        {
            "product_id": product_id,
            "seller_id": seller.seller_id,
            "sync_id": sync_id,
            "kind": change.kind,
            "field": change.field,
            "old_value": change.old,
            "new_value": change.new,
            "observed_at": now,
        }
        for change in changes
    ]
    connection.execute(sa.insert(product_changes), rows)


def _store_scan(connection: sa.Connection, seller: Seller, sync_id: str, scan: Scan, now: datetime) -> None:
    rows = [
        {
            "seller_id": seller.seller_id,
            "source_ref": ref.source_ref,
            "url": ref.url,
            "position": position,
            "sync_id": sync_id,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for position, ref in enumerate(scan.refs)
    ]
    if rows:
        statement = insert(scouted_products)
        moved = {name: statement.excluded[name] for name in ("url", "position", "sync_id", "last_seen_at")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["seller_id", "source_ref"], set_=moved), rows
        )


def _scanned(connection: sa.Connection, sync_id: str) -> list[ProductRef]:
    statement = (
        sa.select(scouted_products.c.source_ref, scouted_products.c.url)
        .where(scouted_products.c.sync_id == sync_id)
        .order_by(scouted_products.c.position)
    )
    return [ProductRef(row.source_ref, row.url) for row in connection.execute(statement)]


def _close(warehouse: Warehouse, audit: SyncAudit, now: datetime) -> None:
    counted = ("status", "note", "hydrated", "failed", "new", "gone", "price_changed", "other_changed", "unchanged")
    values = {name: getattr(audit, name) for name in counted}
    with warehouse.begin() as connection:
        statement = sa.update(syncs).where(syncs.c.sync_id == audit.sync_id)
        connection.execute(statement.values(**values, refusals=audit.refusals, finished_at=now))


@contextlib.contextmanager
def _only_sync_of(warehouse: Warehouse, seller: Seller) -> Iterator[None]:
    key = seller.seller_id
    with warehouse.engine.connect() as connection:  # the lock ends with the session, so a killed sync holds nothing
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
            raise StoreUnreachable(f"another sync of {seller.handle} is under way")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
            connection.commit()


def _batches(items: Iterable[Hydration], size: int) -> Iterator[list[Hydration]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
