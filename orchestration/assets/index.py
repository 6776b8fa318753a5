"""The index: kept up with the catalogue, built aside and switched, checked and backed up."""

import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from marketplace.storage.index_checks import check_index
from marketplace.storage.index_snapshots import take_snapshot
from marketplace.storage.index_state import Followed, follow_catalog
from marketplace.storage.verification import LEAST_RECALL
from orchestration.assets.catalog import ENGINEERS, EVERY_SIX_HOURS
from orchestration.assets.embedding import product_embeddings
from orchestration.failures import failing_by_class
from orchestration.resources import EncodersParam, VectorsParam, WarehouseParam


class IndexConfig(dg.Config):
    """What a run does with the index."""

    only_upkeep: bool = Field(
        False, description="Keep up with what is served; load no encoder, switch to no other model."
    )


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
def product_index(
    config: IndexConfig, warehouse: WarehouseParam, vectors: VectorsParam, encoders: EncodersParam
) -> dg.MaterializeResult:
    """The Milvus collection that searches read, kept up or built aside and switched. One row per indexed product."""
    started = time.monotonic()
    followed = follow_catalog(
        warehouse,
        vectors,
        None if config.only_upkeep else encoders.load().version,
        index_type=encoders.settings.index_type,
        now=datetime.now(UTC),
    )
    return dg.MaterializeResult(
        metadata={**_told(followed), "seconds": round(time.monotonic() - started, 1)},
        check_results=[
            dg.AssetCheckResult(
                check_name="the_index_is_whole",
                passed=not followed.carried.refused,
                metadata={
                    "verification": dg.MetadataValue.json(dict(followed.build.report)),
                    "refused": list(followed.carried.refused),
                },
            )
        ],
    )


@dg.asset_check(asset=product_index, blocking=True, pool="index")
@failing_by_class
def recall_is_kept(warehouse: WarehouseParam, vectors: VectorsParam) -> dg.AssetCheckResult:
    """The live index holds what Postgres says and finds at least 0.95 of what golden queries are nearest to."""
    checked = check_index(warehouse, vectors, now=datetime.now(UTC))
    return dg.AssetCheckResult(
        passed=checked.passed,
        description="; ".join(checked.report.problems) or None,
        metadata={
            "recall": checked.report.recall or 0.0,
            "least": LEAST_RECALL,
            "collection": checked.report.collection,
            "found": dg.MetadataValue.json(checked.as_json()),
        },
    )


@dg.asset(deps=[product_index], group_name="index", kinds={"parquet"}, owners=ENGINEERS, pool="index")
@failing_by_class
def index_snapshot(warehouse: WarehouseParam, vectors: VectorsParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """A backup of the live index as one file, the newest of which are kept. One row per indexed product."""
    settings = encoders.settings
    folder, now = settings.index_snapshots_folder, datetime.now(UTC)
    taken = take_snapshot(warehouse, vectors, folder, keep=settings.index_snapshots_kept, now=now)
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(taken.file)),
            "sha256": taken.sha256,
            "bytes": taken.bytes,
            "collection": taken.manifest.collection,
            "dagster/row_count": taken.manifest.products,
        }
    )


def _told(followed: Followed) -> dict[str, Any]:
    build, carried = followed.build, followed.carried
    return {
        "collection": build.collection,
        "dagster/row_count": build.products,
        "index_type": build.index_type,
        "nlist": build.nlist,
        "breadth": build.breadth,
        "rebuilt": build.rebuilt,
        "reason": followed.reason or "kept up with what changed",
        "rows_put": carried.put,
        "rows_removed": carried.removed,
        "model_version": build.model_version,
        "verification": dg.MetadataValue.json(dict(build.report)),
    }
