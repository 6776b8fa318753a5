"""A run that was killed and started again ends like one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa

from marketplace.local.market import draw_market
from marketplace.local.network import wait_until
from marketplace.local.shop_server import ShopServer
from marketplace.storage.tables import index_builds, product_changes, product_embeddings, product_quality, products
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse

from .conftest import seeded

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
STATION = "sellers,scouted_products,products,product_changes,product_quality,product_embeddings,product_index"
NOT_COMPARED = {"words", "first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at", "judged_at", "embedded_at"}


def materialising(warehouse, milvus_uri, home):
    """A process that carries the catalogue into the index."""
    home.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "SOKO_DATABASE_URL": warehouse.url.render_as_string(hide_password=False),
        "SOKO_MILVUS_URI": milvus_uri,
        "SOKO_HOME": str(home),
        "SOKO_ALLOW_PRIVATE_HOSTS": "true",
        "DAGSTER_HOME": str(home),
    }
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "orchestration.definitions"]
    with (home / "run.log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--select", STATION], env=environment, stdout=log, stderr=log, start_new_session=True
        )


def finished(process, home):
    assert process.wait(300) == 0, (home / "run.log").read_text()[-3000:]


def count(warehouse, table):
    with warehouse.begin() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def state(warehouse):
    def rows(table):
        columns = [column for column in table.c if column.name not in NOT_COMPARED]
        return sorted(tuple(map(repr, row)) for row in connection.execute(sa.select(*columns)))

    with warehouse.begin() as connection:
        changed = connection.execute(sa.select(product_changes.c.product_id, product_changes.c.kind)).all()
        return rows(products), rows(product_quality), rows(product_embeddings), sorted(changed)


def indexed(milvus_uri, warehouse):
    """The vectors that are served, by product, when they are the warehouse's own index."""
    vectors = Vectors(milvus_uri)
    with warehouse.begin() as connection:
        everything = connection.execute(sa.select(products.c.product_id)).scalars().all()
        live = connection.execute(
            sa.select(index_builds.c.collection).where(index_builds.c.status == "live")
        ).scalar_one()
    assert vectors.current() == live
    return {product_id: vector.tobytes() for product_id, vector in vectors.vectors_of(everything).items()}


def test_a_run_killed_while_it_embeds_and_run_again_ends_like_an_undisturbed_one(postgres, milvus_uri, tmp_path):
    market = draw_market(sellers=3, products_per_seller=18)
    calm, shaken = (Warehouse(postgres.create_database(name, template="template_soko")) for name in ("calm", "shaken"))
    with ShopServer(market) as shop:
        for warehouse in (calm, shaken):
            seeded(warehouse, market, shop.url)
        finished(materialising(calm, milvus_uri, tmp_path / "calm"), tmp_path / "calm")
        undisturbed = indexed(milvus_uri, calm)
        doomed = materialising(shaken, milvus_uri, tmp_path / "shaken")
        assert wait_until(lambda: count(shaken, product_embeddings) > 0 or doomed.poll() is not None, 240)
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
        assert 0 < count(shaken, product_embeddings) < count(calm, product_embeddings)
        finished(materialising(shaken, milvus_uri, tmp_path / "shaken"), tmp_path / "shaken")
    assert state(shaken) == state(calm)
    assert undisturbed
    assert indexed(milvus_uri, shaken) == undisturbed
    for warehouse in (calm, shaken):
        warehouse.close()
