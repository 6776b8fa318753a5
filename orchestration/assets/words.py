"""The index of words, beside that of pictures and meanings."""

import time

import dagster as dg

from marketplace.storage.suggestions import refresh_suggestions
from marketplace.storage.word_index import refresh_terms, unread
from orchestration.assets.catalog import ENGINEERS, EVERY_SIX_HOURS
from orchestration.failures import failing_by_class
from orchestration.resources import WarehouseParam


@dg.asset(
    deps=["product_quality", "products"],
    group_name="index",
    kinds={"postgres"},
    owners=ENGINEERS,
    freshness_policy=EVERY_SIX_HOURS,
    check_specs=[dg.AssetCheckSpec("every_product_on_offer_was_read", asset="search_terms")],
)
@failing_by_class
def search_terms(warehouse: WarehouseParam) -> dg.MaterializeResult:
    """The inverted index of words that keyword search reads; only what changed is read again. One row per term."""
    started = time.monotonic()
    done = refresh_terms(warehouse)
    suggested = refresh_suggestions(warehouse)
    left_out = unread(warehouse)
    return dg.MaterializeResult(
        metadata={
            "products_read": done.products,
            "terms_moved": done.terms,
            "suggestions": suggested,
            "seconds": round(time.monotonic() - started, 1),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_product_on_offer_was_read",
                passed=left_out == 0,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"left_out": left_out},
            )
        ],
    )
