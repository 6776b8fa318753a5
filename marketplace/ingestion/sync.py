"""A sync of one seller: scan, read, store what changed, and leave an audit row.

Products are written in small transactions by natural key and content hash, so a sync that
dies anywhere and is followed by another ends in the state of one that did not die.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from marketplace.catalog.changes import Change, changes_between
from marketplace.catalog.products import Product, Seller, SourcedProduct
from marketplace.errors import ImageRejected, MarketplaceError
from marketplace.ingestion.sources import CatalogSource, Hydration, ProductRef
from marketplace.storage import syncs
from marketplace.storage.catalog import products_of
from marketplace.storage.images import Images
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
    back: int = 0
    price_changed: int = 0
    other_changed: int = 0
    unchanged: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, source_ref: str, reason: str) -> None:
        """Keep why a product or its picture was refused."""
        self.refusals.append({"source_ref": source_ref, "reason": reason[:500]})

    def count(self, products: Mapping[str, int], changed: int) -> None:
        """Take over how many products are recorded with each kind of change, and how many of those read with any."""
        self.new = products.get("new", 0)
        self.gone = products.get("gone", 0)
        self.back = products.get("back", 0)
        self.price_changed = products.get("price", 0)
        self.other_changed = products.get("other", 0)
        self.unchanged = self.hydrated - changed

    def conclude(self, is_complete: bool) -> None:
        """Say how far it came, unless it was braked."""
        if self.status == "braked":
            return
        if self.failed and not self.hydrated:
            self.status = "failed"
            self.note = f"none of {self.scouted} products could be read; the first: {self.refusals[0]['reason']}"
        elif not is_complete:
            self.status = "partial"

    def outcome(self) -> dict[str, Any]:
        """The columns of the audit row."""
        left_out = {"sync_id", "seller_id", "scouted", "refusals"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


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
        syncs.add_failed_sync(warehouse, opened, str(error), now)
        raise
    pages = [(ref.source_ref, ref.url) for ref in scan.refs]
    syncs.add_scan(warehouse, opened, pages, is_complete=scan.is_complete, note=scan.note, now=now)
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
    than `brake_share` of the seller's live products would go at once, or the scan showed none at all, none
    goes and the sync is braked. A share of 1 takes the brake off.

    Raises
    ------
    StoreUnreachable
        If Postgres fails, or another sync of this seller is under way.
    """
    with syncs.sole_sync(warehouse, seller):
        with warehouse.begin() as connection:
            scan = syncs.open_scan(connection, sync_id)
            known = products_of(connection, seller.seller_id)
        audit = SyncAudit(sync_id, seller.seller_id, note=scan.note, scouted=scan.scouted)
        if len(scan.pages) < scan.scouted:
            audit.status, audit.note = "failed", syncs.SUPERSEDED
        else:
            refs = [ProductRef(*page) for page in scan.pages]
            target = _Target(warehouse, images, seller, known, audit, now)
            vanished = target.read(source, refs, progress)
            if scan.is_complete:
                vanished |= known.keys() - {ref.source_ref for ref in refs}
            target.remove({ref for ref in vanished if not known[ref].is_gone}, brake_share)
            audit.count(*syncs.recorded_changes(warehouse, sync_id))
            audit.conclude(scan.is_complete)
        syncs.close_sync(warehouse, sync_id, audit.outcome(), audit.refusals, datetime.now(UTC))
    log.info(
        "%s: %d new, %d gone, %d prices, %d other, %d unchanged, %d refused",
        seller.handle, audit.new, audit.gone, audit.price_changed, audit.other_changed, audit.unchanged, audit.failed,
    )  # fmt: skip
    return audit


@dataclass(frozen=True, slots=True)
class _Target:
    warehouse: Warehouse
    images: Images
    seller: Seller
    known: Mapping[str, Product]
    audit: SyncAudit
    now: datetime

    def read(self, source: CatalogSource, refs: Sequence[ProductRef], progress: Progress | None) -> set[str]:
        """The known products whose page is gone, once all others are stored."""
        vanished: set[str] = set()
        done = 0
        for batch in _batches(_counted(source.hydrate(refs), len(refs), progress), BATCH):
            for hydration in batch:
                if hydration.is_gone:
                    vanished |= {hydration.ref.source_ref} & self.known.keys()
                elif hydration.product is None:
                    self.audit.failed += 1
                    self.audit.refuse(hydration.ref.source_ref, hydration.refusal)
            self.store([(one.product, self.picture(one, one.product)) for one in batch if one.product])
            done += len(batch)
            log.info("%s: read %d of %d products", self.seller.handle, done, len(refs))
        return vanished

    def store(self, read: Sequence[tuple[SourcedProduct, str | None]]) -> None:
        unchanged: list[int] = []
        with self.warehouse.begin() as connection:
            for product, image_sha256 in read:
                before = self.known.get(product.source_ref)
                changes = changes_between(before, product, image_sha256) if before else [Change("new")]
                self.audit.hydrated += 1
                if before and not changes:
                    unchanged.append(before.product_id)
                    continue
                syncs.store_product(
                    connection, self.seller.seller_id, self.audit.sync_id, product, image_sha256, changes, self.now
                )
            syncs.store_sighting(connection, unchanged, self.now)

    def picture(self, hydration: Hydration, product: SourcedProduct) -> str | None:
        if hydration.image is not None:
            try:
                return self.images.put(hydration.image)
            except ImageRejected as error:
                self.audit.refuse(product.source_ref, f"image: {error}")
                return None
        if hydration.image_refusal:
            self.audit.refuse(product.source_ref, f"image: {hydration.image_refusal}")
            before = self.known.get(product.source_ref)
            if before is not None and before.image_url == product.image_url:
                return before.image_sha256  # the picture did not answer today; the one we have still stands
        return None

    def remove(self, vanished: set[str], brake_share: float) -> None:
        live = sum(not product.is_gone for product in self.known.values())
        is_many = len(vanished) > brake_share * live and live >= FEW_PRODUCTS
        shows_nothing = self.audit.scouted == 0 and brake_share < 1
        if vanished and (is_many or shows_nothing):
            self.audit.status = "braked"
            self.audit.note = (
                f"{len(vanished)} of {live} products would vanish at once, more than {brake_share:.0%}; "
                "none was removed"
            )
            log.warning("%s: %s", self.seller.handle, self.audit.note)
        elif vanished:
            gone = [self.known[ref].product_id for ref in sorted(vanished)]
            syncs.mark_gone(self.warehouse, self.seller.seller_id, self.audit.sync_id, gone, self.now)


def _counted(hydrations: Iterable[Hydration], total: int, progress: Progress | None) -> Iterator[Hydration]:
    for done, hydration in enumerate(hydrations, 1):
        if progress:
            progress(done, total)
        yield hydration


def _batches(items: Iterable[Hydration], size: int) -> Iterator[list[Hydration]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
