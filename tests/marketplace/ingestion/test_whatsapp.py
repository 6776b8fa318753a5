"""WhatsApp catalogue pages, scouted in a real browser and read from a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import sqlalchemy as sa

from marketplace.errors import ConfigurationError, SourceRefused, SourceUnavailable
from marketplace.ingestion.browser import Chromium, chromium
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.visits import Visit
from marketplace.ingestion.whatsapp import WhatsAppCatalog, product_ref
from marketplace.local.market import draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.tables import (
    page_validators,
    product_changes,
    product_versions,
    products,
    scouted_products,
)
from marketplace.storage.warehouse import Warehouse

from .conftest import picture

SETTINGS = Settings(_env_file=None, allow_private_hosts=True)
CATALOG = "https://shop.example/c/254700000001"
PRODUCTS = 26  # three loads of the catalogue page, two transactions


@pytest.fixture(scope="module")
def market():
    return draw_market(sellers=1, products_per_seller=PRODUCTS)


@pytest.fixture
def shop(market):
    with ShopServer(market) as server:
        yield server


@pytest.fixture
def keeper(market, shop):
    owner = market.sellers[0]
    return replace(owner, source_url=f"{shop.url}/c/{owner.phone.lstrip('+')}")


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://shop.example/p/1234567890123456/254700000001", True),
        ("https://shop.example/p/1234567890123456/254700000001/?utm=1#top", True),
        ("https://shop.example/p/1234567890123456/254799999999", False),
        ("https://elsewhere.example/p/1234567890123456/254700000001", False),
        ("https://shop.example/p/123/254700000001", False),
        ("https://shop.example/about", False),
        ("javascript:void(0)", False),
        ("http://[", False),
    ],
)
def test_only_links_to_the_sellers_own_products_count(link, found):
    ref = product_ref(link, CATALOG)
    assert (ref is not None) is found
    assert ref is None or ref.url.endswith(("/254700000001", "/254700000001/"))


def test_the_browser_is_found_or_its_absence_is_explained():
    with pytest.raises(ConfigurationError, match="SOKO_CHROMIUM_PATH"):
        chromium("/no/such/chromium")


@pytest.fixture
def scout(ingestion):
    """The scan of a catalogue, with what the last one learned if that is given."""

    def run(seller, last_scan=None, settings=SETTINGS):
        async def work(opened):
            web = Visit(opened.fetcher, opened.chromium, opened.kept, last_scan=last_scan)
            return await WhatsAppCatalog(seller, settings).scout(web)

        return ingestion(work)

    return run


@pytest.mark.browser
def test_a_catalogue_is_scrolled_to_its_end_without_loading_pictures(shop, market, keeper, scout):
    scan = scout(keeper)
    assert (scan.is_complete, scan.note) == (True, "")
    assert [ref.source_ref for ref in scan.refs] == [product.ref for product in market.products]
    assert not [path for path in shop.requests if path.startswith(("/img/", "/p/"))]


@pytest.mark.browser
def test_a_catalogue_that_answers_as_before_is_not_opened_in_the_browser_again(
    shop, market, keeper, scout, monkeypatch
):
    first = scout(keeper)
    assert len(first.traces) == 3  # the page, and two loads of more
    monkeypatch.setattr(Chromium, "page", None)  # whoever opens a page now fails
    assert scout(keeper, last_scan=first) == first
    monkeypatch.undo()
    shop.remove(market.products[20].ref)
    assert len(scout(keeper, last_scan=first).refs) == PRODUCTS - 1


@pytest.mark.browser
def test_a_page_that_sends_more_than_questions_is_opened_each_time(web, keeper, scout):
    script = "<script>fetch('/count', {method: 'POST'})</script><p data-catalog-end>all</p>"
    scan = scout(replace(keeper, source_url=web.page(f"/c/{keeper.phone.lstrip('+')}", script)))
    assert (scan.is_complete, scan.traces) == (True, ())


@pytest.mark.browser
def test_a_page_that_never_marks_its_end_is_an_incomplete_scan(web, keeper, scout):
    link = f"/p/1234567890123456/{keeper.phone.lstrip('+')}"
    url = web.page(f"/c/{keeper.phone.lstrip('+')}", f'<a href="{link}">One</a><img src="/1.jpg">')
    scan = scout(replace(keeper, source_url=url))
    assert scan.refs == (ProductRef("1234567890123456", f"{web.url}{link}"),)
    assert not scan.is_complete
    assert scan.note == "the page never marked its end; 1 products were seen"
    assert web.requests["/1.jpg"] == 0


@pytest.mark.browser
def test_without_a_browser_the_page_is_read_as_it_is_and_proves_nothing_gone(web, keeper, scout, ingestion, tmp_path):
    """A Chromium that dies as it starts, like one without memory."""
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    link = f"/p/1234567890123456/{keeper.phone.lstrip('+')}"
    owner = replace(keeper, source_url=web.page(f"/c/{keeper.phone.lstrip('+')}", f'<a href="{link}">One</a>'))

    async def work(opened):
        opened.chromium.settings = SETTINGS.model_copy(update={"chromium_path": str(broken)})
        return await WhatsAppCatalog(owner, SETTINGS).scout(Visit(opened.fetcher, opened.chromium, opened.kept))

    scan = ingestion(work)
    assert scan.refs == (ProductRef("1234567890123456", f"{web.url}{link}"),)
    assert not scan.is_complete
    assert scan.note.startswith("the browser failed")


@pytest.mark.browser
@pytest.mark.parametrize(("status", "error"), [(404, SourceRefused), (500, SourceUnavailable)])
def test_a_catalogue_that_does_not_open_is_an_error_with_its_status(web, keeper, status, error, scout):
    url = web.page("/c/254700000001", "closed", status=status)
    with pytest.raises(error, match=f"answered {status}"):
        scout(replace(keeper, source_url=url))


def test_a_catalogue_that_must_not_be_read_is_not_opened(web, keeper, scout):
    web.page("/robots.txt", "User-agent: *\nDisallow: /c/\n", kind="text/plain")
    url = web.page("/c/254700000001")
    with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
        scout(replace(keeper, source_url=url))
    assert web.requests["/c/254700000001"] == 0


@pytest.mark.browser
def test_a_shop_is_synced_and_exactly_what_changed_in_it_is_recorded(shop, market, keeper, warehouse, ingestion):
    add_seller(warehouse, keeper)

    def sync(hours):
        return ingestion(lambda opened: opened.sync(keeper, trigger="schedule"), hours=hours)

    first = sync(0)
    assert (first.status, first.new, first.refusals) == ("done", PRODUCTS, [])
    dearer, removed = market.products[0], market.products[1]
    shop.set_price(dearer.ref, 123_400)
    shop.remove(removed.ref)
    second = sync(6)
    assert (second.price_changed, second.gone, second.unchanged) == (1, 1, PRODUCTS - 2)
    with warehouse.begin() as connection:
        made = sa.select(product_changes.c.product_id, product_changes.c.kind, product_changes.c.new_value)
        rows = connection.execute(made.where(product_changes.c.sync_id == second.sync_id)).all()
    assert sorted(rows) == sorted(
        [(market.product_id(dearer), "price", "123400 KES"), (market.product_id(removed), "gone", None)]
    )


SYNC = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from marketplace.ingestion.sync import Ingestion
from marketplace.settings import Settings
from marketplace.storage.catalog import sellers
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse

url, folder, dies_at = sys.argv[1:]
warehouse = Warehouse(url)
[seller] = sellers(warehouse)
settings = Settings(_env_file=None, allow_private_hosts=True, home=Path(folder))
now = datetime(2026, 11, 21, tzinfo=UTC)

def progress(step, done, total):
    if f"{step}:{done}" == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Ingestion(warehouse, Images(Path(folder) / "images"), settings, clock=lambda: now) as opened:
        await opened.sync(seller, trigger="command", progress=progress)

asyncio.run(main())
"""
CRASH_POINTS = ["scouted:0", "fetched:0", "stored:50", "fetched:50", "stored:60", "removed:60", "closed:60"]


def run_sync(database_url, folder, dies_at="never"):
    return subprocess.run([sys.executable, "-c", SYNC, database_url, str(folder), dies_at], check=False).returncode


def final_state(warehouse):
    """Every row that says what is true, without the numbers that only say in which order it was written."""
    numbers = {"change_id", "version_id", "sync_id", "updated_at", "words"}
    tables = (products, product_changes, product_versions, page_validators, scouted_products)
    with warehouse.begin() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(*(c for c in table.c if c.name not in numbers)))))
            for table in tables
        }


@pytest.mark.browser
def test_a_sync_killed_at_any_point_and_run_again_ends_exactly_like_one_that_was_not(
    web, keeper, warehouse, postgres, database_url, tmp_path
):
    owner = replace(keeper, source_url=_small_shop(web, keeper.phone.lstrip("+")))
    add_seller(warehouse, owner)
    assert run_sync(database_url, tmp_path / "whole") == 0
    undisturbed = final_state(warehouse)
    assert len(undisturbed["products"]) == 60
    for number, point in enumerate(CRASH_POINTS):
        other = Warehouse(postgres.create_database(f"killed_{os.getpid()}_{number}", template="template_soko"))
        add_seller(other, owner)
        url = other.url.render_as_string(hide_password=False)
        assert run_sync(url, tmp_path / point.replace(":", "-"), point) == -signal.SIGKILL, point
        assert run_sync(url, tmp_path / point.replace(":", "-")) == 0
        assert final_state(other) == undisturbed, point
        other.close()


def _small_shop(web, phone):
    links = [f"/p/{number:016d}/{phone}" for number in range(1000, 1060)]
    for number, link in enumerate(links):
        price = f'<meta property="product:price:amount" content="{100 + number}">'
        shown = (
            f'<meta property="og:title" content="Kiondo handbag {number}"><meta property="og:image" content="/1.jpg">'
        )
        web.page(link, f"{shown}{price}<p>A bag</p>", headers={"etag": f'"{number}"'})
    web.page("/1.jpg", picture(), headers={"etag": '"picture"'})
    cards = "".join(f'<a href="{link}">bag</a>' for link in links)
    return web.page(f"/c/{phone}", f"{cards}<p data-catalog-end>all</p>")
