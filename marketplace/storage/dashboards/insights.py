"""What is expected to come, and what was not as expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from marketplace.storage.dashboards.scope import Scope
from marketplace.storage.tables import alerts, backtests, forecasts, sellers

NAIVE = "seasonal_naive"
REVENUE = "revenue_minor"


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """What is expected of one day, or of the week that begins with it, within 80 and 95 % intervals."""

    made_for: date
    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What revenue is expected, in minor units.

    `beside_naive` is the error on the past over that of the seasonal naive forecast: under 1 is better. `mase` is over
    how far the days of the training data lie from those a season before.
    """

    metric: str
    scope: str
    grain: str
    currency: str | None
    model: str
    made_on: date
    mase: float | None
    beside_naive: float | None
    coverage80: float | None
    days: list[ForecastDay]


@dataclass(frozen=True, slots=True)
class Alert:
    """A day on which a metric was outside its expected band; `seller_id` is 0 for the whole market.

    `currency` is the seller's, in which their amounts are; None for the market, whose amounts are in US dollars.
    """

    alert_id: int
    metric: str
    seller_id: int
    seller_name: str | None
    currency: str | None
    observed_on: date
    direction: str
    value: float
    expected: float
    low: float
    high: float
    score: float
    state: str
    raised_at: datetime


_OWN = [name for name in Alert.__slots__ if name not in ("seller_name", "currency")]


def read_forecast(connection: sa.Connection, scope: Scope) -> Forecast | None:
    """What the seller or the market is expected to sell after the scope; None where no forecast is served.

    There is none of the sellers of one country, and none of one category.
    """
    name = _name(scope)
    if name is None:
        return None
    series = ("metric", "scope", "grain")
    past = sa.and_(*(backtests.c[one] == forecasts.c[one] for one in (*series, "model")))
    naive = backtests.alias("naive")
    floor = sa.and_(naive.c.model == NAIVE, *(naive.c[one] == forecasts.c[one] for one in series))
    beside = (backtests.c.mae / sa.func.nullif(naive.c.mae, 0)).label("beside_naive")
    statement = (
        sa.select(forecasts, backtests.c.mase, backtests.c.coverage80, beside)
        .join(backtests, past, isouter=True)
        .join(naive, floor, isouter=True)
        .where(forecasts.c.metric == REVENUE, forecasts.c.scope == name, forecasts.c.made_for >= scope.since)
        .order_by(forecasts.c.grain, forecasts.c.made_for)
    )
    rows = list(connection.execute(statement))
    rows = [row for row in rows if row.grain == rows[0].grain]  # days before weeks
    if not rows:
        return None
    first = rows[0]
    days = [ForecastDay(one.made_for, one.mean, one.low80, one.high80, one.low95, one.high95) for one in rows]
    kept = (first.metric, first.scope, first.grain, first.currency, first.model, first.made_on)
    return Forecast(*kept, first.mase, first.beside_naive, first.coverage80, days)


def read_alerts(connection: sa.Connection, scope: Scope, *, limit: int) -> list[Alert]:
    """The scope's alerts, newest first and of one day the strongest first; the market's include its sellers'.

    Those that later figures took back are left out.
    """
    statement = (
        sa.select(*(alerts.c[one] for one in _OWN), sellers.c.name.label("seller_name"), sellers.c.currency)
        .join(sellers, sellers.c.seller_id == alerts.c.seller_id, isouter=True)
        .where(alerts.c.observed_on.between(scope.since, scope.until), alerts.c.withdrawn_at.is_(None))
        .order_by(alerts.c.observed_on.desc(), sa.func.abs(alerts.c.score).desc(), alerts.c.alert_id)
        .limit(limit)
    )
    if scope.seller_id is not None:
        statement = statement.where(alerts.c.seller_id == scope.seller_id)
    if scope.country is not None:
        statement = statement.where(sellers.c.country == scope.country)
    return [Alert(**row) for row in connection.execute(statement).mappings()]


def _name(scope: Scope) -> str | None:
    if scope.category is not None or scope.country is not None:
        return None
    return "market" if scope.seller_id is None else f"seller:{scope.seller_id}"
