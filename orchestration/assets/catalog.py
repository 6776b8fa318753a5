"""From sellers to products: scout what each catalogue shows, then hydrate it."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from marketplace.catalog.products import Seller
from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.sync import Ingestion
from marketplace.storage import audit, catalog
from marketplace.storage.brakes import open_brakes
from marketplace.storage.images import Images
from marketplace.storage.sync_reports import heartbeats
from marketplace.storage.syncs import close_forsaken_scans
from marketplace.storage.warehouse import Warehouse
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, histogram, shown, table
from orchestration.resources import ImagesParam, Ingestions, IngestionsParam, WarehouseParam

HEARTBEAT = timedelta(hours=5, minutes=30)  # less than the six between two beats, so that none is left out
EVERY_SIX_HOURS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=13), warn_window=timedelta(hours=7))
ENGINEERS = ["team:data-engineering"]


class CatalogScope(dg.Config):
    """Which sellers a run reads: all whose catalogue can be polled, unless some are named."""

    seller_ids: list[int] = Field(default_factory=list, description="empty for every seller")
    only_due: bool = Field(False, description="leave out those whose catalogue was read within the last hours")
    trigger: str = "schedule"


def sellers_in_scope(warehouse: Warehouse, config: CatalogScope, now: datetime) -> list[Seller]:
    """The active sellers that a run must read; uploaded feeds are read when they are uploaded."""
    before = now - HEARTBEAT if config.only_due else now + timedelta(days=1)
    polled = catalog.sellers_due(warehouse, before=before)
    return [seller for seller in polled if not config.seller_ids or seller.seller_id in config.seller_ids]


@dg.asset(group_name="catalog", kinds={"postgres"}, owners=ENGINEERS)
@failing_by_class
def sellers(warehouse: WarehouseParam) -> dg.MaterializeResult:
    """Sellers whose catalogues are kept, with where each catalogue is read. One row per seller."""
    found = catalog.sellers(warehouse)
    rows = [{"seller": s.name, "city": s.city, "country": s.country, "source": s.source_kind} for s in found]
    return dg.MaterializeResult(metadata={"sellers": len(found), "sample": table(rows)})


@dg.asset(
    deps=[sellers],
    group_name="catalog",
    kinds={"python", "playwright"},
    owners=ENGINEERS,
    freshness_policy=EVERY_SIX_HOURS,
    pool="catalog",
    check_specs=[dg.AssetCheckSpec("every_seller_was_reached", asset="scouted_products")],
)
@failing_by_class
def scouted_products(
    context: dg.AssetExecutionContext,
    config: CatalogScope,
    warehouse: WarehouseParam,
    images: ImagesParam,
    ingestions: IngestionsParam,
) -> dg.MaterializeResult:
    """What each catalogue shows, found in a browser or in listings. One row per seller and product."""
    started = time.monotonic()
    chosen = sellers_in_scope(warehouse, config, datetime.now(UTC))

    async def scout(ingestion: Ingestion, seller: Seller) -> dict[str, Any]:
        sync_id = await ingestion.scout(seller, trigger=config.trigger, run_id=context.run.run_id)
        scan = audit.scouted(warehouse, sync_id)
        return {
            "seller": seller.name,
            "source": seller.source_kind,
            "scouted": scan.scouted,
            "complete": scan.is_complete,
            "note": scan.note,
        }

    rows, failures = ingestions.each(warehouse, images, chosen, scout)
    return dg.MaterializeResult(
        metadata={
            "product_pages": sum(row["scouted"] for row in rows),
            "sellers": len(rows),
            "sellers_not_reached": len(failures),
            "seconds": round(time.monotonic() - started, 1),
            "by_seller": table(sorted(rows, key=_seller), limit=200),
        },
        check_results=[_reached(failures)],
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            "products",
            deps=[scouted_products],
            description="What each seller offers, as its page shows it now. One row per seller and product.",
            group_name="catalog",
            kinds={"python", "postgres"},
            owners=ENGINEERS,
            freshness_policy=EVERY_SIX_HOURS,
        ),
        dg.AssetSpec(
            "product_changes",
            deps=[scouted_products],
            description="What a sync found new, gone or changed. One row per product, sync and changed field.",
            group_name="catalog",
            kinds={"postgres"},
            owners=ENGINEERS,
        ),
    ],
    pool="catalog",
    check_specs=[
        dg.AssetCheckSpec(
            "every_page_was_read",
            asset="products",
            description="Every product and picture that was found could be read.",
        ),
        dg.AssetCheckSpec(
            "no_catalog_vanished",
            asset="products",
            description="No seller's deletions wait for a person: `soko brake list` shows those that do.",
        ),
        dg.AssetCheckSpec(
            "every_catalog_is_fresh",
            asset="products",
            description="Every active seller's catalogue was read within the last seven hours.",
        ),
    ],
)
def hydrated_products(
    warehouse: WarehouseParam, images: ImagesParam, ingestions: IngestionsParam
) -> Iterator[dg.MaterializeResult]:
    """Every scouted page read, stored, and compared with what was known."""
    yield from _hydrate_open_scans(warehouse, images, ingestions)


@failing_by_class
def _hydrate_open_scans(
    warehouse: Warehouse, images: Images, ingestions: Ingestions
) -> tuple[dg.MaterializeResult, ...]:
    started = time.monotonic()
    by_id = {seller.seller_id: seller for seller in catalog.sellers(warehouse)}
    close_forsaken_scans(warehouse, datetime.now(UTC))
    waiting = audit.open_scans(warehouse)

    async def hydrate(ingestion: Ingestion, scan: audit.Scouted) -> SyncAudit:
        return await ingestion.hydrate(by_id[scan.seller_id], scan.sync_id)

    audits, failures = ingestions.each(warehouse, images, waiting, hydrate)
    found = catalog.live_products(warehouse)
    changes = audit.changes_of(warehouse, [done.sync_id for done in audits])
    in_catalog = dg.MaterializeResult(
        asset_key="products",
        metadata={
            "dagster/row_count": len(found),
            "hydrated": sum(done.hydrated for done in audits),
            "unchanged": sum(done.unchanged for done in audits),
            "refused": sum(done.failed for done in audits),
            "not_modified": sum(done.cost.not_modified for done in audits),
            "requests": sum(done.cost.requests for done in audits),
            "megabytes": round(sum(done.cost.bytes_received for done in audits) / 1e6, 2),
            "polite_seconds": round(sum(done.cost.polite_seconds for done in audits), 1),
            "errors": dict(sum((done.errors for done in audits), Counter())),
            "seconds": round(time.monotonic() - started, 1),
            "syncs": table(
                sorted((_audit_row(by_id[done.seller_id], done) for done in audits), key=_seller), limit=200
            ),
            "by_category": shown(bars("Live products by category", _counts(p.category or "none" for p in found))),
            "prices": shown(
                histogram("Prices", [p.price.amount_minor for p in found if p.price], unit="minor units", log=True)
            ),
        },
        check_results=[_read_all(audits, by_id, failures), _none_braked(warehouse), _all_fresh(warehouse)],
    )
    in_audit = dg.MaterializeResult(
        asset_key="product_changes",
        metadata={**_counts(change["kind"] for change in changes), "changes": table(changes, limit=50)},
    )
    return in_catalog, in_audit


def _reached(failures: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="every_seller_was_reached",
        asset_key="scouted_products",
        passed=not failures,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failures": failures},
    )


def _read_all(audits: Sequence[SyncAudit], by_id: Mapping[int, Seller], failures: list[str]) -> dg.AssetCheckResult:
    refusals = [
        {"seller": by_id[audit.seller_id].name, **{name: refusal[name] for name in ("source_ref", "error", "reason")}}
        for audit in audits
        for refusal in audit.refusals
    ]
    return _warning(
        "every_page_was_read",
        passed=not refusals and not failures,
        refusals=len(refusals),
        refused=table(sorted(refusals, key=_seller), limit=50),
        failures=failures,
    )


def _none_braked(warehouse: Warehouse) -> dg.AssetCheckResult:
    waiting = [brake for brake in open_brakes(warehouse) if brake.state == "raised"]
    rows = [
        {
            "seller": brake.seller_name,
            "vanished": brake.vanished,
            "of": brake.live,
            "since": brake.raised_at,
            "for example": ", ".join(list(brake.examples.values())[:3]),
            "what to do": f"soko brake release {brake.handle}, or clear",
        }
        for brake in waiting
    ]
    return _warning("no_catalog_vanished", passed=not waiting, braked=table(rows, limit=50))


def _all_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    stale = [beat for beat in heartbeats(warehouse, datetime.now(UTC)) if beat.is_stale]
    rows = [{"seller": beat.seller_name, "last read": beat.last_read_at or "never"} for beat in stale]
    return _warning("every_catalog_is_fresh", passed=not stale, stale=table(rows, limit=50))


def _warning(name: str, *, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key="products",
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _seller(row: Mapping[str, Any]) -> str:
    return str(row["seller"])


def _audit_row(seller: Seller, audit: SyncAudit) -> dict[str, Any]:
    return {
        "seller": seller.name,
        "status": audit.status,
        "hydrated": audit.hydrated,
        "new": audit.new,
        "gone": audit.gone,
        "back": audit.back,
        "price": audit.price_changed,
        "other": audit.other_changed,
        "unchanged": audit.unchanged,
        "refused": audit.failed,
        "requests": audit.cost.requests,
        "kilobytes": round(audit.cost.bytes_received / 1e3),
        "polite_seconds": round(audit.cost.polite_seconds, 1),
        "note": audit.note,
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names))
