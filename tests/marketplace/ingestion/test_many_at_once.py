"""More sellers read at the same time than the pool of the warehouse has connections."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from marketplace.catalog.products import Seller, stable_id
from marketplace.ingestion.sync import Ingestion
from marketplace.storage import catalog
from marketplace.storage.warehouse import Warehouse

from .conftest import NOW, QUICK, Shelf

POOL, OVERFLOW = 1, 5


@pytest.fixture
def narrow(database_url):
    """A warehouse whose pool is smaller than the number of sellers."""
    opened = Warehouse(database_url, pool_size=POOL)
    yield opened
    opened.close()


def kept(warehouse, name):
    kept = Seller(stable_id("seller", name), name, name, None, "Nairobi", "KE", "KES", "feed", "/nowhere")
    catalog.add_seller(warehouse, kept)
    return kept


def test_more_sellers_are_read_at_once_than_the_pool_has_connections(narrow, images, settings, web):
    sellers = [kept(narrow, f"seller-{number}") for number in range(POOL + OVERFLOW + 2)]
    shelf = Shelf(web)
    shelf.put("01")
    everybody = asyncio.Barrier(len(sellers))

    async def main():
        options = {"source_of": lambda seller, settings: shelf, "patience": QUICK, "clock": lambda: NOW}
        async with Ingestion(narrow, images, settings, **options) as opened:
            scans = [await opened.scout(seller, trigger="schedule") for seller in sellers]

            async def read(seller, scan):
                await everybody.wait()
                return await opened.hydrate(seller, scan)

            return await asyncio.gather(*map(read, sellers, scans))

    assert [audit.status for audit in asyncio.run(main())] == ["done"] * len(sellers)


def test_locks_that_are_held_leave_the_pool_to_others_and_are_free_again_at_the_end(narrow):
    with ExitStack() as held:
        assert all(held.enter_context(narrow.held(key)) for key in range(POOL + OVERFLOW + 2))
        narrow.ping()
        with narrow.held(0) as is_ours:
            assert not is_ours
    with narrow.held(0) as is_ours:
        assert is_ours
