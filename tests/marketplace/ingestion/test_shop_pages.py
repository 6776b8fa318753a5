"""Shop pages, scouted in a real browser and hydrated from a real server."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.errors import ConfigurationError, SourceRefused, SourceUnavailable
from marketplace.ingestion.shop_pages import ShopPages, chromium, product_ref
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.sync import sync_seller
from marketplace.local.market import draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller, live_products
from marketplace.storage.tables import product_changes

from .conftest import NOW

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


@pytest.mark.browser
def test_a_catalogue_is_scrolled_to_its_end_without_loading_pictures(shop, market, keeper):
    scan = ShopPages(keeper, SETTINGS).scout()
    assert (scan.is_complete, scan.note) == (True, "")
    assert [ref.source_ref for ref in scan.refs] == [product.ref for product in market.products]
    assert not [path for path in shop.requests if path.startswith(("/img/", "/p/"))]


@pytest.mark.browser
def test_a_page_that_never_marks_its_end_is_an_incomplete_scan(web, keeper):
    link = f"/p/1234567890123456/{keeper.phone.lstrip('+')}"
    url = web.page(f"/c/{keeper.phone.lstrip('+')}", f'<a href="{link}">One</a><img src="/1.jpg">')
    scan = ShopPages(replace(keeper, source_url=url), SETTINGS).scout()
    assert scan.refs == (ProductRef("1234567890123456", f"{web.url}{link}"),)
    assert not scan.is_complete
    assert scan.note == "the page never marked its end; 1 products were seen"
    assert web.requests["/1.jpg"] == 0


@pytest.mark.browser
@pytest.mark.parametrize(("status", "error"), [(404, SourceRefused), (500, SourceUnavailable)])
def test_a_catalogue_that_does_not_open_is_an_error_with_its_status(web, keeper, status, error):
    url = web.page("/c/254700000001", "closed", status=status)
    with pytest.raises(error, match=f"answered {status}"):
        ShopPages(replace(keeper, source_url=url), SETTINGS).scout()


def test_a_catalogue_that_must_not_be_read_is_not_opened(web, keeper):
    web.page("/robots.txt", "User-agent: *\nDisallow: /c/\n", kind="text/plain")
    url = web.page("/c/254700000001")
    with pytest.raises(SourceRefused, match=r"robots\.txt forbids"):
        ShopPages(replace(keeper, source_url=url), SETTINGS).scout()
    with pytest.raises(SourceRefused, match="only 80 and 443 are read"):
        ShopPages(replace(keeper, source_url=url), Settings(_env_file=None)).scout()
    assert web.requests["/c/254700000001"] == 0


def test_products_are_hydrated_in_order_as_their_pages_show_them(shop, market, keeper):
    refs = [ProductRef(p.ref, f"{shop.url}/p/{p.ref}/{keeper.phone.lstrip('+')}") for p in market.products]
    shop.remove(refs[3].source_ref)
    outcomes = list(ShopPages(keeper, SETTINGS).hydrate(refs))
    assert [outcome.ref for outcome in outcomes] == refs
    assert [number for number, outcome in enumerate(outcomes) if outcome.is_gone] == [3]
    for outcome, sample in zip(outcomes, market.products, strict=True):
        if not outcome.is_gone:
            assert (outcome.product.title, outcome.product.price) == (sample.title, sample.price)
            assert (outcome.image is not None) == sample.has_picture
    assert shop.requests["/robots.txt"] == 1


@pytest.mark.browser
def test_a_shop_is_synced_and_exactly_what_changed_in_it_is_recorded(shop, market, keeper, warehouse, images):
    add_seller(warehouse, keeper)
    source = ShopPages(keeper, SETTINGS)

    def sync(hours):
        return sync_seller(
            warehouse,
            images,
            source,
            keeper,
            trigger="schedule",
            now=NOW + timedelta(hours=hours),
            brake_share=0.5,
        )

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
import sys
from datetime import UTC, datetime
from pathlib import Path
from marketplace.ingestion.shop_pages import ShopPages
from marketplace.ingestion.sync import sync_seller
from marketplace.settings import Settings
from marketplace.storage.catalog import sellers
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse

warehouse = Warehouse(sys.argv[1])
[seller] = sellers(warehouse)
source = ShopPages(seller, Settings(_env_file=None, allow_private_hosts=True))
now = datetime(2026, 11, 21, tzinfo=UTC)
sync_seller(warehouse, Images(Path(sys.argv[2])), source, seller, trigger="command", now=now, brake_share=0.5)
"""


@pytest.mark.browser
def test_a_sync_killed_in_the_middle_and_run_again_ends_like_one_that_was_not(
    web, keeper, warehouse, images, database_url
):
    owner = replace(keeper, source_url=_small_shop(web, keeper.phone.lstrip("+")))
    add_seller(warehouse, owner)
    stalled = web.answers[f"/p/{1027:016d}/{keeper.phone.lstrip('+')}"]
    stalled.seconds = 60
    with subprocess.Popen([sys.executable, "-c", SYNC, database_url, str(images.folder)]) as process:
        while not live_products(warehouse):
            assert process.poll() is None, "the sync ended before it could be killed"
            time.sleep(0.05)
        process.kill()
    assert len(live_products(warehouse)) == 25  # one transaction of two
    stalled.seconds = 0

    audit = sync_seller(
        warehouse, images, ShopPages(owner, SETTINGS), owner, trigger="command", now=NOW, brake_share=0.5
    )
    assert (audit.status, audit.new, audit.unchanged) == ("done", 5, 25)
    shown = {f"{1000 + n:016d}": (f"Kiondo handbag {n}", 100 * (100 + n)) for n in range(30)}
    kept = {product.source_ref: (product.title, product.price.amount_minor) for product in live_products(warehouse)}
    assert kept == shown
    with warehouse.begin() as connection:
        made = sa.select(product_changes.c.product_id, product_changes.c.kind)
        changes = sorted(tuple(row) for row in connection.execute(made))
    assert changes == [(product.product_id, "new") for product in live_products(warehouse)]


def _small_shop(web, phone):
    links = [f"/p/{number:016d}/{phone}" for number in range(1000, 1030)]
    for number, link in enumerate(links):
        price = f'<meta property="product:price:amount" content="{100 + number}">'
        web.page(link, f'<meta property="og:title" content="Kiondo handbag {number}">{price}<p>A bag</p>')
    cards = "".join(f'<a href="{link}">bag</a>' for link in links)
    return web.page(f"/c/{phone}", f"{cards}<p data-catalog-end>all</p>")
