"""How fast dashboards answer from the marts, beside the same numbers by SQL on raw events.

`python -m benchmarks.dashboards --events 1000000` draws shoppers, chats and orders of three months within an embedded
Postgres, builds the marts with dbt, and reads the market's and one seller's dashboard in turns both ways, so that noise
of the machine meets both alike. Then the API and the page are asked as programs and browsers do.

What is drawn: 200 sellers of one country, each with three of twelve categories; a product for every 250 events and a
shopper for every 20. Views, chats and orders go to products by a long tail: a hundredth of the products draws a fifth
of them, a fifth of the products almost three fifths, so that a product has two or three events on an average day and
the best have hundreds. Of a hundred events 70 are views, 27 clicks and 3 wishes; for each hundred there are five chats,
two orders, a third of which quote their chat's code, and one lead, two thirds of them answered. Sources and devices
are uneven. Every seller is synced daily; the market and its sellers have forecasts, and a few days of each are alerted.
Nothing is drawn of exposures, so that impressions are 0, and a shopper's events are spread over the three months.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.settings import Settings
from marketplace.storage.dashboards.reading import Dashboard, read_dashboard
from marketplace.storage.dashboards.scope import Asked
from marketplace.storage.warehouse import Warehouse
from serving.app import create_app
from tests.warehouse.dbt_command import Dbt

SELLERS, CATEGORIES, DAYS = 200, 12, 90
LATELY = "now() - interval '59 days'"  # thirty days, and the thirty before them
ZONE = "Africa/Nairobi"
# `n * 0` has every row draw anew, where Postgres would draw once for all.
_PRODUCT = "1 + floor(power(random(), 3) * (:events / 250) + n * 0)::int"
_AT = f"now() - random() * interval '{DAYS} days' - n * 0 * interval '1 s'"
_SHOPPER = "'shopper-' || floor(random() * (:events / 20))::int"
_SOURCE = "(array['whatsapp', 'direct', 'facebook', 'search', 'tiktok'])[1 + floor(power(random(), 1.5) * 5)::int]"
_DEVICE = "(array['phone', 'desktop', 'tablet'])[1 + floor(power(random(), 3) * 3)::int]"
SEED = f"""
    insert into catalog.sellers (seller_id, handle, name, country, currency, source_kind, created_at)
    select n, 'shop-' || n, 'Shop ' || n, 'KE', 'KES', 'whatsapp', now() - interval '{DAYS + 1} days'
    from generate_series(1, {SELLERS}) as n;
    insert into catalog.products (product_id, seller_id, source_ref, title, category, content_hash,
        first_seen_at, last_seen_at, last_hydrated_at, updated_at)
    select n, 1 + n % {SELLERS}, n::text, 'Product ' || n,
        'category ' || (n % {SELLERS} + n / {SELLERS} % 3) % {CATEGORIES}, 'x',
        now() - interval '{DAYS + 1} days', now(), now(), now() - interval '{DAYS + 1} days'
    from generate_series(1, :events / 250) as n;
    insert into raw.exchange_rates (currency, rated_on, per_usd, source)
    select 'KES', current_date - n, 129, 'benchmark' from generate_series(0, {DAYS + 2}) as n;
    insert into catalog.sync_runs (sync_id, seller_id, trigger, status, started_at, finished_at, scouted, note)
    select seller || '/' || day, seller, 'schedule', case when (seller + day) % 40 = 0 then 'failed' else 'done' end,
        now() - day * interval '1 day', now() - day * interval '1 day' + interval '20 s', 20,
        case when (seller + day) % 40 = 0 then 'the shop answered 503' end
    from generate_series(1, {SELLERS}) as seller cross join generate_series(0, {DAYS}) as day;
    insert into insights.alerts (metric, seller_id, observed_on, direction, value, expected, low, high, score, reasons)
    select 'views', seller, current_date - 9 * day, 'low', 10, 100, 60, 140, -5 - day, '{{}}'
    from generate_series(0, {SELLERS}) as seller cross join generate_series(1, {DAYS} / 9) as day;
    insert into insights.forecasts (metric, scope, grain, made_for, currency, made_on, model, mean, low80, high80,
        low95, high95)
    select metric, case seller when 0 then 'market' else 'seller:' || seller end, 'day', current_date + day,
        case seller when 0 then 'USD' else 'KES' end, current_date, 'auto_ets', 900, 700, 1100, 500, 1300
    from generate_series(0, {SELLERS}) as seller cross join generate_series(1, 28) as day
    cross join (values ('revenue_minor'), ('orders')) as forecast (metric)
"""
EVENTS = f"""
    insert into raw.interactions
        (event_id, user_id, product_id, kind, session_id, surface, device, source, occurred_at, received_at)
    select 'event-' || n, {_SHOPPER}, {_PRODUCT},
        case when n % 100 < 70 then 'view' when n % 100 < 97 then 'click' else 'wishlist' end,
        null, 'grid', {_DEVICE}, {_SOURCE}, made.at, made.at
    from generate_series(1, :events) as n
    cross join lateral (select {_AT} as at) as made
"""
STARTS = f"""
    insert into raw.whatsapp_starts
        (start_id, code, seller_id, product_id, user_id, device, source, occurred_at, received_at)
    select 'start-' || n, 'code-' || n, 1 + made.product % {SELLERS}, made.product, {_SHOPPER}, {_DEVICE}, {_SOURCE},
        made.at, made.at
    from generate_series(1, :events / 20) as n
    cross join lateral (select {_PRODUCT} as product, {_AT} as at) as made
"""
LEADS = f"""
    insert into raw.leads (event_id, seller_id, product_id, user_id, device, source, occurred_at, received_at)
    select 'lead-' || n, 1 + made.product % {SELLERS}, made.product, {_SHOPPER}, {_DEVICE}, {_SOURCE}, made.at, made.at
    from generate_series(1, :events / 100) as n
    cross join lateral (select {_PRODUCT} as product, {_AT} as at) as made;
    insert into crm.lead_events (event_id, kind, state, by_subject, occurred_at)
    select event_id, 'state', 'contacted', 'benchmark', least(now(), occurred_at + random() * interval '1 day')
    from raw.leads where hashtext(event_id) % 3 <> 0
"""
ORDERS = f"""
    insert into raw.orders (order_id, seller_id, customer_id, status, channel, start_code, currency, gross_minor,
        items, origin, occurred_at, received_at)
    select 'api:' || n || ':' || made.product, 1 + made.product % {SELLERS}, {_SHOPPER}, 'completed', 'whatsapp',
        case when n % 3 = 0 then 'code-' || n end, 'KES',
        100 * (200 + (random() * 5000)::int), 1, 'api', made.at, made.at
    from generate_series(1, :events / 50) as n
    cross join lateral (select {_PRODUCT} as product, {_AT} as at) as made;
    insert into raw.order_lines
        (order_id, line_number, product_id, product_name, quantity, amount_minor)
    select order_id, 1, split_part(order_id, ':', 3)::bigint, 'x', 1, gross_minor
    from raw.orders
"""
_MINE = "(cast(:seller_id as bigint) is null or sellers.seller_id = :seller_id)"
RAW = {
    "funnel": f"""
        select (at at time zone '{ZONE}')::date as day, source, device, count(*) filter (where step = 'view') as views,
            count(*) filter (where step = 'click') as clicks, count(*) filter (where step = 'chat') as chats,
            count(*) filter (where step = 'order') as orders
        from (
            select product_id, null::bigint as seller_id, kind as step, source, device, occurred_at as at
            from raw.interactions
            union all
            select product_id, seller_id, 'chat', source, device, occurred_at from raw.whatsapp_starts
            union all
            select null, seller_id, 'order', source, device, occurred_at from raw.orders where status <> 'cancelled'
        ) as steps
        left join catalog.products on products.product_id = steps.product_id
        inner join catalog.sellers on sellers.seller_id = coalesce(steps.seller_id, products.seller_id)
        where at > {LATELY} and {_MINE}
        group by day, source, device
    """,
    "revenue": f"""
        select (occurred_at at time zone '{ZONE}')::date as day, orders.currency, sum(gross_minor), count(*),
            sum(gross_minor / 100 / rates.per_usd)
        from raw.orders
        inner join catalog.sellers on sellers.seller_id = orders.seller_id
        left join raw.exchange_rates as rates on rates.currency = orders.currency
            and rates.rated_on = (occurred_at at time zone '{ZONE}')::date
        where status <> 'cancelled' and occurred_at > {LATELY} and {_MINE}
        group by day, orders.currency
    """,
    "products": f"""
        select products.product_id, products.title, count(*) filter (where kind = 'view') as views,
            count(*) filter (where kind = 'click') as clicks
        from raw.interactions
        inner join catalog.products on products.product_id = interactions.product_id
        inner join catalog.sellers on sellers.seller_id = products.seller_id
        where occurred_at > {LATELY} and {_MINE}
        group by products.product_id, products.title order by clicks desc limit 10
    """,
    "segments": f"""
        select r, f, m, count(*) from (
            select ntile(5) over (order by max(occurred_at)) as r, ntile(5) over (order by count(*)) as f,
                ntile(5) over (order by sum(gross_minor)) as m
            from raw.orders inner join catalog.sellers on sellers.seller_id = orders.seller_id
            where status <> 'cancelled' and {_MINE} group by customer_id
        ) as scored group by r, f, m
    """,
    "cohorts": f"""
        with weeks as (
            select distinct customer_id, date_trunc('week', occurred_at at time zone '{ZONE}')::date as week
            from raw.orders inner join catalog.sellers on sellers.seller_id = orders.seller_id
            where status <> 'cancelled' and {_MINE}
        )
        select cohort, (week - cohort) / 7 as period, count(*)
        from (select *, min(week) over (partition by customer_id) as cohort from weeks) as first
        group by cohort, period
    """,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=40)
    given = parser.parse_args()
    with stored(given.events) as (warehouse, settings):
        for name, seller_id in (("market", None), ("seller", 7)):
            compare(warehouse, name, seller_id, given.rounds)
        ask(settings, given.requests)


def compare(warehouse: Warehouse, name: str, seller_id: int | None, rounds: int) -> None:
    """Print how long the dashboard takes both ways, and whether they say the same."""
    found: list[Dashboard] = []
    raw: list[dict[str, list[sa.Row]]] = []
    ours, theirs = [], []
    for _ in range(rounds + 1):  # the first of each warms the caches and is not counted
        now = datetime.now(UTC)
        ours.append(seconds(lambda now=now: found.append(read_dashboard(warehouse, Asked(seller_id=seller_id), now))))
        theirs.append(seconds(lambda: raw.append(by_raw_events(warehouse, seller_id))))
    ratios = [slow / fast for slow, fast in zip(theirs[1:], ours[1:], strict=True)]
    fast, slow = (1000 * statistics.median(some[1:]) for some in (ours, theirs))
    print(
        f"{name:8} marts {fast:9.1f} ms   raw {slow:9.1f} ms   "
        f"ratio {statistics.median(ratios):7.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    )
    since, until = found[-1].scope.since, found[-1].scope.until
    said = found[-1].funnel.totals
    days = [row for row in raw[-1]["funnel"] if since <= row.day <= until]
    pairs = {
        step: (getattr(said, step), sum(getattr(row, step) for row in days)) for step in ("views", "clicks", "orders")
    }
    takings = sum(row[2] for row in raw[-1]["revenue"] if since <= row.day <= until)
    pairs["revenue"] = (sum(one.revenue_minor for one in found[-1].money.totals), takings)
    print(
        "         " + ", ".join(f"{step} {mart:,} by marts, {plain:,} by raw" for step, (mart, plain) in pairs.items())
    )


def by_raw_events(warehouse: Warehouse, seller_id: int | None) -> dict[str, list[sa.Row]]:
    """The dashboard's numbers without marts."""
    with warehouse.begin() as connection:
        return {
            name: list(connection.execute(sa.text(text), {"seller_id": seller_id} if ":seller_id" in text else {}))
            for name, text in RAW.items()
        }


def ask(settings: Settings, requests: int) -> None:
    """Print p50 and p95 of the API and the page."""
    paths = [f"/api/analytics/dashboard/{whose}" for whose in ("market", "7")]
    paths += ["/dashboard/market", "/dashboard/sellers/7", "/api/metrics", "/api/analytics/metrics"]
    with TestClient(create_app(settings)) as client:
        took: dict[str, list[float]] = {path: [] for path in paths}
        for number in range(requests + 1):
            for path in paths:
                took[path].append(seconds(lambda path=path: client.get(path).raise_for_status()))
                if number == 0:
                    took[path].clear()
    for path, found in took.items():
        ordered = sorted(1000 * one for one in found)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
        print(f"{path:34} p50 {statistics.median(ordered):8.1f} ms   p95 {p95:8.1f} ms")


def seconds(work: Callable[[], object]) -> float:
    """How long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def stored(events: int) -> Iterator[tuple[Warehouse, Settings]]:
    """An embedded Postgres with so many events and their marts."""
    with tempfile.TemporaryDirectory(prefix="soko-dashboards-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        server.start(folder / "postgres.log")
        url = server.create_database("dashboards")
        warehouse = Warehouse(url)
        try:
            warehouse.migrate()
            print(f"drawn in {seconds(lambda: draw(warehouse, events)):.0f} s")
            print(f"marts built in {seconds(lambda: build(url, folder / 'dbt')):.0f} s", flush=True)
            home = folder / "home"
            home.mkdir()
            milvus = f"http://127.0.0.1:{free_port()}"
            yield warehouse, Settings(_env_file=None, home=home, database_url=url, milvus_uri=milvus, auth="open")
        finally:
            warehouse.close()
            server.stop()


def draw(warehouse: Warehouse, events: int) -> None:
    """The market is stored, and Postgres knows how much it is."""
    with warehouse.begin() as connection:
        for statement in (SEED, EVENTS, STARTS, LEADS, ORDERS):
            connection.execute(sa.text(statement), {"events": events})
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))


def build(url: str, target: Path) -> None:
    """The marts are there."""
    dbt = Dbt(url, target)
    for command in ("seed", "run"):
        done: subprocess.CompletedProcess[str] = dbt.attempt(command)
        if done.returncode:
            sys.exit(done.stdout[-3000:])


if __name__ == "__main__":
    main()
