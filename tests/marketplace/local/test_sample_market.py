"""The sample market: the same in every run, and with the truth in it that it names."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from marketplace.catalog.prices import minor_digits
from marketplace.catalog.quality import Judged, judge
from marketplace.local.forms import SHOPS
from marketplace.local.history import TASTES, draw_history, seed_sample_market, shopper_id
from marketplace.local.market import AWKWARD, CATEGORIES, PATTERNS, draw_market, with_kinds
from marketplace.local.pictures import WIDTH, draw_picture
from marketplace.storage.tables import interactions, leads, sellers

UNTIL = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def market():
    return draw_market()


@pytest.fixture(scope="module")
def history(market):
    return draw_history(market, until=UNTIL)


def test_a_market_is_drawn_from_its_seed(market):
    assert draw_market() == market
    assert draw_market(seed=8) != market


def test_no_two_products_share_an_id(market):
    assert len({market.product_id(product) for product in market.products}) == 8 * 30


def test_the_rules_reject_the_planted_junk_and_nothing_else(market):
    rejected = set()
    for product in market.products:
        digits = minor_digits(product.price.currency if product.price else None)
        judgement = judge(Judged(product.title, product.price, digits, product.has_picture, product.description))
        if not product.is_junk and product.has_picture:
            assert judgement.verdict == "approved", product
        if judgement.verdict == "rejected":
            rejected.add(product.ref)
        assert ("picture_missing" in judgement.reasons) == (product.ref in market.truth["without_picture"])
    assert rejected == set(market.truth["junk"])


def test_copied_photos_are_the_same_bytes_at_another_seller(market):
    by_ref = {product.ref: product for product in market.products}
    assert len(market.truth["copied_photo"]) == 2
    for ref in market.truth["copied_photo"]:
        copy = by_ref[ref]
        original = by_ref[copy.copies]
        assert copy.seller_handle != original.seller_handle
        assert draw_picture(copy) == draw_picture(original)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_a_picture_that_shows_its_colour_and_pattern(market, category):
    product = replace(market.products[0], category=category, colour="indigo", pattern="plain", copies=None)
    shown = [draw_picture(product)]
    shown += [draw_picture(replace(product, pattern=pattern)) for pattern in PATTERNS[1:]]
    shown.append(draw_picture(replace(product, colour="mustard")))
    assert len(set(shown)) == len(shown)
    picture = Image.open(io.BytesIO(shown[0]))
    assert picture.width == WIDTH
    assert 560 <= picture.height <= 860


def test_a_history_is_the_same_in_every_run(market, history):
    again = draw_history(market, until=UNTIL)
    assert (again.interactions, again.leads) == (history.interactions, history.leads)


def test_events_lie_within_ninety_days_oldest_first_with_ids_of_their_own(history):
    moments = [row["occurred_at"] for row in history.interactions]
    assert moments == sorted(moments)
    assert UNTIL - timedelta(days=90) <= moments[0]
    assert moments[-1] < UNTIL + timedelta(minutes=1)
    ids = [row["event_id"] for row in history.interactions + history.leads]
    assert len(set(ids)) == len(ids)


def test_junk_and_pictureless_products_are_never_seen(market, history):
    hidden = {market.product_id(one) for one in market.products if one.is_junk or not one.has_picture}
    assert hidden.isdisjoint(row["product_id"] for row in history.interactions)


def test_each_funnel_step_is_smaller_than_the_one_before(history):
    kinds = Counter(row["kind"] for row in history.interactions)
    assert kinds["view"] > kinds["click"] > kinds["wishlist"] > kinds["purchase"] > 0
    assert kinds["click"] > len(history.leads) > 0


def test_shoppers_look_at_what_they_like(market, history):
    category_of = {market.product_id(one): one.category for one in market.products}
    spike = history.truth["view_spike"]["day"]
    views = [row for row in history.interactions if row["kind"] == "view" and f"{row['occurred_at']:%Y-%m-%d}" != spike]
    liked = sum(category_of[row["product_id"]] in TASTES[history.truth["taste_of"][row["user_id"]]][0] for row in views)
    assert liked / len(views) > 0.7


def test_churned_shoppers_stay_away_from_the_last_third(history):
    churned = set(history.truth["churned"])
    spike = history.truth["view_spike"]["day"]
    late = {
        row["user_id"]
        for row in history.interactions
        if row["occurred_at"] >= UNTIL - timedelta(days=30) and f"{row['occurred_at']:%Y-%m-%d}" != spike
    }
    assert shopper_id(9) in churned
    assert churned.isdisjoint(late)


def test_one_seller_has_a_day_of_views_without_chats(market, history):
    planted = history.truth["view_spike"]
    handle_of = {market.product_id(one): one.seller_handle for one in market.products}
    views: Counter[str] = Counter()
    for row in history.interactions:
        if row["kind"] == "view" and handle_of[row["product_id"]] == planted["seller"]:
            views[f"{row['occurred_at']:%Y-%m-%d}"] += 1
    (day, most), (_, second) = views.most_common(2)
    assert day == planted["day"]
    assert most > 1.5 * second


def test_seeding_again_on_a_later_day_adds_nothing(warehouse):
    def counts():
        with warehouse.begin() as connection:
            tables = (sellers, interactions, leads)
            return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]

    seed_sample_market(warehouse, "http://127.0.0.1:8090", now=UNTIL)
    first = counts()
    seed_sample_market(warehouse, "http://127.0.0.1:8091", now=UNTIL + timedelta(days=3))
    assert first[0] == 8
    assert counts() == first
    with warehouse.begin() as connection:
        addresses = connection.execute(sa.select(sellers.c.source_url)).scalars().all()
    assert all(address.startswith("http://127.0.0.1:8091/c/") for address in addresses)


def test_sellers_of_other_kinds_leave_the_market_as_it_was(market):
    grown = draw_market(kinds=True)
    assert grown == with_kinds(market)
    assert grown.sellers[:8] == market.sellers
    assert grown.products[: len(market.products)] == market.products
    assert set(market.truth["junk"]) < set(grown.truth["junk"])


def test_every_kind_of_source_has_sellers_who_begin_where_their_form_does():
    grown = draw_market(kinds=True)
    assert Counter(grown.kinds.values()) == {"whatsapp": 8, "web_shop": 3, "shopify": 1, "woocommerce": 1, "feed": 5}
    assert grown.source_path("mama-njeri-fabrics") == "/c/254700000001"
    assert grown.source_path("lagos-ankara") == "/shop/lagos-ankara/sitemap.xml"
    assert len({seller.phone for seller in grown.sellers}) == 18
    assert len({seller.currency for seller in grown.sellers}) == 13


@pytest.mark.parametrize("products", [30, 300])
def test_refs_are_unique_and_as_a_reader_of_their_form_finds_them(products):
    grown = draw_market(sellers=1, products_per_seller=products, kinds=True)
    forms = {
        "lagos-ankara": r"/shop/lagos-ankara/product/[a-z0-9-]+",
        "cape-clay": r"7\d{12}",
        "abuja-leather": r"\d{4}",
        "douala-pagne": r"00\d{3}",
        "maasai-beads": r"mb\.\d{9}",
    }
    assert len({product.ref for product in grown.products}) == 11 * products
    for handle, form in forms.items():
        assert all(re.fullmatch(form, product.ref) for product in grown.of(handle))


def test_one_title_of_each_further_seller_needs_escaping_everywhere():
    grown = draw_market(kinds=True)
    awkward = [product.seller_handle for product in grown.products if product.title.endswith(AWKWARD)]
    assert awkward == [row[0] for row in SHOPS]
