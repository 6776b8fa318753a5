"""The marts that insights read, with four months of four sellers and the anomalies planted in them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from marketplace.storage.tables import sellers
from marketplace.storage.warehouse import Warehouse

DAYS = 126
BIG, SMALL, SHOES, QUIET = 10, 20, 30, 40
COUNTRIES = {BIG: "KE", SMALL: "KE", SHOES: "GH", QUIET: "KE"}
CURRENCIES = {"KE": "KES", "GH": "GHS"}
WEEKDAY = (0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.95)
SHAPES = (
    "create schema if not exists marts",
    "create schema if not exists staging",
    "create table marts.fct_metrics_daily (metric text, seller_id bigint, country text, metric_on date, "
    "value double precision, unit text)",
    "create table marts.dim_market_days (country text, date_on date, is_pay_day boolean, pay_day_distance integer, "
    "is_market_day boolean, is_rest_day boolean, is_public_holiday boolean, holiday_name text, is_ramadan boolean, "
    "ethiopian_date text)",
    "create table marts.fct_order_lines (order_id text, line_number integer, seller_id bigint, customer_id text, "
    "product_key text, product_id bigint, product_name text, category text, quantity integer, amount_minor bigint, "
    "currency text, occurred_at timestamptz, occurred_on date)",
    "create table staging.markets (country text, name text, time_zone text, currency text)",
    "insert into staging.markets values ('KE', 'Kenya', 'Africa/Nairobi', 'KES'), "
    "('GH', 'Ghana', 'Africa/Accra', 'GHS')",
)


def settle(warehouse: Warehouse, now: datetime, *, collapse: bool = True) -> date:
    """The last day that is over; on it the big seller's views collapse, if they do, and all its syncs fail."""
    today = (now + timedelta(hours=3)).date()  # in Nairobi
    first = today - timedelta(days=DAYS)
    generator = np.random.default_rng(5)
    with warehouse.begin() as connection:
        for statement in SHAPES:
            connection.execute(sa.text(statement))
        connection.execute(sa.insert(sellers), [_seller(one, country) for one, country in COUNTRIES.items()])
        days = [first + timedelta(days=number) for number in range(DAYS + 1)]
        metrics = _metrics(generator, days, collapse=collapse)
        connection.execute(
            sa.text("insert into marts.fct_metrics_daily values (:metric, :seller_id, :country, :day, :value, :unit)"),
            metrics,
        )
        connection.execute(
            sa.text(
                "insert into marts.dim_market_days values (:country, :day, :pay = 0, :pay, false, false, false, null, "
                "false, '')"
            ),
            [{"country": c, "day": day, "pay": _since_pay_day(day)} for c in CURRENCIES for day in days],
        )
        connection.execute(
            sa.text(
                "insert into marts.fct_order_lines values (:order, 1, 10, 'juma', 'basket', 1, 'Basket', 'Baskets', "
                ":quantity, 100, 'KES', :day, :day)"
            ),
            [
                {"order": f"o{number}", "quantity": int(generator.integers(1, 4)), "day": day}
                for number, day in enumerate(days)
                if generator.random() < 0.2
            ],
        )
    return days[-2]


def _since_pay_day(day: date) -> int:
    return day.day - 28 if day.day >= 14 else day.day + 2


def _seller(seller_id: int, country: str) -> dict[str, Any]:
    named = {"seller_id": seller_id, "handle": f"s{seller_id}", "name": f"Seller {seller_id}", "country": country}
    return {**named, "currency": CURRENCIES[country], "source_kind": "whatsapp"}


def _metrics(generator: np.random.Generator, days: list[date], *, collapse: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    levels = {BIG: 400.0, SMALL: 12.0, SHOES: 90.0, QUIET: 0.3}
    for number, day in enumerate(days):
        is_last, is_partial = number == len(days) - 2, number == len(days) - 1
        pay = 1.4 if 0 <= _since_pay_day(day) <= 1 else 1.0
        totals = dict.fromkeys(("views", "clicks", "orders", "revenue_usd"), 0.0)
        for seller_id, level in levels.items():
            rate = level * WEEKDAY[day.weekday()] * pay * (0.3 if is_partial else 1.0)
            rate *= 0.1 if collapse and is_last and seller_id == BIG else 1.0
            views = float(generator.poisson(rate))
            clicks = float(generator.binomial(int(views), 0.3))
            orders = float(generator.poisson(rate * 0.05))
            revenue = float(np.round(generator.gamma(4, 50, int(orders)).sum() * 100))
            country = COUNTRIES[seller_id]
            figures = {"views": views, "clicks": clicks, "orders": orders, "revenue_minor": revenue}
            figures["failed_syncs"] = 4.0 if is_last and seller_id == BIG else 0.0
            if views:
                figures["click_rate"] = clicks / views
            rows += [_row(metric, seller_id, country, day, value) for metric, value in figures.items()]
            for metric, value in (("views", views), ("clicks", clicks), ("orders", orders)):
                totals[metric] += value
            totals["revenue_usd"] += revenue / 12_900
        rows += [_row(metric, 0, "", day, value) for metric, value in totals.items()]
    return rows


def _row(metric: str, seller_id: int, country: str, day: date, value: float) -> dict[str, Any]:
    units = {"click_rate": "share", "revenue_usd": "USD", "revenue_minor": CURRENCIES.get(country, "USD")}
    named = {"metric": metric, "seller_id": seller_id, "country": country, "day": day}
    return {**named, "value": value, "unit": units.get(metric, "count")}
