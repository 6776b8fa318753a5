"""Quality: each product judged by rules, the table judged by expectations."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from marketplace.storage import audit
from marketplace.storage.quality import judge_products
from orchestration.assets.catalog import ENGINEERS
from orchestration.expectations import PRODUCT_SUITE, Outcome, judge_query
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, shown, table
from orchestration.resources import WarehouseParam

LIVE_PRODUCTS = "select * from catalog.products where not is_gone"


@dg.multi_asset_check(
    name="product_expectations",
    specs=[
        dg.AssetCheckSpec(
            expected.check,
            asset="products",
            blocking=expected.blocking,
            description=f"Great Expectations: {expected.kind}",
        )
        for expected in PRODUCT_SUITE
    ],
    compute_kind="great_expectations",
)
def product_expectations(warehouse: WarehouseParam) -> Iterator[dg.AssetCheckResult]:
    """The Great Expectations suite over the live products; what would harm the index blocks."""
    for outcome in judge_query(warehouse.url, LIVE_PRODUCTS, PRODUCT_SUITE):
        yield _checked(outcome)


@dg.asset(deps=["products"], group_name="quality", kinds={"python"}, owners=ENGINEERS)
@failing_by_class
def product_quality(warehouse: WarehouseParam) -> dg.MaterializeResult:
    """Verdict on each product (approved, flagged or rejected) with its reasons. One row per product."""
    started = time.monotonic()
    judged = judge_products(warehouse, datetime.now(UTC))
    verdicts, reasons = audit.verdict_counts(warehouse), audit.reason_counts(warehouse)
    return dg.MaterializeResult(
        metadata={
            "judged_now": judged,
            **verdicts,
            "seconds": round(time.monotonic() - started, 1),
            "reasons": shown(bars("Reasons", reasons, unit="products")),
            "rejected_sample": table(audit.rejected(warehouse, limit=20)),
        }
    )


def _checked(outcome: Outcome) -> dg.AssetCheckResult:
    observed = {key: str(value)[:300] for key, value in outcome.observed.items() if "list" not in key}
    return dg.AssetCheckResult(
        check_name=outcome.expected.check,
        asset_key="products",
        passed=outcome.passed,
        severity=dg.AssetCheckSeverity.ERROR if outcome.expected.blocking else dg.AssetCheckSeverity.WARN,
        metadata=observed,
    )
