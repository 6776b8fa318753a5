"""What is read from a product page, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.products import Price
from marketplace.errors import InputRejected, LoginWall, NoProduct, PriceUnreadable
from marketplace.ingestion.markup.heads import head_of, scanned_head
from marketplace.ingestion.markup.html import tree_of
from marketplace.ingestion.pages import page_of, product_of, read_page

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
        ({"price": "-5"}, "'-5' is negative"),
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


def page_with(head="", body=""):
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def shown(content, *, url=URL, **how):
    return product_of(read_page(content), source_ref="1", url=url, currency="KES", **how)


SCRIPT = '{"@type": "Product", "name": "Kiondo", "offers": {"price": "1299.00", "priceCurrency": "KES"}}'


@pytest.mark.parametrize(
    "script",
    [
        SCRIPT.replace("}}", ",},}"),
        f"/* product */ {SCRIPT} // end",
        SCRIPT.replace('"Kiondo"', '"Kiondo\n"'),
        f"//<![CDATA[\n{SCRIPT}\n//]]>",
        f"/*<![CDATA[*/{SCRIPT}/*]]>*/",
        f"<!-- {SCRIPT} -->",
        f"{SCRIPT};",
        SCRIPT.replace('"', "&quot;"),
        f"\ufeff{SCRIPT}",
    ],
    ids=["commas", "comments", "newline", "cdata", "cdata in comments", "html comment", "semicolon", "escaped", "bom"],
)
def test_a_script_that_almost_parses_is_mended(script):
    page = read_page(html(script))
    assert page.broken_scripts == 0
    read = product_of(page, source_ref="1", url=URL, currency="KES")
    assert (read.title, read.price) == ("Kiondo", Price(129_900, "KES"))


def test_what_looks_like_a_comment_or_comma_inside_a_text_stays():
    read = product('{"@type": "Product", "name": "Bag, ] // size /* L */ \\" ,}", }')
    assert read.title == 'Bag, ] // size /* L */ " ,}'


def test_a_script_that_is_cut_short_is_not_completed_and_that_is_said(caplog):
    cut = html(SCRIPT[:60], graph={"og:type": "product", "og:title": "Kiondo from Open Graph"})
    page = read_page(cut)
    assert page.broken_scripts == 1
    read = shown(cut)
    assert (read.title, read.price) == ("Kiondo from Open Graph", None)
    assert read.origins["title"] == "open-graph"
    assert "1 JSON-LD scripts do not parse" in caplog.text


MICRODATA = """
<div itemscope itemtype="https://schema.org/Product">
  <h1 itemprop="name">Sisal  basket</h1><img itemprop="image" src="/img/b.jpg"><link itemprop="url" href="/p/1">
  <p itemprop="description">Woven <b>by hand</b></p><meta itemprop="category" content="Baskets">
  <div itemprop="offers" itemscope itemtype="http://schema.org/Offer">
    <meta itemprop="priceCurrency" content="KES"><span itemprop="price" content="850.00">KSh 850</span>
    <link itemprop="availability" href="https://schema.org/OutOfStock">
  </div>
  <div itemprop="isRelatedTo" itemscope itemtype="https://schema.org/Product"><b itemprop="name">Mug</b></div>
</div>"""


def test_microdata_is_read_as_linked_data_is():
    read = shown(page_with(body=MICRODATA))
    assert (read.title, read.description, read.category) == ("Sisal basket", "Woven by hand", "Baskets")
    assert (read.price, read.in_stock) == (Price(85_000, "KES"), False)
    assert read.image_url == "https://shop.example/img/b.jpg"
    assert set(read.origins.values()) == {"microdata", "address"}


def test_microdata_may_refer_to_properties_that_stand_elsewhere():
    body = (
        '<div itemscope itemtype="https://schema.org/Product" itemref="price"><b itemprop="name">Mug</b></div>'
        '<div id="price" itemprop="offers" itemscope><b itemprop="price">300</b></div>'
    )
    assert shown(page_with(body=body)).price == Price(30_000, "KES")


def test_each_field_comes_from_the_first_part_that_says_it_and_that_is_kept():
    head = f'<script type="application/ld+json">{SCRIPT}</script><meta property="og:image" content="/o.jpg">'
    body = MICRODATA.replace("Sisal  basket", "Kiondo")
    read = shown(page_with(head, body))
    assert read.price == Price(129_900, "KES")
    assert read.image_url == "https://shop.example/img/b.jpg"
    assert read.origins == {
        "title": "json-ld",
        "price": "json-ld",
        "description": "microdata",
        "category": "microdata",
        "image_url": "microdata",
        "in_stock": "microdata",
        "url": "address",
    }


VARIANTS = {
    "@type": "ProductGroup",
    "name": "Kitenge dress",
    "hasVariant": [
        {
            "@type": "Product",
            "name": f"Kitenge dress {size}",
            "image": f"/img/{size}.jpg",
            "offers": {
                "@type": "Offer",
                "price": price,
                "priceCurrency": "KES",
                "availability": f"https://schema.org/{stock}",
            },
        }
        for size, price, stock in [("S", "1200.00", "OutOfStock"), ("M", "1500.00", "InStock")]
    ],
}
OUT = {"availability": "https://schema.org/OutOfStock"}


@pytest.mark.parametrize(
    ("offers", "price", "in_stock"),
    [
        ({"@type": "AggregateOffer", "offers": [{"price": "5"}, {"price": 7, **OUT}]}, Price(500, "KES", 700), False),
        ([{"price": "5", **OUT}, {"price": "5", "availability": "InStock"}], Price(500, "KES"), True),
        ([{"price": "5", **OUT}, {"price": "7", **OUT}], Price(500, "KES", 700), False),
        (
            {
                "priceCurrency": "KES",
                "priceSpecification": [
                    {"price": "9", "priceType": "https://schema.org/ListPrice"},
                    {"@type": "UnitPriceSpecification", "price": "6"},
                ],
            },
            Price(600, "KES"),
            True,
        ),
        ({"priceSpecification": {"minPrice": 5, "maxPrice": 9, "priceCurrency": "TZS"}}, Price(500, "TZS", 900), True),
        (
            [{"price": "5", "priceCurrency": "USD"}, {"price": "700", "priceCurrency": "KES"}],
            Price(70_000, "KES"),
            True,
        ),
        ({"price": "10.10", "availability": "http://schema.org/SoldOut"}, Price(1_010, "KES"), False),
        ({"price": "10", "availability": "schema:PreOrder"}, Price(1_000, "KES"), True),
    ],
)
def test_offers_of_every_shape_become_one_price_or_range(offers, price, in_stock):
    read = product({**KIONDO, "offers": offers})
    assert (read.price, read.in_stock) == (price, in_stock)


def test_a_group_of_variants_is_one_product_with_their_range():
    read = product(VARIANTS)
    assert (read.title, read.price, read.in_stock) == ("Kitenge dress", Price(120_000, "KES", 150_000), True)
    assert read.image_url == "https://shop.example/img/S.jpg"


def test_what_linked_data_points_to_on_the_page_is_followed():
    graph = [
        {"@type": "ImageObject", "@id": "#primary", "url": "/img/primary.jpg"},
        {"@type": ["Product"], "name": "Mug", "image": {"@id": "#primary"}, "offers": [{"@id": "#offer"}]},
        {"@type": "Offer", "@id": "#offer", "price": "300"},
    ]
    read = product({"@graph": graph})
    assert (read.image_url, read.price) == ("https://shop.example/img/primary.jpg", Price(30_000, "KES"))


def test_a_page_with_several_products_shows_the_one_whose_page_it_is():
    others = [{"@type": "Product", "name": f"Other {n}", "url": f"/p/{n}"} for n in range(3)]
    assert product(others, KIONDO).title == "Kiondo handbag"
    named = {**KIONDO, "url": f"{URL}?ref=1"}
    assert product(others, named).title == "Kiondo handbag"
    with pytest.raises(NoProduct, match="no product of its own, but 3 others"):
        product(others)
    listing = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": KIONDO}]}
    with pytest.raises(NoProduct):
        product(listing)


def test_a_page_that_wants_a_password_is_told_apart_from_one_that_shows_nothing():
    form = "<form><input name=user><input type='PASSWORD' name=pw></form>"
    with pytest.raises(LoginWall, match="login wall, titled 'Sign in'"):
        shown(page_with("<title>Sign in</title>", form))
    head = f'<script type="application/ld+json">{SCRIPT}</script>'
    assert shown(page_with(head, form)).title == "Kiondo"  # a shop may offer to sign in on every page


@pytest.mark.parametrize("title", ["404", "Page not found – Shop", "Error 404: not found", "Produit introuvable"])
def test_a_page_that_says_it_is_not_there_shows_no_product(title):
    head = f"<title>{title}</title><meta property='og:title' content='Shop'><meta name=robots content=noindex>"
    with pytest.raises(NoProduct, match="shows no product: its title is"):
        shown(page_with(head))
    with pytest.raises(NoProduct, match="shows no product: its title is"):
        shown(page_with(f'{head}<script type="application/ld+json">{SCRIPT}</script>'))


def test_where_any_page_may_be_met_a_title_alone_is_no_product():
    about = page_with('<meta property="og:title" content="About us">')
    assert shown(about).title == "About us"
    with pytest.raises(NoProduct):
        shown(about, needs_proof=True)
    priced = page_with('<meta property="og:title" content="Mug"><meta property="product:price:amount" content="300">')
    assert shown(priced, needs_proof=True).price == Price(30_000, "KES")


def test_the_canonical_address_is_the_products_unless_it_leads_elsewhere():
    script = f'<script type="application/ld+json">{SCRIPT}</script>'
    own = shown(page_with(f'{script}<link rel="canonical" href="/p/kiondo">'))
    assert (own.url, own.origins["url"]) == ("https://shop.example/p/kiondo", "canonical")
    for elsewhere in ("https://other.example/p/kiondo", "https://shop.example/", "http://["):
        assert shown(page_with(f'{script}<link rel="canonical" href="{elsewhere}">')).url == URL


@pytest.mark.parametrize(
    ("content", "charset", "title"),
    [
        ("Café ቡና عطر 👜".encode(), None, "Café ቡና عطر 👜"),
        ("Café".encode("latin-1"), None, "Café"),
        ("Café – £5".encode("cp1252"), "iso-8859-1", "Café – £5"),
        ("Сумка".encode("cp1251"), "windows-1251", "Сумка"),
        ("Café".encode(), "iso-8859-1", "Café"),  # bytes that are valid UTF-8 are believed before a header
        (b"Caf\xe9 " + "ቡና".encode(), "utf-8", "Caf\ufffd ቡና"),
        ("Bag\u202e gab\u2066".encode(), None, "Bag gab"),
        (b"B\x00ag", None, "Bag"),
        (b"+AGE-", "utf-7", "+AGE-"),
    ],
)
def test_text_comes_through_clean_whatever_its_encoding(content, charset, title):
    page = b'<html><head><meta property="og:title" content="' + content + b'"></head></html>'
    read = product_of(read_page(page, charset), source_ref="1", url=URL, currency="KES")
    assert read.title == title


def test_a_page_in_utf_16_is_read_by_its_mark():
    assert shown(html(KIONDO).decode().encode("utf-16")).title == "Kiondo handbag"


def test_markup_and_references_in_linked_data_are_not_shown():
    read = product(
        {**KIONDO, "name": "Tom &amp; Jerry", "description": "<p>One</p><p>Two<br>three</p><style>x</style>"}
    )
    assert (read.title, read.description) == ("Tom & Jerry", "One Two three")


@pytest.mark.parametrize(
    "content",
    [
        page_with('<meta property="og:title" content="Deep">', "<div>" * 1_000_000),
        page_with('<meta property="og:title" content="Deep">', "<div itemscope itemprop=a>" * 100_000),
        page_with('<meta property="og:title" content="Deep">', '<a title="' * 100_000),
        page_with('<meta property="og:title" content="Deep">', "<!--" * 500_000),
        page_with('<meta property="og:title" content="Deep">', "<script>" * 200_000),
        html("[" * 500_000, graph={"og:title": "Deep"}),
        html('{"a":' * 200_000, graph={"og:title": "Deep"}),
        html('\\"' * 1_000_000, "/*" * 1_000_000, graph={"og:title": "Deep"}),
        html('{"@graph":' * 900 + "[]" + "}" * 900, graph={"og:title": "Deep"}),
    ],
    ids=["divs", "items", "attributes", "comments", "scripts", "lists", "objects", "quotes", "graphs"],
)
@pytest.mark.timeout(30)
def test_pages_built_to_be_slow_are_read_in_bounded_time(content):
    assert shown(content).title == "Deep"


def test_a_page_is_read_alike_from_its_bytes_and_from_its_tree():
    graph = {"og:type": "product", "og:title": "Kiondo", "product:price:amount": "1299"}
    for content in (html(KIONDO), html(graph=graph), html("{", KIONDO, graph=graph)):
        assert scanned_head(content) is not None
        by_tree = page_of(tree_of(content))
        assert read_page(content) == by_tree


PIECES = st.sampled_from(
    [
        f'<script type="application/ld+json">{SCRIPT}</script>',
        '<script type=\'application/ld+json\'>{"@type": "Product", "name": "</scripture>"}</script>',
        "<SCRIPT TYPE=application/ld+json>[]</SCRIPT >",
        '<script>if (a < b) \'<meta name="og:title" content="no">\'</script>',
        "<script><!-- <script> --></script>",
        '<meta property="og:title" content="A &amp; B">',
        "<meta content='x > y' name=description>",
        "<meta property=og:image content=/a?b=1&copy=2>",
        '<meta property="og:url" content="/a?b=1&amp;c=2"/>',
        '<a title="<meta property=og:title content=no>" href=x>link</a>',
        "<a title='it&#39;s > that' b>quoted</a>",
        "<p title=it's>don't</p>",
        "<!-- <meta property='og:title' content='no'> -->",
        "<!--> <meta property='og:type' content='product'>",
        "<title>One &lt; two</title>",
        "<textarea><meta property='og:title' content='no'></textarea>",
        "<style>a > b { content: '</b>' }</style>",
        "<link rel='stylesheet canonical' href=' /p/1 '>",
        "<?php echo '<meta>' ?>",
        "<![CDATA[ x ]]>",
        "</>",
        "< div>",
        "a < b && c > d",
        "<br/>",
        "<iframe><title>no</title></iframe>",
        "<noscript><meta property='og:site' content='s'></noscript>",
        '<div ="a>b" c = "<title>">',
        "</body></html>",
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_what_is_scanned_as_bytes_is_what_the_tree_holds(pieces):
    page = page_with(body="".join(pieces))
    scanned = scanned_head(page)
    if scanned is not None:
        assert scanned == head_of(tree_of(page))


@given(st.lists(PIECES | st.text(max_size=10), max_size=6), st.binary(max_size=20))
def test_any_bytes_are_read_or_refused(pieces, tail):
    content = "".join(pieces).encode("utf-8", errors="replace") + tail
    try:
        read = shown(content)
    except InputRejected:
        return
    assert read.title.encode()


@given(st.binary(max_size=300))
def test_bytes_that_are_no_page_are_refused(content):
    with pytest.raises(InputRejected):
        shown(content, needs_proof=True)
