"""Feeds: what is read, what is refused, and how that is said."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from marketplace.catalog.products import Price
from marketplace.errors import FeedRejected
from marketplace.ingestion.feed_files import COLUMNS, LARGEST_UNPACKED
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.sources import ProductRef
from marketplace.ingestion.sync import sync_seller
from marketplace.settings import Settings
from marketplace.storage.audit import reason_counts, verdict_counts
from marketplace.storage.catalog import judge_products, live_products

from .conftest import NOW, picture

SETTINGS = Settings(_env_file=None)


def _zip(files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


def hydrated(path, seller):
    feed = Feed(path, seller, SETTINGS)
    return list(feed.hydrate(feed.scout().refs))


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
    scan = Feed(feed, seller, SETTINGS).scout()
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
    scan = Feed(feed, seller, SETTINGS).scout()
    assert [ref.source_ref for ref in scan.refs] == ["A", "B"]
    assert scan.note == "rows left out because they repeat an earlier one: 4 (as 2)"
    assert scan.is_complete


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ({"price": "5,5,5 or so"}, "row 1, price: '5,5,5 or so' is no price"),
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
        return [ref.source_ref for ref in Feed(tmp_path / "a.json", seller, SETTINGS).scout().refs]

    assert refs([{"title": "Mug", "link": "/mug"}]) == refs([{"title": "Blue mug", "link": "/mug"}])
    assert refs([{"title": "Mug", "id": "x" * 900}]) != refs([{"title": "Mug", "id": "x" * 901}])


def test_remote_pictures_are_fetched_and_bad_addresses_refused(tmp_path, seller, web, images, warehouse):
    web.page("/1.jpg", picture(), kind="image/jpeg")
    rows = [
        {"id": "1", "title": "Mug", "image": f"{web.url}/1.jpg"},
        {"id": "2", "title": "Pot", "image": f"{web.url}/2.jpg"},
        {"id": "3", "title": "Bag", "image": "http://["},
        {"id": "4", "title": "Hat", "image": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAA"},
        {"id": "5", "title": "Cap", "images": [], "image": [f"{web.url}/1.jpg"]},
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    open_settings = Settings(_env_file=None, allow_private_hosts=True)
    outcomes = list(Feed(tmp_path / "a.json", seller, open_settings).hydrate([ProductRef(row["id"]) for row in rows]))
    assert [outcome.image is not None for outcome in outcomes] == [True, False, False, False, True]
    assert [bool(outcome.image_refusal) for outcome in outcomes] == [False, True, True, False, False]
    assert "row 2, image: the picture" in outcomes[1].image_refusal
    closed = hydrated(tmp_path / "a.json", seller)
    assert "only 80 and 443 are read" in closed[0].image_refusal


def test_a_feed_that_changed_after_it_was_scouted_refuses_what_it_no_longer_lists(tmp_path, seller):
    (tmp_path / "a.json").write_text('[{"id": "1", "title": "Mug"}]')
    [kept, lost] = Feed(tmp_path / "a.json", seller, SETTINGS).hydrate([ProductRef("1"), ProductRef("2")])
    assert (kept.product.title, lost.product) == ("Mug", None)
    assert "no longer lists it" in lost.refusal


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
        Feed(tmp_path / name, seller, SETTINGS).scout()


def test_a_missing_feed_is_named(tmp_path, seller):
    with pytest.raises(FeedRejected, match=r"absent\.csv cannot be read: No such file"):
        Feed(tmp_path / "absent.csv", seller, SETTINGS).scout()


def test_pictures_that_are_none_are_refused_and_their_products_land_without(tmp_path, seller, warehouse, images):
    (tmp_path / "good.jpg").write_bytes(picture())
    (tmp_path / "cut.jpg").write_bytes(picture()[:200])
    (tmp_path / "text.jpg").write_text("<html>no picture</html>")
    rows = [
        {"id": name, "title": f"Basket {name}", "image": f"{name}.jpg"} for name in ("good", "cut", "text", "absent")
    ]
    rows.append({"id": "outside", "title": "Basket outside", "image": "../../etc/passwd"})
    (tmp_path / "a.json").write_text(json.dumps(rows))
    feed = Feed(tmp_path / "a.json", seller, SETTINGS)
    audit = sync_seller(warehouse, images, feed, seller, trigger="import", now=NOW, brake_share=0.5)
    assert {refusal["source_ref"] for refusal in audit.refusals} == {"cut", "text", "absent", "outside"}
    stored = {product.source_ref: product.image_sha256 for product in live_products(warehouse)}
    assert [name for name, sha256 in stored.items() if sha256] == ["good"]
    assert len(stored) == 5


def test_real_groceries_come_in_with_their_pictures(real_input, seller, warehouse, images):
    feed = Feed(real_input / "grocery" / "catalog.json", seller, SETTINGS)
    audit = sync_seller(warehouse, images, feed, seller, trigger="import", now=NOW, brake_share=0.5)
    assert (audit.new, audit.failed, audit.refusals) == (81, 0, [])
    assert all(product.image_sha256 for product in live_products(warehouse))


def test_real_photos_in_folders_come_in_by_category(real_input, seller, warehouse, images, tmp_path):
    for category in ("dress", "t-shirt"):
        (tmp_path / "photos" / category).mkdir(parents=True)
        for photo in sorted((real_input / "clothing" / category).glob("*.jpg"))[:6]:
            shutil.copy(photo, tmp_path / "photos" / category)
    feed = Feed(tmp_path / "photos", seller, SETTINGS)
    audit = sync_seller(warehouse, images, feed, seller, trigger="import", now=NOW, brake_share=0.5)
    judge_products(warehouse, NOW)
    assert (audit.new, audit.refusals) == (12, [])
    kept = live_products(warehouse)
    assert {product.category for product in kept} == {"dress", "t-shirt"}
    assert all(product.title.startswith(("Dress ", "T shirt ")) and product.image_sha256 for product in kept)
    assert reason_counts(warehouse) == {"price_missing": 12}


def test_real_titles_and_prices_come_in_as_text_and_are_flagged(real_input, seller, warehouse, images):
    feed = Feed(real_input / "jumia-ke" / "products_with_stock.csv", seller, SETTINGS)
    audit = sync_seller(warehouse, images, feed, seller, trigger="import", now=NOW, brake_share=0.5)
    judge_products(warehouse, NOW)
    assert audit.new + audit.failed == audit.scouted > 100
    assert audit.failed < 0.1 * audit.scouted, audit.refusals
    assert set(verdict_counts(warehouse)) <= {"flagged", "rejected"}
    assert reason_counts(warehouse)["picture_missing"] == audit.new


def test_a_real_feed_imported_again_changes_nothing(real_input, seller, warehouse, images):
    feed = real_input / "jumia-ke" / "products_with_links.csv"
    first, second = (
        sync_seller(warehouse, images, Feed(feed, seller, SETTINGS), seller, trigger="import", now=NOW, brake_share=0.5)
        for _ in range(2)
    )
    assert first.new == second.unchanged > 1000
    assert (second.new, second.price_changed, second.other_changed, second.gone) == (0, 0, 0, 0)
    ranges = [product for product in live_products(warehouse) if product.price and product.price.up_to_minor]
    assert ranges


def test_the_documented_feeds_are_read_as_documented(tmp_path, seller):
    page = (Path(__file__).parents[3] / "docs" / "feeds.md").read_text()
    read = {}
    for kind in ("csv", "json"):
        [example] = re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)
        (tmp_path / f"a.{kind}").write_text(example)
        read[kind] = [outcome.product for outcome in hydrated(tmp_path / f"a.{kind}", seller)]
    assert [product.price for product in read["csv"]] == [Price(129_900, "KES"), Price(85_000, "KES")]
    assert [product.price for product in read["json"]] == [product.price for product in read["csv"]]
    named = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", page, re.MULTILINE)
    documented = {column: {column, *re.findall("`(.*?)`", others)} for column, others in named}
    assert {ours: {alias.replace(" ", "_") for alias in aliases} for ours, aliases in COLUMNS.items()} == {
        ours: {alias.replace(" ", "_") for alias in aliases} for ours, aliases in documented.items()
    }
