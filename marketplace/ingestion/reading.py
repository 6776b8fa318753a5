"""One seller's scan while it is read: what to ask for, what to store, and what may go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from marketplace.catalog.changes import Change, changes_between
from marketplace.catalog.products import Product, Seller
from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.hydrating import Hydration, Hydrator, Knowledge, PageSeen, Refusal
from marketplace.ingestion.politeness import Tally
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.visits import Visit
from marketplace.ingestion.web import Validators
from marketplace.storage import poison, removals, syncs
from marketplace.storage.catalog import products_of
from marketplace.storage.product_writes import Sighting, Writes
from marketplace.storage.syncs import ScannedPage

if TYPE_CHECKING:
    from marketplace.ingestion.sync import Ingestion

log = logging.getLogger(__name__)
BATCH = 50
StepTold = Callable[[str, int, int], None]  # scouted, fetched, stored, removed or closed; products done, and in all


@dataclass(slots=True)
class Reading:
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
    def begin(cls, owner: Ingestion, seller: Seller, sync_id: str, brake_share: float) -> Reading:
        """The reading of a stored scan, with everything that is known of its seller."""
        with owner.warehouse.begin() as connection:
            scan = syncs.open_scan(connection, sync_id)
            known = products_of(connection, seller.seller_id)
            letters = poison.letters_of(connection, seller.seller_id)
            pages = syncs.pages_of(connection, seller.seller_id)
        web = Visit(owner.fetcher, owner.chromium, owner.kept, tally=Tally(**scan.cost))
        seen = {url: PageSeen(url, page.role, validators_of(page), page.read_as or "") for url, page in pages.items()}
        source = owner.source_of(seller, owner.settings)
        at_once = owner.settings.hydrate_concurrency
        knowledge = Knowledge(known, seen)
        hydrator = Hydrator(source, web, owner.images, knowledge, at_once=at_once, currency=seller.currency)
        audit = SyncAudit(sync_id, seller.seller_id, note=scan.note, scouted=scan.scouted, cost=web.tally)
        sighting = Sighting(seller.seller_id, sync_id, scan.seen_at, owner.clock())
        return cls(owner, seller, scan, known, letters, hydrator, audit, sighting, brake_share)

    async def run(self, progress: StepTold | None) -> None:
        """Read and store what the scan saw, remove what is proven gone, and count it in the audit."""
        refs = [ProductRef(ref.source_ref, ref.url, ref.harvest) for ref in self.scan.refs]
        due = sorted((ref for ref in refs if not self._is_left_alone(ref)), key=self._last_read)
        done = len(refs) - len(due)
        async with aclosing(self.hydrator.read(due)) as outcomes, aclosing(_batches(outcomes, BATCH)) as batches:
            async for batch in batches:
                tell(progress, "fetched", done, len(refs))
                await asyncio.to_thread(self._store, batch)
                done += len(batch)
                tell(progress, "stored", done, len(refs))
                log.info("%s: read %d of %d products", self.seller.handle, done, len(refs))
        if self.scan.is_complete:
            self.vanished |= self.known.keys() - {ref.source_ref for ref in refs}
        await asyncio.to_thread(self._remove)
        tell(progress, "removed", done, len(refs))
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


def _scanned(page: PageSeen) -> ScannedPage:
    seen = page.validators
    return ScannedPage(page.url, page.role, seen.etag, seen.last_modified, seen.content_sha256, page.read_as)


async def _batches(items: AsyncIterator[Hydration], size: int) -> AsyncGenerator[list[Hydration]]:
    batch: list[Hydration] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def validators_of(page: ScannedPage) -> Validators:
    """What is known of a page, as the next request for it wants it."""
    return Validators(page.etag, page.last_modified, page.content_sha256)


def tell(progress: StepTold | None, step: str, done: int, total: int) -> None:
    """Say how far a sync has come, where somebody wants to know."""
    if progress is not None:
        progress(step, done, total)
