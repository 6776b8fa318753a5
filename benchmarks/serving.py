"""What recommendations cost to serve: kept answers beside a bare route, fold-in by percentiles, answers an hour.

`python -m benchmarks.serving` fills an embedded Postgres with products and shoppers drawn from a seed, publishes a
model of 50 factors, and serves two apps, each in a process of its own under the same uvicorn settings: ours, and a
Starlette app of one route that gives bytes of the same size. A third process asks them in turns over loopback, so that
noise of the machine meets both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import sqlalchemy as sa
import uvicorn
from sqlalchemy.dialects.postgresql import insert

from benchmarks.search_api import HashedWords, fill
from marketplace.local.network import answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.settings import Settings
from marketplace.storage.model_files import keep_model
from marketplace.storage.publications import MODEL, RecommendationSet, publish_recommendations
from marketplace.storage.tables import interactions, publications
from marketplace.storage.warehouse import Warehouse
from models.collaborative.model import FactorModel, FoldIn

FIRST = 10_000
FACTORS = 50
NEIGHBOURS = 20
WANTED_PER_HOUR = 500_000
PATH = "/api/recommendations/personalized"


def furnish(warehouse: Warehouse, folder: Path, products: int, shoppers: int) -> None:
    """The market has a model, likenesses, popular products and shoppers with a past afterwards."""
    rng = np.random.default_rng(7)
    ids = np.arange(FIRST, FIRST + products, dtype=np.int64)
    model = FactorModel(rng.normal(0, 0.1, (products, FACTORS)).astype(np.float32), ids, FoldIn(5.0, 10.0))
    written = io.BytesIO()
    np.savez(written, **model.to_arrays())
    sha256 = keep_model(folder, written.getvalue())
    near = [
        {"product_id": one, "kind": "alike", "rank": rank, "neighbour_id": int(other), "score": 1 - rank / 40}
        for one in ids.tolist()
        for rank, other in enumerate(rng.choice(ids, NEIGHBOURS), 1)
    ]
    popular = [
        {"category": "", "city": "", "rank": rank, "product_id": int(one), "score": 1 / rank}
        for rank, one in enumerate(rng.choice(ids, 50, replace=False), 1)
    ]
    now = datetime.now(UTC)
    publish_recommendations(warehouse, "lists-1", RecommendationSet([], near, popular), details={}, now=now)
    events = [
        {
            "event_id": f"{shopper}-{number}",
            "user_id": f"shopper-{shopper}",
            "product_id": int(ids[rng.integers(products)]),
            "kind": str(rng.choice(["view", "click", "wishlist", "purchase"], p=[0.7, 0.2, 0.06, 0.04])),
            "occurred_at": now - timedelta(hours=float(rng.exponential(300))),
        }
        for shopper in range(shoppers)
        for number in range(5 + int(rng.exponential(25)))
    ]
    with warehouse.begin() as connection:
        for start in range(0, len(events), 5000):
            connection.execute(insert(interactions), events[start : start + 5000])
        details = {"sha256": sha256, "kind": "als", "run_id": "none"}
        values = {"name": MODEL, "version": "1", "details": details, "published_at": now}
        connection.execute(insert(publications).values(values))
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))


def serve(port: int, bare: str) -> None:
    """Serve our app, or one that gives the file's bytes, under the same settings."""
    app: Any
    if bare:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import Response
        from starlette.routing import Route

        body = Path(bare).read_bytes()

        async def give(_: Request) -> Response:
            return Response(body, media_type="application/json")

        app = Starlette(routes=[Route(f"{PATH}/{{user_id}}", give)])
    else:
        from serving.app import create_app

        app = create_app(Settings(_env_file=None, rate_limit_address=""), load=HashedWords)
    uvicorn.run(app, port=port, log_level="error", access_log=False)


@contextlib.contextmanager
def served(settings: Settings, bare: str = "") -> Iterator[int]:
    """The port of an app in a process of its own."""
    port = free_port()
    found = {
        "SOKO_HOME": str(settings.home),
        "SOKO_DATABASE_URL": settings.database_url.get_secret_value(),
        "SOKO_MILVUS_URI": settings.milvus_uri,
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "benchmarks.serving", "--serve", str(port), "--bare", bare]
    with subprocess.Popen(command, env={**os.environ, **found}) as server:
        try:
            assert wait_until(lambda: answers(port), 60)
            yield port
        finally:
            server.terminate()


def told(port: int, path: str) -> bytes:
    """What a path answers."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body[:500]
    connection.close()
    return body


async def pressed(port: int, paths: list[str], seconds: float, connections: int) -> list[float]:
    """Milliseconds of each answer that so many connections got in turn."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    waiting = iter(range(10**9))

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            path = paths[next(waiting) % len(paths)]
            began = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(1000 * (time.perf_counter() - began))
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return times


def press(given: str) -> None:
    """Ask as the JSON says, and write the milliseconds to its file; in a process of its own."""
    import uvloop

    wanted = json.loads(given)
    path = Path(wanted.pop("into"))
    path.write_text(json.dumps(uvloop.run(pressed(**wanted))))


def load(port: int, paths: list[str], seconds: float, connections: int) -> list[float]:
    """Milliseconds of each answer, asked for by another process."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "times.json"
        given = {"port": port, "paths": paths, "seconds": seconds, "connections": connections, "into": str(into)}
        command = [sys.executable, "-m", "benchmarks.serving", "--press", "-"]
        subprocess.run(command, input=json.dumps(given), text=True, check=True)
        found: list[float] = json.loads(into.read_text())
    return found


def until_ready(port: int, products: int) -> None:
    """Returns when the app holds the market and its model."""

    def is_ready() -> bool:
        state = json.loads(told(port, "/api/recommendations/stats"))["serving"]
        return bool(state and state["model"] and state["products_on_offer"] == products and state["is_listening"])

    assert wait_until(is_ready, 60)


def line(*cells: object) -> None:
    """Print a row of the table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def main() -> None:
    """Print the hardware and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--shoppers", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--bare", default="", help=argparse.SUPPRESS)
    parser.add_argument("--press", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.bare)
    elif chosen.press:
        press(sys.stdin.read())
    else:
        measure(chosen)


def measure(chosen: argparse.Namespace) -> None:
    """Print what was measured."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soko-serving-")))
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        postgres.start(folder / "postgres.log")
        stack.callback(postgres.stop)
        nowhere = f"http://127.0.0.1:{free_port()}"
        settings = Settings(
            _env_file=None, home=folder, database_url=postgres.create_database("serving"), milvus_uri=nowhere
        )
        warehouse = Warehouse(settings.database_url.get_secret_value())
        stack.callback(warehouse.close)
        warehouse.migrate()
        fill(warehouse, chosen.products)
        furnish(warehouse, settings.artifacts_folder / "models", chosen.products, chosen.shoppers)
        ours = stack.enter_context(served(settings))
        until_ready(ours, chosen.products)
        one = f"{PATH}/shopper-1"
        (folder / "body.json").write_bytes(told(ours, one))
        bare = stack.enter_context(served(settings, str(folder / "body.json")))
        report(chosen, ours, bare, one)


def report(chosen: argparse.Namespace, ours: int, bare: int, one: str) -> None:
    """Print the table."""
    shoppers = [f"{PATH}/shopper-{number}" for number in range(chosen.shoppers)]
    load(ours, [one], 1.0, chosen.connections)
    load(bare, [one], 1.0, chosen.connections)
    rates: dict[str, list[float]] = {"bare": [], "kept": []}
    for turn in range(chosen.rounds):
        order = [("bare", bare), ("kept", ours)][:: 1 if turn % 2 else -1]
        for name, port in order:
            rates[name].append(len(load(port, [one], chosen.seconds, chosen.connections)) / chosen.seconds)
    ratios = np.array(rates["kept"]) / np.array(rates["bare"])
    # Each shopper once: nothing is kept, and their past is read from Postgres.
    folded = [took for path in np.array_split(shoppers, 4) for took in _once(ours, path.tolist())]
    wide = load(ours, [f"{path}?limit=21" for path in shoppers], 6.0, chosen.connections)
    size = len(told(ours, one))
    print(
        f"{platform.processor() or platform.machine()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}; "
        f"{chosen.products:,} products, {FACTORS} factors, answers of {size:,} bytes"
    )
    line("measured", "value", "goal")
    line("---", "---", "---")
    line("bare Starlette route", f"{np.median(rates['bare']):,.0f} answers/s", "")
    line("kept personalised answer", f"{np.median(rates['kept']):,.0f} answers/s", "")
    line(
        "kept / bare",
        f"{np.median(ratios):.2f} (rounds {ratios.min():.2f} to {ratios.max():.2f})",
        "0.60, aim 0.90",
    )
    p50, p99 = np.percentile(folded, (50, 99))
    line("fold-in, one at a time", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms over {len(folded):,}", "p99 under 25 ms")
    p50, p99 = np.percentile(wide, (50, 99))
    hourly = len(wide) / 6.0 * 3600
    line(f"fold-in, {chosen.connections} at once", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", "")
    line("fold-in an hour", f"{hourly:,.0f}, {hourly / WANTED_PER_HOUR:.1f} times", f"{WANTED_PER_HOUR:,}")
    hourly = float(np.median(rates["kept"])) * 3600
    line("kept an hour", f"{hourly:,.0f}, {hourly / WANTED_PER_HOUR:.0f} times", f"{WANTED_PER_HOUR:,}")
    for told_of in told(ours, "/metrics").decode().splitlines():
        if told_of.startswith("soko_exposed_answers_total"):
            line("lists " + told_of.partition('fate="')[2].partition('"')[0], f"{float(told_of.split()[-1]):,.0f}", "")


def _once(port: int, paths: list[str]) -> list[float]:
    connection = HTTPConnection("127.0.0.1", port)
    times = []
    for path in paths:
        began = time.perf_counter()
        connection.request("GET", path)
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - began))
    connection.close()
    return times


if __name__ == "__main__":
    main()
