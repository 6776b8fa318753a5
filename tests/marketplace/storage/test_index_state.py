"""What the index still lacks of the catalogue is told from the rows, whenever they landed."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from marketplace.storage.index_state import follow_catalog, go_back, unindexed_state
from marketplace.storage.quality import judge_products
from marketplace.storage.reviews import review
from marketplace.storage.tables import product_changes, sync_runs

from .test_index_builds import MODEL, NOW, change, embed, sell


def follow(warehouse, vectors, model_version=MODEL, **options):
    asked = {"index_type": "FLAT", "now": NOW + timedelta(hours=1), **options}
    return follow_catalog(warehouse, vectors, model_version, **asked)


def test_an_empty_market_asks_for_nothing(warehouse):
    assert unindexed_state(warehouse) is None


def test_an_index_of_everything_asks_for_nothing(warehouse, lite_vectors):
    sell(warehouse, 1, 2)
    assert unindexed_state(warehouse) is not None
    embed(warehouse)
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is None


def test_a_product_that_lands_between_judging_and_building_is_asked_for(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    sell(warehouse, 2, verdict=None, first_seen_at=NOW - timedelta(hours=1))
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is not None
    judge_products(warehouse, NOW)
    embed(warehouse)
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is None


def test_a_product_judged_but_not_embedded_is_asked_for(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    sell(warehouse, 2)
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is not None


def test_a_product_that_is_gone_or_costs_something_else_is_asked_for(warehouse, lite_vectors):
    sell(warehouse, 1, 2)
    embed(warehouse)
    follow(warehouse, lite_vectors)
    change(warehouse, 1, is_gone=True)
    gone = unindexed_state(warehouse)
    change(warehouse, 2, price_minor=1, content_hash="cheaper")
    assert len({None, gone, unindexed_state(warehouse)}) == 3


def test_a_change_taken_back_has_another_name_than_the_state_before(warehouse, lite_vectors):
    sell(warehouse, 1)
    first = unindexed_state(warehouse)
    with warehouse.begin() as connection:
        sync = {"sync_id": "s", "seller_id": 1, "trigger": "command", "status": "done", "started_at": NOW}
        connection.execute(sa.insert(sync_runs).values(**sync))
        row = {"product_id": 1, "seller_id": 1, "sync_id": "s", "kind": "price", "observed_at": NOW}
        connection.execute(sa.insert(product_changes).values(**row))
    assert unindexed_state(warehouse) != first


def test_new_rules_ask_for_the_products_to_be_judged_again(warehouse, lite_vectors, monkeypatch):
    sell(warehouse, 1)
    embed(warehouse)
    follow(warehouse, lite_vectors)
    monkeypatch.setattr("marketplace.storage.index_state.RULES_VERSION", "other")
    assert unindexed_state(warehouse) is not None


def test_an_index_that_was_gone_back_to_stays_until_the_catalogue_changes(warehouse, lite_vectors):
    sell(warehouse, 1)
    embed(warehouse)
    first = follow(warehouse, lite_vectors).build
    sell(warehouse, 2)
    embed(warehouse)
    assert follow(warehouse, lite_vectors, anew=True).reason == "asked for"
    assert go_back(warehouse, lite_vectors, now=NOW) == first.collection == lite_vectors.current()
    assert sorted(lite_vectors.vectors_of([1, 2])) == [1, 2]
    assert unindexed_state(warehouse) is None
    change(warehouse, 1, content_hash="changed")
    assert unindexed_state(warehouse) is not None


def test_a_rejected_product_is_no_work(warehouse, lite_vectors):
    sell(warehouse, 1)
    sell(warehouse, 2, verdict="rejected")
    embed(warehouse)
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is None
    assert list(lite_vectors.vectors_of([1, 2])) == [1]


def test_a_reviewers_decision_asks_for_an_index_without_the_product_or_with_it_again(warehouse, lite_vectors):
    sell(warehouse, 1, 2)
    embed(warehouse)
    follow(warehouse, lite_vectors)
    review(warehouse, 2, "rejected", reviewer="Wanjiru", now=NOW)
    rejected = unindexed_state(warehouse)
    assert rejected is not None
    judge_products(warehouse, NOW)
    follow(warehouse, lite_vectors)
    assert unindexed_state(warehouse) is None
    assert list(lite_vectors.vectors_of([1, 2])) == [1]
    review(warehouse, 2, "approved", reviewer="Wanjiru", now=NOW)
    assert unindexed_state(warehouse) not in (None, rejected)
    follow(warehouse, lite_vectors)
    assert sorted(lite_vectors.vectors_of([1, 2])) == [1, 2]
