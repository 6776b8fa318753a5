"""Dashboards as programs receive them: amounts in minor units with their currency, instants in UTC, local days."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from marketplace.storage.dashboards.catalogue import CatalogueHealth
from marketplace.storage.dashboards.funnel import DaySteps, NamedSteps, Steps
from marketplace.storage.dashboards.inbox import Inbox
from marketplace.storage.dashboards.insights import Alert, Forecast
from marketplace.storage.dashboards.money import Answers, DayTakings, Takings, TopProduct, TopSeller
from marketplace.storage.dashboards.people import Cohort, Season, Segment
from marketplace.storage.dashboards.reading import Dashboard


class Rates(BaseModel):
    """How many of one step took the next; null where nobody took the first."""

    impression_to_view: float | None
    view_to_click: float | None
    click_to_whatsapp: float | None
    whatsapp_to_order: float | None


class FunnelShown(BaseModel):
    """The funnel of the days, and `before` of the equally many days that went before; quiet days are left out."""

    totals: Steps
    rates: Rates
    before: Steps
    days: list[DaySteps]
    sources: list[NamedSteps]
    devices: list[NamedSteps]


class RevenueShown(BaseModel):
    """What was sold by currency, never summed across currencies but in US dollars of the day.

    `usd` is null where nothing could be converted, and partial where `is_converted` is false.
    """

    by_currency: list[Takings]
    usd: float | None
    is_converted: bool
    before: list[Takings]
    usd_before: float | None
    days: list[DayTakings]


class DashboardShown(BaseModel):
    """The figures of one seller, or of the market; parts are null where they do not apply or were not built yet."""

    user_id: str = Field(examples=["market"])
    name: str | None = Field(examples=["Mama Njeri Fabrics"])
    since: date
    until: date
    category: str | None
    market: str | None = Field(description="country of the sellers that are counted")
    funnel: FunnelShown
    revenue: RevenueShown
    answers: Answers
    forecast: Forecast | None
    alerts: list[Alert]
    products: list[TopProduct] | None
    sellers: list[TopSeller] | None
    cohorts: list[Cohort] | None
    segments: list[Segment] | None
    seasonality: list[Season] | None
    catalogue: CatalogueHealth
    inbox: Inbox | None
    degraded: bool
    reasons: list[str]


class BusinessMetrics(BaseModel):
    """The market's business in figures; parts are null where their mart was not built yet."""

    since: date
    until: date
    revenue: RevenueShown
    funnel: Steps
    orders: int
    customers: int | None
    rfm_segments: dict[str, int] | None = Field(examples=[{"Champions": 12}])
    segments: list[Segment] | None
    top_products: list[TopProduct] | None
    seasonality: list[Season] | None
    cohorts: list[Cohort] | None
    degraded: bool
    reasons: list[str]


def dashboard_shown(found: Dashboard) -> DashboardShown:
    """The dashboard in the shape that clients receive."""
    scope, funnel = found.scope, found.funnel
    return DashboardShown(
        user_id="market" if scope.seller_id is None else str(scope.seller_id),
        name=found.seller_name,
        since=scope.since,
        until=scope.until,
        category=scope.category,
        market=scope.country,
        funnel=FunnelShown(
            totals=funnel.totals,
            rates=rates_of(funnel.totals),
            before=funnel.before,
            days=funnel.days,
            sources=funnel.sources,
            devices=funnel.devices,
        ),
        revenue=revenue_shown(found),
        answers=found.answers,
        forecast=found.forecast,
        alerts=found.alerts,
        products=found.products,
        sellers=found.sellers,
        cohorts=found.cohorts,
        segments=found.segments,
        seasonality=found.seasons,
        catalogue=found.health,
        inbox=found.inbox,
        degraded=bool(found.reasons),
        reasons=found.reasons,
    )


def business_metrics(found: Dashboard) -> BusinessMetrics:
    """The market's figures in the shape that clients receive."""
    segments = found.segments
    return BusinessMetrics(
        since=found.scope.since,
        until=found.scope.until,
        revenue=revenue_shown(found),
        funnel=found.funnel.totals,
        orders=sum(one.orders for one in found.money.totals),
        customers=None if segments is None else sum(one.customers for one in segments),
        rfm_segments=None if segments is None else {one.segment: one.customers for one in segments},
        segments=segments,
        top_products=found.products,
        seasonality=found.seasons,
        cohorts=found.cohorts,
        degraded=bool(found.reasons),
        reasons=found.reasons,
    )


def rates_of(steps: Steps) -> Rates:
    """How many of each step took the next, to four digits."""
    return Rates(
        impression_to_view=_rate(steps.views, steps.impressions),
        view_to_click=_rate(steps.clicks, steps.views),
        click_to_whatsapp=_rate(steps.whatsapp_starts, steps.clicks),
        whatsapp_to_order=_rate(steps.orders, steps.whatsapp_starts),
    )


def revenue_shown(found: Dashboard) -> RevenueShown:
    """What was sold, with its sum in US dollars."""
    money = found.money
    return RevenueShown(
        by_currency=money.totals,
        usd=in_dollars(money.totals),
        is_converted=all(one.is_converted for one in money.totals),
        before=money.before,
        usd_before=in_dollars(money.before),
        days=money.days,
    )


def in_dollars(takings: list[Takings]) -> float | None:
    """Their sum in US dollars, None where nothing could be converted."""
    known = [one.revenue_usd for one in takings if one.revenue_usd is not None]
    return round(sum(known), 2) if known else None


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
