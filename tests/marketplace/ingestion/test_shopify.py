"""Shopify shops are read from products.json alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from marketplace.catalog.products import Price, Seller
from marketplace.errors import FeedRejected, InputRejected, LoginWall, SourceUnavailable
from marketplace.ingestion.shopify import Shopify
from marketplace.ingestion.sources import ProductRef
from marketplace.settings import Settings

SELLER = Seller(1, "amina", "Amina", None, "Nairobi", "KE", "KES", "shopify", None)


def variant(number, title, price, *, available=True, compare_at_price=None):
    return {
        "id": 39 * 10**12 + number,
        "title": title,
        "option1": title,
        "option2": None,
        "option3": None,
        "sku": f"KD-{number}",
        "requires_shipping": True,
        "taxable": False,
        "featured_image": None,
        "available": available,
        "price": price,
        "grams": 250,
        "compare_at_price": compare_at_price,
        "position": number,
        "product_id": 6_600_000_000_001,
        "created_at": "2026-01-02T10:00:00+03:00",
        "updated_at": "2026-11-02T10:00:00+03:00",
    }


def shopify_product(number, **changes):
    return {
        "id": 6_600_000_000_000 + number,
        "title": f"Kitenge dress {number}",
        "handle": f"kitenge-dress-{number}",
        "body_html": "<p>Wax print &amp; lining.</p>\n<ul><li>Washable</li><li>Made in Nairobi</li></ul>",
        "published_at": "2026-01-02T10:05:00+03:00",
        "created_at": "2026-01-02T10:00:00+03:00",
        "updated_at": "2026-11-02T10:00:00+03:00",
        "vendor": "Amina",
        "product_type": "Dresses",
        "tags": ["wax", "summer"],
        "variants": [
            variant(1, "S", "1299.00", available=False, compare_at_price="1599.00"),
            variant(2, "M", "1499.00"),
        ],
        "images": [
            {
                "id": 28 * 10**12 + number,
                "created_at": "2026-01-02T10:00:00+03:00",
                "position": 1,
                "updated_at": "2026-01-02T10:00:00+03:00",
                "product_id": 6_600_000_000_000 + number,
                "variant_ids": [],
                "src": f"https://cdn.shopify.com/s/files/1/0001/files/dress-{number}.jpg?v=1767340000",
                "width": 1200,
                "height": 1600,
            }
        ],
        "options": [{"name": "Size", "position": 1, "values": ["S", "M"]}],
        **changes,
    }


def serve(web, pages, path="/products.json"):
    for number, products in enumerate([*pages, []], 1):
        web.page(f"{path}?limit=250&page={number}", json.dumps({"products": products}), kind="application/json")


def shop(web, path=""):
    return Shopify(replace(SELLER, source_url=f"{web.url}{path}"), Settings(_env_file=None))


def test_every_page_is_read_until_an_empty_one_and_no_product_is_visited(web, scouted):
    serve(web, [[shopify_product(n) for n in range(250)], [shopify_product(250)]])
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete, scan.note) == (251, True, "")
    assert [ref.source_ref for ref in scan.refs[:2]] == ["6600000000000", "6600000000001"]
    asked = [path for path in web.requests if "/products" in path]
    assert asked == [f"/products.json?limit=250&page={number}" for number in (1, 2, 3)]


def test_a_product_is_read_whole_from_the_listing(web, read):
    serve(web, [[shopify_product(1)]])
    product = read(shop(web))["6600000000001"]
    assert (product.title, product.category) == ("Kitenge dress 1", "Dresses")
    assert product.description == "Wax print & lining. Washable Made in Nairobi"
    assert product.price == Price(129_900, "KES", 149_900)
    assert product.in_stock  # one variant is
    assert product.url == f"{web.url}/products/kitenge-dress-1"
    assert product.image_url.startswith("https://cdn.shopify.com/s/files/1/0001/files/dress-1.jpg")
    assert set(product.origins.values()) == {"shopify"}


@pytest.mark.parametrize(
    ("changes", "price", "in_stock"),
    [
        ({"variants": [variant(1, "Default Title", "850.00")]}, Price(85_000, "KES"), True),
        ({"variants": [variant(1, "S", "850.00", available=False)]}, Price(85_000, "KES"), False),
        ({"variants": []}, None, True),
        ({"variants": [variant(1, "S", "0.00")]}, Price(0, "KES"), True),
        ({"variants": [{"title": "S", "price": "850.00"}]}, Price(85_000, "KES"), True),
        ({"images": [], "body_html": None, "product_type": ""}, Price(129_900, "KES", 149_900), True),
    ],
)
def test_variants_and_gaps_are_taken_as_they_are(web, read, changes, price, in_stock):
    serve(web, [[shopify_product(1, **changes)]])
    [product] = read(shop(web)).values()
    assert (product.title, product.price, product.in_stock) == ("Kitenge dress 1", price, in_stock)


def test_the_currency_is_the_shops_own_where_it_says_so(web, read):
    serve(web, [[shopify_product(1, variants=[variant(1, "S", "45000.00")])]])
    web.page("/cart.js", '{"token": "x", "currency": "TZS"}', kind="application/json")
    [product] = read(shop(web)).values()
    assert product.price == Price(4_500_000, "TZS")
    web.page("/meta.json", '{"id": 1, "name": "Amina", "currency": "UGX", "money_format": "USh{{amount}}"}')
    [product] = read(shop(web)).values()
    assert product.price == Price(45_000, "UGX")


@pytest.mark.parametrize("meta", ["<html>", "[]", '{"currency": "no money"}', '{"currency": null}', "[" * 100_000])
def test_what_names_no_currency_leaves_the_sellers(web, read, meta):
    serve(web, [[shopify_product(1, variants=[variant(1, "S", "850.00")])]])
    web.page("/meta.json", meta)
    web.page("/cart.js", "", status=403)
    [product] = read(shop(web)).values()
    assert product.price == Price(85_000, "KES")


def test_one_bad_product_is_refused_by_what_is_wrong_and_stops_no_other(web, read):
    bad = shopify_product(2, variants=[variant(1, "S", "n.o")])
    nameless = shopify_product(3, title="")
    serve(web, [[shopify_product(1), bad, nameless]])
    good, *refused = read(shop(web)).values()
    assert good.title == "Kitenge dress 1"
    assert "'n.o'" in refused[0]
    assert refused[1] == "product 6600000000003, title: is empty"


def test_a_product_without_an_id_keeps_the_scan_from_proving_anything(web, scouted):
    serve(web, [[shopify_product(1), {"title": "?"}, "text"]])
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete) == (1, False)
    assert scan.note == "product 2 of page 1 has no id; product 3 of page 1 has no id"


def test_an_empty_catalogue_is_complete(web, scouted):
    serve(web, [])
    scan = scouted(shop(web))
    assert (scan.refs, scan.is_complete) == ((), True)


def test_a_shop_that_ignores_page_numbers_is_left_after_the_first_repetition(web, scouted):
    web.page("/products.json", json.dumps({"products": [shopify_product(1)]}))
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete) == (1, False)
    assert "shows nothing new and leads on" in scan.note


def test_a_page_that_fails_leaves_the_scan_incomplete_and_a_first_one_fails_it(web, scouted):
    web.page("/products.json?limit=250&page=1", json.dumps({"products": [shopify_product(1)]}))
    web.page("/products.json?limit=250&page=2", "", status=500)
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete) == (1, False)
    web.page("/products.json?limit=250&page=1", "", status=500)
    with pytest.raises(SourceUnavailable):
        scouted(shop(web))


def test_a_collection_is_read_alone(web, scouted):
    serve(web, [[shopify_product(1)]], path="/collections/dresses/products.json")
    [ref] = scouted(shop(web, "/collections/dresses")).refs
    assert ref.url == f"{web.url}/products/kitenge-dress-1"
    assert scouted(shop(web, "/collections/dresses/products.json?limit=5")).refs == (ref,)


@pytest.mark.parametrize(
    ("content", "status", "error", "message"),
    [
        ("", 404, FeedRejected, "answered 404: this is no Shopify shop"),
        ('<form><input type="password"></form>', 200, LoginWall, "login wall"),
        ("<html>Welcome</html>", 200, FeedRejected, "is no JSON"),
        ('{"products": {}}', 200, FeedRejected, "has no list of products"),
        ("[" * 100_000, 200, FeedRejected, "is no JSON"),
    ],
)
def test_what_is_no_shopify_shop_is_refused(web, scouted, content, status, error, message):
    web.page("/products.json", content, status=status)
    with pytest.raises(error, match=message):
        scouted(shop(web))


def test_what_is_harvested_can_be_kept_as_json_and_holds_no_more_than_is_read(web, scouted):
    serve(web, [[shopify_product(1, title="Half \ud83d bag\x00", tags=["x"] * 1000)]])
    [ref] = scouted(shop(web)).refs
    kept = json.loads(json.dumps(ref.harvest, allow_nan=False).encode())
    assert kept == ref.harvest
    assert kept["title"] == "Half  bag"
    assert set(kept) == {"id", "title", "handle", "body_html", "product_type", "image", "variants"}


def test_a_product_that_was_not_harvested_is_refused(web):
    with pytest.raises(InputRejected, match="was not harvested"):
        shop(web).product_of(ProductRef("1"), b"{}")
