"""Quality: each product judged by rules, its category inferred, the tables judged by expectations."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from marketplace.ingestion.asking import ask_about_flagged
from marketplace.storage import audit
from marketplace.storage.categories import Likelihood, categorised, keep_categories, uncategorised
from marketplace.storage.quality import judge_products
from models.embedding.categories import fit_categories, infer_categories
from orchestration.assets.catalog import ENGINEERS
from orchestration.expectations import CLEAN_SUITE, PRODUCT_SUITE, Expected, Outcome, judge_query
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, shown, table
from orchestration.resources import EncodersParam, ImagesParam, JudgesParam, WarehouseParam

LIVE_PRODUCTS = "select * from catalog.products where not is_gone"
JUDGED_PRODUCTS = """
select
    p.product_id, p.title, p.content_hash, p.price_minor, p.currency, s.currency as market_currency,
    q.verdict, q.reasons, q.confidence, q.judged_by, q.content_hash as judged_hash, q.clean_title, q.language
from catalog.products as p
inner join catalog.product_quality as q on q.product_id = p.product_id
inner join catalog.sellers as s on s.seller_id = p.seller_id
where not p.is_gone
"""
ASKING_SECONDS = 120.0  # a judge that is slow must not hold up the run


def _specs(asset: str, suite: tuple[Expected, ...]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            expected.check,
            asset=asset,
            blocking=expected.blocking,
            description=f"Great Expectations: {expected.kind}",
        )
        for expected in suite
    ]


@dg.multi_asset_check(
    name="product_expectations", specs=_specs("products", PRODUCT_SUITE), compute_kind="great_expectations"
)
def product_expectations(warehouse: WarehouseParam) -> Iterator[dg.AssetCheckResult]:
    """The Great Expectations suite over the live products; what would harm the index blocks."""
    for outcome in judge_query(warehouse.url, LIVE_PRODUCTS, PRODUCT_SUITE):
        yield _checked("products", outcome)


@dg.multi_asset_check(
    name="quality_expectations", specs=_specs("product_quality", CLEAN_SUITE), compute_kind="great_expectations"
)
def quality_expectations(warehouse: WarehouseParam) -> Iterator[dg.AssetCheckResult]:
    """The Great Expectations suite over the judged products; what shoppers must not see blocks."""
    for outcome in judge_query(warehouse.url, JUDGED_PRODUCTS, CLEAN_SUITE):
        yield _checked("product_quality", outcome)


@dg.asset(deps=["products", "picture_measures"], group_name="quality", kinds={"python"}, owners=ENGINEERS)
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


@dg.asset(deps=["product_embeddings"], group_name="quality", kinds={"python"}, owners=ENGINEERS)
@failing_by_class
def product_categories(warehouse: WarehouseParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """What products look like where their source names no category or an improbable one. One row per product."""
    version = encoders.load().version
    waiting = uncategorised(warehouse, version)
    if not waiting.product_ids:
        return dg.MaterializeResult(metadata={"looked_at": 0})
    labelled = categorised(warehouse, version)
    known = fit_categories(labelled.vectors, labelled.categories)
    if known is None:
        return dg.MaterializeResult(metadata={"looked_at": 0, "note": "too few labelled products to learn from"})
    found = infer_categories(known, waiting.vectors, waiting.categories)
    likelihoods = [
        Likelihood(product_id, one.category, one.confidence, one.named_confidence)
        for product_id, one in zip(waiting.product_ids, found, strict=True)
    ]
    given, doubted = keep_categories(warehouse, likelihoods, datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            "looked_at": len(likelihoods),
            "given_a_category": given,
            "doubted": doubted,
            "categories": len(known.names),
            "learnt_from": len(labelled.product_ids),
            "leave_one_out_accuracy": round(known.accuracy, 4),
            "calibration_error": round(known.error, 4),
        }
    )


@dg.asset(
    deps=["product_quality"],
    group_name="quality",
    kinds={"python"},
    owners=ENGINEERS,
    op_tags={"dagster/priority": "-10"},
)
@failing_by_class
def quality_opinions(warehouse: WarehouseParam, images: ImagesParam, judges: JudgesParam) -> dg.MaterializeResult:
    """What an optional vision-language judge said of flagged products; off by default. One row per product."""
    judge, settings = judges.load(), judges.settings
    if judge is None:
        return dg.MaterializeResult(metadata={"asked": 0, "note": "off: SOKO_JUDGE_URL names no judge"})
    asked = ask_about_flagged(
        warehouse,
        images,
        judge,
        daily_calls=settings.judge_daily_calls,
        daily_tokens=settings.judge_daily_tokens,
        most_seconds=ASKING_SECONDS,
        now=datetime.now(UTC),
    )
    return dg.MaterializeResult(
        metadata={
            "asked": asked.calls,
            **asked.verdicts,
            "without_opinion": asked.without_opinion,
            "tokens": asked.tokens,
            "stopped": asked.stopped,
        }
    )


def _checked(asset: str, outcome: Outcome) -> dg.AssetCheckResult:
    observed = {
        key: str(value)[:300] for key, value in outcome.observed.items() if "list" not in key and key != "details"
    }
    rows = {"failing_rows": table(outcome.failing)} if outcome.failing else {}
    return dg.AssetCheckResult(
        check_name=outcome.expected.check,
        asset_key=asset,
        passed=outcome.passed,
        severity=dg.AssetCheckSeverity.ERROR if outcome.expected.blocking else dg.AssetCheckSeverity.WARN,
        metadata={**observed, **rows},
    )
