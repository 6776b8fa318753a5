"""From sellers to products: scout what each catalogue shows, then hydrate it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from marketplace.catalog.products import Seller
from marketplace.errors import MarketplaceError
from marketplace.ingestion.sync import SyncAudit, hydrate_seller, scout_seller
from marketplace.storage import audit, catalog
from marketplace.storage.images import Images
from marketplace.storage.syncs import close_forsaken_scans
from marketplace.storage.warehouse import Warehouse
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, histogram, shown, table
from orchestration.resources import ImagesParam, Sources, SourcesParam, WarehouseParam

log = logging.getLogger(__name__)
EVERY_SIX_HOURS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=13), warn_window=timedelta(hours=7))
ENGINEERS = ["team:data-engineering"]


class CatalogScope(dg.Config):
    """Which sellers a run reads: all whose catalogue can be polled, unless some are named."""

    seller_ids: list[int] = Field(default_factory=list, description="empty for every seller")
    trigger: str = "schedule"


def sellers_in_scope(warehouse: Warehouse, seller_ids: Sequence[int]) -> list[Seller]:
    """The active sellers that a run must read; uploaded feeds are read when they are uploaded."""
    polled = [seller for seller in catalog.sellers(warehouse) if seller.source_kind != "feed"]
    return [seller for seller in polled if not seller_ids or seller.seller_id in seller_ids]


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
    context: dg.AssetExecutionContext, config: CatalogScope, warehouse: WarehouseParam, sources: SourcesParam
) -> dg.MaterializeResult:
    """Product pages that each seller's catalogue shows, found in a browser. One row per seller and product page."""
    started = time.monotonic()
    now = datetime.now(UTC)

    def scout(seller: Seller) -> dict[str, Any]:
        sync_id = scout_seller(
            warehouse, sources.of(seller), seller, trigger=config.trigger, run_id=context.run.run_id, now=now
        )
        scan = audit.scouted(warehouse, sync_id)
        return {"seller": seller.name, "scouted": scan.scouted, "complete": scan.is_complete, "note": scan.note}

    rows, failures = _each(sellers_in_scope(warehouse, config.seller_ids), scout)
    return dg.MaterializeResult(
        metadata={
            "product_pages": sum(row["scouted"] for row in rows),
            "sellers": len(rows),
            "sellers_not_reached": len(failures),
            "seconds": round(time.monotonic() - started, 1),
            "by_seller": table(rows, limit=200),
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
        dg.AssetCheckSpec("every_page_was_read", asset="products"),
        dg.AssetCheckSpec("no_catalog_vanished", asset="products"),
    ],
)
def hydrated_products(
    warehouse: WarehouseParam, images: ImagesParam, sources: SourcesParam
) -> Iterator[dg.MaterializeResult]:
    """Every scouted page read, stored, and compared with what was known."""
    yield from _hydrate_open_scans(warehouse, images, sources)


@failing_by_class
def _hydrate_open_scans(warehouse: Warehouse, images: Images, sources: Sources) -> tuple[dg.MaterializeResult, ...]:
    started = time.monotonic()
    by_id = {seller.seller_id: seller for seller in catalog.sellers(warehouse)}
    close_forsaken_scans(warehouse, datetime.now(UTC))
    waiting = audit.open_scans(warehouse)

    def hydrate(scan: audit.Scouted) -> SyncAudit:
        seller = by_id[scan.seller_id]
        return hydrate_seller(
            warehouse,
            images,
            sources.of(seller),
            seller,
            scan.sync_id,
            now=datetime.now(UTC),
            brake_share=sources.settings.vanish_brake_share,
        )

    audits, failures = _each(waiting, hydrate)
    found = catalog.live_products(warehouse)
    changes = audit.changes_of(warehouse, [done.sync_id for done in audits])
    in_catalog = dg.MaterializeResult(
        asset_key="products",
        metadata={
            "dagster/row_count": len(found),
            "hydrated": sum(done.hydrated for done in audits),
            "unchanged": sum(done.unchanged for done in audits),
            "refused": sum(done.failed for done in audits),
            "seconds": round(time.monotonic() - started, 1),
            "syncs": table([_audit_row(by_id[done.seller_id], done) for done in audits], limit=200),
            "by_category": shown(bars("Live products by category", _counts(p.category or "none" for p in found))),
            "prices": shown(
                histogram("Prices", [p.price.amount_minor for p in found if p.price], unit="minor units", log=True)
            ),
        },
        check_results=[_read_all(audits, failures), _none_braked(audits)],
    )
    in_audit = dg.MaterializeResult(
        asset_key="product_changes",
        metadata={**_counts(change["kind"] for change in changes), "changes": table(changes, limit=50)},
    )
    return in_catalog, in_audit


def _each(subjects: Sequence[Any], work: Callable[[Any], Any]) -> tuple[list[Any], list[str]]:
    """What the work gave for each subject, and what went wrong; one bad seller stops no other.

    Raises
    ------
    MarketplaceError
        The first error, when the work failed for every subject.
    """
    done: list[Any] = []
    errors: list[MarketplaceError] = []
    for number, subject in enumerate(subjects, 1):
        try:
            done.append(work(subject))
            log.info("seller %d of %d done", number, len(subjects))
        except MarketplaceError as error:
            log.warning("seller %d of %d failed: %s", number, len(subjects), error)
            errors.append(error)
    if errors and not done:
        raise errors[0]
    return done, [f"{type(error).__name__}: {error}" for error in errors]


def _reached(failures: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="every_seller_was_reached",
        asset_key="scouted_products",
        passed=not failures,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failures": failures},
    )


def _read_all(audits: Sequence[SyncAudit], failures: list[str]) -> dg.AssetCheckResult:
    refusals = [refusal for audit in audits for refusal in audit.refusals]
    return dg.AssetCheckResult(
        check_name="every_page_was_read",
        asset_key="products",
        passed=not refusals and not failures,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"refused": table(refusals, limit=50), "failures": failures},
    )


def _none_braked(audits: Sequence[SyncAudit]) -> dg.AssetCheckResult:
    braked = [f"sync {audit.sync_id}: {audit.note}" for audit in audits if audit.status == "braked"]
    return dg.AssetCheckResult(
        check_name="no_catalog_vanished",
        asset_key="products",
        passed=not braked,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"braked": braked},
    )


def _audit_row(seller: Seller, audit: SyncAudit) -> dict[str, Any]:
    return {
        "seller": seller.name,
        "status": audit.status,
        "hydrated": audit.hydrated,
        "new": audit.new,
        "gone": audit.gone,
        "price": audit.price_changed,
        "other": audit.other_changed,
        "unchanged": audit.unchanged,
        "refused": audit.failed,
    }


def _counts(names: Any) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(names))
