"""The index: a verified collection replaces the old one."""

import time
from datetime import UTC, datetime

import dagster as dg

from marketplace.storage.index_state import follow_catalog
from orchestration.assets.catalog import ENGINEERS, EVERY_SIX_HOURS
from orchestration.assets.embedding import product_embeddings
from orchestration.failures import failing_by_class
from orchestration.resources import EncodersParam, VectorsParam, WarehouseParam


@dg.asset(
    deps=[product_embeddings],
    group_name="index",
    kinds={"milvus"},
    owners=ENGINEERS,
    freshness_policy=EVERY_SIX_HOURS,
    pool="index",
    check_specs=[dg.AssetCheckSpec("the_index_is_whole", asset="product_index", blocking=True)],
)
@failing_by_class
def product_index(warehouse: WarehouseParam, vectors: VectorsParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """The Milvus collection that searches read, built aside and switched by alias. One row per indexed product."""
    started = time.monotonic()
    build = follow_catalog(
        warehouse,
        vectors,
        encoders.load().version,
        index_type=encoders.settings.index_type,
        now=datetime.now(UTC),
    )
    return dg.MaterializeResult(
        metadata={
            "collection": build.collection,
            "dagster/row_count": build.products,
            "nlist": build.nlist,
            "rebuilt": build.rebuilt,
            "model_version": build.model_version,
            "verification": dg.MetadataValue.json(dict(build.report)),
            "seconds": round(time.monotonic() - started, 1),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="the_index_is_whole",
                passed=True,
                metadata={"verification": dg.MetadataValue.json(dict(build.report))},
            )
        ],
    )
