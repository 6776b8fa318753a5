"""What was sold, and how sellers answered: by local day and currency, and the best products and sellers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from marketplace.storage.dashboards.scope import Scope

_DAYS = """
    select day_on, currency, cast(sum(revenue_minor) as bigint), sum(revenue_usd),
        cast(sum(orders) as bigint), cast(sum(units) as bigint), bool_and(is_converted)
    from marts.fct_market_revenue_daily
    where day_on between :before and :until and (cast(:country as text) is null or country = :country)
    group by day_on, currency
    order by day_on, currency
"""
_DAYS_OF_SELLER = """
    select day_on, currency, revenue_minor, revenue_usd, orders, units,
        (orders = 0 and revenue_minor = 0) or revenue_usd is not null
    from marts.fct_seller_daily
    where seller_id = :seller_id and day_on between :before and :until
    order by day_on
"""
_DAYS_OF_CATEGORY = """
    select lines.occurred_on, lines.currency, cast(coalesce(sum(lines.amount_minor), 0) as bigint),
        sum(lines.amount_minor * orders.gross_usd / nullif(orders.gross_minor, 0)),
        count(distinct lines.order_id) filter (where orders.is_sale),
        cast(sum(lines.quantity) filter (where orders.is_sale) as bigint),
        bool_and(coalesce(lines.amount_minor, 0) = 0 or orders.gross_usd is not null)
    from marts.fct_order_lines as lines
    inner join marts.fct_orders as orders on orders.order_id = lines.order_id
    where lines.occurred_on between :before and :until
        and orders.status <> 'cancelled'
        and lines.category = :category
        and (cast(:seller_id as bigint) is null or lines.seller_id = :seller_id)
        and (cast(:country as text) is null
            or lines.seller_id in (select seller_id from marts.dim_sellers where country = :country))
    group by lines.occurred_on, lines.currency
    order by lines.occurred_on, lines.currency
"""
# Whoever is ordered most has orders: the tenth most ordered says of which few products the other measures are summed.
_MOST_ORDERED = """
    with ordered as materialized (
        select product_id, sum(orders) as orders
        from marts.fct_product_orders_daily
        where day_on between :since and :until
            and (cast(:category as text) is null or category = :category)
            and (cast(:country as text) is null
                or seller_id in (select seller_id from marts.dim_sellers where country = :country))
        group by product_id
    )

    select product_id
    from ordered
    order by orders desc
    fetch first :limit rows with ties
"""
_PRODUCTS = """
    with best as (
        select product_id, cast(sum(impressions) as bigint) as impressions, cast(sum(views) as bigint) as views,
            cast(sum(clicks) as bigint) as clicks, cast(sum(whatsapp_starts) as bigint) as whatsapp_starts,
            cast(sum(orders) as bigint) as orders, cast(sum(units) as bigint) as units,
            cast(sum(revenue_minor) as bigint) as revenue_minor
        from marts.fct_product_daily
        where day_on between :since and :until
            and product_id is not null
            {of_scope}
            and (cast(:category as text) is null or category = :category)
        group by product_id
        order by sum(orders) desc, sum(whatsapp_starts) desc, sum(clicks) desc, product_id
        limit :limit
    )

    select best.product_id, products.title, products.category, products.seller_id, products.seller_name,
        products.is_live, best.impressions, best.views, best.clicks, best.whatsapp_starts, best.orders, best.units,
        best.revenue_minor, sellers.currency
    from best
    inner join marts.dim_products as products on products.product_id = best.product_id and products.is_current
    inner join marts.dim_sellers as sellers on sellers.seller_id = products.seller_id
    order by best.orders desc, best.whatsapp_starts desc, best.clicks desc, best.product_id
"""
_OF_SELLER = "and seller_id = :seller_id"
_OF_THESE = "and product_id = any(:product_ids)"
_OF_ALL = """
    and (cast(:country as text) is null
        or seller_id in (select seller_id from marts.dim_sellers where country = :country))
"""
_SELLERS = """
    select sellers.seller_id, sellers.name, sellers.country, best.views, best.whatsapp_starts, best.orders,
        best.revenue_usd
    from (
        select seller_id, cast(sum(views) as bigint) as views, cast(sum(whatsapp_starts) as bigint) as whatsapp_starts,
            cast(sum(orders) as bigint) as orders, sum(revenue_usd) as revenue_usd
        from marts.fct_seller_daily
        where day_on between :since and :until
            and (cast(:country as text) is null
                or seller_id in (select seller_id from marts.dim_sellers where country = :country))
        group by seller_id
        order by coalesce(sum(revenue_usd), 0) desc, sum(whatsapp_starts) desc, sum(views) desc, seller_id
        limit :limit
    ) as best
    inner join marts.dim_sellers as sellers on sellers.seller_id = best.seller_id
    order by coalesce(best.revenue_usd, 0) desc, best.whatsapp_starts desc, best.views desc, best.seller_id
"""
_ANSWERS = """
    select cast(coalesce(sum(leads), 0) as bigint), cast(coalesce(sum(leads_answered), 0) as bigint),
        percentile_cont(0.5) within group (order by response_seconds_median)
    from marts.fct_seller_daily
    where day_on between :since and :until
        and (cast(:seller_id as bigint) is null or seller_id = :seller_id)
        and (cast(:country as text) is null
            or seller_id in (select seller_id from marts.dim_sellers where country = :country))
"""


@dataclass(frozen=True, slots=True)
class Takings:
    """What was sold in one currency, refunds subtracted, cancelled orders left out.

    `revenue_usd` is None where no exchange rate was near enough for any of it, and covers only what could be converted
    where `is_converted` is false.
    """

    currency: str
    revenue_minor: int
    revenue_usd: float | None
    orders: int
    units: int
    is_converted: bool


@dataclass(frozen=True, slots=True)
class DayTakings(Takings):
    """What was sold in one currency on one local day."""

    day_on: date


@dataclass(frozen=True, slots=True)
class Money:
    """What was sold in the scope's days, in all by currency and by day, and in the equally many days before."""

    totals: list[Takings]
    before: list[Takings]
    days: list[DayTakings]


@dataclass(frozen=True, slots=True)
class TopProduct:
    """A product with what happened to it; its revenue is in its seller's currency."""

    product_id: int
    title: str
    category: str
    seller_id: int
    seller_name: str
    is_live: bool
    impressions: int
    views: int
    clicks: int
    whatsapp_starts: int
    orders: int
    units: int
    revenue_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class TopSeller:
    """A seller with what happened in their shop; `revenue_usd` is None where nothing could be converted."""

    seller_id: int
    name: str
    country: str
    views: int
    whatsapp_starts: int
    orders: int
    revenue_usd: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """How many leads came, how many were answered, and how long that took on the middle one of the days."""

    leads: int
    leads_answered: int
    response_seconds: float | None


def read_money(connection: sa.Connection, scope: Scope) -> Money:
    """What was sold, by the mart whose grain is nearest: of a category, of a seller, or of the market."""
    of_all = _DAYS if scope.seller_id is None else _DAYS_OF_SELLER
    rows = connection.execute(sa.text(_DAYS_OF_CATEGORY if scope.category else of_all), scope.values())
    days = [
        DayTakings(currency, minor, usd, orders, units or 0, is_converted, day)
        for day, currency, minor, usd, orders, units, is_converted in rows
    ]
    lately = [one for one in days if one.day_on >= scope.since]
    return Money(_by_currency(lately), _by_currency([one for one in days if one.day_on < scope.since]), lately)


def top_products(connection: sa.Connection, scope: Scope, *, limit: int) -> list[TopProduct]:
    """Those ordered most, then those most chatted about, then those most clicked."""
    values, of_scope = scope.values(limit=limit), _OF_SELLER
    if scope.seller_id is None:
        ordered = list(connection.scalars(sa.text(_MOST_ORDERED), values))
        values, of_scope = {**values, "product_ids": ordered}, _OF_THESE if len(ordered) >= limit else _OF_ALL
    return [TopProduct(*row) for row in connection.execute(sa.text(_PRODUCTS.format(of_scope=of_scope)), values)]


def top_sellers(connection: sa.Connection, scope: Scope, *, limit: int) -> list[TopSeller]:
    """Those who sold most in US dollars, then those most chatted with."""
    return [TopSeller(*row) for row in connection.execute(sa.text(_SELLERS), scope.values(limit=limit))]


def read_answers(connection: sa.Connection, scope: Scope) -> Answers:
    """How leads were answered, by the mart `fct_seller_daily`."""
    return Answers(*connection.execute(sa.text(_ANSWERS), scope.values()).one())


def _by_currency(days: list[DayTakings]) -> list[Takings]:
    """Their sums; a currency in which nothing was sold or given back is left out."""
    currencies = sorted({one.currency for one in days if one.orders or one.revenue_minor or one.revenue_usd})
    return [_sum([one for one in days if one.currency == currency]) for currency in currencies]


def _sum(days: list[DayTakings]) -> Takings:
    converted = [one.revenue_usd for one in days if one.revenue_usd is not None]
    return Takings(
        days[0].currency,
        sum(one.revenue_minor for one in days),
        sum(converted) if converted else None,
        sum(one.orders for one in days),
        sum(one.units for one in days),
        all(one.is_converted for one in days),
    )
