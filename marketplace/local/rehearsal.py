"""A rehearsal of bad days: every kind of shop with every fault switched on, read by `soko sync --all` and compared.

It runs on stores of its own, in a folder that is thrown away. First the shops are read as they are, then again with
faults: what a reader must end with is known, and the report says where it ended otherwise.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console

from marketplace.catalog.products import Seller
from marketplace.errors import MarketplaceError
from marketplace.local.market import draw_market
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.local.shop_server import ShopServer
from marketplace.local.shops.truth import PlantedTruth, TruthReport
from marketplace.storage.catalog import add_seller
from marketplace.storage.tables import products, sellers
from marketplace.storage.warehouse import Warehouse

COMMAND = "from marketplace.cli import app; app()"
LEFT = "left to the next run"
SECONDS = 2.0  # for one page, so that stalled ones do not take all day


class SyncFailed(MarketplaceError):
    """`soko sync` ended otherwise than it should."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The shops, a warehouse that knows their sellers, and how a command finds both."""

    shop: ShopServer
    warehouse: Warehouse
    environment: Mapping[str, str]

    def read_all(self) -> str:
        """What `soko sync --all` printed; run once more when a host was too slow, as the next heartbeat would."""
        said = self._sync()
        return said + self._sync() if LEFT in " ".join(said.split()) else said

    def _sync(self) -> str:
        """What `soko sync --all` printed.

        Raises
        ------
        SyncFailed
            If it ended with an error of its own; sellers that could not be read are none.
        """
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "sync", "--all"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in {0, 1} or "Traceback" in done.stderr:
            raise SyncFailed(f"soko sync --all ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    def compare(self, before: PlantedTruth | None = None) -> TruthReport:
        """How far the products table is from what was planted, given what it should have held before."""
        return PlantedTruth.of(self.shop.shelves, before).compare(catalogue_rows(self.warehouse))


@contextlib.contextmanager
def staged(products_per_seller: int = 30) -> Iterator[Stage]:
    """Shops of every kind, each on a loopback host of its own, and an empty warehouse that knows their sellers."""
    market = draw_market(products_per_seller=products_per_seller, kinds=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soko-rehearsal-")))
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        postgres.start(folder / "postgres.log")
        stack.callback(postgres.stop)
        url = postgres.create_database("rehearsal")
        warehouse = Warehouse(url)
        stack.callback(warehouse.close)
        warehouse.migrate()
        shop = stack.enter_context(ShopServer(market, hosts=len(market.sellers)))
        for seller in shop_sellers(shop):
            add_seller(warehouse, seller)
        settings = {
            "SOKO_DATABASE_URL": url,
            "SOKO_HOME": str(folder),
            "SOKO_ALLOW_PRIVATE_HOSTS": "true",
            "SOKO_FETCH_TIMEOUT_SECONDS": str(SECONDS),
            "COLUMNS": "200",
        }
        yield Stage(shop, warehouse, settings)


def shop_sellers(shop: ShopServer) -> list[Seller]:
    """The sellers of the shops, each with the address and kind of their catalogue."""
    market = shop.shelves.market
    return [
        replace(seller, source_kind=market.kinds[seller.handle], source_url=shop.source_url(seller.handle))
        for seller in market.sellers
    ]


def catalogue_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Every product as a comparison with the truth wants it."""
    columns: Sequence[sa.ColumnElement[Any]] = (
        sellers.c.handle.label("seller"),
        products.c.source_ref,
        products.c.title,
        products.c.price_minor,
        products.c.currency,
        products.c.in_stock,
        products.c.is_gone,
        products.c.image_sha256.is_not(None).label("has_image"),
    )
    statement = sa.select(*columns).join(sellers, sellers.c.seller_id == products.c.seller_id)
    with warehouse.begin() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def main() -> None:
    """Run the rehearsal and print both reports; the exit status is 1 unless the truth was reached exactly."""
    console = Console()
    with staged() as stage:
        console.print(stage.read_all(), markup=False, highlight=False)
        clean = stage.compare()
        console.print(clean)
        before = PlantedTruth.of(stage.shop.shelves)
        faults = stage.shop.switch_faults()
        console.print(f"\nnow with {len(faults.planted)} faults of {len(faults.names)} kinds\n")
        console.print(stage.read_all(), markup=False, highlight=False)
        faulty = stage.compare(before)
        console.print(faulty)
    sys.exit(0 if clean.is_exact and faulty.is_exact else 1)


if __name__ == "__main__":
    main()
