"""What is read from a product page, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.products import Price
from marketplace.errors import InputRejected, PriceUnreadable
from marketplace.ingestion.pages import product_of, read_page

URL = "https://shop.example/p/1234567890123456/254700000001"
KIONDO = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Kiondo handbag",
    "description": "Sisal,\n  made by hand",
    "category": "Bags",
    "image": ["/img/1.jpg", "/img/2.jpg"],
    "offers": {"price": "1299.00", "priceCurrency": "KES", "availability": "https://schema.org/InStock"},
}


def html(*scripts, graph=None):
    metas = "".join(f'<meta property="{name}" content="{said}">' for name, said in (graph or {}).items())
    tags = "".join(
        f'<script type="application/ld+json">{script if isinstance(script, str) else json.dumps(script)}</script>'
        for script in scripts
    )
    return f"<!doctype html><html><head>{metas}{tags}</head><body><p>A page</p></body></html>".encode()


def product(*scripts, graph=None, currency="KES"):
    return product_of(read_page(html(*scripts, graph=graph)), source_ref="1", url=URL, currency=currency)


def test_a_product_is_read_from_its_linked_data():
    read = product(KIONDO)
    assert (read.title, read.description, read.category) == ("Kiondo handbag", "Sisal, made by hand", "Bags")
    assert (read.price, read.in_stock) == (Price(129_900, "KES"), True)
    assert read.image_url == "https://shop.example/img/1.jpg"


@pytest.mark.parametrize(
    "script",
    [
        [{"@type": "BreadcrumbList"}, KIONDO],
        {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": "Shop"}, KIONDO]},
        {"@graph": [{"@graph": [KIONDO]}]},
        {**KIONDO, "@type": ["Thing", "Product"]},
    ],
    ids=["list", "graph", "nested graph", "several types"],
)
def test_a_product_is_found_wherever_the_linked_data_holds_it(script):
    assert product(script).title == "Kiondo handbag"


def test_a_broken_script_does_not_spoil_the_next():
    page = read_page(html('{"@type": "Product", "name": ', KIONDO))
    assert page.broken_scripts == 1
    assert product_of(page, source_ref="1", url=URL, currency="KES").title == "Kiondo handbag"


def test_open_graph_stands_in_where_linked_data_is_silent():
    graph = {
        "og:title": "Jebena",
        "og:description": "Black clay",
        "og:image": "https://cdn.example/1.jpg",
        "product:price:amount": "450",
        "product:price:currency": "etb",
        "product:availability": "out of stock",
    }
    read = product(graph=graph)
    assert (read.title, read.description, read.price) == ("Jebena", "Black clay", Price(45_000, "ETB"))
    assert (read.image_url, read.in_stock) == ("https://cdn.example/1.jpg", False)
    assert product(KIONDO, graph=graph).title == "Kiondo handbag"


@pytest.mark.parametrize(
    ("offers", "price"),
    [
        ({"price": 450, "priceCurrency": "ETB"}, Price(45_000, "ETB")),
        ({"price": 45000.0, "priceCurrency": "UGX"}, Price(45_000, "UGX")),
        ({"price": "1,299"}, Price(129_900, "KES")),
        ({"price": "1299", "priceCurrency": "KSh"}, Price(129_900, "KES")),
        (
            [{"price": "10", "priceCurrency": "GHS"}, {"price": "12", "priceCurrency": "GHS"}],
            Price(1_000, "GHS", 1_200),
        ),
        ({"@type": "AggregateOffer", "lowPrice": "646", "highPrice": "740"}, Price(64_600, "KES", 74_000)),
        ({"priceSpecification": [{"price": "10", "priceCurrency": "USD"}]}, Price(1_000, "USD")),
        ({"price": None}, None),
        ({"price": "Price on request"}, None),
        ([], None),
        ("ask", None),
    ],
)
def test_a_price_is_read_however_it_is_offered_and_never_guessed(offers, price):
    assert product({**KIONDO, "offers": offers}).price == price


@pytest.mark.parametrize(
    ("offers", "message"),
    [
        ({"price": "cheap"}, "'cheap' is no price"),
        ({"price": "-5"}, "'-5' is no price"),
        ({"price": "10", "priceCurrency": "XQX"}, "'XQX' is no currency"),
    ],
)
def test_a_price_that_is_none_is_refused_with_what_it_says(offers, message):
    with pytest.raises(PriceUnreadable, match=message):
        product({**KIONDO, "offers": offers})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes is no HTML"),
        (html(), "names no product: no JSON-LD name and no og:title"),
        (html("{", "also broken"), "2 JSON-LD scripts do not parse"),
        (html(graph={"og:type": "website", "og:title": "Log in"}), "og:type is 'website'"),
        (html({**KIONDO, "name": "x" * 5000}), "the title has 5000 characters"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "no"),
    ],
    ids=["empty", "no product", "broken", "another page", "endless title", "picture"],
)
def test_a_page_that_shows_no_product_is_refused_and_nothing_is_made_up(content, message):
    with pytest.raises(InputRejected, match=message):
        product_of(read_page(content), source_ref="1", url=URL, currency="KES")


def test_text_that_postgres_cannot_hold_does_not_come_through():
    read = product('{"@type": "Product", "name": "Half \\ud83d bag\\u0000"}')
    assert read.title == "Half bag"


def test_a_picture_at_no_address_is_left_to_be_refused_by_name():
    assert product({**KIONDO, "image": "http://[1.jpg"}).image_url == "http://[1.jpg"


def test_other_encodings_are_read_as_the_page_declares_them():
    content = html(graph={"og:title": "Café"}).decode().replace("<head>", '<head><meta charset="iso-8859-1">')
    read = product_of(read_page(content.encode("latin-1")), source_ref="1", url=URL, currency="KES")
    assert read.title == "Café"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@graph", "@type", "name", "offers", "price", "priceCurrency", "image", "url"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_the_linked_data_holds_is_read_or_refused(data):
    try:
        read = product({**KIONDO, **(data if isinstance(data, dict) else {"offers": data})})
    except InputRejected:
        return
    assert read.title.encode()
