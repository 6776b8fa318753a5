"""The sample market's shops as a scout, a shopper and an administrator see them."""

from __future__ import annotations

import json
import re

import pytest
import requests

from marketplace.local.market import draw_market
from marketplace.local.shop_server import PAGE_SIZE, ShopServer

MARKET = draw_market(sellers=2, products_per_seller=PAGE_SIZE + 3)
FIRST = MARKET.products[0]
PHONE = str(MARKET.sellers[0].phone).lstrip("+")
OTHER_PHONE = str(MARKET.sellers[1].phone).lstrip("+")


@pytest.fixture
def shop(tmp_path):
    with ShopServer(MARKET, state=tmp_path / "shop.json") as opened:
        yield opened


def got(shop, path, **headers):
    return requests.get(shop.url + path, headers=headers, timeout=5)


def posted(shop, path, wanted):
    return requests.post(shop.url + path, json=wanted, timeout=5)


def offer(page):
    return json.loads(re.search(r'ld\+json">(.*?)</script>', page.text).group(1))["offers"]


def test_the_catalogue_shows_its_first_products_and_the_rest_on_scroll(shop):
    page = got(shop, f"/c/{PHONE}").text
    more = got(shop, f"/c/{PHONE}/more?after={PAGE_SIZE}").json()
    links = re.findall(r'href="/p/(\d{16})/' + PHONE, page + more["html"])
    assert links == [product.ref for product in MARKET.of(MARKET.sellers[0].handle)]
    assert more["next"] is None


def test_a_product_page_tells_its_price_to_machines(shop):
    shown = offer(got(shop, f"/p/{FIRST.ref}/{PHONE}"))
    assert FIRST.price is not None
    assert float(shown["price"]) * 100 == FIRST.price.amount_minor
    assert shown["priceCurrency"] == "KES"


def test_a_product_is_found_at_its_own_seller_only(shop):
    assert got(shop, f"/p/{FIRST.ref}/{OTHER_PHONE}").status_code == 404
    assert got(shop, "/c/000").status_code == 404
    assert got(shop, f"/c/{PHONE}/more?after=x").status_code == 404


def test_what_did_not_change_is_not_sent_again(shop):
    path = f"/p/{FIRST.ref}/{PHONE}"
    tag = got(shop, path).headers["etag"]
    assert got(shop, path, **{"If-None-Match": tag}).status_code == 304
    shop.set_price(FIRST.ref, 12_300)
    assert got(shop, path, **{"If-None-Match": tag}).status_code == 200


def test_a_product_taken_down_leaves_page_picture_and_catalogue(shop):
    shop.remove(FIRST.ref)
    assert got(shop, f"/p/{FIRST.ref}/{PHONE}").status_code == 404
    assert got(shop, f"/img/{FIRST.ref}.jpg").status_code == 404
    assert FIRST.ref not in got(shop, f"/c/{PHONE}").text


def test_changes_outlive_the_server_until_they_are_reset(tmp_path):
    state = tmp_path / "shop.json"
    path = f"/p/{FIRST.ref}/{PHONE}"
    with ShopServer(MARKET, state=state) as shop:
        assert posted(shop, f"/admin/products/{FIRST.ref}", {"price": 99_900, "in_stock": False}).ok
    with ShopServer(MARKET, state=state) as shop:
        shown = offer(got(shop, path))
        assert float(shown["price"]) == 999
        assert shown["availability"].endswith("OutOfStock")
        assert posted(shop, "/admin/reset", {}).ok
    with ShopServer(MARKET, state=state) as shop:
        assert float(offer(got(shop, path))["price"]) != 999


@pytest.mark.parametrize(
    ("ref", "wanted", "said"),
    [
        ("0" * 16, {"price": 1}, "no product 0000000000000000"),
        (FIRST.ref, {"colour": "red"}, "cannot change colour"),
        (FIRST.ref, {"price": "cheap"}, "cheap"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_in_words(shop, ref, wanted, said):
    answer = posted(shop, f"/admin/products/{ref}", wanted)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_a_pictureless_product_has_no_picture_anywhere(shop):
    without = next(product for product in MARKET.products if not product.has_picture)
    assert got(shop, f"/img/{without.ref}.jpg").status_code == 404
    assert "og:image" not in got(shop, f"/p/{without.ref}/{PHONE}").text
