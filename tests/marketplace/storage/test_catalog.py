"""Sellers, products and verdicts as Postgres keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from marketplace.catalog.changes import Change
from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price, Seller, SourcedProduct, stable_id
from marketplace.errors import NotFound
from marketplace.storage.catalog import add_seller, live_products, seller, sellers
from marketplace.storage.product_writes import Sighting, Writes
from marketplace.storage.quality import judge_products
from marketplace.storage.shelf import on_shelf
from marketplace.storage.syncs import ScannedRef, add_scan
from marketplace.storage.tables import product_changes, product_quality

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AMINA = Seller(
    stable_id("seller", "amina"), "amina", "Amina", "+254700000001", "Nairobi", "KE", "KES", "feed", "/data/a.csv"
)
SIGHTING = Sighting(AMINA.seller_id, "first", NOW, NOW)
BASKET = SourcedProduct("1", "Sisal basket", price=Price(85_000, "KES", 90_000))


@pytest.fixture
def kept(warehouse):
    """A seller with two products."""
    add_seller(warehouse, AMINA)
    add_scan(
        warehouse,
        {"sync_id": "first", "seller_id": AMINA.seller_id, "trigger": "command"},
        [ScannedRef("1", None, None), ScannedRef("2", None, None)],
        [],
        is_complete=True,
        note="",
        now=NOW,
    )
    store(warehouse, BASKET)
    store(warehouse, replace(BASKET, source_ref="2", title="Product 12", price=None))
    return warehouse


def store(warehouse, product, kind="new"):
    writes = Writes(SIGHTING)
    writes.shown(product, None, None, [Change(kind)], None)
    with warehouse.begin() as connection:
        writes.write(connection)


def verdicts(warehouse):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(product_quality))
        return {row.product_id: (row.verdict, row.reasons, row.judged_at) for row in rows}


def test_a_seller_is_kept_once_and_brought_up_to_date(warehouse):
    add_seller(warehouse, AMINA)
    add_seller(warehouse, replace(AMINA, name="Amina & Daughters", state="paused"))
    assert sellers(warehouse) == []
    assert [known.name for known in sellers(warehouse, active_only=False)] == ["Amina & Daughters"]
    assert seller(warehouse, AMINA.seller_id).phone == "+254700000001"


def test_another_name_of_a_seller_is_a_change_of_each_of_its_live_products(kept):
    add_seller(kept, AMINA)
    add_seller(kept, replace(AMINA, name="Amina & Daughters", phone="+254700000009"))
    with kept.begin() as connection:
        changes = connection.execute(sa.select(product_changes).where(product_changes.c.kind == "seller")).all()
    assert [(row.field, row.old_value, row.new_value, row.sync_id) for row in changes] == [
        ("seller_name", "Amina", "Amina & Daughters", None)
    ] * 2


def test_an_unknown_seller_is_named(warehouse):
    with pytest.raises(NotFound, match="no seller has the id 7"):
        seller(warehouse, 7)


def test_a_product_reads_back_as_it_was_shown(kept):
    basket = next(product for product in live_products(kept) if product.source_ref == "1")
    assert (basket.title, basket.price) == ("Sisal basket", Price(85_000, "KES", 90_000))
    assert basket.content_hash == BASKET.content_hash(None)
    assert basket.product_id == stable_id("product", AMINA.seller_id, "1")


def test_shoppers_see_what_a_price_is_for(kept):
    basket = replace(BASKET, price=Price(45_000, "KES", kind="from", quantity=Decimal(2), unit="kg"))
    store(kept, basket, kind="price")
    judge_products(kept, NOW)
    shown = on_shelf(kept, [stable_id("product", AMINA.seller_id, "1")])
    assert [format_price(one.price) for one in shown] == ["from KSh 450 for 2 kg"]


def test_what_is_gone_is_not_live(kept):
    writes = Writes(SIGHTING)
    writes.gone(next(product for product in live_products(kept) if product.source_ref == "1"))
    with kept.begin() as connection:
        writes.write(connection)
    assert [product.source_ref for product in live_products(kept)] == ["2"]


def test_only_what_changed_since_its_verdict_is_judged_again(kept):
    assert judge_products(kept, NOW) == 2
    assert judge_products(kept, NOW) == 0
    store(kept, replace(BASKET, title="SISAL BASKET"), kind="title")
    assert judge_products(kept, NOW + timedelta(hours=6)) == 1
    basket, junk = (stable_id("product", AMINA.seller_id, ref) for ref in ("1", "2"))
    assert verdicts(kept) == {
        basket: ("flagged", ["title_shouts", "picture_missing"], NOW + timedelta(hours=6)),
        junk: ("rejected", ["title_placeholder", "picture_missing", "price_missing"], NOW),
    }


def test_other_rules_judge_everything_again(kept):
    judge_products(kept, NOW)
    with kept.begin() as connection:
        connection.execute(sa.update(product_quality).values(rules_version="0"))
    assert judge_products(kept, NOW) == 2
