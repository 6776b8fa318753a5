"""What sellers need to see: their funnel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from marketplace.errors import InputRejected
from marketplace.storage.reports import FUNNEL_STEPS, Breakdown, FunnelDay, funnel_of
from marketplace.storage.shelf import seller_of
from serving.crm_schemas import FunnelCounts, FunnelOfCategory, FunnelOfDay, FunnelOfOrigin, SellerFunnel
from serving.dependencies import NowDep, SellerId, ShopDep
from serving.schemas import Problem

router = APIRouter(prefix="/api/crm", tags=["crm"])
LONGEST = timedelta(days=366)
USUAL = timedelta(days=29)
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


@router.get("/sellers/{seller_id}/funnel", responses={404: {"model": Problem}, 503: {"model": Problem}})
def read_funnel(
    seller_id: SellerId,
    shop: ShopDep,
    now: NowDep,
    since: Annotated[Day | None, Query(description="first local day; 30 days before `until` if left out")] = None,
    until: Annotated[Day | None, Query(description="last local day; today if left out")] = None,
    by: Annotated[Breakdown | None, Query(description="also by what brought shoppers, or by what they held")] = None,
) -> SellerFunnel:
    """What led from a look to an order of a seller's products: in all, by local day, by category, and by origin."""
    last = until or now.date() + timedelta(days=1)  # where the market is, it may be tomorrow already
    first = since or last - USUAL
    if not timedelta(0) <= last - first <= LONGEST:
        raise InputRejected(f"since {first} and until {last} must be in order and at most {LONGEST.days} days apart")
    seller = seller_of(shop.warehouse, seller_id)
    days = funnel_of(shop.warehouse, seller_id, since=first, until=last, by=by)
    by_day = {day.funnel_on: [row for row in days if row.funnel_on == day.funnel_on] for day in days}
    by_category = {day.category: [row for row in days if row.category == day.category] for day in days}
    origins = {day.by: [row for row in days if row.by == day.by] for day in days} if by else None
    return SellerFunnel(
        seller_id=seller_id,
        seller_name=seller.name,
        since=first,
        until=last,
        totals=FunnelCounts(**_sums(days)),
        days=[FunnelOfDay(funnel_on=day, **_sums(rows)) for day, rows in by_day.items()],
        categories=[FunnelOfCategory(category=name, **_sums(rows)) for name, rows in sorted(by_category.items())],
        origins=origins and [FunnelOfOrigin(name=name, **_sums(rows)) for name, rows in sorted(origins.items())],
    )


def _sums(rows: Iterable[FunnelDay]) -> dict[str, Any]:
    kept = list(rows)
    sums = {step: sum(getattr(row, step) for row in kept) for step in FUNNEL_STEPS}
    return {
        **sums,
        "view_to_click_rate": _rate(sums["clicks"], sums["views"]),
        "click_to_whatsapp_rate": _rate(sums["whatsapp_starts"], sums["clicks"]),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
