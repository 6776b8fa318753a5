"""The business in a handful of numbers, for whoever watches it from afar."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from marketplace.storage.dashboards.inbox import leads_waiting
from marketplace.storage.dashboards.reading import CORE, refuse_without
from marketplace.storage.dashboards.scope import missing
from marketplace.storage.tables import alerts
from marketplace.storage.warehouse import Warehouse

_DAY = """
    select metrics.metric_on, metrics.active_shoppers, metrics.views, metrics.clicks, metrics.whatsapp_starts,
        extract(epoch from now() - (select max(known_at) from marts.fct_funnel_daily)),
        metrics.impressions, metrics.orders,
        (select sum(revenue_usd) from marts.fct_market_revenue_daily where day_on = metrics.metric_on)
    from marts.mart_platform_metrics_daily as metrics
    order by metrics.metric_on desc
    limit 1
"""


@dataclass(frozen=True, slots=True)
class Indicators:
    """The newest local day of the market, and what waits for a person; None where nothing is known.

    `marts_age_seconds` is since the newest event that they hold was received.
    """

    active_shoppers: int | None
    impressions: int | None
    views: int | None
    clicks: int | None
    whatsapp_starts: int | None
    orders: int | None
    revenue_usd: float | None
    marts_age_seconds: float | None
    leads_waiting: int
    alerts_new: int


def read_indicators(warehouse: Warehouse) -> Indicators:
    """The numbers as they are now.

    Raises
    ------
    ArtifactUnavailable
        If a mart behind them was not built yet.
    """
    fresh = sa.select(sa.func.count()).where(alerts.c.state == "new")
    with warehouse.reading() as connection:
        refuse_without(missing(connection, CORE), CORE)
        day = connection.execute(sa.text(_DAY)).first()
        waiting, new = leads_waiting(connection), connection.scalar(fresh) or 0
    _, shoppers, views, clicks, starts, age, impressions, orders, usd = day or [None] * 9
    return Indicators(shoppers, impressions, views, clicks, starts, orders, usd, age, waiting, new)
