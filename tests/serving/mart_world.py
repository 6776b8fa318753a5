"""Marts with the columns that dashboards read, filled from a seed; what they show can be summed up by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.dialects.postgresql import insert

from marketplace.local.market import draw_market
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.tables import alerts, backtests, forecasts, leads
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving import world

TODAY = world.NOW.date()
DAYS = 70
SOURCES = ("direct", "whatsapp", "facebook", "search", "unknown")
ATTRIBUTIONS = ("matched", "probable", "unknown")
DEVICES = ("phone", "desktop", "unknown")
PER_USD = 129.0
TABLES = {
    "fct_funnel_daily": "funnel_on date, seller_id bigint, category text, source text, device text, experiment text, "
    "variant text, impressions bigint, views bigint, clicks bigint, whatsapp_starts bigint, wishlists bigint, "
    "purchases bigint, orders bigint, orders_matched bigint, orders_probable bigint, orders_unknown bigint, "
    "view_to_click_rate double precision, click_to_whatsapp_rate double precision, known_at timestamptz",
    "fct_seller_daily": "seller_id bigint, day_on date, currency text, impressions bigint, views bigint, "
    "clicks bigint, whatsapp_starts bigint, leads bigint, orders bigint, units bigint, buyers bigint, "
    "revenue_minor bigint, revenue_usd double precision, view_to_click_rate double precision, "
    "click_to_whatsapp_rate double precision, conversion_rate double precision, leads_answered bigint, "
    "response_seconds_median double precision",
    "fct_product_daily": "product_id bigint, seller_id bigint, category text, day_on date, impressions bigint, "
    "views bigint, clicks bigint, whatsapp_starts bigint, orders bigint, units bigint, revenue_minor bigint",
    "fct_orders": "order_id text, seller_id bigint, customer_id text, status text, currency text, "
    "gross_minor bigint, gross_usd double precision, is_sale boolean, occurred_on date",
    "fct_order_lines": "order_id text, line_number int, seller_id bigint, product_id bigint, category text, "
    "quantity bigint, amount_minor bigint, currency text, occurred_on date",
    "fct_sync_health": "seller_id bigint, sync_on date, syncs bigint, completed bigint, failed bigint, braked bigint, "
    "products_seen bigint, new bigint, gone bigint, price_changes bigint, failed_products bigint, "
    "seconds_median double precision, last_error text",
    "customer_rfm": "seller_id bigint, customer_id text, recency_days bigint, frequency bigint, "
    "monetary_minor bigint, currency text, r integer, f integer, m integer, rfm_score text, segment text, "
    "first_order_on date, last_order_on date, as_of date",
    "customer_rfm_market": "customer_id text, recency_days bigint, frequency bigint, monetary_usd double precision, "
    "r integer, f integer, m integer, rfm_score text, segment text, first_order_on date, last_order_on date, "
    "as_of date",
    "cohort_retention": "subject text, grain text, seller_id bigint, cohort_on date, period integer, "
    "cohort_size bigint, retained bigint, retention double precision",
    "seasonality": "seller_id bigint, unit text, bucket text, orders bigint, revenue_minor bigint, "
    "index double precision",
    "mart_platform_metrics_daily": "metric_on date, active_shoppers bigint, active_sellers bigint, "
    "impressions bigint, views bigint, clicks bigint, wishlists bigint, purchases bigint, whatsapp_starts bigint, "
    "orders bigint, new_products bigint, gone_products bigint, price_changes bigint",
}
DIMENSIONS = """
    create table marts.dim_sellers as
    select seller_id, handle, name, city, country, currency, source_kind, phone is not null as has_phone,
        state = 'active' as is_active, created_at, cast(null as text) as last_sync_status,
        cast(null as timestamptz) as last_sync_started_at, cast(null as timestamptz) as last_synced_at,
        (select count(*) from catalog.products as p where p.seller_id = s.seller_id) as products,
        (select count(*) from catalog.products as p where p.seller_id = s.seller_id and not is_gone) as live_products,
        cast(0 as bigint) as approved_products, cast(2 as bigint) as flagged_products,
        cast(1 as bigint) as rejected_products
    from catalog.sellers as s;
    create table marts.dim_products as
    select p.product_id::text as product_version_key, p.product_id, p.title, p.category, p.seller_id,
        s.name as seller_name, s.country as seller_country, p.currency, not p.is_gone as is_live,
        true as is_current
    from catalog.products as p join catalog.sellers as s using (seller_id);
"""
# Sums of the marts above, as dbt makes them; views, so that they are of whatever a test changes.
_STEPS = ("impressions", "views", "clicks", "whatsapp_starts", "wishlists", "purchases", "orders")
_SUMS = ", ".join(
    f"cast(sum({step}) as bigint) as {step}" for step in (*_STEPS, *(f"orders_{one}" for one in ATTRIBUTIONS))
)
ROLL_UPS = f"""
    create view marts.fct_seller_funnel_daily as
    select funnel_on, seller_id, source, device, {_SUMS}
    from marts.fct_funnel_daily
    group by funnel_on, seller_id, source, device;
    create view marts.fct_category_funnel_daily as
    select funnel_on, country, category, source, device, {_SUMS}
    from marts.fct_funnel_daily join marts.dim_sellers using (seller_id)
    group by funnel_on, country, category, source, device;
    create view marts.fct_market_funnel_daily as
    select funnel_on, country, source, device, {_SUMS}
    from marts.fct_funnel_daily join marts.dim_sellers using (seller_id)
    group by funnel_on, country, source, device;
    create view marts.fct_market_revenue_daily as
    select day_on, country, daily.currency, cast(sum(orders) as bigint) as orders, cast(sum(units) as bigint) as units,
        cast(sum(revenue_minor) as bigint) as revenue_minor, sum(revenue_usd) as revenue_usd,
        bool_and((orders = 0 and revenue_minor = 0) or revenue_usd is not null) as is_converted
    from marts.fct_seller_daily as daily join marts.dim_sellers using (seller_id)
    group by day_on, country, daily.currency;
    create view marts.fct_product_orders_daily as
    select day_on, product_id, seller_id, category, orders from marts.fct_product_daily where orders > 0;
    create view marts.dim_categories as
    select coalesce(seller_id, 0) as seller_id, category, count(*) as products
    from marts.dim_products where is_current and is_live and category <> ''
    group by grouping sets ((seller_id, category), (category));
    create view marts.customer_segments as
    select seller_id, segment, currency, count(*) as customers, cast(sum(monetary_minor) as bigint) as monetary_minor,
        cast(avg(recency_days) as double precision) as recency_days_mean,
        cast(avg(frequency) as double precision) as frequency_mean, max(as_of) as as_of
    from marts.customer_rfm group by seller_id, segment, currency
    union all
    select 0, segment, 'USD', count(*), cast(round(cast(sum(monetary_usd) * 100 as numeric)) as bigint),
        cast(avg(recency_days) as double precision), cast(avg(frequency) as double precision), max(as_of)
    from marts.customer_rfm_market group by segment;
"""
SEGMENTS = ("Champions", "Loyal", "Potential loyalists", "At risk", "Hibernating", "New")


@dataclass
class MartWorld:
    """The rows that were written, by mart, so that tests sum them up themselves."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def where(self, mart: str, **wanted: Any) -> list[dict[str, Any]]:
        """Its rows whose columns are these; a pair is a range with both ends."""

        def fits(value: Any, want: Any) -> bool:
            return want[0] <= value <= want[1] if isinstance(want, tuple) else bool(value == want)

        return [row for row in self.rows[mart] if all(fits(row[name], want) for name, want in wanted.items())]

    def sum(self, mart: str, column: str, **wanted: Any) -> Any:
        """The column added up over them; nulls count nothing."""
        return sum(row[column] or 0 for row in self.where(mart, **wanted))


@dataclass(frozen=True)
class Business:
    """A market with marts: its rows, its sellers by id, and an app over it."""

    made: MartWorld
    sellers: list[int]
    settings: Settings
    warehouse: Warehouse
    client: TestClient


@contextmanager
def opened(postgres: EmbeddedPostgres, home: Path, name: str, encoder: Encoder) -> Iterator[Business]:
    """The sample market with its marts in a database of this name, and an app without an index over it."""
    home.mkdir()
    url = postgres.create_database(name, template="template_soko")
    milvus = f"http://127.0.0.1:{free_port()}"
    settings = Settings(_env_file=None, home=home, database_url=url, milvus_uri=milvus, auth="open")
    warehouse = Warehouse(url)
    market = draw_market(sellers=3, products_per_seller=6)
    world.settle(warehouse, Images(settings.artifacts_folder / "images"), market)
    create_marts(warehouse)
    made = fill(warehouse)
    with warehouse.begin() as connection:
        sellers = list(connection.scalars(sa.text("select seller_id from catalog.sellers order by seller_id")))
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as client:
        yield Business(made, sellers, settings, warehouse, client)
    warehouse.close()


def create_marts(warehouse: Warehouse) -> None:
    """Empty marts, and the two dimensions as the catalogue is."""
    with warehouse.begin() as connection:
        connection.execute(sa.text("create schema if not exists marts"))
        for name, columns in TABLES.items():
            connection.execute(sa.text(f"create table marts.{name} ({columns})"))
        connection.execute(sa.text(DIMENSIONS))
        connection.execute(sa.text(ROLL_UPS))


def fill(warehouse: Warehouse) -> MartWorld:
    """Two months of a market: a rhythm over the week, one quiet seller, one day that was not as expected."""
    with warehouse.begin() as connection:
        sellers = list(
            connection.execute(sa.text("select seller_id, currency from catalog.sellers order by seller_id"))
        )
        products = list(
            connection.execute(
                sa.text("select product_id, seller_id, category from catalog.products order by product_id")
            )
        )
        made = _drawn([tuple(one) for one in sellers], [tuple(one) for one in products])
        for mart, rows in made.rows.items():
            names = list(rows[0])
            values = ", ".join(f":{name}" for name in names)
            connection.execute(sa.text(f"insert into marts.{mart} ({', '.join(names)}) values ({values})"), rows)
        connection.execute(sa.text("update marts.dim_sellers set last_synced_at = :now"), {"now": world.NOW})
        _insights(connection, sellers[0].seller_id, sellers[0].currency)
        _leads(connection, sellers[0].seller_id, [one.product_id for one in products][:4])
    return made


def _drawn(sellers: list[tuple[Any, ...]], products: list[tuple[Any, ...]]) -> MartWorld:
    dice = random.Random(6)
    made = MartWorld({name: [] for name in TABLES})
    for ago in range(DAYS - 1, -1, -1):
        day = TODAY - timedelta(days=ago)
        busy = 1.5 if day.weekday() >= 5 else 1.0
        sums = dict.fromkeys(("impressions", "views", "clicks", "whatsapp_starts", "orders", "wishlists"), 0)
        for place, (seller_id, currency) in enumerate(sellers[:-1]):  # the last seller never had a visitor
            for step, count in _seller_day(made, dice, day, seller_id, currency, products, busy / (place + 1)).items():
                sums[step] += count
        made.rows["mart_platform_metrics_daily"].append(
            {"metric_on": day, "active_shoppers": dice.randrange(40, 90), "active_sellers": 2, **sums}
            | {"purchases": sums["orders"], "new_products": 1, "gone_products": 0, "price_changes": ago % 3}
        )
    _people(made, dice, sellers)
    return made


def _seller_day(
    made: MartWorld, dice: random.Random, day: date, seller_id: int, currency: str, products: Any, busy: float
) -> dict[str, int]:
    own = [one for one in products if one[1] == seller_id]
    totals = dict.fromkeys(("impressions", "views", "clicks", "whatsapp_starts", "orders", "wishlists"), 0)
    revenue, units, orders = 0, 0, 0
    for category in sorted({one[2] for one in own}):
        of_category = [one[0] for one in own if one[2] == category]
        for source in SOURCES:
            device = dice.choice(DEVICES)
            views = round(busy * dice.randrange(6, 20))
            clicks = views // 3
            starts = clicks // 2
            bought = dice.randrange(0, 2) if starts else 0
            matched = bought if source == "whatsapp" else 0
            probable = bought if source == "facebook" else 0
            product_id = dice.choice(of_category)
            row = {"funnel_on": day, "seller_id": seller_id, "category": category, "source": source, "device": device}
            row |= {"experiment": "", "variant": "", "impressions": views * 4, "views": views, "clicks": clicks}
            row |= {"whatsapp_starts": starts, "wishlists": clicks // 4, "purchases": bought, "orders": bought}
            row |= {"orders_matched": matched, "orders_probable": probable}
            row |= {"orders_unknown": bought - matched - probable, "known_at": world.NOW}
            made.rows["fct_funnel_daily"].append(row)
            amount = bought * dice.randrange(500, 4000) * 100
            order_id = f"sample:{seller_id}:{day}:{category}:{source}"
            if bought:
                usd = amount / 100 / PER_USD
                head = {"order_id": order_id, "seller_id": seller_id, "currency": currency, "occurred_on": day}
                status = {"customer_id": f"shopper-{dice.randrange(60)}", "status": "completed", "is_sale": True}
                made.rows["fct_orders"].append({**head, **status, "gross_minor": amount, "gross_usd": usd})
                line = {"line_number": 1, "product_id": product_id, "category": category, "quantity": 2}
                made.rows["fct_order_lines"].append({**head, **line, "amount_minor": amount})
            product = {"product_id": product_id, "seller_id": seller_id, "category": category, "day_on": day}
            product |= {"impressions": views * 4, "views": views, "clicks": clicks, "whatsapp_starts": starts}
            made.rows["fct_product_daily"].append(
                {**product, "orders": bought, "units": 2 * bought, "revenue_minor": amount}
            )
            revenue, units, orders = revenue + amount, units + 2 * bought, orders + bought
            for step in totals:
                totals[step] += row[step]
    made.rows["fct_seller_daily"].append(
        {"seller_id": seller_id, "day_on": day, "currency": currency, "leads": 3, "leads_answered": 2, "buyers": orders}
        | {one: totals[one] for one in ("impressions", "views", "clicks", "whatsapp_starts")}
        | {"orders": orders, "units": units, "revenue_minor": revenue, "revenue_usd": revenue / 100 / PER_USD}
        | {"response_seconds_median": float(dice.randrange(600, 7200))}
    )
    made.rows["fct_sync_health"].append(
        {"seller_id": seller_id, "sync_on": day, "syncs": 4, "completed": 3, "failed": 1, "braked": 0, "new": 1}
        | {"products_seen": 10, "gone": 0, "price_changes": 2, "failed_products": 1, "seconds_median": 3.5}
        | {"last_error": "the shop answered 503" if day.day % 9 == 0 else None}
    )
    return totals


def _people(made: MartWorld, dice: random.Random, sellers: list[tuple[Any, ...]]) -> None:
    for number in range(60):
        seller_id, currency = sellers[number % 2]
        segment = SEGMENTS[min(number // 8, len(SEGMENTS) - 1)]
        days = {"first_order_on": TODAY - timedelta(days=60), "last_order_on": TODAY, "as_of": TODAY}
        scored = {"customer_id": f"shopper-{number}", "recency_days": number, "frequency": 1 + number % 5}
        scored |= {"r": 5, "f": 3, "m": 2, "rfm_score": "532", "segment": segment, **days}
        spent = dice.randrange(1000, 90000) * 100
        made.rows["customer_rfm"].append(
            {**scored, "seller_id": seller_id, "monetary_minor": spent, "currency": currency}
        )
        made.rows["customer_rfm_market"].append({**scored, "monetary_usd": spent / 100 / PER_USD})
    monday = TODAY - timedelta(days=TODAY.weekday())
    for seller_id in (0, sellers[0][0], sellers[1][0]):
        for grain, length in (("week", 7), ("month", 30)):
            for weeks in range(8):
                size = 20 + weeks
                for period in range(weeks + 1):
                    retained = size if period == 0 else max(0, size // (period + 2))
                    made.rows["cohort_retention"].append(
                        {"subject": "buyers", "grain": grain, "seller_id": seller_id, "period": period}
                        | {"cohort_on": monday - timedelta(days=length * weeks), "cohort_size": size}
                        | {"retained": retained, "retention": retained / size}
                    )
        for bucket in range(1, 8):
            season = {"seller_id": seller_id, "unit": "weekday", "bucket": str(bucket), "orders": 10 * bucket}
            made.rows["seasonality"].append({**season, "revenue_minor": 1000 * bucket, "index": bucket / 4})


def _insights(connection: sa.Connection, seller_id: int, currency: str) -> None:
    for scope, unit, level in ((f"seller:{seller_id}", currency, 1_500_000), ("market", "USD", 30_000)):
        key = {"metric": "revenue_minor", "scope": scope, "grain": "day", "model": "auto_ets"}
        rows = [
            {**key, "made_for": TODAY + timedelta(days=ahead), "currency": unit, "made_on": TODAY, "mean": level}
            | {"low80": level * 0.7, "high80": level * 1.3, "low95": level * 0.5, "high95": level * 1.6}
            for ahead in range(1, 15)
        ]
        connection.execute(insert(forecasts), rows)
        judged = {"origins": 6, "horizon": 7, "mae": 900.0, "mase": 0.82, "coverage80": 0.79, "coverage95": 0.94}
        connection.execute(insert(backtests), {**key, **judged, "is_served": True})
        connection.execute(
            insert(backtests), {**key, **judged, "model": "seasonal_naive", "mae": 1200.0, "is_served": False}
        )
    usual = {"revenue_minor": 1_700_000.0, "views": 220.0, "whatsapp_starts": 42.0}
    for whose, metric in ((seller_id, "revenue_minor"), (seller_id, "views"), (0, "whatsapp_starts")):
        for state, ago in (("new", 3), ("seen", 17)):
            raised = {"metric": metric, "seller_id": whose, "observed_on": TODAY - timedelta(days=ago)}
            level = usual[metric]
            band = {"expected": level, "low": 0.6 * level, "high": 1.4 * level, "score": -5.2, "reasons": {}}
            connection.execute(
                insert(alerts), {**raised, **band, "direction": "low", "value": 0.2 * level, "state": state}
            )


def _leads(connection: sa.Connection, seller_id: int, product_ids: list[int]) -> None:
    rows = [
        {"event_id": f"lead-{number:04}", "seller_id": seller_id, "product_id": product_ids[number % len(product_ids)]}
        | {"user_id": f"shopper-{number}", "message": "Is it still there?" if number % 2 else None}
        | {"source": SOURCES[number % 4], "device": "phone", "occurred_at": world.NOW - timedelta(hours=5 * number)}
        for number in range(24)
    ]
    connection.execute(insert(leads), rows)
