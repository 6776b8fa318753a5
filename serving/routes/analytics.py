"""The market in figures, and one seller's: everything by the marts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.dashboards.market import read_market
from marketplace.storage.publications import published
from marketplace.storage.reports import catalogue_counts, daily_metrics, live_index
from serving.access import AnalystDep, PrincipalDep
from serving.dashboard_schemas import BusinessMetrics, DashboardShown, business_metrics, dashboard_shown
from serving.dashboards import NarrowedDep, dashboard_for
from serving.dependencies import NowDep, ShopDep
from serving.schemas import PlatformMetrics, Problem

router = APIRouter(prefix="/api/analytics", tags=["analytics"])
beside = APIRouter(prefix="/api", tags=["analytics"])
Subject = Annotated[
    str, Path(pattern=r"^(market|\d{1,16})$", description="a seller's id, or `market`", examples=["market"])
]
REFUSALS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 404, 503)}


@router.get("/metrics")
def read_metrics(
    shop: ShopDep,
    principal: AnalystDep,
    days: Annotated[int, Query(ge=1, le=366, description="local days, newest first")] = 30,
) -> PlatformMetrics:
    """Catalogue, index and recommendations as they are, and what shoppers did by local day. One row per day."""
    publication = published(shop.warehouse)
    reasons = []
    daily = market = None
    try:
        daily = daily_metrics(shop.warehouse, days=days)
    except ArtifactUnavailable as error:
        reasons.append(str(error))
    try:
        market = read_market(shop.warehouse, days=days)
    except ArtifactUnavailable as error:
        reasons.append(str(error))
    return PlatformMetrics(
        catalogue=catalogue_counts(shop.warehouse),
        index=live_index(shop.warehouse),
        recommendations_version=publication.version if publication else None,
        daily=daily,
        funnel=market.funnel.totals if market else None,
        revenue=market.money.totals if market else None,
        degraded=bool(reasons),
        reason="; ".join(reasons) or None,
    )


@router.get("/dashboard/{user_id}", responses=REFUSALS)
def read_dashboard(
    request: Request, user_id: Subject, shop: ShopDep, principal: PrincipalDep, narrowed: NarrowedDep, now: NowDep
) -> DashboardShown:
    """Everything that a dashboard shows: funnel, revenue, forecast, alerts, products, customers, catalogue, leads.

    Sellers see their own, analysts every one. Parts whose mart was not built yet are null, with `degraded` and why.
    """
    seller_id = None if user_id == "market" else int(user_id)
    return dashboard_shown(dashboard_for(request, shop, principal, seller_id, narrowed, now))


@beside.get("/metrics", responses=REFUSALS)
def read_business_metrics(
    request: Request, shop: ShopDep, principal: AnalystDep, narrowed: NarrowedDep, now: NowDep
) -> BusinessMetrics:
    """The market's revenue, orders, best products, customer segments and seasons, as its dashboard has them."""
    return business_metrics(dashboard_for(request, shop, principal, None, narrowed, now))
