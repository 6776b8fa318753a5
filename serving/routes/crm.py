"""What sellers need: leads and their funnel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Response
from pydantic import Field

from marketplace.errors import InputRejected
from marketplace.events.interactions import Lead, occurred
from marketplace.storage.events import record_lead
from marketplace.storage.reports import STEPS, FunnelDay, funnel_of
from marketplace.storage.shelf import seller_of
from serving.dependencies import NowDep, SellerId, ShopDep
from serving.schemas import (
    FunnelCounts,
    FunnelOfCategory,
    FunnelOfDay,
    LeadSent,
    Problem,
    Recorded,
    SellerFunnel,
)

router = APIRouter(prefix="/api/crm", tags=["crm"])
LONGEST = timedelta(days=366)
USUAL = timedelta(days=29)
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


@router.post("/leads", status_code=201, responses={404: {"model": Problem}})
def record(sent: LeadSent, shop: ShopDep, now: NowDep, response: Response) -> Recorded:
    """Record that a shopper turned to a seller; the same `event_id` again answers 200 and changes nothing."""
    values = sent.model_dump(exclude={"event_id", "occurred_at"})
    lead = Lead(event_id=sent.event_id or str(uuid4()), occurred_at=occurred(sent.occurred_at, now), **values)
    is_new = record_lead(shop.warehouse, lead)
    if is_new:
        shop.metrics.events.labels("lead").inc()
    response.status_code = 201 if is_new else 200
    return Recorded(event_id=lead.event_id, recorded=is_new)


@router.get("/sellers/{seller_id}/funnel", responses={404: {"model": Problem}, 503: {"model": Problem}})
def read_funnel(
    seller_id: SellerId,
    shop: ShopDep,
    now: NowDep,
    since: Annotated[Day | None, Query(description="first local day; 30 days before `until` if left out")] = None,
    until: Annotated[Day | None, Query(description="last local day; today if left out")] = None,
) -> SellerFunnel:
    """Views, clicks and WhatsApp starts of a seller's products: in all, by local day and by category."""
    last = until or now.date() + timedelta(days=1)  # where the market is, it may be tomorrow already
    first = since or last - USUAL
    if not timedelta(0) <= last - first <= LONGEST:
        raise InputRejected(f"since {first} and until {last} must be in order and at most {LONGEST.days} days apart")
    seller = seller_of(shop.warehouse, seller_id)
    days = funnel_of(shop.warehouse, seller_id, since=first, until=last)
    by_day = {day.funnel_on: [row for row in days if row.funnel_on == day.funnel_on] for day in days}
    by_category = {day.category: [row for row in days if row.category == day.category] for day in days}
    return SellerFunnel(
        seller_id=seller_id,
        seller_name=seller.name,
        since=first,
        until=last,
        totals=FunnelCounts(**_sums(days)),
        days=[FunnelOfDay(funnel_on=day, **_sums(rows)) for day, rows in by_day.items()],
        categories=[FunnelOfCategory(category=name, **_sums(rows)) for name, rows in sorted(by_category.items())],
    )


def _sums(rows: Iterable[FunnelDay]) -> dict[str, Any]:
    kept = list(rows)
    sums = {step: sum(getattr(row, step) for row in kept) for step in STEPS}
    return {
        **sums,
        "view_to_click_rate": _rate(sums["clicks"], sums["views"]),
        "click_to_whatsapp_rate": _rate(sums["whatsapp_starts"], sums["clicks"]),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
