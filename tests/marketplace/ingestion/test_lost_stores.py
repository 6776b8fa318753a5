"""Stores that go away or are full in the middle of a sync: it fails, and the next ends as if nothing had been."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from marketplace.errors import StoreUnreachable
from marketplace.ingestion.sync import Ingestion, sync_seller
from marketplace.local.network import free_port
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.catalog import add_seller, live_products
from marketplace.storage.warehouse import Warehouse

from .conftest import NOW, QUICK


@pytest.fixture
def server(scratch):
    """A Postgres of its own that keeps what it acknowledged."""
    folder = scratch / "lost-postgres"
    started = EmbeddedPostgres(folder, free_port())
    started.start(scratch / "lost-postgres.log")
    yield started
    started.stop()


def kill(server):
    server.process.kill()
    server.process.wait()


def test_postgres_killed_in_the_middle_of_a_sync_loses_nothing_that_was_acknowledged(
    server, scratch, shelf, seller, images, settings
):
    warehouse = Warehouse(server.create_database("lost"))
    warehouse.migrate()
    add_seller(warehouse, seller)
    stored = []

    def progress(step, done, total):
        if step == "stored" and not stored:
            stored.append(done)
            kill(server)

    options = {"source": shelf, "trigger": "command", "now": NOW}
    with pytest.raises(StoreUnreachable, match="Postgres at"):
        sync_seller(warehouse, images, settings, seller, progress=progress, **options)
    server.start(scratch / "lost-postgres.log")
    assert len(live_products(warehouse)) == stored[0] == 50
    audit = sync_seller(warehouse, images, settings, seller, **options)
    assert (audit.status, audit.new, audit.unchanged) == ("done", 10, 50)
    assert len({one.source_ref for one in live_products(warehouse)}) == 60
    warehouse.close()


def test_when_storing_fails_nothing_is_read_any_more(warehouse, shelf, seller, images, settings):
    for number in range(60, 200):
        shelf.put(f"{number}")

    def progress(step, done, total):
        if step == "fetched":
            with warehouse.begin() as connection:
                connection.execute(sa.text("alter table catalog.products rename to elsewhere"))

    async def main():
        async with Ingestion(warehouse, images, settings, source_of=lambda *_: shelf, patience=QUICK) as opened:
            with pytest.raises(sa.exc.ProgrammingError, match=r"catalog\.products"):
                await opened.sync(seller, trigger="command", progress=progress)
            return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert sum(shelf.web.requests.values()) < 2 * 200
