"""Reading what is watched and forecast: daily figures, what kind of days they were on, and products sold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from marketplace.storage.marts import built
from marketplace.storage.warehouse import Warehouse

MARKET_ZONE = "Africa/Nairobi"  # of the whole market's day, as dbt has it
Metric = tuple[str, int, str, date, float, str]


def daily_metrics_of(warehouse: Warehouse, *, since: date) -> list[Metric]:
    """Metric, seller, country, day, value and unit from that day on, by metric, seller and day.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    statement = sa.text(
        "select metric, seller_id, country, metric_on, value, unit from marts.fct_metrics_daily "
        "where metric_on >= :since order by metric, seller_id, metric_on"
    )
    with built(warehouse, "marts.fct_metrics_daily") as connection:
        return [
            (str(m), int(s), str(c), on, float(v), str(u))
            for m, s, c, on, v, u in connection.execute(statement, {"since": since})
        ]


def market_days_of(warehouse: Warehouse, *, since: date, until: date) -> list[tuple[str, date, int | None, bool, bool]]:
    """Country, day, days since the nearest pay-day, whether it is a public holiday, and whether it is in Ramadan.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    statement = sa.text(
        "select country, date_on, pay_day_distance, is_public_holiday, is_ramadan from marts.dim_market_days "
        "where date_on between :since and :until order by country, date_on"
    )
    with built(warehouse, "marts.dim_market_days") as connection:
        found = connection.execute(statement, {"since": since, "until": until})
        return [(str(row[0]), row[1], row[2], bool(row[3]), bool(row[4])) for row in found]


def units_sold(warehouse: Warehouse, *, since: date, most: int) -> list[tuple[int, str, str, date, float]]:
    """Seller, product key, country, day and units of the products that were sold most often, by product and day.

    Parameters
    ----------
    most
        How many products.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    statement = sa.text(
        "with often as (select seller_id, product_key from marts.fct_order_lines where occurred_on >= :since "
        "group by seller_id, product_key having count(distinct order_id) >= 3 "
        "order by count(distinct order_id) desc, seller_id, product_key limit :most) "
        "select l.seller_id, l.product_key, s.country, l.occurred_on, sum(l.quantity) from marts.fct_order_lines as l "
        "inner join often as o on o.seller_id = l.seller_id and o.product_key = l.product_key "
        "inner join catalog.sellers as s on s.seller_id = l.seller_id where l.occurred_on >= :since "
        "group by 1, 2, 3, 4 order by 1, 2, 4"
    )
    with built(warehouse, "marts.fct_order_lines") as connection:
        found = connection.execute(statement, {"since": since, "most": most})
        return [(int(row[0]), str(row[1]), str(row[2]), row[3], float(row[4])) for row in found]


def zones_of(warehouse: Warehouse) -> Mapping[str, str]:
    """The zone of each country's day; that of the whole market under no name.

    Raises
    ------
    ArtifactUnavailable
        If the seed was not loaded yet.
    """
    with built(warehouse, "staging.markets") as connection:
        rows = connection.execute(sa.text("select country, time_zone from staging.markets")).all()
    return {"": MARKET_ZONE, **{str(country): str(zone) for country, zone in rows}}


def today_in(zones: Mapping[str, str], country: str, now: datetime) -> date:
    """The day that is not over yet in the country; a country without a zone has the market's."""
    return now.astimezone(ZoneInfo(zones.get(country, MARKET_ZONE))).date()
