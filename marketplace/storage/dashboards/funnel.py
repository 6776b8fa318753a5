"""The funnel of a dashboard: in all, before, by day, by what brought shoppers, and by device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import sqlalchemy as sa

from marketplace.storage.dashboards.scope import Scope

_OF_SELLER = """
    from marts.fct_seller_funnel_daily
    where seller_id = :seller_id
"""
_OF_SELLERS_CATEGORY = """
    from marts.fct_funnel_daily
    where seller_id = :seller_id and category = :category
"""
_OF_CATEGORY = """
    from marts.fct_category_funnel_daily
    where category = :category and (cast(:country as text) is null or country = :country)
"""
_OF_MARKET = """
    from marts.fct_market_funnel_daily
    where (cast(:country as text) is null or country = :country)
"""
# The first sum leaves few rows, so that the grouping sets need not pass over the mart once each.
_FUNNEL = """
    with few as materialized (
        select funnel_on, source, device, sum(impressions) as impressions, sum(views) as views, sum(clicks) as clicks,
            sum(whatsapp_starts) as whatsapp_starts, sum(wishlists) as wishlists, sum(orders) as orders,
            sum(orders_matched) as orders_matched, sum(orders_probable) as orders_probable,
            sum(orders_unknown) as orders_unknown
        {of_scope}
            and funnel_on between :before and :until
        group by funnel_on, source, device
    )

    select funnel_on < :since as is_before, funnel_on, source, device,
        cast(sum(impressions) as bigint) as impressions, cast(sum(views) as bigint) as views,
        cast(sum(clicks) as bigint) as clicks, cast(sum(whatsapp_starts) as bigint) as whatsapp_starts,
        cast(sum(wishlists) as bigint) as wishlists, cast(sum(orders) as bigint) as orders,
        cast(sum(orders_matched) as bigint) as orders_matched,
        cast(sum(orders_probable) as bigint) as orders_probable,
        cast(sum(orders_unknown) as bigint) as orders_unknown
    from few
    group by grouping sets (
        (funnel_on < :since), (funnel_on < :since, funnel_on), (funnel_on < :since, source),
        (funnel_on < :since, device)
    )
    order by funnel_on, source, device
"""


@dataclass(frozen=True, slots=True)
class Steps:
    """How often each step of the funnel was taken.

    Orders are split by how sure it is which chat led to them: `matched` by the code in the chat, `probable` by shopper
    and time, `unknown` otherwise.
    """

    impressions: int = 0
    views: int = 0
    clicks: int = 0
    whatsapp_starts: int = 0
    wishlists: int = 0
    orders: int = 0
    orders_matched: int = 0
    orders_probable: int = 0
    orders_unknown: int = 0


@dataclass(frozen=True, slots=True)
class DaySteps(Steps):
    """The funnel of one local day."""

    day_on: date = date.min


@dataclass(frozen=True, slots=True)
class NamedSteps(Steps):
    """The funnel of what one source brought, or of one kind of device."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Funnel:
    """The funnel of the scope's days, and of the equally many days before; sources and devices with most views first.

    Days on which nothing happened are not among `days`.
    """

    totals: Steps
    before: Steps
    days: list[DaySteps] = field(default_factory=list)
    sources: list[NamedSteps] = field(default_factory=list)
    devices: list[NamedSteps] = field(default_factory=list)


def read_funnel(connection: sa.Connection, scope: Scope) -> Funnel:
    """The funnel by the mart whose grain is nearest: of a seller, of a category, or of the market."""
    rows = list(connection.execute(sa.text(_FUNNEL.format(of_scope=_of(scope))), scope.values()).mappings())
    named = [row for row in rows if not row["is_before"]]
    return Funnel(
        totals=_whole(rows, is_before=False),
        before=_whole(rows, is_before=True),
        days=[DaySteps(**_steps(row), day_on=row["funnel_on"]) for row in named if row["funnel_on"] is not None],
        sources=_by_views(named, "source"),
        devices=_by_views(named, "device"),
    )


def _of(scope: Scope) -> str:
    if scope.seller_id is not None:
        return _OF_SELLER if scope.category is None else _OF_SELLERS_CATEGORY
    return _OF_MARKET if scope.category is None else _OF_CATEGORY


def _whole(rows: list[sa.RowMapping], *, is_before: bool) -> Steps:
    whole = (row for row in rows if row["is_before"] is is_before)
    found = [row for row in whole if row["funnel_on"] is row["source"] is row["device"] is None]
    return Steps(**_steps(found[0])) if found else Steps()


def _by_views(rows: list[sa.RowMapping], part: str) -> list[NamedSteps]:
    found = [NamedSteps(**_steps(row), name=row[part]) for row in rows if row[part] is not None]
    return sorted(found, key=lambda one: (-one.views, -one.orders, one.name))


def _steps(row: Mapping[Any, Any]) -> dict[str, int]:
    return {one.name: row[one.name] for one in fields(Steps)}
