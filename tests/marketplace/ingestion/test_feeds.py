"""Feeds: what is read, what is refused, and how that is said."""

from __future__ import annotations

import json

import pytest
from openpyxl import Workbook

from marketplace.catalog.products import Price
from marketplace.errors import FeedRejected
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.sync import sync_seller
from marketplace.settings import Settings
from marketplace.storage.audit import reason_counts, verdict_counts
from marketplace.storage.catalog import judge_products, live_products

from .conftest import NOW, picture

SETTINGS = Settings(_env_file=None)


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
        ("a.xlsx", b"PK no zip", "no XLSX workbook"),
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


def test_real_titles_and_prices_come_in_as_text_and_are_flagged(real_input, seller, warehouse, images):
    feed = Feed(real_input / "jumia-ke" / "products_with_stock.csv", seller, SETTINGS)
    audit = sync_seller(warehouse, images, feed, seller, trigger="import", now=NOW, brake_share=0.5)
    judge_products(warehouse, NOW)
    assert audit.new + audit.failed == audit.scouted > 100
    assert audit.failed < 0.1 * audit.scouted, audit.refusals
    assert set(verdict_counts(warehouse)) <= {"flagged", "rejected"}
    assert reason_counts(warehouse)["picture_missing"] == audit.new
