"""WooCommerce shops are read from the Store API alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from marketplace.catalog.products import Price, Seller
from marketplace.errors import FeedRejected
from marketplace.ingestion.woocommerce import ENDPOINT, WooCommerce
from marketplace.settings import Settings

SELLER = Seller(1, "amina", "Amina", None, "Nairobi", "KE", "KES", "woocommerce", None)


def prices(price="129900", *, span=None, currency="KES", minor_unit=2, **changes):
    return {
        "price": price,
        "regular_price": price,
        "sale_price": price,
        "price_range": span and {"min_amount": span[0], "max_amount": span[1]},
        "currency_code": currency,
        "currency_symbol": "KSh",
        "currency_minor_unit": minor_unit,
        "currency_decimal_separator": ".",
        "currency_thousand_separator": ",",
        "currency_prefix": "KSh",
        "currency_suffix": "",
        **changes,
    }


def woo_product(number, **changes):
    return {
        "id": number,
        "name": "Kikapu &#8211; sisal basket &amp; lid",
        "slug": f"sisal-basket-{number}",
        "parent": 0,
        "type": "simple",
        "variation": "",
        "permalink": f"https://amina.example/product/sisal-basket-{number}/",
        "sku": f"SB-{number}",
        "short_description": "<p>Woven by hand</p>",
        "description": "<p>Woven by hand in <strong>Kitui</strong>.</p>\n<p>Holds 5&nbsp;kg.</p>",
        "on_sale": False,
        "prices": prices(),
        "price_html": '<span class="woocommerce-Price-amount amount"><bdi>KSh1,299.00</bdi></span>',
        "average_rating": "0",
        "review_count": 0,
        "images": [
            {
                "id": 40 + number,
                "src": f"https://amina.example/wp-content/uploads/2026/11/basket-{number}.jpg",
                "thumbnail": f"https://amina.example/wp-content/uploads/2026/11/basket-{number}-300x300.jpg",
                "srcset": "",
                "sizes": "(max-width: 800px) 100vw, 800px",
                "name": "basket",
                "alt": "",
            }
        ],
        "categories": [
            {
                "id": 16,
                "name": "Home &amp; kitchen",
                "slug": "home",
                "link": "https://amina.example/product-category/home/",
            }
        ],
        "tags": [],
        "attributes": [],
        "variations": [],
        "has_options": False,
        "is_purchasable": True,
        "is_in_stock": True,
        "is_on_backorder": False,
        "low_stock_remaining": None,
        "sold_individually": False,
        "add_to_cart": {"text": "Add to cart", "url": f"?add-to-cart={number}", "minimum": 1, "maximum": 9999},
        **changes,
    }


def serve(web, pages, *, total=None, base=""):
    count = sum(map(len, pages)) if total is None else total
    headers = {"X-WP-Total": f"{count}", "X-WP-TotalPages": f"{len(pages)}"}
    for number, products in enumerate(pages, 1):
        path = f"{base}{ENDPOINT}?per_page=100&page={number}"
        web.page(path, json.dumps(products), kind="application/json; charset=UTF-8", headers=headers)


def shop(web, path=""):
    return WooCommerce(replace(SELLER, source_url=f"{web.url}{path}"), Settings(_env_file=None))


def test_as_many_pages_are_read_as_the_shop_says_there_are(web, scouted):
    serve(web, [[woo_product(n) for n in range(100)], [woo_product(100)]])
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete, scan.note) == (101, True, "")
    assert scan.refs[100].source_ref == "100"
    assert [path for path in web.requests if path != "/robots.txt"] == [
        f"{ENDPOINT}?per_page=100&page={number}" for number in (1, 2)
    ]


def test_a_product_is_read_whole_from_the_listing(web, read):
    serve(web, [[woo_product(7)]])
    product = read(shop(web))["7"]
    assert (product.title, product.category) == ("Kikapu – sisal basket & lid", "Home & kitchen")
    assert product.description == "Woven by hand in Kitui. Holds 5 kg."
    assert (product.price, product.in_stock) == (Price(129_900, "KES"), True)
    assert product.url == "https://amina.example/product/sisal-basket-7/"
    assert product.image_url == "https://amina.example/wp-content/uploads/2026/11/basket-7.jpg"
    assert set(product.origins.values()) == {"woocommerce"}


@pytest.mark.parametrize(
    ("said", "price"),
    [
        (prices("129900"), Price(129_900, "KES")),
        (prices("1299", minor_unit=0), Price(129_900, "KES")),
        (prices("45000", currency="UGX", minor_unit=0), Price(45_000, "UGX")),
        (prices("4500000", currency="UGX", minor_unit=2), Price(45_000, "UGX")),
        (prices("85000", span=("85000", "120000")), Price(85_000, "KES", 120_000)),
        (prices("0"), Price(0, "KES")),
        (prices(""), None),
        ({}, None),
    ],
)
def test_prices_are_moved_from_the_shops_minor_units(web, read, said, price):
    serve(web, [[woo_product(1, prices=said)]])
    [product] = read(shop(web)).values()
    assert product.price == price


def test_a_product_that_shows_no_price_has_none_though_the_api_writes_0(web, read):
    serve(web, [[woo_product(1, prices=prices("0"), price_html="", is_purchasable=False)]])
    [product] = read(shop(web)).values()
    assert product.price is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prices": prices("12.5")}, "'12.5' in '2' decimals is no price"),
        ({"prices": prices("1e999999")}, "is no price"),
        ({"prices": prices("-5")}, "'-5' in '2' decimals is no price"),
        ({"prices": prices("5", minor_unit=9_999_999)}, "is no price"),
        ({"prices": prices("5", currency="XQX")}, "'XQX' is no currency"),
        ({"prices": prices("129950", currency="UGX")}, "has more decimals than UGX keeps"),
        ({"name": " "}, "product 1, name: is empty"),
    ],
)
def test_what_breaks_the_schema_is_refused_with_what_it_says(web, read, changes, message):
    serve(web, [[woo_product(1, **changes), woo_product(2)]])
    refusal, good = read(shop(web)).values()
    assert message in refusal
    assert good.source_ref == "2"


def test_gaps_are_left_as_gaps(web, read):
    serve(web, [[woo_product(1, images=[], categories=[], description="", is_in_stock=False)]])
    [product] = read(shop(web)).values()
    assert (product.image_url, product.category, product.in_stock) == (None, "", False)
    assert product.description == "Woven by hand"


def test_fewer_products_than_promised_prove_nothing(web, scouted):
    serve(web, [[woo_product(1)], [woo_product(1)]], total=2)
    scan = scouted(shop(web))
    assert not scan.is_complete
    assert scan.note == ("2 products are promised, 1 were seen; left out because they repeat an earlier product: 1")


def test_a_shop_that_says_no_total_is_read_until_an_empty_page(web, scouted):
    for number, products in enumerate([[woo_product(1)], [woo_product(2)], []], 1):
        web.page(f"{ENDPOINT}?per_page=100&page={number}", json.dumps(products))
    scan = scouted(shop(web))
    assert ([ref.source_ref for ref in scan.refs], scan.is_complete) == (["1", "2"], True)


def test_a_page_that_fails_leaves_the_scan_incomplete(web, scouted):
    serve(web, [[woo_product(1)], [woo_product(2)]])
    web.page(f"{ENDPOINT}?per_page=100&page=2", '{"code": "internal_server_error"}', status=500)
    scan = scouted(shop(web))
    assert (len(scan.refs), scan.is_complete) == (1, False)


def test_an_empty_catalogue_is_complete(web, scouted):
    serve(web, [[]])
    assert (scouted(shop(web)).refs, scouted(shop(web)).is_complete) == ((), True)


def test_a_shop_may_stand_under_a_path(web, scouted):
    serve(web, [[woo_product(1)]], base="/duka")
    assert len(scouted(shop(web, "/duka/")).refs) == 1
    assert len(scouted(shop(web, f"/duka{ENDPOINT}?per_page=5")).refs) == 1


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ('{"code": "rest_no_route"}', 404, "answered 404: this is no WooCommerce shop"),
        ('{"code": "x"}', 200, "has no list of products"),
        ("<html>Welcome</html>", 200, "is no JSON"),
    ],
)
def test_what_is_no_woocommerce_shop_is_refused(web, scouted, content, status, message):
    web.page(ENDPOINT, content, status=status)
    with pytest.raises(FeedRejected, match=message):
        scouted(shop(web))


def test_what_is_harvested_can_be_kept_as_json(web, scouted):
    serve(web, [[woo_product(1, name="Half \ud83d bag\x00")]])
    [ref] = scouted(shop(web)).refs
    assert json.loads(json.dumps(ref.harvest, allow_nan=False).encode()) == ref.harvest
