"""A small sample market carried through the whole graph once, over real stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from marketplace.local.history import draw_history
from marketplace.local.market import SampleMarket, draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.tables import interactions, leads
from marketplace.storage.warehouse import Warehouse


@dataclass
class MarketRun:
    """A running market: its shops, its stores, and the graph over them."""

    market: SampleMarket
    shop: ShopServer
    settings: Settings
    warehouse: Warehouse
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def run(self, job: str, **options: object) -> dg.ExecuteInProcessResult:
        """The result of a job that ran to its end in this process."""
        found = self.defs.resolve_job_def(job)
        return found.execute_in_process(instance=self.instance, **options)

    def rows(self, query: str) -> list[dict[str, object]]:
        """The rows of a query."""
        with self.warehouse.begin() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def seeded(warehouse: Warehouse, market: SampleMarket, shop_url: str) -> None:
    for seller in market.sellers:
        add_seller(warehouse, replace(seller, source_url=f"{shop_url}/c/{str(seller.phone).lstrip('+')}"))
    history = draw_history(market, until=datetime(2026, 11, 21, tzinfo=UTC), days=60, shoppers=120)
    with warehouse.begin() as connection:
        connection.execute(sa.insert(interactions), history.interactions)
        connection.execute(sa.insert(leads), history.leads)


def settings_for(database_url: str, milvus_uri: str, mlflow_uri: str, home: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=home,
        database_url=database_url,
        milvus_uri=milvus_uri,
        mlflow_tracking_uri=mlflow_uri,
        allow_private_hosts=True,
    )


@pytest.fixture(scope="module")
def market_run(postgres, milvus_uri, mlflow_uri, tmp_path_factory) -> Iterator[MarketRun]:
    """The market after its first whole run."""
    from orchestration.definitions import definitions_for

    market = draw_market(sellers=3, products_per_seller=14)
    warehouse = Warehouse(postgres.create_database("journey", template="template_soko"))
    settings = settings_for(
        warehouse.url.render_as_string(hide_password=False), milvus_uri, mlflow_uri, tmp_path_factory.mktemp("journey")
    )
    with ShopServer(market) as shop, dg.DagsterInstance.ephemeral() as instance:
        seeded(warehouse, market, shop.url)
        running = MarketRun(market, shop, settings, warehouse, definitions_for(settings), instance)
        assert running.run("refresh_market").success
        yield running
    warehouse.close()
