"""How long the marts take to follow new events, beside building them anew; and whether both give the same rows.

`python -m benchmarks.warehouse_incremental --events 10000000` draws a market of 180 days inside an embedded Postgres:
four in five events are interactions, the rest impressions, with a few chats, leads and orders. The marts are built
once. Then, in each round, another hundredth of the events arrives: half on the day after all others, half from two to
thirteen days late. `dbt run` takes them in, every mart is kept aside, `dbt run --full-refresh` builds all anew, and
each mart is compared with what was kept by `except all`, both ways. Both commands build every model of the project
and are timed from outside, dbt's own start included; `models` is the sum of what each model took within them. Before
the new events are taken in, all that is there is read into memory, where a full refresh finds it too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.warehouse import Warehouse
from orchestration.warehouse_marts import FOLDER, dbt_environment

SELLERS, PRODUCTS, DAYS = 200, 20_000, 180
LATE = 100  # one in so many
SLOWEST = 14  # models that are named
MEMORY = "12GB"  # all of 10 million events and their marts, as on a server that has them at hand
MARKET = f"""
    insert into catalog.sellers (seller_id, handle, name, country, currency, source_kind)
    select one, 'seller-' || one, 'Seller', (array['KE', 'ET', 'GH', 'NG'])[1 + one % 4], 'KES', 'whatsapp'
    from generate_series(1, {SELLERS}) as one;

    insert into catalog.products
        (product_id, seller_id, source_ref, title, category, content_hash,
            first_seen_at, last_seen_at, last_hydrated_at, updated_at)
    select one, 1 + one % {SELLERS}, one::text, 'Product ' || one, 'Category ' || one % 30, 'x', at, at, at, at
    from generate_series(1, {PRODUCTS}) as one cross join (values (timestamptz '2025-12-31 00:00Z')) as seen (at);
"""
# Five events in a row are a session; `batch` 0 is what was there before, and each other one comes on top.
EVENTS = """
    create temporary table drawn on commit drop as
    select
        :batch || '-' || one as event_id,
        'shopper-' || session_draw % :shoppers as user_id,
        1 + abs(hashint8(one * 7919 + :batch)::bigint) % {products} as product_id,
        one % 5 as turn,
        abs(hashint8(one * 31 + :batch)::bigint) % 100 as draw,
        case when session_draw % 3 > 0 then 'session-' || :batch || '-' || one / 5 end as session_id,
        case when one % 5 = 0 then (array['phone', 'phone', 'desktop', 'tablet'])[1 + session_draw % 4] end as device,
        case when one % 5 = 0 then (array['direct', 'whatsapp', 'search'])[1 + session_draw % 3] end as source,
        timestamptz '2026-01-01 00:00Z' + (session_draw / 7 % 86400 + one % 5 * 40) * interval '1 second'
            + case
                when :batch = 0 then one * {days} / (:events + 1)
                when one / 5 % 2 = 0 then {days} - 1 + :batch
                else {days} - 3 + :batch - session_draw / 11 % 12
            end * interval '1 day' as occurred_at
    from (
        select one, abs(hashint8(one / 5 * 104729 + :batch * 13)::bigint) as session_draw
        from generate_series(1::bigint, :events) as one
    ) as numbered;

    insert into raw.interactions
        (event_id, user_id, product_id, kind, session_id, device, source, occurred_at, received_at)
    select
        event_id, user_id, product_id,
        case when draw < 45 then 'view' when draw < 72 then 'click' when draw < 77 then 'wishlist' else 'purchase' end,
        session_id, device, source, occurred_at, {received}
    from drawn where draw < 80;

    insert into raw.exposures
        (answer_id, rank, user_id, product_id, seller_id, surface, source, propensity, experiment, variant, seconds,
            served_at)
    select
        event_id, 1, user_id, product_id, 1 + product_id % {sellers}, 'for_you', 'personal', 1, 'blend',
        case when hashtext(user_id) % 2 = 0 then 'control' else 'treatment' end, 0.01,
        case when :batch = 0 then occurred_at else {received} end
    from drawn where draw between 80 and 98;

    insert into raw.whatsapp_starts
        (start_id, code, seller_id, product_id, user_id, session_id, occurred_at, received_at)
    select event_id, event_id, 1 + product_id % {sellers}, product_id, user_id, session_id, occurred_at, {received}
    from drawn where draw = 99 and turn < 3;

    insert into raw.leads
        (event_id, seller_id, product_id, user_id, channel, start_code, occurred_at, received_at)
    select
        event_id, 1 + product_id % {sellers}, product_id, user_id, 'whatsapp', case when turn = 3 then event_id end,
        occurred_at, {received}
    from drawn where draw = 99 and turn > 2;

    insert into raw.orders
        (order_id, seller_id, customer_id, status, channel, start_code, currency, gross_minor, items, origin,
            occurred_at, received_at)
    select
        event_id, 1 + product_id % {sellers}, user_id, 'completed', 'whatsapp', case when turn = 0 then event_id end,
        'KES', 1000, 1, 'sample', occurred_at + interval '1 hour', {received} + interval '1 hour'
    from drawn where draw = 99 and turn < 2;

    insert into raw.order_lines (order_id, line_number, product_id, product_name, quantity)
    select event_id, 1, product_id, 'thing', 1 from drawn where draw = 99 and turn < 2;
"""
RECEIVED = f"""
    case
        when :batch = 0 then occurred_at + interval '3 seconds'
        else greatest(occurred_at, timestamptz '2026-01-01 00:00Z' + ({DAYS} - 1 + :batch) * interval '1 day')
            + interval '3 seconds'
    end
"""
LARGE = "('raw.interactions'::regclass, 'raw.exposures'::regclass)"
KEYS = f"""
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where contype = 'p' and conrelid in {LARGE}
"""
WARMING = """
    select pg_prewarm(oid) from pg_class
    where relkind in ('r', 'i') and relnamespace::regnamespace::text in ('raw', 'catalog', 'intermediate', 'marts')
"""
INDEXES = f"select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid in {LARGE}"


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of a command, of the models in it, and of those that took longest."""

    command: float
    models: float
    slowest: dict[str, float]


def main() -> None:
    """Print what each round took, the ratio, and the marts that differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.events:,} events, {given.events // LATE:,} more in each round; {_machine()}")
    with market() as (warehouse, folder):
        report(warehouse, folder, given.events, given.rounds)


def report(warehouse: Warehouse, folder: Path, events: int, rounds: int) -> None:
    """Build once, then take turns."""
    began = time.perf_counter()
    draw(warehouse, batch=0, events=events)
    run(warehouse, folder, "seed")
    print(f"drawn in {time.perf_counter() - began:.0f} s", flush=True)
    print("built first in", _told(run(warehouse, folder, "run", "--full-refresh")), flush=True)
    ratios = []
    for batch in range(1, rounds + 1):
        draw(warehouse, batch=batch, events=events // LATE)
        warm(warehouse)
        grown = run(warehouse, folder, "run")
        marts = keep(warehouse, folder)
        anew = run(warehouse, folder, "run", "--full-refresh")
        ratios.append((anew.command / grown.command, anew.models / grown.models))
        print(f"round {batch}: grown in {_told(grown)}\n         anew in {_told(anew)}", flush=True)
        print(f"         {ratios[-1][0]:.1f} x the command, {ratios[-1][1]:.1f} x its models")
        print(f"         {compared(warehouse, marts)}")
    commands, models = (statistics.median(side) for side in zip(*ratios, strict=True))
    print(f"full refresh / incremental, median of {rounds}: {commands:.1f} the command, {models:.1f} its models")


def draw(warehouse: Warehouse, *, batch: int, events: int) -> None:
    """Let a batch of events arrive; the first one, numbered 0, brings its market and comes in the order of days."""
    names = {"products": PRODUCTS, "days": DAYS, "sellers": SELLERS, "received": RECEIVED}
    told = {"batch": batch, "events": events, "shoppers": max(events if batch == 0 else events * LATE, LATE) // 50}
    statements = EVENTS.format(**names).strip().removesuffix(";").split(";\n")
    with warehouse.begin() as connection:
        if batch == 0:
            connection.execute(sa.text(MARKET))
        with bare(connection) if batch == 0 else nullcontext():
            for statement in statements:
                connection.execute(sa.text(statement), told)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("analyze"))


@contextmanager
def bare(connection: sa.Connection) -> Iterator[None]:
    """The two large tables without keys and indexes, which are made again from all rows at once."""
    for setting in ("maintenance_work_mem = '512MB'", "work_mem = '256MB'", "jit = off"):
        connection.execute(sa.text(f"set local {setting}"))
    keys = connection.execute(sa.text(KEYS)).all()
    for table, name, _ in keys:
        connection.execute(sa.text(f"alter table {table} drop constraint {name}"))
    indexes = connection.execute(sa.text(INDEXES)).all()
    for name, _ in indexes:
        connection.execute(sa.text(f"drop index {name}"))
    yield
    for _, definition in indexes:
        connection.execute(sa.text(definition))
    for table, name, definition in keys:
        connection.execute(sa.text(f"alter table {table} add constraint {name} {definition}"))


def warm(warehouse: Warehouse) -> None:
    """Read every table and index into memory, as they are where marts are built every few hours."""
    with warehouse.begin() as connection:
        connection.execute(sa.text("create extension if not exists pg_prewarm"))
        connection.execute(sa.text(WARMING))


def run(warehouse: Warehouse, folder: Path, *arguments: str) -> Took:
    """What a command of dbt took."""
    url = warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {**os.environ, **dbt_environment(url), "DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder)}
    where = ["--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER)]
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments, *where]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stdout[-4000:])
    results = json.loads((folder / "run_results.json").read_text())["results"]
    by_model = {one["unique_id"].split(".")[2]: float(one["execution_time"]) for one in results}
    slowest = sorted(by_model, key=lambda name: -by_model[name])[:SLOWEST]
    return Took(took, sum(by_model.values()), {name: by_model[name] for name in slowest})


def keep(warehouse: Warehouse, folder: Path) -> list[str]:
    """The names of all marts, after each was copied as it is."""
    nodes = json.loads((folder / "manifest.json").read_text())["nodes"].values()
    marts = sorted(one["name"] for one in nodes if one["resource_type"] == "model" and one["schema"] == "marts")
    with warehouse.begin() as connection:
        connection.execute(sa.text("drop schema if exists kept cascade; create schema kept"))
        for mart in marts:
            connection.execute(sa.text(f"create table kept.{mart} as select * from marts.{mart}"))
    return marts


def compared(warehouse: Warehouse, marts: list[str]) -> str:
    """How many rows of the marts differ, by name."""
    apart = {}
    with warehouse.begin() as connection:
        connection.execute(sa.text("set local work_mem = '256MB'"))
        for mart in marts:
            sides = (("kept", "marts"), ("marts", "kept"))
            counts = [
                connection.scalar(
                    sa.text(f"select count(*) from (select * from {a}.{mart} except all select * from {b}.{mart}) as d")
                )
                for a, b in sides
            ]
            if any(counts):
                apart[mart] = counts
    return f"{len(marts)} marts compared by `except all`, different: {apart or 'none'}"


@contextmanager
def market() -> Iterator[tuple[Warehouse, Path]]:
    """An empty, migrated warehouse and a folder that dbt may write to."""
    with tempfile.TemporaryDirectory(prefix="warehouse-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "data", free_port(), durable=False, shared_buffers=MEMORY)
        server.start(folder / "log")
        try:
            warehouse = Warehouse(server.create_database("market"))
            warehouse.migrate()
            yield warehouse, folder / "dbt"
            warehouse.close()
        finally:
            server.stop()


def _told(took: Took) -> str:
    slowest = ", ".join(f"{name} {seconds:.1f}" for name, seconds in took.slowest.items())
    return f"{took.command:.1f} s, models {took.models:.1f} s ({slowest})"


def _machine() -> str:
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    return f"{os.cpu_count()} cores of {model or platform.processor()}"


if __name__ == "__main__":
    main()
