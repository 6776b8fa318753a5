"""Any web shop is found by its sitemaps or listing pages, and read by what its pages mark up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.products import Price, Seller
from marketplace.errors import FeedRejected, InputRejected, LoginWall, NoProduct, SourceUnavailable
from marketplace.ingestion.links import names_product, source_ref_of
from marketplace.ingestion.listings import read_listing
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.web_shops import WebShop
from marketplace.settings import Settings

SELLER = Seller(1, "amina", "Amina", None, "Nairobi", "KE", "KES", "web_shop", None)


def shop(web, path=""):
    return WebShop(replace(SELLER, source_url=f"{web.url}{path}"), Settings(_env_file=None))


def linked(data):
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def described(name, price="1299.00", **more):
    return {
        "@type": "Product",
        "name": name,
        "image": f"/img/{name}.jpg",
        "offers": {
            "@type": "Offer",
            "price": price,
            "priceCurrency": "KES",
            "availability": "https://schema.org/InStock",
        },
        **more,
    }


def item_list(*products, **more):
    elements = [{"@type": "ListItem", "position": n, "item": product} for n, product in enumerate(products, 1)]
    return {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": elements, **more}


def html(body, head=""):
    return f"<!doctype html><html><head><title>Shop</title>{head}</head><body>{body}</body></html>"


def paths(web, scan):
    return [ref.url.removeprefix(web.url) for ref in scan.refs]


def fetched(source, fresh_web, ref):
    answer = asyncio.run(fresh_web.page(ref.url))
    return source.product_of(ref, answer.content)


def test_products_of_a_sitemap_are_visited_and_read_from_their_pages(web, scouted, fresh_web):
    entries = "".join(f"<url><loc>{web.url}{path}</loc></url>" for path in ("/", "/product/kiondo?utm=x", "/about"))
    web.page("/sitemap.xml", f"<urlset>{entries}</urlset>")
    web.page("/product/kiondo", html(linked(described("Kiondo")), '<link rel="canonical" href="/product/kiondo">'))
    source = shop(web)
    scan = scouted(source)
    assert (scan.is_complete, scan.note) == (True, "")
    [ref] = scan.refs
    assert (ref.source_ref, ref.harvest) == ("/product/kiondo", None)
    product = fetched(source, fresh_web, ref)
    assert (product.title, product.price, product.source_ref) == ("Kiondo", Price(129_900, "KES"), "/product/kiondo")
    assert product.url == f"{web.url}/product/kiondo"
    assert product.image_url == f"{web.url}/img/Kiondo.jpg"


def test_a_page_that_is_none_of_a_product_says_so_by_class(web, scouted, fresh_web):
    entries = "".join(f"<url><loc>{web.url}{path}</loc></url>" for path in ("/kiondo", "/about"))
    web.page("/sitemap.xml", f"<urlset>{entries}</urlset>")
    web.page("/kiondo", html(linked(described("Kiondo"))))
    web.page("/about", html("<p>We weave</p>", '<meta property="og:title" content="About us">'))
    source = shop(web)
    kiondo, about = scouted(source).refs
    assert fetched(source, fresh_web, kiondo).title == "Kiondo"
    with pytest.raises(NoProduct):
        fetched(source, fresh_web, about)


def test_the_address_of_a_sitemap_is_read_as_one(web, scouted):
    web.page("/shop/sitemap.xml", f"<urlset><url><loc>{web.url}/p/1</loc></url></urlset>")
    assert paths(web, scouted(shop(web, "/shop/sitemap.xml"))) == ["/p/1"]


def test_a_sitemap_that_fails_leaves_the_scan_incomplete(web, scouted):
    web.page("/robots.txt", "Sitemap: /a.xml\nSitemap: /b.xml")
    web.page("/a.xml", f"<urlset><url><loc>{web.url}/p/1</loc></url></urlset>")
    web.page("/b.xml", "", status=500)
    scan = scouted(shop(web))
    assert (paths(web, scan), scan.is_complete) == (["/p/1"], False)
    assert "b.xml could not be read" in scan.note


def test_addresses_of_one_product_are_one(web, scouted):
    web.page(
        "/sitemap.xml",
        "<urlset>"
        + "".join(
            f"<url><loc>{web.url}{path}</loc></url>"
            for path in ("/products/a", "/collections/all/products/a", "/products/a/")
        )
        + "</urlset>",
    )
    scan = scouted(shop(web))
    assert [ref.source_ref for ref in scan.refs] == ["/products/a"]
    assert scan.note.startswith("left out because they repeat an earlier product: ")
    assert scan.is_complete


def test_a_listing_that_describes_its_products_is_harvested_without_a_visit(web, read):
    first = item_list(described("Kiondo", url="/p/kiondo"), described("Mug", "300.00", url="/p/mug"))
    web.page("/shop?page=1", html(linked(first) + '<a href="/p/kiondo">Kiondo</a><a href="/shop?page=2">2</a>'))
    web.page("/shop?page=2", html(linked(item_list(described("Pot", "700", url="/p/pot")))))
    source = shop(web, "/shop?page=1")
    products = read(source)
    assert [(product.title, product.price.amount_minor) for product in products.values()] == [
        ("Kiondo", 129_900),
        ("Mug", 30_000),
        ("Pot", 70_000),
    ]
    assert list(products) == ["/p/kiondo", "/p/mug", "/p/pot"]
    kiondo = products["/p/kiondo"]
    assert (kiondo.url, kiondo.image_url) == (f"{web.url}/p/kiondo", f"{web.url}/img/Kiondo.jpg")
    assert set(kiondo.origins.values()) == {"json-ld"}
    assert not any(path.startswith("/p/") for path in web.requests)


def test_a_listing_in_microdata_is_harvested_too(web, read):
    cards = "".join(
        f'<li itemscope itemtype="https://schema.org/Product"><a itemprop="url" href="/item/{name}">'
        f'<img itemprop="image" src="/img/{name}.jpg"><span itemprop="name">{name}</span></a>'
        f'<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="priceCurrency" content="KES">'
        f'<span itemprop="price">{price}</span></div></li>'
        for name, price in (("kiondo", "1,299"), ("mug", "300"))
    )
    web.page("/shop", html(f"<ul>{cards}</ul>"))
    products = read(shop(web, "/shop"))
    assert [product.price for product in products.values()] == [Price(129_900, "KES"), Price(30_000, "KES")]
    assert products["/item/mug"].origins["price"] == "microdata"


def test_harvests_stand_without_the_page_and_can_be_kept_as_json(web, scouted):
    graph = {
        "@graph": [
            {"@type": "ImageObject", "@id": "#i", "url": "/img/x.jpg"},
            item_list(described("Kiondo", url="/p/kiondo", image={"@id": "#i"}, review=[{"author": "x"}] * 50)),
        ]
    }
    web.page("/shop", html(linked(graph)))
    source = shop(web, "/shop")
    [ref] = scouted(source).refs
    kept = json.loads(json.dumps(ref.harvest, allow_nan=False))
    assert "review" not in kept["product"]
    assert source.product_of(replace(ref, harvest=kept), None).image_url == f"{web.url}/img/x.jpg"


def test_products_that_a_listing_does_not_describe_are_visited(web, scouted):
    summary = {
        "@type": "ItemList",
        "itemListElement": [{"@type": "ListItem", "position": 1, "url": f"{web.url}/kiondo"}],
    }
    links = '<a href="/product/mug">Mug</a><a href="/product/mug#reviews">5 stars</a><a href="/about">About</a>'
    web.page("/shop", html(linked(summary) + links + '<a href="https://elsewhere.example/product/x">x</a>'))
    scan = scouted(shop(web, "/shop"))
    assert paths(web, scan) == ["/kiondo", "/product/mug"]
    assert all(ref.harvest is None for ref in scan.refs)
    assert scan.is_complete


def test_a_harvest_without_a_price_or_name_is_visited_instead(web, scouted):
    web.page("/shop", html(linked(item_list({"@type": "Product", "name": "Mug", "url": "/p/mug"}))))
    [ref] = scouted(shop(web, "/shop")).refs
    assert (ref.source_ref, ref.harvest) == ("/p/mug", None)


def test_where_no_path_tells_cards_with_pictures_do(web, scouted):
    cards = '<div class="product-card"><a href="/kiondo-bag"><img src="/k.jpg"></a><a href="/cart">Add</a></div>'
    web.page("/shop", html(cards + '<a href="/about"><img src="/us.jpg"></a>'))
    assert paths(web, scouted(shop(web, "/shop"))) == ["/kiondo-bag"]


@pytest.mark.parametrize(
    "onward",
    [
        '<link rel="next" href="/shop/page/2">',
        '<a rel="nofollow NEXT" href="/shop/page/2">older</a>',
        '<a class="next page-numbers" href="/shop/page/2/">→</a>',
        '<li class="pager next"><a href="/shop/page/2">→</a></li>',
        '<a aria-label="Next page" href="/shop/page/2"></a>',
        '<a href="/shop/page/3/">3</a><a href="/shop/page/2/">2</a>',
    ],
)
def test_the_following_page_is_found_however_it_is_linked(web, scouted, onward):
    web.page("/shop/", html(f'<a href="/product/a">a</a>{onward}'))
    for path in ("/shop/page/2", "/shop/page/2/"):
        web.page(path, html('<a href="/product/b">b</a><a href="/shop/">1</a>'))
    scan = scouted(shop(web, "/shop/"))
    assert (paths(web, scan), scan.is_complete) == (["/product/a", "/product/b"], True)


def test_a_query_that_is_no_page_number_is_kept_and_other_listings_are_not_followed(web, scouted):
    web.page(
        "/shop?colour=red",
        html('<a href="/product/a">a</a><a href="/shop?page=2">2</a><a href="/shop?colour=red&page=2">2</a>'),
    )
    web.page("/shop?colour=red&page=2", html('<a href="/product/b">b</a>'))
    web.page("/shop?page=2", html('<a href="/product/c">c</a>'))
    assert paths(web, scouted(shop(web, "/shop?colour=red"))) == ["/product/a", "/product/b"]


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ('<a rel="next" href="/shop?page=2">', "down", "page 2 could not be read"),
        ('<a rel="next" href="/shop?page=2">', '<a rel="next" href="/shop?page=3">', "shows nothing new and leads on"),
        ("<button>Load more products</button>", "", "a button for more that only a script answers"),
        (
            '<p class="woocommerce-result-count">Showing 1–1 of 57 results</p>',
            "",
            "57 products are promised, 1 were seen",
        ),
        (linked(item_list(numberOfItems=12)), "", "12 products are promised, 1 were seen"),
    ],
    ids=["failure", "calendar", "button", "count", "list"],
)
def test_a_listing_that_may_go_on_unseen_is_not_complete(web, scouted, first, second, note):
    web.page("/shop", html(f'<a href="/product/a">a</a>{first}'))
    web.page("/shop?page=2", html(f'<a href="/product/a">a</a>{second}'), status=500 if second == "down" else 200)
    scan = scouted(shop(web, "/shop"))
    assert (paths(web, scan), scan.is_complete) == (["/product/a"], False)
    assert note in scan.note


def test_without_a_sitemap_the_home_page_leads_to_the_listing_of_all(web, scouted):
    web.page("/", html('<a href="/product/a">a</a><a href="/collections/all">All</a>'))
    web.page("/collections/all", html('<a href="/product/a">a</a><a href="/product/b">b</a>'))
    scan = scouted(shop(web))
    assert (paths(web, scan), scan.is_complete) == (["/product/a", "/product/b"], True)


def test_a_home_page_alone_proves_nothing_about_what_it_does_not_show(web, scouted):
    web.page("/", html('<a href="/product/a">a</a>'))
    scan = scouted(shop(web, "/"))
    assert (paths(web, scan), scan.is_complete) == (["/product/a"], False)
    assert "does not prove that it lists every product" in scan.note


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 404, FeedRejected),
        ("", 500, SourceUnavailable),
        ('<form><input type="password"></form>', 200, LoginWall),
    ],
)
def test_a_listing_that_is_not_there_fails_the_scan(web, scouted, body, status, error):
    web.page("/shop", html(body), status=status)
    with pytest.raises(error):
        scouted(shop(web, "/shop"))


def test_a_page_that_was_neither_harvested_nor_fetched_is_refused(web):
    with pytest.raises(InputRejected, match="neither harvested nor fetched"):
        shop(web).product_of(ProductRef("/p/1", f"{web.url}/p/1"), None)


MARKUP = st.sampled_from(
    [
        linked(item_list(described("Kiondo", url="/p/kiondo"), numberOfItems="many")),
        linked(item_list({"@type": "Product", "url": ["http://[", {"@id": 5}], "offers": [[]]}, None, "x", 7)),
        '<a href="http://[">x</a><a href="/p/\ud800">y</a><a href="?page=99999999999">z</a>',
        '<a rel="next" href="http://host:port/">next</a>',
        '<div itemscope itemtype="x" itemref="a" id="a" itemprop="y">',
        '<p class="result-count">of 9999999 results</p>',
    ]
)


@given(st.lists(MARKUP | st.text(max_size=10), max_size=5), st.binary(max_size=20))
def test_any_listing_is_read_or_refused(pieces, tail):
    content = "".join(pieces).encode("utf-8", errors="surrogatepass") + tail
    try:
        leaf = read_listing(content, "https://a.example/shop")
    except InputRejected:
        return
    json.dumps([ref.harvest for ref in leaf.refs], allow_nan=False).encode()
    assert all(ref.source_ref.encode() and ref.url.encode() for ref in leaf.refs)


@pytest.mark.parametrize(
    ("address", "ref"),
    [
        ("https://a.example/product/kiondo/?utm_source=x#top", "/product/kiondo"),
        ("https://a.example/collections/bags/products/kiondo?variant=1", "/products/kiondo"),
        (
            "https://a.example/index.php?route=product/product&product_id=42&tag=x",
            "/index.php?route=product%2Fproduct&product_id=42",
        ),
        ("https://a.example/p/%E1%89%A1%E1%8A%93", "/p/ቡና"),
        ("https://a.example/", "/"),
    ],
)
def test_a_product_is_told_apart_by_the_path_of_its_page(address, ref):
    assert source_ref_of(address) == ref


def test_a_path_that_is_too_long_for_an_id_becomes_a_number():
    long = source_ref_of("https://a.example/p/" + "x" * 500)
    assert long.isdecimal()
    assert long != source_ref_of("https://a.example/p/" + "x" * 501)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/product/kiondo/", True), ("/products/kiondo", True), ("/collections/x/products/y", True), ("/p/12", True),
        ("/item/12", True), ("/nokia-105-12345678.html", True), ("/index.php?product_id=4", True),
        ("/products", False), ("/products/page/2", False), ("/product-category/bags/", False), ("/shop/", False),
        ("/products/category/bags", False), ("/blog/product", False), ("/about", False),
    ],
)  # fmt: skip
def test_paths_of_products_are_known(path, expected):
    assert names_product(f"https://a.example{path}") is expected
