"""A sync of one seller: scan, read, store what changed, and leave an audit row.

Products are written in small transactions by natural key, with what their pages said and what could not be
read, so a sync that dies anywhere and is followed by another ends in the state of one that did not die. Everything
a sync records is dated by its scan; when we came to know it is kept beside that.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from marketplace.catalog.products import Seller
from marketplace.errors import MarketplaceError
from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.browser import Chromium
from marketplace.ingestion.fetching import Fetcher
from marketplace.ingestion.politeness import Patience
from marketplace.ingestion.reading import Reading, StepTold, tell, validators_of
from marketplace.ingestion.sources import CatalogSource, ProductRef, Scan, Trace, source_for
from marketplace.ingestion.visits import Visit
from marketplace.settings import Settings
from marketplace.storage import syncs
from marketplace.storage.images import Images
from marketplace.storage.kept_pages import KeptPages
from marketplace.storage.syncs import ScannedPage, ScannedRef
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
SourceOf = Callable[[Seller, Settings], CatalogSource]


class Ingestion:
    """Everything that syncs of one run share, open for the block of an `async with`: client, browser, stores.

    Parameters
    ----------
    source_of
        Which source reads a seller; its own by default.
    patience
        What hosts are given.
    clock
        The instant at which something is recorded.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        images: Images,
        settings: Settings,
        *,
        source_of: SourceOf = source_for,
        patience: Patience | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.warehouse = warehouse
        self.images = images
        self.settings = settings
        self.source_of = source_of
        self.clock = clock
        self.fetcher = Fetcher(settings, patience)
        self.chromium = Chromium(settings)
        self.kept = KeptPages(settings.artifacts_folder / "pages")

    async def __aenter__(self) -> Self:
        await self.fetcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.chromium.__aexit__(kind, error, trace)
        await self.fetcher.__aexit__(kind, error, trace)

    async def sync(
        self,
        seller: Seller,
        *,
        trigger: str,
        brake_share: float | None = None,
        run_id: str | None = None,
        progress: StepTold | None = None,
    ) -> SyncAudit:
        """Scan and read one seller; what was found and done. Raises as `scout` and `hydrate`."""
        sync_id = await self.scout(seller, trigger=trigger, run_id=run_id)
        tell(progress, "scouted", 0, 0)
        return await self.hydrate(seller, sync_id, brake_share=brake_share, progress=progress)

    async def scout(self, seller: Seller, *, trigger: str, run_id: str | None = None) -> str:
        """The id of a new sync whose scan is stored and waits to be hydrated.

        Raises
        ------
        MarketplaceError
            What the source raised; the sync is then closed as failed, with the reason.
        """
        sync_id, now = uuid.uuid4().hex, self.clock()
        opened = {"sync_id": sync_id, "seller_id": seller.seller_id, "run_id": run_id, "trigger": trigger}
        try:
            web = await asyncio.to_thread(self._visit, seller)
            scan = await self.source_of(seller, self.settings).scout(web)
        except MarketplaceError as error:
            await asyncio.to_thread(syncs.add_failed_sync, self.warehouse, opened, str(error), now)
            raise
        await asyncio.to_thread(
            syncs.add_scan,
            self.warehouse,
            opened,
            [ScannedRef(ref.source_ref, ref.url, ref.harvest) for ref in scan.refs],
            _pages_of_scan(scan, web),
            is_complete=scan.is_complete,
            note=scan.note,
            now=now,
            cost=asdict(web.tally),
        )
        log.info("%s shows %d products, complete: %s", seller.handle, len(scan.refs), scan.is_complete)
        return sync_id

    async def hydrate(
        self, seller: Seller, sync_id: str, *, brake_share: float | None = None, progress: StepTold | None = None
    ) -> SyncAudit:
        """What the sync found, after everything its scan saw was read and stored.

        A product is gone when its page answered 404 or 410, or a complete scan did not show it; but when more
        than `brake_share` of the seller's live products (the setting's, unless given) would go at once, or the scan
        showed none at all, none goes, the brake is raised, and a person decides. A share of 1 takes the brake off.

        Raises
        ------
        StoreUnreachable
            If Postgres fails, or another sync of this seller is under way.
        """
        share = self.settings.vanish_brake_share if brake_share is None else brake_share
        with syncs.sole_sync(self.warehouse, seller):
            reading = await asyncio.to_thread(Reading.begin, self, seller, sync_id, share)
            if len(reading.scan.refs) < reading.scan.scouted:
                reading.audit.status, reading.audit.note = "failed", syncs.SUPERSEDED
            else:
                await reading.run(progress)
            audit = reading.audit
            await asyncio.to_thread(
                syncs.close_sync, self.warehouse, sync_id, audit.outcome(), audit.events, self.clock()
            )
        tell(progress, "closed", audit.scouted, audit.scouted)
        log.info(
            "%s: %d new, %d gone, %d prices, %d other, %d unchanged, %d refused",
            seller.handle, audit.new, audit.gone, audit.price_changed, audit.other_changed, audit.unchanged,
            audit.failed,
        )  # fmt: skip
        return audit

    def _visit(self, seller: Seller) -> Visit:
        with self.warehouse.begin() as connection:
            pages = syncs.pages_of(connection, seller.seller_id)
            refs = syncs.last_whole_scan(connection, seller.seller_id)
        known = {page.url: validators_of(page) for page in pages.values() if page.role == "listing"}
        traces = tuple(Trace(page.url, validators_of(page)) for page in pages.values() if page.role == "trace")
        last = None
        if refs is not None:
            last = Scan(tuple(ProductRef(ref.source_ref, ref.url, ref.harvest) for ref in refs), True, traces=traces)
        return Visit(self.fetcher, self.chromium, self.kept, known, last)


def sync_seller(
    warehouse: Warehouse,
    images: Images,
    settings: Settings,
    seller: Seller,
    *,
    trigger: str,
    source: CatalogSource | None = None,
    now: datetime | None = None,
    brake_share: float | None = None,
    progress: StepTold | None = None,
) -> SyncAudit:
    """One seller scanned and read, in a run of its own; raises as `Ingestion.scout` and `Ingestion.hydrate`."""

    async def run() -> SyncAudit:
        async with Ingestion(
            warehouse,
            images,
            settings,
            source_of=source_for if source is None else lambda seller, settings: source,
            clock=lambda: now or datetime.now(UTC),
        ) as ingestion:
            return await ingestion.sync(seller, trigger=trigger, brake_share=brake_share, progress=progress)

    return asyncio.run(run())


def _pages_of_scan(scan: Scan, web: Visit) -> list[ScannedPage]:
    listings = [(url, "listing", seen) for url, seen in web.learned.items()]
    traces = [(trace.url, "trace", trace.validators) for trace in scan.traces]
    return [
        ScannedPage(url, role, seen.etag, seen.last_modified, seen.content_sha256, f"{place:06d}")
        for place, (url, role, seen) in enumerate([*listings, *traces])
    ]
