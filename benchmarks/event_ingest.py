"""How fast events are taken in, beside a bare COPY into an equal table and the usual `executemany ... on conflict`.

`python -m benchmarks.event_ingest --events 500000` draws events from a seed and stores them in an embedded Postgres:
through `record_interactions`, which turns them into rows, checks their products, refuses changed repetitions and tells
whoever serves; by a COPY of rows that were written out beforehand; and by `execute_batch`. The three take turns, each
time over an emptied table with the same keys and indexes, so that noise of the machine meets all alike.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from psycopg2.extras import execute_batch

from marketplace.events.interactions import Interaction
from marketplace.events.weights import WEIGHTS
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.events import record_interactions
from marketplace.storage.warehouse import Warehouse

PRODUCTS = 20_000
SHOPPERS = 50_000
API_BATCH = 1_000
EXECUTED = 50_000  # rows of the slowest way, which needs no more to be measured
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = "event_id, user_id, product_id, kind, session_id, surface, occurred_at"
SEED = f"""
    insert into catalog.sellers (seller_id, handle, name, country, currency, source_kind)
    values (1, 'one', 'One', 'KE', 'KES', 'whatsapp');
    insert into catalog.products
        (product_id, seller_id, source_ref, title, content_hash,
            first_seen_at, last_seen_at, last_hydrated_at, updated_at)
    select one, 1, one::text, 'x', 'x', now(), now(), now(), now() from generate_series(1, {PRODUCTS}) as one;
    create table raw.peer (like raw.interactions including all);
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with stored() as warehouse:
        report(warehouse, drawn(given.events), given.rounds)


def report(warehouse: Warehouse, events: list[Interaction], rounds: int) -> None:
    """Measure every way in turns and print its rows a second beside ours."""
    few = events[: min(EXECUTED, len(events))]
    lines, pieces = written(events), [written(piece) for piece in batches(few)]
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "ours": (len(events), lambda: record_interactions(warehouse, events)),
        "raw COPY": (len(events), lambda: copied(warehouse, [lines])),
        f"ours, batches of {API_BATCH:,}": (
            len(few),
            lambda: [record_interactions(warehouse, b) for b in batches(few)],
        ),
        f"raw COPY, batches of {API_BATCH:,}": (len(few), lambda: copied(warehouse, pieces)),
        "executemany on conflict": (len(few), lambda: executed(warehouse, few)),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    replays: list[float] = []
    for _ in range(rounds):
        for name, (count, work) in ways.items():
            emptied(warehouse)
            speeds[name].append(count / seconds(work))
            if name == "ours":
                replays.append(count / seconds(work))
    speeds["ours, all sent before"] = replays
    for name, found in speeds.items():
        print(f"{name:34}{statistics.median(found):>12,.0f} rows/s")
    ours, raw, small, raw_small, slow, _ = (np.array(found) for found in speeds.values())
    for name, ratios in (
        ("ours / raw COPY", ours / raw),
        (f"the same in batches of {API_BATCH:,}", small / raw_small),
        ("ours / executemany", ours / slow),
        (f"batches of {API_BATCH:,} / executemany", small / slow),
    ):
        print(f"{name:34}{np.median(ratios):>12.2f}   ({ratios.min():.2f} to {ratios.max():.2f})")


def drawn(count: int) -> list[Interaction]:
    """Events with random ids, as clients make them, of shoppers and products that differ in how much they do."""
    rng = np.random.default_rng(5)
    ids = [str(UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]
    shoppers = [f"shopper-{one:06d}" for one in (SHOPPERS * rng.random(count) ** 2).astype(int)]
    products = (1 + PRODUCTS * rng.random(count) ** 2).astype(int).tolist()
    kinds = rng.choice(list(WEIGHTS), count, p=[0.7, 0.2, 0.06, 0.04]).tolist()
    ages = rng.integers(0, 30 * 86_400_000_000, count).tolist()
    rows = zip(ids, shoppers, products, kinds, ages, strict=True)
    return [
        Interaction(event_id, user_id, product_id, kind, None, "grid", NOW - timedelta(microseconds=age))
        for event_id, user_id, product_id, kind, age in rows
    ]


def batches(events: Sequence[Interaction]) -> Iterator[Sequence[Interaction]]:
    """The events as a client would send them."""
    return (events[start : start + API_BATCH] for start in range(0, len(events), API_BATCH))


def values(event: Interaction) -> tuple[object, ...]:
    """A row of raw.interactions."""
    return (
        *(event.event_id, event.user_id, event.product_id, event.kind),
        *(event.session_id, event.surface, event.occurred_at),
    )


def written(events: Sequence[Interaction]) -> str:
    """The rows as COPY reads them."""
    rows = (["\\N" if value is None else str(value) for value in values(event)] for event in events)
    return "".join("\t".join(row) + "\n" for row in rows)


def copied(warehouse: Warehouse, texts: Sequence[str]) -> None:
    """The rows are in the peer table afterwards, each text by a transaction of its own."""
    for text in texts:
        with warehouse.begin() as connection, connection.connection.cursor() as cursor:
            cursor.copy_expert(f"copy raw.peer ({NAMES}) from stdin", io.StringIO(text))  # type: ignore[attr-defined]


def executed(warehouse: Warehouse, events: Sequence[Interaction]) -> None:
    """The rows are in the peer table afterwards, by INSERT ... ON CONFLICT DO NOTHING in pages of a hundred."""
    statement = f"insert into raw.peer ({NAMES}) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing"
    with warehouse.begin() as connection, connection.connection.cursor() as cursor:
        execute_batch(cursor, statement, [values(event) for event in events])


def emptied(warehouse: Warehouse) -> None:
    """Both tables are empty afterwards, and nothing is left over to be written."""
    with warehouse.begin() as connection:
        connection.execute(sa.text("truncate raw.interactions, raw.peer"))
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("checkpoint"))


def seconds(work: Callable[[], object]) -> float:
    """How long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def stored() -> Iterator[Warehouse]:
    """An embedded Postgres with the schema, one seller and its products."""
    with tempfile.TemporaryDirectory(prefix="soko-ingest-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres", free_port())
        server.start(folder / "postgres.log")
        warehouse = Warehouse(server.create_database("ingest"))
        try:
            warehouse.migrate()
            with warehouse.begin() as connection:
                connection.execute(sa.text(SEED))
            yield warehouse
        finally:
            warehouse.close()
            server.stop()


if __name__ == "__main__":
    main()
