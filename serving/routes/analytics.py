"""The market in figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.publications import published
from marketplace.storage.reports import catalogue_counts, daily_metrics, live_index
from serving.dependencies import ShopDep
from serving.schemas import PlatformMetrics

router = APIRouter(prefix="/api/analytics", tags=["analytics"])


@router.get("/metrics")
def read_metrics(
    shop: ShopDep, days: Annotated[int, Query(ge=1, le=366, description="local days, newest first")] = 30
) -> PlatformMetrics:
    """Catalogue, index and recommendations as they are, and what shoppers did by local day. One row per day."""
    publication = published(shop.warehouse)
    reason = None
    daily = None
    try:
        daily = daily_metrics(shop.warehouse, days=days)
    except ArtifactUnavailable as error:
        reason = str(error)
    return PlatformMetrics(
        catalogue=catalogue_counts(shop.warehouse),
        index=live_index(shop.warehouse),
        recommendations_version=publication.version if publication else None,
        daily=daily,
        degraded=reason is not None,
        reason=reason,
    )
