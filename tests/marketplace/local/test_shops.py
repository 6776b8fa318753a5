"""Shops of every kind over HTTP: each form as the real thing writes it, revalidated, packed, on hosts of their own."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import json
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote, urlsplit

import pytest
import requests
from lxml import etree
from lxml.html import document_fromstring
from openpyxl import load_workbook

from marketplace.local.market import AWKWARD, draw_market
from marketplace.local.shop_server import ShopServer
from marketplace.local.shops.markup import picture_path
from marketplace.local.shops.paths import catalogue_path, page_path

MARKET = draw_market(sellers=1, products_per_seller=30, kinds=True)
HANDLES = [seller.handle for seller in MARKET.sellers]
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
GOOGLE = {"g": "http://base.google.com/ns/1.0"}


@pytest.fixture(scope="module")
def shop():
    with ShopServer(MARKET) as opened:
        yield opened


@pytest.fixture
def changing():
    with ShopServer(MARKET) as opened:
        yield opened


def got(shop, path, **headers):
    return requests.get(shop.url + path, headers=headers, timeout=10, allow_redirects=False)


def of(handle, number=0):
    return MARKET.of(handle)[number]


def test_shopify_pages_its_products_and_ends_with_none(shop):
    path = "/shopify/cape-clay/products.json"
    pages = [got(shop, f"{path}?limit=12&page={page}").json()["products"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [12, 12, 6, 0]
    assert [str(one["id"]) for page in pages for one in page] == [one.ref for one in MARKET.of("cape-clay")]
    assert len(got(shop, f"{path}?limit=1000").json()["products"]) == 30
    assert len(got(shop, path).json()["products"]) == 30


def test_shopify_writes_its_fields_and_no_currency(shop):
    one = got(shop, "/shopify/cape-clay/products.json?limit=250").json()["products"][0]
    assert set(one) == {
        "id", "title", "handle", "body_html", "published_at", "created_at", "updated_at", "vendor", "product_type",
        "tags", "variants", "images", "options",
    }  # fmt: skip
    assert set(one["variants"][0]) == {
        "id", "title", "option1", "option2", "option3", "sku", "requires_shipping", "taxable", "featured_image",
        "available", "price", "grams", "compare_at_price", "position", "product_id", "created_at", "updated_at",
    }  # fmt: skip
    assert set(one["images"][0]) == {
        "id", "created_at", "position", "updated_at", "product_id", "variant_ids", "src", "width", "height",
    }  # fmt: skip
    assert "ZAR" not in json.dumps(one)
    assert got(shop, "/shopify/cape-clay/meta.json").json()["currency"] == "ZAR"
    assert got(shop, "/shopify/cape-clay/cart.js").json()["currency"] == "ZAR"


def test_shopify_has_variants_reductions_and_variants_that_are_sold_out_alone(shop):
    shown = got(shop, "/shopify/cape-clay/products.json?limit=250").json()["products"]
    sized = [one for one in shown if len(one["variants"]) == 3]
    assert 0 < len(sized) < len(shown)
    assert {one["options"][0]["name"] for one in sized} == {"Size"}
    assert any(one["variants"][0]["available"] > one["variants"][2]["available"] for one in sized)
    assert all(float(one["variants"][0]["price"]) < float(one["variants"][2]["price"]) for one in sized)
    reduced = [variant for one in shown for variant in one["variants"] if variant["compare_at_price"]]
    assert 0 < len(reduced) < len(shown)


def test_shopify_has_pages_of_its_products_too(shop):
    path = page_path(MARKET, of("cape-clay"))
    alone = got(shop, f"{path}.json").json()["product"]
    assert alone["title"] == of("cape-clay").title
    assert of("cape-clay").title in got(shop, path).text
    assert got(shop, "/shopify/cape-clay/products/none.json").status_code == 404


def test_woocommerce_counts_in_its_headers_and_links_onward(shop):
    path = "/woo/abuja-leather/wp-json/wc/store/v1/products"
    first, last, beyond = (got(shop, f"{path}?per_page=20&page={page}") for page in (1, 2, 3))
    assert (first.headers["X-WP-Total"], first.headers["X-WP-TotalPages"]) == ("30", "2")
    assert first.headers["Link"].endswith('products?per_page=20&page=2>; rel="next"')
    assert [len(page.json()) for page in (first, last, beyond)] == [20, 10, 0]
    assert "Link" not in last.headers
    assert len(got(shop, path).json()) == 10


@pytest.mark.parametrize("query", ["per_page=101", "per_page=x", "page=0"])
def test_woocommerce_refuses_pages_there_cannot_be(shop, query):
    answer = got(shop, f"/woo/abuja-leather/wp-json/wc/store/v1/products?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")


def test_woocommerce_writes_prices_in_its_own_minor_unit_and_names_with_entities(shop):
    shown = got(shop, "/woo/abuja-leather/wp-json/wc/store/v1/products?per_page=100").json()
    prices = shown[0]["prices"]
    assert (prices["currency_code"], prices["currency_minor_unit"], prices["price_range"]) == ("NGN", 0, None)
    assert int(prices["price"]) * 100 == of("abuja-leather").price.amount_minor
    assert "&quot;Mama&#039;s best&quot; &amp; more" in shown[1]["name"]
    reduced = [one for one in shown if one["on_sale"]]
    assert reduced
    assert all(int(one["prices"]["regular_price"]) > int(one["prices"]["price"]) for one in reduced)


def test_woocommerce_says_in_json_that_there_is_no_such_product(shop):
    path = "/woo/abuja-leather/wp-json/wc/store/v1/products"
    assert got(shop, f"{path}/{of('abuja-leather').ref}").json()["id"] == int(of("abuja-leather").ref)
    missing = got(shop, f"{path}/999999")
    assert (missing.status_code, missing.json()["code"]) == (404, "woocommerce_rest_product_invalid_id")


def test_a_sitemap_is_an_index_of_a_packed_one_and_of_pages_that_show_no_product(shop):
    index = etree.fromstring(got(shop, MARKET.source_path("lagos-ankara")).content)
    assert index.tag == f"{{{SITEMAP['s']}}}sitemapindex"
    packed, pages = index.xpath("s:sitemap/s:loc/text()", namespaces=SITEMAP)
    answer = requests.get(packed, timeout=5)
    assert answer.headers["content-type"] == "application/gzip"
    urls = etree.fromstring(gzip.decompress(answer.content))
    locations = urls.xpath("s:url/s:loc/text()", namespaces=SITEMAP)
    assert [urlsplit(url).path for url in locations] == [one.ref for one in MARKET.of("lagos-ankara")]
    about = requests.get(pages, timeout=5).content
    assert b"/shop/lagos-ankara/pages/about" in about
    assert "website" in got(shop, "/shop/lagos-ankara/pages/about").text


def test_a_listing_tells_everything_page_by_page(shop):
    path, refs = MARKET.source_path("maputo-capulanas"), []
    for _ in range(3):
        page = document_fromstring(got(shop, path).content)
        data = json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])
        assert data["@type"] == "ItemList"
        refs += [urlsplit(entry["item"]["url"]).path for entry in data["itemListElement"]]
        path = (page.xpath("//link[@rel='next']/@href") or [""])[0]
    assert path == ""
    assert refs == [one.ref for one in MARKET.of("maputo-capulanas")]
    assert got(shop, "/shop/maputo-capulanas/?page=4").status_code == 404
    assert got(shop, "/shop/maputo-capulanas/?page=zero").status_code == 404


def test_microdata_pages_carry_nothing_else(shop):
    product = of("teranga-mode")
    text = got(shop, product.ref).text
    page = document_fromstring(text)
    assert page.xpath("string(//*[@itemprop='name'])") == product.title
    assert page.xpath("string(//*[@itemprop='price']/@content)") == str(product.price.amount_minor), (
        "francs have no cents"
    )
    assert "ld+json" not in text
    assert "og:title" not in text


def test_google_feeds_have_its_namespace_and_its_columns(shop):
    root = etree.fromstring(got(shop, MARKET.source_path("lusaka-chitenge")).content)
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    items = root.findall("channel/item")
    assert [item.findtext("g:id", namespaces=GOOGLE) for item in items] == [
        one.ref for one in MARKET.of("lusaka-chitenge")
    ]
    assert items[1].findtext("g:title", namespaces=GOOGLE).endswith(AWKWARD)
    assert {item.findtext("g:availability", namespaces=GOOGLE) for item in items} <= {"in_stock", "out_of_stock"}
    text = got(shop, MARKET.source_path("gaborone-weavers")).content.decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", strict=True))
    reduced = [row for row in rows if row["sale_price"]]
    assert 0 < len(reduced) < len(rows) == 30
    assert all(row["price"].endswith(" BWP") for row in rows)


def test_own_feeds_keep_leading_zeros_numbers_and_texts_apart(shop):
    text = got(shop, MARKET.source_path("douala-pagne")).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert rows[1]["SKU"] == "00001"
    assert rows[1]["Product Name"].endswith(AWKWARD)
    assert rows[0]["Price"].endswith(" FCFA")
    book = load_workbook(io.BytesIO(got(shop, MARKET.source_path("kampala-shoes")).content))
    line = next(book.worksheets[0].iter_rows(min_row=2, values_only=True))
    assert isinstance(line[0], int)
    assert isinstance(line[4], int | float)
    listed = got(shop, MARKET.source_path("maasai-beads")).json()["products"]
    assert [one["id"] for one in listed] == [one.ref for one in MARKET.of("maasai-beads")]
    assert isinstance(listed[0]["price"], str)


@pytest.mark.parametrize("handle", HANDLES)
def test_every_catalogue_page_and_picture_is_revalidated_by_tag_and_by_date(shop, handle):
    for path in (catalogue_path(MARKET, handle), page_path(MARKET, of(handle)), picture_path(of(handle))):
        first = got(shop, path)
        assert first.status_code == 200, path
        same = got(shop, path, **{"If-None-Match": f'"x", W/{first.headers["etag"]}'})
        assert (same.status_code, same.content) == (304, b""), path
        assert same.headers["etag"] == first.headers["etag"]
        assert got(shop, path, **{"If-None-Match": '"x"'}).status_code == 200
        moment = first.headers["last-modified"]
        earlier = formatdate(parsedate_to_datetime(moment).timestamp() - 1, usegmt=True)
        assert got(shop, path, **{"If-Modified-Since": moment}).status_code == 304
        assert got(shop, path, **{"If-Modified-Since": earlier}).status_code == 200
        assert got(shop, path, **{"If-Modified-Since": moment, "If-None-Match": '"x"'}).status_code == 200
        assert got(shop, path, **{"If-Modified-Since": "yesterday"}).status_code == 200


@pytest.mark.parametrize("handle", HANDLES)
def test_what_changed_is_sent_again_even_within_the_same_second(changing, handle):
    path, ref = catalogue_path(MARKET, handle), of(handle).ref
    for amount in (100_000, 200_000, 300_000):
        before = got(changing, path).headers
        changing.set_price(ref, amount)
        since = {"If-Modified-Since": before["last-modified"]}
        assert got(changing, path, **since).status_code == 200
        assert got(changing, path, **since, **{"If-None-Match": before["etag"]}).status_code == 200


def test_texts_are_packed_for_those_who_take_it(shop):
    path = "/woo/abuja-leather/wp-json/wc/store/v1/products"
    packed, plain = got(shop, path), got(shop, path, **{"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"], "another body, another tag"
    assert "content-encoding" not in got(shop, picture_path(of("cape-clay"))).headers


def test_a_connection_serves_one_page_after_another(shop):
    at = urlsplit(shop.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=5)
    for method, empty in (("GET", False), ("HEAD", True), ("GET", False)):
        connection.request(method, "/shopify/cape-clay/meta.json")
        answer = connection.getresponse()
        assert (answer.read() == b"") is empty
        assert int(answer.headers["content-length"]) > 0
        used = connection.sock
    assert used is not None
    connection.close()


def test_sellers_are_at_home_on_loopback_hosts_of_their_own():
    with ShopServer(MARKET, hosts=3) as shop:
        hosts = [urlsplit(shop.source_url(handle)).hostname for handle in HANDLES]
        assert hosts[:4] == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]
        for handle in HANDLES:
            answer = requests.get(shop.source_url(handle), timeout=5)
            assert answer.ok
            assert shop.host_of(handle) in answer.url
        feed = requests.get(shop.source_url("lusaka-chitenge"), timeout=5).text
        assert f"http://{shop.host_of('lusaka-chitenge')}:" in feed, "addresses lead to the host that was asked"


@pytest.mark.parametrize("handle", HANDLES)
def test_an_administrator_changes_a_product_of_any_kind(changing, handle):
    ref = quote(of(handle).ref, safe="")
    wanted = {"title": "Kikapu kipya", "in_stock": False, "picture": "teal"}
    picture = got(changing, picture_path(of(handle))).content
    assert requests.post(f"{changing.url}/admin/products/{ref}", json=wanted, timeout=5).ok
    assert got(changing, picture_path(of(handle))).content != picture or of(handle).colour == "teal"
    assert "Kikapu kipya" in got(changing, page_path(MARKET, of(handle))).text
    requests.post(f"{changing.url}/admin/products/{ref}", json={"gone": True}, timeout=5)
    assert got(changing, page_path(MARKET, of(handle))).status_code == 404
    assert got(changing, picture_path(of(handle))).status_code == 404


@pytest.mark.parametrize("handle", HANDLES)
def test_a_page_that_moved_leads_to_where_it_is_now(changing, handle):
    old, new = (page_path(MARKET, of(handle), moved=moved) for moved in (False, True))
    assert got(changing, old).status_code == 200
    changing.shelves.change(of(handle).ref, {"moved": True})
    answer = got(changing, old)
    assert (answer.status_code, answer.headers["location"]) == (301, new)
    assert of(handle).title in document_fromstring(got(changing, new).content.decode()).text_content()


def test_a_seller_is_renamed_and_emptied_and_reset(changing):
    url, path = f"{changing.url}/admin/sellers/cape-clay", "/shopify/cape-clay/products.json"
    assert requests.post(url, json={"name": "Cape Clay Studio"}, timeout=5).ok
    assert got(changing, path).json()["products"][0]["vendor"] == "Cape Clay Studio"
    assert requests.post(url, json={"empty": True}, timeout=5).ok
    assert got(changing, path).json() == {"products": []}
    assert requests.post(f"{changing.url}/admin/reset", json={}, timeout=5).ok
    assert got(changing, path).json()["products"][0]["vendor"] == "Cape Clay & Co"


@pytest.mark.parametrize(
    ("path", "wanted", "said"),
    [
        ("sellers/nobody", {"empty": True}, "no seller nobody"),
        ("sellers/cape-clay", {"price": 3}, "cannot change price"),
        (f"products/{of('cape-clay').ref}", {"picture": "beige"}, "'beige' is none of terracotta"),
        (f"products/{of('cape-clay').ref}", {"empty": True}, "cannot change empty"),
        ("everything", {}, "nothing can be changed at /admin/everything"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_in_words(changing, path, wanted, said):
    answer = requests.post(f"{changing.url}/admin/{path}", json=wanted, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)


@pytest.mark.parametrize(
    "path", ["/shop/cape-clay/", "/shopify/lagos-ankara/products.json", "/feeds/cape-clay/google.xml"]
)
def test_a_seller_has_its_own_form_of_catalogue_and_no_other(shop, path):
    assert got(shop, path).status_code == 404


def test_only_whatsapp_sellers_have_pages_by_their_number(shop):
    phones = {seller.handle: seller.phone.lstrip("+") for seller in MARKET.sellers}
    statuses = {handle: got(shop, f"/c/{phone}").status_code for handle, phone in phones.items()}
    assert {handle for handle, status in statuses.items() if status == 200} == {"mama-njeri-fabrics"}
