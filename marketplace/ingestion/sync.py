"""A sync of one seller: scan, read, store what changed, and leave an audit row.

Products are written in small transactions by natural key, with what their pages said and what could not be
read, so a sync that dies anywhere and is followed by another ends in the state of one that did not die. Everything
a sync records is dated by its scan; when we came to know it is kept beside that.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from marketplace.catalog.changes import Change, changes_between
from marketplace.catalog.products import Product, Seller
from marketplace.errors import MarketplaceError
from marketplace.ingestion.browser import Chromium
from marketplace.ingestion.fetching import Fetcher
from marketplace.ingestion.hydrating import Hydration, Hydrator, Knowledge, PageSeen, Refusal
from marketplace.ingestion.politeness import Patience, Tally
from marketplace.ingestion.sources import CatalogSource, ProductRef, Scan, Trace, source_for
from marketplace.ingestion.visits import Visit
from marketplace.ingestion.web import Validators
from marketplace.settings import Settings
from marketplace.storage import poison, removals, syncs
from marketplace.storage.catalog import products_of
from marketplace.storage.images import Images
from marketplace.storage.kept_pages import KeptPages
from marketplace.storage.product_writes import Sighting, Writes
from marketplace.storage.syncs import ScannedPage, ScannedRef
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
BATCH = 50
StepTold = Callable[[str, int, int], None]  # scouted, fetched, stored, removed or closed; products done, and in all
SourceOf = Callable[[Seller, Settings], CatalogSource]


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
    passed_over: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    cost: Tally = field(default_factory=Tally)

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The products and pictures that were refused, with the reason."""
        return [event for event in self.events if event["kind"] in {"refused", "picture_refused"}]

    def refuse(self, source_ref: str, refusal: Refusal) -> None:
        """Keep why a product or its picture was refused."""
        kind = "picture_refused" if refusal.stage == "picture" else "refused"
        self.note_event(kind, refusal.reason[:500], source_ref, refusal.error)
        self.errors[refusal.error] += 1

    def note_event(self, kind: str, reason: str, source_ref: str | None = None, error: str | None = None) -> None:
        """Keep something that went otherwise than planned."""
        self.events.append({"kind": kind, "source_ref": source_ref, "error": error, "reason": reason})

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
        first = self.refusals[0]["reason"] if self.refusals else ""
        if self.failed and not self.hydrated:
            self.status = "failed"
            self.note = f"none of {self.scouted} products could be read; the first: {first}"
        elif self.failed > self.hydrated:
            self.status = "failed"
            self.note = f"only {self.hydrated} of {self.scouted} products could be read; the first refused: {first}"
        elif not is_complete or any(name in self.errors for name in ("SourceUnavailable", "Busy", "LeftToNextRun")):
            self.status = "partial"
        if self.passed_over:
            self.note = "; ".join(filter(None, [self.note, f"{self.passed_over} pages show no product"]))

    def outcome(self) -> dict[str, Any]:
        """The columns of the audit row."""
        left_out = {"sync_id", "seller_id", "scouted", "passed_over", "events", "cost"}
        counted = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**counted, **asdict(self.cost), "errors": dict(self.errors)}


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
        _tell(progress, "scouted", 0, 0)
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
            reading = await asyncio.to_thread(_Reading.begin, self, seller, sync_id, share)
            if len(reading.scan.refs) < reading.scan.scouted:
                reading.audit.status, reading.audit.note = "failed", syncs.SUPERSEDED
            else:
                await reading.run(progress)
            audit = reading.audit
            await asyncio.to_thread(
                syncs.close_sync, self.warehouse, sync_id, audit.outcome(), audit.events, self.clock()
            )
        _tell(progress, "closed", audit.scouted, audit.scouted)
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
        known = {page.url: _validators(page) for page in pages.values() if page.role == "listing"}
        traces = tuple(Trace(page.url, _validators(page)) for page in pages.values() if page.role == "trace")
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


@dataclass(slots=True)
class _Reading:
    """One seller's scan while it is read."""

    owner: Ingestion
    seller: Seller
    scan: syncs.OpenScan
    known: Mapping[str, Product]
    letters: Mapping[str, poison.Letter]
    hydrator: Hydrator
    audit: SyncAudit
    sighting: Sighting
    brake_share: float
    vanished: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, owner: Ingestion, seller: Seller, sync_id: str, brake_share: float) -> _Reading:
        with owner.warehouse.begin() as connection:
            scan = syncs.open_scan(connection, sync_id)
            known = products_of(connection, seller.seller_id)
            letters = poison.letters_of(connection, seller.seller_id)
            pages = syncs.pages_of(connection, seller.seller_id)
        web = Visit(owner.fetcher, owner.chromium, owner.kept, tally=Tally(**scan.cost))
        seen = {url: PageSeen(url, page.role, _validators(page), page.read_as or "") for url, page in pages.items()}
        source = owner.source_of(seller, owner.settings)
        at_once = owner.settings.hydrate_concurrency
        knowledge = Knowledge(known, seen)
        hydrator = Hydrator(source, web, owner.images, knowledge, at_once=at_once, currency=seller.currency)
        audit = SyncAudit(sync_id, seller.seller_id, note=scan.note, scouted=scan.scouted, cost=web.tally)
        sighting = Sighting(seller.seller_id, sync_id, scan.seen_at, owner.clock())
        return cls(owner, seller, scan, known, letters, hydrator, audit, sighting, brake_share)

    async def run(self, progress: StepTold | None) -> None:
        refs = [ProductRef(ref.source_ref, ref.url, ref.harvest) for ref in self.scan.refs]
        due = sorted((ref for ref in refs if not self._is_left_alone(ref)), key=self._last_read)
        done = len(refs) - len(due)
        async for batch in _batches(self.hydrator.read(due), BATCH):
            _tell(progress, "fetched", done, len(refs))
            await asyncio.to_thread(self._store, batch)
            done += len(batch)
            _tell(progress, "stored", done, len(refs))
            log.info("%s: read %d of %d products", self.seller.handle, done, len(refs))
        if self.scan.is_complete:
            self.vanished |= self.known.keys() - {ref.source_ref for ref in refs}
        await asyncio.to_thread(self._remove)
        _tell(progress, "removed", done, len(refs))
        recorded = await asyncio.to_thread(syncs.recorded_changes, self.owner.warehouse, self.audit.sync_id)
        self.audit.count(*recorded)
        self.audit.conclude(self.scan.is_complete)

    def _last_read(self, ref: ProductRef) -> float:
        """What was never read comes first, then what was read longest ago: a slow host gets to all in the end."""
        known = self.known.get(ref.source_ref)
        return known.last_hydrated_at.timestamp() if known is not None else 0.0

    def _is_left_alone(self, ref: ProductRef) -> bool:
        letter = self.letters.get(ref.source_ref)
        if letter is None or not letter.is_left_alone(self.owner.clock(), self.hydrator.harvested(ref)):
            return False
        self.audit.failed += 1
        self.audit.refuse(ref.source_ref, Refusal(letter.stage, letter.error, letter.reason))
        return True

    def _store(self, batch: Sequence[Hydration]) -> None:
        writes = Writes(self.sighting)
        read: list[str] = []
        failures: list[poison.Failure] = []
        for hydration in batch:
            ref = hydration.ref
            for refusal in hydration.refusals:
                self.audit.refuse(ref.source_ref, refusal)
            if hydration.is_passed_over:
                self.audit.passed_over += 1
                continue
            if hydration.is_refused:
                self.audit.failed += 1
                failures += self._failures(hydration)
                continue
            read.append(ref.source_ref)
            if hydration.is_gone:
                self.vanished |= {ref.source_ref} & self.known.keys()
            else:
                self.audit.hydrated += 1
                self._put(writes, hydration)
        letters = [ref for ref in read if ref in self.letters]
        with self.owner.warehouse.begin() as connection:
            writes.write(connection)
            pages = [_scanned(page) for hydration in batch for page in hydration.pages]
            syncs.keep_pages(connection, self.seller.seller_id, pages, self.sighting.seen_at)
            poison.note_failures(connection, self.seller.seller_id, failures, self.owner.clock())
            if letters:
                poison.resolve(connection, self.seller.seller_id, letters)

    def _put(self, writes: Writes, hydration: Hydration) -> None:
        known = self.known.get(hydration.ref.source_ref)
        if hydration.product is None and known is not None:
            changes = [] if hydration.image_sha256 == known.image_sha256 else [_new_picture(known, hydration)]
            shown = known.as_sourced()
        elif hydration.product is not None:
            shown = hydration.product
            changes = changes_between(known, shown, hydration.image_sha256) if known else [Change("new")]
        else:
            raise AssertionError(f"{hydration.ref.source_ref} is unchanged and not known")
        if known is not None and not changes:
            writes.unchanged(known)
        else:
            writes.shown(shown, hydration.image_sha256, known, changes, hydration.evidence)

    def _failures(self, hydration: Hydration) -> list[poison.Failure]:
        """What was read and is no product; a host that does not answer, or refuses, is asked again anyhow."""
        return [
            poison.Failure(
                hydration.ref.source_ref,
                hydration.ref.url,
                refusal.stage,
                refusal.error,
                refusal.reason,
                self.hydrator.harvested(hydration.ref),
            )
            for refusal in hydration.refusals
            if refusal.stage == "read"
        ]

    def _remove(self) -> None:
        """What vanished goes, unless it is too much at once or a raised brake holds it.

        Only products that were live before this scan count: what the scan itself brought proves nothing.
        """
        seen_at = self.sighting.seen_at
        before = {ref for ref, one in self.known.items() if not one.is_gone and one.first_seen_at < seen_at}
        vanished = {ref for ref in self.vanished if not self.known[ref].is_gone}
        live = len(before | vanished)
        with self.owner.warehouse.begin() as connection:
            brake = removals.open_brake(connection, self.seller.seller_id)
            allowed = vanished & brake.vanished if brake is not None and brake.state == "released" else set()
            unproven = vanished - allowed
            is_held = brake is not None and brake.state == "raised" and bool(unproven & brake.vanished)
            if self.brake_share < 1 and (is_held or self._is_too_many(len(unproven), live)):
                self._brake(connection, unproven, live, brake)
                unproven = set()
            elif brake is not None and self.scan.is_complete:
                was_accepted = bool(allowed) or self.brake_share >= 1
                removals.settle_brake(connection, brake, "spent" if was_accepted else "cleared", self.owner.clock())
            writes = Writes(self.sighting)
            for ref in sorted(allowed | unproven):
                writes.gone(self.known[ref])
            if allowed:
                self.audit.note_event("brake_released", f"{len(allowed)} products were removed, as a person allowed")
            writes.write(connection)
            poison.resolve(connection, self.seller.seller_id, allowed | unproven)

    def _is_too_many(self, vanishing: int, live: int) -> bool:
        if not vanishing:
            return False
        is_many = vanishing > self.brake_share * live and vanishing >= self.owner.settings.vanish_brake_least
        return is_many or self.audit.scouted == 0

    def _brake(self, connection: Any, vanishing: set[str], live: int, before: removals.Brake | None) -> None:
        self.audit.status = "braked"
        self.audit.note = (
            f"{len(vanishing)} of {live} products would vanish at once, more than {self.brake_share:.0%} may; none was "
            f"removed. If they are truly gone: soko brake release {self.seller.handle}"
        )
        self.audit.note_event("braked", self.audit.note)
        log.warning("%s: %s", self.seller.handle, self.audit.note)
        removals.raise_brake(
            connection,
            self.seller.seller_id,
            self.audit.sync_id,
            vanishing,
            live=live,
            before=before,
            now=self.owner.clock(),
        )


def _new_picture(known: Product, hydration: Hydration) -> Change:
    return Change("image", "image", known.image_sha256, hydration.image_sha256)


def _pages_of_scan(scan: Scan, web: Visit) -> list[ScannedPage]:
    listings = [(url, "listing", seen) for url, seen in web.learned.items()]
    traces = [(trace.url, "trace", trace.validators) for trace in scan.traces]
    return [
        ScannedPage(url, role, seen.etag, seen.last_modified, seen.content_sha256, f"{place:06d}")
        for place, (url, role, seen) in enumerate([*listings, *traces])
    ]


def _scanned(page: PageSeen) -> ScannedPage:
    seen = page.validators
    return ScannedPage(page.url, page.role, seen.etag, seen.last_modified, seen.content_sha256, page.read_as)


def _validators(page: ScannedPage) -> Validators:
    return Validators(page.etag, page.last_modified, page.content_sha256)


def _tell(progress: StepTold | None, step: str, done: int, total: int) -> None:
    if progress is not None:
        progress(step, done, total)


async def _batches(items: AsyncIterator[Hydration], size: int) -> AsyncIterator[list[Hydration]]:
    batch: list[Hydration] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
