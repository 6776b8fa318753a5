"""What a second sync of an unchanged catalogue costs beside the first, in processor time and in bytes.

`python -m benchmarks.resync` serves a WhatsApp-style seller from a process of its own and syncs it twice, each time
in a fresh process whose processor time (Chromium's included) is counted, into an embedded Postgres whose is not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.sync import Ingestion
from marketplace.local.market import draw_market
from marketplace.local.network import answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.local.shop_server import ShopServer
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller, sellers
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse


def serve(port: int, products: int) -> None:
    """Serve one seller until the process is told to end."""
    ShopServer(draw_market(sellers=1, products_per_seller=products), port).serve()


def sync(url: str, folder: Path) -> dict[str, float]:
    """Processor seconds, bytes, requests and seconds of one sync of the one seller."""
    warehouse = Warehouse(url)
    [seller] = sellers(warehouse)
    settings = Settings(_env_file=None, allow_private_hosts=True, home=folder)

    async def run() -> SyncAudit:
        async with Ingestion(warehouse, Images(folder / "images"), settings) as ingestion:
            return await ingestion.sync(seller, trigger="command")

    before, began = _processor_seconds(), time.perf_counter()
    audit = asyncio.run(run())
    seconds = time.perf_counter() - began
    assert audit.status == "done", audit.note
    cost = {"bytes": float(audit.cost.bytes_received), "requests": float(audit.cost.requests)}
    return {"cpu": _processor_seconds() - before, "seconds": seconds, "new": float(audit.new), **cost}


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextlib.contextmanager
def staged(products: int) -> Iterator[tuple[str, Path]]:
    """A database that knows the seller, and a folder for what syncs keep."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soko-resync-")))
        folder.chmod(0o755)
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.resync", "--serve", str(port), "--products", str(products)]
        shop = stack.enter_context(subprocess.Popen(command))
        stack.callback(shop.terminate)
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        postgres.start(folder / "postgres.log")
        stack.callback(postgres.stop)
        url = postgres.create_database("resync")
        warehouse = Warehouse(url)
        warehouse.migrate()
        [seller] = draw_market(sellers=1, products_per_seller=1).sellers
        address = f"http://127.0.0.1:{port}/c/{str(seller.phone).lstrip('+')}"
        add_seller(warehouse, replace(seller, source_kind="whatsapp", source_url=address))
        warehouse.close()
        assert wait_until(lambda: answers(port), 60)
        yield url, folder


def main() -> None:
    """Print both syncs and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=300)
    parser.add_argument("--serve", type=int)
    parser.add_argument("--sync", nargs=2)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.products)
        return
    if chosen.sync:
        print(json.dumps(sync(chosen.sync[0], Path(chosen.sync[1]))))
        return
    with staged(chosen.products) as (url, folder):
        measured = []
        for name in ("first", "again"):
            command = [sys.executable, "-m", "benchmarks.resync", "--sync", url, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            one = json.loads(done.stdout.splitlines()[-1])
            measured.append(one)
            print(
                f"{name}: {one['seconds']:.1f} s, {one['cpu']:.2f} s of processor, {one['bytes'] / 1e6:.2f} MB, "
                f"{one['requests']:.0f} requests, {one['new']:.0f} new, {60 * chosen.products / one['seconds']:.0f} "
                "products a minute"
            )
    first, again = measured
    print(f"processor: {first['cpu'] / again['cpu']:.1f} times less")
    print(f"bytes: {first['bytes'] / max(again['bytes'], 1):.0f} times fewer")


if __name__ == "__main__":
    main()
