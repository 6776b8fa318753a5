"""Feeds: what is read, what is refused, and how that is said."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from marketplace.catalog.products import Price, SourcedProduct
from marketplace.errors import FeedRejected, InputRejected
from marketplace.ingestion.browser import Chromium
from marketplace.ingestion.feed_files import COLUMNS, LARGEST_UNPACKED, rows_of
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.fetching import Fetcher
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.sync import sync_seller
from marketplace.ingestion.visits import Visit
from marketplace.settings import Settings
from marketplace.storage.audit import reason_counts, verdict_counts
from marketplace.storage.catalog import live_products
from marketplace.storage.kept_pages import KeptPages
from marketplace.storage.quality import judge_products

from .conftest import NOW, QUICK, picture

SETTINGS = Settings(_env_file=None)


def _workbook(*rows):
    book, target = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(target)
    return target.getvalue()


WORKBOOK = _workbook(["SKU", "Name", "Price"], ["1", "Basket", 850])


def _zip(files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


@dataclass(frozen=True)
class Outcome:
    """What became of a row, as the engine would see it; pictures by http are left where they are."""

    ref: ProductRef
    product: SourcedProduct | None = None
    refusal: str = ""
    image: bytes | None = None
    image_refusal: str = ""


def outcome_of(feed, ref):
    try:
        product = feed.product_of(ref, None)
    except InputRejected as error:
        return Outcome(ref, refusal=str(error))
    if product.image_url is None:
        return Outcome(ref, product)
    try:
        return Outcome(ref, product, image=feed.picture(product.image_url))
    except InputRejected as error:
        return Outcome(ref, product, image_refusal=f"image: {error}")


def feed_at(where, seller):
    return Feed(replace(seller, source_url=str(where)), SETTINGS)


def scan_of(where, seller):
    async def scan():
        settings = Settings(_env_file=None, allow_private_hosts=True)
        with tempfile.TemporaryDirectory() as kept:
            async with Fetcher(settings, QUICK) as fetcher:
                return await feed_at(where, seller).scout(Visit(fetcher, Chromium(settings), KeptPages(Path(kept))))

    return asyncio.run(scan())


def hydrated(where, seller):
    feed = feed_at(where, seller)
    return [outcome_of(feed, ref) for ref in scan_of(where, seller).refs]


@pytest.fixture
def imported(warehouse, images, settings, seller):
    def run(where):
        owner = replace(seller, source_url=str(where))
        return sync_seller(warehouse, images, settings, owner, trigger="import", now=NOW)

    return run


def test_good_rows_land_and_bad_rows_say_where_they_are_wrong(tmp_path, seller):
    feed = tmp_path / "shop.csv"
    feed.write_text(
        "Product Name,Price,Stock\n"
        'Kitenge dress,"KSh 1,299",3 items left\n'
        "Basket,abc,yes\n"
        ",500,yes\n"
        "Pot,N/A,perhaps\n"
        "Mug,N/A,0\n"
    )
    good, *bad, mug = hydrated(feed, seller)
    assert good.product.price == Price(129_900, "KES")
    assert [outcome.refusal for outcome in bad] == [
        "row 3, price: 'abc' is no price",
        "row 4, title: is empty",
        "row 5, in_stock: 'perhaps' is neither yes nor no nor a number",
    ]
    assert (mug.product.price, mug.product.in_stock) == (None, False)


def test_a_row_that_cannot_be_read_is_named_and_nothing_is_taken_as_gone(tmp_path, seller):
    feed = tmp_path / "shop.csv"
    feed.write_text('id,title,price\n1,Basket,500\n2,"Clay" pot,700\n3,Mug,300,red,large\n4,Kiondo,850\n,,99\n')
    scan = scan_of(feed, seller)
    assert not scan.is_complete
    assert scan.note == "nothing is taken as gone, since nobody can tell which products these rows are: 3, 4, 6"
    assert [outcome.refusal or outcome.product.title for outcome in hydrated(feed, seller)] == [
        "Basket",
        "row 3: ',' expected after '\"'",
        "row 4: has 5 cells under 3 columns",
        "Kiondo",
        "row 6, title: is empty",
    ]


def test_rows_that_repeat_an_earlier_one_are_left_out_and_named(tmp_path, seller):
    feed = tmp_path / "shop.csv"
    feed.write_text("sku,title,price\nA,Basket,500\nB,Mug,300\nA,Basket again,900\n")
    scan = scan_of(feed, seller)
    assert [ref.source_ref for ref in scan.refs] == ["A", "B"]
    assert scan.note == "rows left out because they repeat an earlier one: 4 (as 2)"
    assert scan.is_complete


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        (
            {"price": "5,5,5 or so"},
            "row 1, price: '5,5,5 or so' groups its digits as no number is: '5,5,5'",
        ),
        ({"price": 5, "currency": "QQQ"}, "row 1, currency: 'QQQ' is no currency"),
        ({"in_stock": "perhaps"}, "row 1, in_stock: 'perhaps' is neither yes nor no nor a number"),
        ({"description": "x" * 20_001}, "row 1, text: the description has 20001 characters, more than 20000"),
    ],
)
def test_a_value_that_breaks_the_schema_is_refused_by_row_column_and_value(tmp_path, seller, row, refusal):
    (tmp_path / "a.json").write_text(json.dumps([{"id": "1", "title": "Basket", **row}]))
    [outcome] = hydrated(tmp_path / "a.json", seller)
    assert (outcome.product, outcome.refusal) == (None, refusal)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("yes", True), ("671 items left", True), ("1 item left", True), ("3", True), ("", True), ("In Stock", True),
        ("0", False), ("0 items left", False), ("no", False), ("Sold out", False), (True, True), (False, False),
        (0, False), (12.0, True),
    ],
)  # fmt: skip
def test_stock_is_read_however_it_is_said(tmp_path, seller, said, expected):
    (tmp_path / "a.json").write_text(json.dumps([{"id": "1", "title": "Basket", "stock": said}]))
    [outcome] = hydrated(tmp_path / "a.json", seller)
    assert outcome.product.in_stock is expected


def test_columns_are_found_by_any_of_their_names_and_csv_by_any_of_its_delimiters(tmp_path, seller):
    (tmp_path / "a.csv").write_text("Product_Name;Price note;Amount;CategoryName\nBasket;cheap;850;Bags\n")
    [outcome] = hydrated(tmp_path / "a.csv", seller)
    assert (outcome.product.title, outcome.product.category) == ("Basket", "Bags")
    assert outcome.product.price == Price(85_000, "KES")
    (tmp_path / "b.csv").write_text("NAME\tAmount\tcategory-name\nBasket &amp; lid\t1,200\tBags\n")
    [outcome] = hydrated(tmp_path / "b.csv", seller)
    assert (outcome.product.title, outcome.product.category) == ("Basket & lid", "Bags")
    assert outcome.product.price == Price(120_000, "KES")


def test_a_row_keeps_its_product_while_its_title_changes_if_it_has_an_id_or_link(tmp_path, seller):
    def refs(rows):
        (tmp_path / "a.json").write_text(json.dumps(rows))
        return [ref.source_ref for ref in scan_of(tmp_path / "a.json", seller).refs]

    assert refs([{"title": "Mug", "link": "/mug"}]) == refs([{"title": "Blue mug", "link": "/mug"}])
    assert refs([{"title": "Mug", "id": "x" * 900}]) != refs([{"title": "Mug", "id": "x" * 901}])


def test_pictures_at_an_address_are_left_to_the_network_and_others_read_beside_the_feed(tmp_path, seller):
    (tmp_path / "1.jpg").write_bytes(picture())
    rows = [
        {"id": "1", "title": "Mug", "image": "1.jpg"},
        {"id": "2", "title": "Pot", "image": "https://cdn.example/2.jpg"},
        {"id": "3", "title": "Bag", "image": "http://["},
        {"id": "4", "title": "Hat", "image": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAA"},
        {"id": "5", "title": "Cap", "images": [], "image": ["https://cdn.example/5.jpg"]},
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    outcomes = hydrated(tmp_path / "a.json", seller)
    assert [outcome.product.image_url for outcome in outcomes] == [
        "1.jpg",
        "https://cdn.example/2.jpg",
        "http://[",
        None,
        "https://cdn.example/5.jpg",
    ]
    assert [outcome.image is not None for outcome in outcomes] == [True, False, False, False, False]
    assert not any(outcome.image_refusal for outcome in outcomes)


def test_a_row_that_was_never_scouted_is_refused(tmp_path, seller):
    (tmp_path / "a.json").write_text('[{"id": "1", "title": "Mug"}]')
    with pytest.raises(InputRejected, match="no longer lists 2"):
        feed_at(tmp_path / "a.json", seller).product_of(ProductRef("2"), None)


def test_the_same_rows_are_read_from_csv_json_and_xlsx(tmp_path, seller):
    rows = [{"id": "1", "title": "Café cup – ቡና", "price": 450.0}, {"id": "2", "title": "Basket", "price": 850}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.csv").write_text("id,title,price\n1,Café cup – ቡና,450\n2,Basket,850\n", encoding="utf-8-sig")
    book = Workbook()
    book.active.append(["id", "title", "price"])
    for row in rows:
        book.active.append([int(row["id"]), row["title"], row["price"]])
    book.save(tmp_path / "a.xlsx")
    read = [
        [outcome.product for outcome in hydrated(tmp_path / f"a.{kind}", seller)] for kind in ("csv", "json", "xlsx")
    ]
    assert read[0] == read[1] == read[2]
    assert read[0][0].price == Price(45_000, "KES")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", "is no feed"),
        ("a.csv", b"price\n5\n", "no title column; found price"),
        ("a.csv", b"\xff\xfe\x00", "not UTF-8 at byte 0"),
        ("a.csv", b"", "holds no rows"),
        ("a.json", b"{", "is no JSON"),
        ("a.json", b'{"a": 1}', "must be a list"),
        ("a.json", b'"\\ud800', "is no JSON"),
        ("a.json", b"[" * 100_000, "is no JSON"),
        ("a.csv", b'title,price\nMug,5\n"Basket,5\nPot,7\n', "line 4: unexpected end of data"),
        ("a.csv", b"title\nMug\x00\n", "holds NUL bytes"),
        ("a.xlsx", b"PK no zip", "no XLSX workbook"),
        ("a.xlsx", _zip({"a.txt": b"no workbook"}), "no XLSX workbook"),
        ("a.xlsx", _zip({"bomb": bytes(LARGEST_UNPACKED + 1)}), "unpacks to 500000001 bytes"),
    ],
)
def test_a_feed_that_cannot_be_read_is_refused_whole(tmp_path, seller, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FeedRejected, match=message):
        scan_of(tmp_path / name, seller)


def test_a_missing_feed_is_named(tmp_path, seller):
    with pytest.raises(FeedRejected, match=r"absent\.csv cannot be read: No such file"):
        scan_of(tmp_path / "absent.csv", seller)


def test_pictures_that_are_none_are_refused_and_their_products_land_without(tmp_path, imported, warehouse):
    (tmp_path / "good.jpg").write_bytes(picture())
    (tmp_path / "cut.jpg").write_bytes(picture()[:200])
    (tmp_path / "text.jpg").write_text("<html>no picture</html>")
    rows = [
        {"id": name, "title": f"Basket {name}", "image": f"{name}.jpg"} for name in ("good", "cut", "text", "absent")
    ]
    rows.append({"id": "outside", "title": "Basket outside", "image": "../../etc/passwd"})
    (tmp_path / "a.json").write_text(json.dumps(rows))
    audit = imported(tmp_path / "a.json")
    assert {refusal["source_ref"] for refusal in audit.refusals} == {"cut", "text", "absent", "outside"}
    stored = {product.source_ref: product.image_sha256 for product in live_products(warehouse)}
    assert [name for name, sha256 in stored.items() if sha256] == ["good"]
    assert len(stored) == 5


def test_real_groceries_come_in_with_their_pictures(real_input, imported, warehouse):
    audit = imported(real_input / "grocery" / "catalog.json")
    assert (audit.new, audit.failed, audit.refusals) == (81, 0, [])
    assert all(product.image_sha256 for product in live_products(warehouse))


def test_real_photos_in_folders_come_in_by_category(real_input, imported, warehouse, tmp_path):
    for category in ("dress", "t-shirt"):
        (tmp_path / "photos" / category).mkdir(parents=True)
        for photo in sorted((real_input / "clothing" / category).glob("*.jpg"))[:6]:
            shutil.copy(photo, tmp_path / "photos" / category)
    audit = imported(tmp_path / "photos")
    judge_products(warehouse, NOW)
    assert (audit.new, audit.refusals) == (12, [])
    kept = live_products(warehouse)
    assert {product.category for product in kept} == {"dress", "t-shirt"}
    assert all(product.title.startswith(("Dress ", "T shirt ")) and product.image_sha256 for product in kept)
    assert reason_counts(warehouse) == {"price_missing": 12}


def test_real_titles_and_prices_come_in_as_text_and_are_flagged(real_input, imported, warehouse):
    audit = imported(real_input / "jumia-ke" / "products_with_stock.csv")
    judge_products(warehouse, NOW)
    assert audit.new + audit.failed == audit.scouted > 100
    assert audit.failed < 0.1 * audit.scouted, audit.refusals
    assert set(verdict_counts(warehouse)) <= {"flagged", "rejected"}
    assert reason_counts(warehouse)["picture_missing"] == audit.new


def test_a_real_feed_imported_again_changes_nothing(real_input, imported, warehouse):
    feed = real_input / "jumia-ke" / "products_with_links.csv"
    first, second = imported(feed), imported(feed)
    assert first.new == second.unchanged > 1000
    assert (second.new, second.price_changed, second.other_changed, second.gone) == (0, 0, 0, 0)
    ranges = [product for product in live_products(warehouse) if product.price and product.price.up_to_minor]
    assert ranges


def test_the_documented_feeds_are_read_as_documented(tmp_path, seller):
    page = (Path(__file__).parents[3] / "docs" / "feeds.md").read_text()
    read = {}
    for kind in ("csv", "json", "xml"):
        [example] = re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)
        (tmp_path / f"a.{kind}").write_text(example)
        read[kind] = [outcome.product for outcome in hydrated(tmp_path / f"a.{kind}", seller)]
    assert [product.price for product in read["csv"]] == [Price(129_900, "KES"), Price(85_000, "KES")]
    assert [product.price for product in read["json"]] == [product.price for product in read["csv"]]
    assert [product.price for product in read["xml"]] == [product.price for product in read["csv"]]
    named = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", page, re.MULTILINE)
    documented = {column: {column, *re.findall("`(.*?)`", others)} for column, others in named}
    assert {ours: {alias.replace(" ", "_") for alias in aliases} for ours, aliases in COLUMNS.items()} == {
        ours: {alias.replace(" ", "_") for alias in aliases} for ours, aliases in documented.items()
    }


MERCHANT = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<title>Amina &amp; Sons</title><link>https://amina.example</link><description>All we have</description>
<item>
  <title>Plain title</title><g:title><![CDATA[Kitenge dress & belt]]></g:title><g:id>K-01</g:id>
  <link>https://amina.example/p/k01?utm=g</link><g:description>Wax print</g:description>
  <g:image_link>https://cdn.amina.example/k01.jpg</g:image_link>
  <g:additional_image_link>https://cdn.amina.example/k01b.jpg</g:additional_image_link>
  <g:shipping><g:country>KE</g:country><g:price>300.00 KES</g:price></g:shipping>
  <g:price>1299.00 KES</g:price><g:sale_price>999.00 KES</g:sale_price>
  <g:availability>in_stock</g:availability><g:product_type>Dresses &gt; Wax</g:product_type>
  <g:google_product_category>2271</g:google_product_category><g:brand>Amina</g:brand><g:gtin>0</g:gtin>
</item>
<item>
  <g:id>K-02</g:id><g:title>Basket</g:title><g:price>cheap</g:price><g:availability>out_of_stock</g:availability>
</item>
<item><g:id>K-03</g:id><g:title>Pot</g:title><g:price>700 KES</g:price><g:availability>maybe</g:availability></item>
<item><g:id>K-04</g:id><g:title>Mug</g:title>
  <g:price>300 KES</g:price><g:availability>out_of_stock</g:availability></item>
</channel></rss>"""


def test_a_merchant_feed_is_read_by_its_own_elements_and_bad_rows_are_named(tmp_path, seller):
    (tmp_path / "feed.xml").write_text(MERCHANT)
    dress, basket, pot, mug = hydrated(tmp_path / "feed.xml", seller)
    assert dress.product.source_ref == "K-01"
    assert (dress.product.title, dress.product.category) == ("Kitenge dress & belt", "Dresses > Wax")
    assert (dress.product.price, dress.product.in_stock) == (Price(99_900, "KES"), True)
    assert dress.product.image_url == "https://cdn.amina.example/k01.jpg"
    assert dress.product.url == "https://amina.example/p/k01?utm=g"
    assert dress.product.origins == {
        "title": "feed:title",
        "url": "feed:link",
        "description": "feed:description",
        "category": "feed:product_type",
        "price": "feed:sale_price",
        "image_url": "feed:image_link",
        "in_stock": "feed:availability",
    }
    assert basket.refusal == "row 2, price: 'cheap' is no price"
    assert pot.refusal == "row 3, in_stock: 'maybe' is neither yes nor no nor a number"
    assert (mug.product.price, mug.product.in_stock) == (Price(30_000, "KES"), False)


def test_an_atom_feed_is_read_by_its_entries_and_their_alternate_links(tmp_path, seller):
    (tmp_path / "feed.atom").write_text(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title><entry>'
        '<link rel="self" href="https://amina.example/self"/><link href="https://amina.example/p/1"/>'
        "<title>Kiondo</title><g:id>1</g:id><g:price>850 KES</g:price></entry></feed>"
    )
    [outcome] = hydrated(tmp_path / "feed.atom", seller)
    assert (outcome.product.title, outcome.product.url) == ("Kiondo", "https://amina.example/p/1")
    assert outcome.product.price == Price(85_000, "KES")


@pytest.mark.parametrize(
    ("sale", "price"),
    [
        ({"sale price": "900"}, 90_000),
        ({"sale price": "900", "sale price effective date": "2020-01-01T00:00+0300/2099-01-01T00:00+0300"}, 90_000),
        ({"sale price": "900", "sale price effective date": "2020-01-01/2020-02-01"}, 100_000),
        ({"sale price": "900", "sale price effective date": "2098-01-01/2099-01-01"}, 100_000),
        ({"sale price": "N/A"}, 100_000),
        ({"sale price": ""}, 100_000),
    ],
)
def test_a_sale_sets_the_price_while_it_lasts(tmp_path, seller, sale, price):
    (tmp_path / "a.json").write_text(json.dumps([{"id": "1", "title": "Basket", "price": "1000", **sale}]))
    [outcome] = hydrated(tmp_path / "a.json", seller)
    assert outcome.product.price == Price(price, "KES")


def test_sale_dates_that_are_none_refuse_their_row(tmp_path, seller):
    row = {"id": "1", "title": "Basket", "price": "1000", "sale price": "900", "sale dates": "soon"}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    [outcome] = hydrated(tmp_path / "a.json", seller)
    assert outcome.refusal == "row 1, sale_dates: 'soon' is no pair of instants parted by a slash"


TSV = "id\ttitle\tprice\timage_link\n1\tBasket, large\t850 KES\tphotos/1.jpg\n2\tMug\t300 KES\t\n"


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        (
            "/feed.csv",
            "text/csv; charset=utf-8",
            b'id,title,price,image_link\n1,"Basket, large",850 KES,photos/1.jpg\n',
        ),
        ("/feed.txt", "text/plain", TSV.encode()),
        ("/export", "text/tab-separated-values", TSV.encode()),
        ("/feed.tsv.gz", "application/octet-stream", gzip.compress(TSV.encode(), mtime=0)),
        (
            "/feed",
            "text/plain",
            b'[{"id": 1, "title": "Basket, large", "price": "850 KES", "image_link": "photos/1.jpg"}]',
        ),
        (
            "/feed.php",
            "text/html",
            b'<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id>'
            b"<title>Basket, large</title><g:price>850 KES</g:price><g:image_link>photos/1.jpg</g:image_link></item>"
            b"</channel></rss>",
        ),
    ],
)
def test_a_feed_at_an_address_is_read_whatever_it_calls_itself(web, seller, path, kind, content):
    web.page(path, content, kind=kind)
    [basket, *_] = hydrated(f"{web.url}{path}", seller)
    assert (basket.product.source_ref, basket.product.title) == ("1", "Basket, large")
    assert basket.product.price == Price(85_000, "KES")
    assert basket.product.image_url == f"{web.url}/photos/1.jpg"
    assert basket.image is None  # it is fetched by http


def test_a_workbook_at_an_address_is_read_too(web, seller):
    web.page("/download", WORKBOOK, kind="application/octet-stream")
    [outcome] = hydrated(f"{web.url}/download", seller)
    assert (outcome.product.title, outcome.product.price) == ("Basket", Price(85_000, "KES"))
    assert outcome.product.origins["title"] == "feed:Name"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><html><body>Log in</body></html>", "is a web page and no feed"),
        (b"<rss><channel/></rss>", "holds no rows"),
        (b"<rss><channel><item><title>Cut", "is no XML"),
        (
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item><title>&x;</title></item></rss>',
            "declares",
        ),
        (b"hello", "is no feed"),
        (gzip.compress(b"id,title\n1,Mug\n")[:-9], "is cut short"),
        (gzip.compress(bytes(LARGEST_UNPACKED + 1), 1), "unpacks to more than"),
    ],
    ids=["web page", "empty", "cut", "entities", "text", "cut gzip", "gzip bomb"],
)
def test_what_an_address_answers_instead_of_a_feed_is_refused(web, seller, content, message):
    web.page("/feed", content, kind="")
    with pytest.raises(FeedRejected, match=message):
        scan_of(f"{web.url}/feed", seller)


def test_a_feed_that_is_no_longer_at_its_address_is_named(web, seller):
    with pytest.raises(FeedRejected, match=r"/feed\.xml answered 404"):
        scan_of(f"{web.url}/feed.xml", seller)


STARTS = st.sampled_from(
    [b"", b"title,price\n", b'[{"title": ', b"<rss><item>", b"PK\x03\x04", b"\x1f\x8b", b"title\t"]
)


@given(st.sampled_from(["csv", "tsv", "json", "xml", "xlsx"]), STARTS, st.binary(max_size=60))
def test_any_bytes_are_rows_or_refused(kind, start, rest):
    with contextlib.suppress(FeedRejected):
        for row in rows_of(start + rest, kind, where="the feed"):
            assert all(said.encode() is not None for said in row.values.values())


@given(st.binary(max_size=60), st.integers(0, 2**16))
def test_a_workbook_with_wrong_bytes_is_read_or_refused(noise, at):
    spoilt = WORKBOOK[: at % len(WORKBOOK)] + noise + WORKBOOK[at % len(WORKBOOK) + len(noise) :]
    with contextlib.suppress(FeedRejected):
        list(rows_of(spoilt, "xlsx", where="the feed"))
