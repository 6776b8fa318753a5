"""The Great Expectations suite, inside a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from marketplace.storage.tables import products, sellers
from orchestration.assets.quality import LIVE_PRODUCTS
from orchestration.expectations import PRODUCT_SUITE, judge_query

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SELLER = {
    "seller_id": 1,
    "handle": "amina",
    "name": "Amina",
    "country": "KE",
    "currency": "KES",
    "source_kind": "feed",
}
PRODUCT = {
    "seller_id": 1,
    "title": "Kitenge dress",
    "price_minor": 129_900,
    "currency": "KES",
    "image_sha256": "a" * 64,
    "content_hash": "h",
    "first_seen_at": NOW,
    "last_seen_at": NOW,
    "last_hydrated_at": NOW,
    "updated_at": NOW,
}


@pytest.fixture
def verdicts(warehouse):
    def judge(*rows):
        with warehouse.begin() as connection:
            connection.execute(sa.insert(sellers), SELLER)
            for number, row in enumerate(rows):
                connection.execute(
                    sa.insert(products), {**PRODUCT, "product_id": number, "source_ref": str(number), **row}
                )
        outcomes = judge_query(warehouse.url, LIVE_PRODUCTS, PRODUCT_SUITE)
        return {outcome.expected.check: outcome.passed for outcome in outcomes}

    return judge


def test_a_sound_catalog_meets_every_expectation(verdicts):
    assert set(verdicts({}, {}).values()) == {True}


def test_any_currency_that_prices_are_read_in_passes_and_what_is_gone_is_not_judged(verdicts):
    assert set(verdicts({"currency": "BWP"}, {"currency": "BTC", "is_gone": True}).values()) == {True}


def test_an_empty_catalog_is_caught(verdicts):
    assert not verdicts()["the_catalog_is_not_empty"]


def test_each_expectation_catches_what_it_names(verdicts):
    found = verdicts(
        {"title": ""},
        {"currency": "BTC"},
        {"image_sha256": "../../etc/passwd"},
        {"price_minor": 0},
        {"image_sha256": None},
    )
    caught = {check for check, passed in found.items() if not passed}
    assert caught == {
        "titles_are_present",
        "currencies_are_known",
        "pictures_are_named_by_their_hash",
        "prices_are_plausible",
    }
