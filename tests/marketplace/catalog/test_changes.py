"""What differs between the product we know and the product we see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from marketplace.catalog.changes import Change, changes_between
from marketplace.catalog.products import Price, Product, SourcedProduct
from marketplace.errors import InputRejected

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHOWN = SourcedProduct("1", "Kiondo", "http://shop/p/1", "Sisal", "Bags", Price(85_000, "KES"), "http://shop/1.jpg")
KNOWN = Product(
    product_id=1,
    seller_id=2,
    source_ref="1",
    title="Kiondo",
    url="http://shop/p/1",
    description="Sisal",
    category="Bags",
    price=Price(85_000, "KES"),
    image_url="http://shop/1.jpg",
    image_sha256="a" * 64,
    in_stock=True,
    content_hash=SHOWN.content_hash("a" * 64),
    is_gone=False,
    first_seen_at=NOW,
    last_seen_at=NOW,
    last_hydrated_at=NOW,
)


def test_an_unchanged_product_has_no_changes():
    assert changes_between(KNOWN, SHOWN, "a" * 64) == []


@pytest.mark.parametrize(
    ("shown", "change"),
    [
        ({"price": Price(90_000, "KES")}, Change("price", "price", "85000 KES", "90000 KES")),
        ({"price": Price(85_000, "KES", 90_000)}, Change("price", "price", "85000 KES", "85000-90000 KES")),
        ({"price": Price(85_000, "TZS")}, Change("price", "price", "85000 KES", "85000 TZS")),
        ({"price": None}, Change("price", "price", "85000 KES", None)),
        ({"title": "Kiondo bag"}, Change("title", "title", "Kiondo", "Kiondo bag")),
        ({"in_stock": False}, Change("stock", "in_stock", "yes", "no")),
    ],
)
def test_each_difference_is_one_change_of_its_kind(shown, change):
    assert changes_between(KNOWN, replace(SHOWN, **shown), "a" * 64) == [change]
    assert replace(SHOWN, **shown).content_hash("a" * 64) != KNOWN.content_hash


def test_another_picture_and_a_return_are_changes_too():
    assert changes_between(KNOWN, SHOWN, None) == [Change("image", "image", "a" * 64, None)]
    back = replace(KNOWN, is_gone=True)
    assert changes_between(back, SHOWN, "a" * 64) == [Change("back")]


def test_a_product_whose_text_is_longer_than_any_is_refused():
    with pytest.raises(InputRejected, match="the title has 1001 characters, more than 1000"):
        replace(SHOWN, title="x" * 1001)
