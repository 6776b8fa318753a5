"""The Great Expectations suite, inside a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from marketplace.storage.quality import judge_products
from marketplace.storage.tables import product_quality, products, sellers
from orchestration.assets.quality import JUDGED_PRODUCTS, LIVE_PRODUCTS, _checked, product_expectations
from orchestration.expectations import CLEAN_SUITE, PRODUCT_SUITE, judge_query

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


def sell(warehouse, *rows):
    with warehouse.begin() as connection:
        connection.execute(sa.insert(sellers), SELLER)
        for number, row in enumerate(rows):
            connection.execute(sa.insert(products), {**PRODUCT, "product_id": number, "source_ref": str(number), **row})


def broken(warehouse, product_id, **values):
    """A verdict that something other than the rules wrote."""
    with warehouse.begin() as connection:
        connection.execute(sa.update(product_quality).where(product_quality.c.product_id == product_id).values(values))


def failing(warehouse, query, suite):
    """The rows that each failed check names."""
    outcomes = judge_query(warehouse.url, query, suite)
    return {one.expected.check: [dict(row) for row in one.failing] for one in outcomes if not one.passed}


@pytest.fixture
def verdicts(warehouse):
    def judge(*rows):
        sell(warehouse, *rows)
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


def test_a_failed_expectation_names_the_rows_that_failed_it(warehouse):
    sell(warehouse, {}, {"title": "", "currency": "BTC"}, {"title": "Kanga pair", "currency": "BTC"})
    found = failing(warehouse, LIVE_PRODUCTS, PRODUCT_SUITE)
    assert found == {
        "titles_are_present": [{"product_id": 1, "title": ""}],
        "currencies_are_known": [
            {"product_id": 1, "title": "", "currency": "BTC"},
            {"product_id": 2, "title": "Kanga pair", "currency": "BTC"},
        ],
    }


def test_no_more_than_twenty_failing_rows_are_shown(warehouse):
    sell(warehouse, *({"currency": "BTC"} for _ in range(25)))
    assert len(failing(warehouse, LIVE_PRODUCTS, PRODUCT_SUITE)["currencies_are_known"]) == 20


def test_what_the_rules_wrote_meets_every_expectation_of_judged_products(warehouse):
    sell(warehouse, {}, {"title": "Dress, call 0712 345 678"}, *({} for _ in range(9)), {"title": "Product 12"})
    judge_products(warehouse, NOW)
    assert failing(warehouse, JUDGED_PRODUCTS, CLEAN_SUITE) == {}


def test_a_rejectable_product_that_is_shown_is_named_and_stops_the_run(warehouse):
    sell(warehouse, {}, {"title": "Elephant tusk, carved"})
    judge_products(warehouse, NOW)
    broken(warehouse, 1, verdict="flagged")
    named = {"product_id": 1, "title": "Elephant tusk, carved", "verdict": "flagged", "reasons": ["banned_wildlife"]}
    outcomes = {one.expected.check: one for one in judge_query(warehouse.url, JUDGED_PRODUCTS, CLEAN_SUITE)}
    caught = outcomes["what_must_be_rejected_is_not_shown"]
    assert [dict(row) for row in caught.failing] == [named]
    result = _checked("product_quality", caught)
    assert (result.passed, result.severity.name) == (False, "ERROR")
    (record,) = result.metadata["failing_rows"].records
    assert record.data == {**named, "reasons": "['banned_wildlife']"}
    broken(warehouse, 1, judged_by="reviewer")
    assert failing(warehouse, JUDGED_PRODUCTS, CLEAN_SUITE) == {}


def test_each_expectation_of_judged_products_catches_what_it_names(warehouse):
    sell(warehouse, *({} for _ in range(10)))
    judge_products(warehouse, NOW)
    broken(warehouse, 0, confidence=1.5)
    broken(warehouse, 1, verdict="flagged")
    broken(warehouse, 2, content_hash="before")
    broken(warehouse, 3, clean_title=None)
    broken(warehouse, 4, clean_title="Dress 0712 345 678")
    broken(warehouse, 5, language="xx")
    for number in (6, 7, 8):
        broken(warehouse, number, verdict="rejected", reasons=["title_placeholder"])
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == 9).values(currency="USD"))
    found = failing(warehouse, JUDGED_PRODUCTS, CLEAN_SUITE)
    assert {check: [row["product_id"] for row in rows] for check, rows in found.items()} == {
        "confidences_are_shares": [0],
        "flagged_and_rejected_products_say_why": [1],
        "verdicts_are_of_the_content_shown": [2],
        "clean_titles_are_present": [3],
        "clean_titles_hold_no_number_to_call": [4],
        "languages_are_known": [5],
        "most_products_are_not_rejected": [6, 7, 8],
        "prices_are_in_the_sellers_currency": [9],
    }


def test_the_check_of_the_graph_shows_the_failing_rows(warehouse):
    sell(warehouse, {"title": ""})
    results = {result.check_name: result for result in product_expectations(warehouse)}
    (record,) = results["titles_are_present"].metadata["failing_rows"].records
    assert record.data == {"product_id": 0, "title": ""}
    assert "failing_rows" not in results["product_ids_are_unique"].metadata
