"""Inferred categories beside the source's own, which stay as they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.storage.categories import Likelihood, categorised, keep_categories, uncategorised
from marketplace.storage.quality import judge_products
from marketplace.storage.tables import products

from .test_index_builds import MODEL, NOW, change, embed, sell
from .test_quality import verdict_of

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def market(warehouse):
    """Two dresses, and a product whose source names no category; judged and embedded."""
    sell(warehouse, 1, 3, verdict=None)
    sell(warehouse, 2, verdict=None, category="")
    judge_products(warehouse, NOW)
    embed(warehouse)
    return warehouse


def categories_of(warehouse):
    with warehouse.begin() as connection:
        return dict(connection.execute(sa.select(products.c.product_id, products.c.category)).tuples().all())


def test_what_is_learnt_from_names_a_category_and_what_waits_was_not_looked_at(market):
    learnt, waiting = categorised(market, MODEL), uncategorised(market, MODEL)
    assert sorted(learnt.product_ids) == [1, 3]
    assert set(learnt.categories) == {"dresses"}
    assert (waiting.product_ids, waiting.categories) == ((1, 2, 3), ("dresses", "", "dresses"))
    assert learnt.vectors.shape == (2, 768)


def test_a_product_without_a_category_gets_one_and_is_not_flagged_for_it(market):
    assert keep_categories(market, [Likelihood(2, "dresses", 0.8, None)], LATER) == (1, 0)
    row = verdict_of(market, 2)
    assert (row.verdict, row.inferred_category, row.category_confidence) == ("approved", "dresses", 0.8)
    assert categories_of(market)[2] == ""
    assert uncategorised(market, MODEL).product_ids == (1, 3)


def test_a_guess_that_is_as_likely_wrong_is_not_named(market):
    assert keep_categories(market, [Likelihood(2, "dresses", 0.4, None)], LATER) == (0, 0)
    assert verdict_of(market, 2).inferred_category is None


def test_a_category_that_is_all_but_impossible_is_flagged_and_stays(market):
    assert keep_categories(market, [Likelihood(1, "shoes", 0.97, 0.01), Likelihood(3, "shoes", 0.7, 0.2)], LATER) == (
        0,
        1,
    )
    doubted, sound = verdict_of(market, 1), verdict_of(market, 3)
    assert (doubted.verdict, doubted.reasons, doubted.inferred_category) == ("flagged", ["category_doubtful"], "shoes")
    assert (sound.verdict, sound.inferred_category, sound.category_confidence) == ("approved", None, 0.2)
    assert categories_of(market)[1] == "dresses"
    assert judge_products(market, LATER) == 0


def test_a_changed_product_is_looked_at_again(market):
    keep_categories(market, [Likelihood(1, "shoes", 0.97, 0.01)], LATER)
    change(market, 1, content_hash="other")
    assert 1 not in uncategorised(market, MODEL).product_ids  # not judged yet
    judge_products(market, LATER)
    assert (verdict_of(market, 1).verdict, verdict_of(market, 1).inferred_category) == ("approved", None)
    assert 1 in uncategorised(market, MODEL).product_ids


def test_a_product_that_changed_while_it_was_looked_at_keeps_nothing(market):
    change(market, 1, content_hash="other")
    assert keep_categories(market, [Likelihood(1, "shoes", 0.97, 0.01)], LATER) == (0, 0)
    assert verdict_of(market, 1).inferred_category is None
