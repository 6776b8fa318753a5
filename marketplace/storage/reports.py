"""Figures for sellers and operators: the funnel and daily metrics from the marts, counts from the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.storage.marts import built
from marketplace.storage.tables import (
    index_builds,
    popular_products,
    product_neighbours,
    product_quality,
    products,
    recommendations,
    sellers,
)
from marketplace.storage.warehouse import Warehouse

STEPS = ("impressions", "views", "clicks", "whatsapp_starts", "wishlists", "purchases", "orders")
FUNNEL_STEPS = (*STEPS, "orders_matched", "orders_probable", "orders_unknown")
Breakdown = Literal["source", "device"]


@dataclass(frozen=True, slots=True)
class FunnelDay:
    """What happened to one category of a seller's products on one local day, by one source or device where asked."""

    funnel_on: date
    category: str
    by: str
    impressions: int
    views: int
    clicks: int
    whatsapp_starts: int
    wishlists: int
    purchases: int
    orders: int
    orders_matched: int
    orders_probable: int
    orders_unknown: int


def funnel_of(
    warehouse: Warehouse, seller_id: int, *, since: date, until: date, by: Breakdown | None = None
) -> list[FunnelDay]:
    """The days on which something happened to the seller's products, newest first; both ends count.

    Raises
    ------
    ArtifactUnavailable
        If the mart was never built.
    """
    mart = _mart("fct_funnel_daily", "funnel_on", "seller_id", "category", "source", "device", *FUNNEL_STEPS)
    group = mart.c[by] if by else sa.literal("")
    sums = [_total(mart.c[step]) for step in FUNNEL_STEPS]
    statement = (
        sa.select(mart.c.funnel_on, mart.c.category, group.label("by"), *sums)
        .where(mart.c.seller_id == seller_id, mart.c.funnel_on.between(since, until))
        .group_by(mart.c.funnel_on, mart.c.category, sa.text("3"))
        .order_by(mart.c.funnel_on.desc(), mart.c.category, sa.text("3"))
    )
    return [FunnelDay(*row) for row in _read(warehouse, mart, statement)]


def daily_metrics(warehouse: Warehouse, *, days: int) -> list[dict[str, Any]]:
    """The newest local days of the whole market, newest first.

    Raises
    ------
    ArtifactUnavailable
        If the mart was never built.
    """
    mart = _mart("mart_platform_metrics_daily", "metric_on", "active_shoppers", *STEPS, "new_products", "price_changes")
    statement = sa.select(mart).order_by(mart.c.metric_on.desc()).limit(days)
    return [dict(row._mapping) for row in _read(warehouse, mart, statement)]


def catalogue_counts(warehouse: Warehouse) -> dict[str, int]:
    """Sellers, and products by what shoppers may do with them."""
    verdict = product_quality.c.verdict
    live = ~products.c.is_gone
    fit = sa.and_(live, verdict != "rejected")
    statement = sa.select(
        sa.func.count().filter(sa.and_(fit, products.c.in_stock)).label("on_shelf"),
        sa.func.count().filter(sa.and_(fit, ~products.c.in_stock)).label("out_of_stock"),
        sa.func.count().filter(sa.and_(live, verdict == "flagged")).label("flagged"),
        sa.func.count().filter(sa.and_(live, verdict == "rejected")).label("rejected"),
        sa.func.count().filter(sa.and_(live, verdict.is_(None))).label("not_judged"),
        sa.func.count().filter(products.c.is_gone).label("gone"),
    ).select_from(products.join(product_quality, product_quality.c.product_id == products.c.product_id, isouter=True))
    active = sa.select(sa.func.count()).where(sellers.c.state == "active")
    with warehouse.begin() as connection:
        return {"sellers": connection.scalar(active), **connection.execute(statement).one()._mapping}


def recommendation_counts(warehouse: Warehouse, version: str) -> dict[str, int]:
    """Rows of one published version: shoppers with personal recommendations, products with neighbours, and so on."""
    counted = {
        "shoppers": (recommendations, recommendations.c.user_id),
        "products_with_neighbours": (product_neighbours, product_neighbours.c.product_id),
        "popular_products": (popular_products, popular_products.c.product_id),
    }
    with warehouse.begin() as connection:
        return {
            name: connection.scalar(sa.select(sa.func.count(column.distinct())).where(table.c.version == version)) or 0
            for name, (table, column) in counted.items()
        }


def live_index(warehouse: Warehouse) -> Mapping[str, Any] | None:
    """The index build that is being served, as it was recorded; None before the first."""
    columns = index_builds.c
    statement = sa.select(columns.collection, columns.model_version, columns.products, columns.published_at)
    with warehouse.begin() as connection:
        row = connection.execute(statement.where(columns.status == "live")).first()
    return dict(row._mapping) if row else None


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum over everything that the rows are told apart by besides."""
    return sa.cast(sa.func.sum(column), sa.BigInteger).label(column.key)


def _mart(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema="marts")


def _read(warehouse: Warehouse, mart: sa.TableClause, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    with built(warehouse, f"{mart.schema}.{mart.name}") as connection:
        return connection.execute(statement).all()
