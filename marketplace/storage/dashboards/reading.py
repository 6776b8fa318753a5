"""A whole dashboard: few statements over one connection, and no table but marts and what people decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from marketplace.errors import ArtifactUnavailable, NotFound
from marketplace.storage.dashboards.catalogue import CatalogueHealth, read_health
from marketplace.storage.dashboards.funnel import Funnel, read_funnel
from marketplace.storage.dashboards.inbox import Inbox, read_inbox
from marketplace.storage.dashboards.insights import Alert, Forecast, read_alerts, read_forecast
from marketplace.storage.dashboards.money import (
    Answers,
    Money,
    TopProduct,
    TopSeller,
    read_answers,
    read_money,
    top_products,
    top_sellers,
)
from marketplace.storage.dashboards.people import Cohort, Season, Segment, read_cohorts, read_seasons, read_segments
from marketplace.storage.dashboards.scope import Asked, Scope, missing, newest_day
from marketplace.storage.tables import sellers
from marketplace.storage.warehouse import Warehouse

PRODUCTS = 10
SELLERS = 10
ALERTS = 20
LEADS = 20
OPTIONS = 60
_FUNNELS = ("fct_funnel_daily", "fct_seller_funnel_daily", "fct_category_funnel_daily", "fct_market_funnel_daily")
_DAYS = ("fct_seller_daily", "fct_market_revenue_daily", "mart_platform_metrics_daily")
CORE = (*_FUNNELS, *_DAYS, "dim_sellers")
_OF_CATEGORY = ("fct_orders", "fct_order_lines")
_PRODUCTS = ("fct_product_daily", "fct_product_orders_daily", "dim_products")
_PARTS = (*_PRODUCTS, "cohort_retention", "customer_segments", "dim_categories", "fct_sync_health", "seasonality")
_CATEGORIES = """
    select category from marts.dim_categories
    where seller_id = coalesce(cast(:seller_id as bigint), 0)
    order by products desc, category limit :limit
"""
_COUNTRIES = "select distinct country from marts.dim_sellers order by country"
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Options:
    """What the figures can be narrowed to."""

    categories: list[str]
    countries: list[str]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The figures of one scope; a part is None where its mart was not built yet, and `reasons` say which.

    A seller's has an inbox and no `sellers`, the market's the other way round.
    """

    scope: Scope
    seller_name: str | None
    seller_country: str | None
    seller_currency: str | None
    funnel: Funnel
    money: Money
    answers: Answers
    products: list[TopProduct] | None
    sellers: list[TopSeller] | None
    cohorts: list[Cohort] | None
    segments: list[Segment] | None
    seasons: list[Season] | None
    health: CatalogueHealth
    forecast: Forecast | None
    alerts: list[Alert]
    inbox: Inbox | None
    options: Options
    reasons: list[str] = field(default_factory=list)


def read_dashboard(warehouse: Warehouse, asked: Asked, now: datetime) -> Dashboard:
    """The figures of one seller, or of the market.

    Raises
    ------
    ArtifactUnavailable
        If a mart without which there is no dashboard was not built yet.
    NotFound
        If there is no such seller.
    """
    with warehouse.reading() as connection:
        connection.execute(sa.text("set jit = off"))  # compiling these takes longer than running them
        name, country, currency = _seller(connection, asked.seller_id)
        absent = missing(connection, (*CORE, *_OF_CATEGORY, *_PARTS))
        refuse_without(absent, (*CORE, *(_OF_CATEGORY if asked.category else ())))
        scope = asked.within(newest_day(connection) or now.date())
        is_market = scope.seller_id is None
        reasons: list[str] = []

        def part(read: Callable[[], Part], *marts: str) -> Part | None:
            gone = sorted(absent.intersection(marts))
            reasons.extend(f"marts.{one} was not built yet" for one in gone)
            return None if gone else read()

        return Dashboard(
            scope,
            name,
            country,
            currency,
            funnel=read_funnel(connection, scope),
            money=read_money(connection, scope),
            answers=read_answers(connection, scope),
            products=part(lambda: top_products(connection, scope, limit=PRODUCTS), *_PRODUCTS),
            sellers=top_sellers(connection, scope, limit=SELLERS) if is_market else None,
            cohorts=part(lambda: read_cohorts(connection, scope), "cohort_retention"),
            segments=part(lambda: read_segments(connection, scope), "customer_segments"),
            seasons=part(lambda: read_seasons(connection, scope), "seasonality"),
            health=read_health(connection, scope, now, with_syncs=bool(part(lambda: True, "fct_sync_health"))),
            forecast=read_forecast(connection, scope),
            alerts=read_alerts(connection, scope, limit=ALERTS),
            inbox=None if scope.seller_id is None else read_inbox(connection, scope.seller_id, limit=LEADS),
            options=part(lambda: _options(connection, scope), "dim_categories") or Options([], []),
            reasons=reasons,
        )


def decided_lately(warehouse: Warehouse, found: Dashboard) -> Dashboard:
    """The dashboard with its alerts and forecast as they are now; the marts are not asked."""
    with warehouse.reading() as connection:
        alerts = read_alerts(connection, found.scope, limit=ALERTS)
        return replace(found, alerts=alerts, forecast=read_forecast(connection, found.scope))


def refuse_without(absent: set[str], needed: tuple[str, ...]) -> None:
    """Returns if nothing that is needed is absent.

    Raises
    ------
    ArtifactUnavailable
        Naming the marts, and the command that builds them.
    """
    gone = [f"marts.{one}" for one in needed if one in absent]
    if gone:
        were = "was" if len(gone) == 1 else "were"
        raise ArtifactUnavailable(f"{', '.join(gone)} {were} not built yet; run soko run refresh_market")


def _seller(connection: sa.Connection, seller_id: int | None) -> tuple[str | None, str | None, str | None]:
    if seller_id is None:
        return None, None, None
    row = connection.execute(
        sa.select(sellers.c.name, sellers.c.country, sellers.c.currency).where(sellers.c.seller_id == seller_id)
    )
    found = row.first()
    if found is None:
        raise NotFound(f"seller {seller_id} is not known")
    return found.name, found.country, found.currency


def _options(connection: sa.Connection, scope: Scope) -> Options:
    categories = connection.scalars(sa.text(_CATEGORIES), {"seller_id": scope.seller_id, "limit": OPTIONS})
    countries = connection.scalars(sa.text(_COUNTRIES)) if scope.seller_id is None else ()
    return Options(list(categories), list(countries))
