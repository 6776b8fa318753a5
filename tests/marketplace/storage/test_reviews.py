"""The review queue, and decisions that stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from marketplace.errors import InputRejected, NotFound
from marketplace.storage.quality import judge_products
from marketplace.storage.reviews import quality_of, queue, reasons_waiting, review
from marketplace.storage.tables import interactions, product_quality, product_reviews

from .test_index_builds import NOW, change, sell
from .test_quality import verdict_of

LATER = NOW + timedelta(days=1)


@pytest.fixture
def market(warehouse):
    """Four flagged products, the first the newest, the third the most seen; one sound, one rejected."""
    for number, hours in ((1, 0), (2, 1), (3, 2), (4, 3)):
        sell(warehouse, number, verdict=None, image_sha256=None, first_seen_at=NOW - timedelta(hours=hours))
    change(warehouse, 4, price_minor=None, currency=None)
    sell(warehouse, 5, verdict=None)
    sell(warehouse, 6, verdict=None, title="Product 12")
    judge_products(warehouse, NOW)
    seen = [(3, "view", 0)] * 3 + [(2, "view", 0)] + [(1, "view", 40)] * 9 + [(4, "click", 0)] * 9
    with warehouse.begin() as connection:
        for number, (product_id, kind, days) in enumerate(seen):
            row = {"event_id": f"e{number}", "user_id": "u", "product_id": product_id, "kind": kind}
            connection.execute(sa.insert(interactions).values(**row, occurred_at=NOW - timedelta(days=days)))
    return warehouse


def ids(page):
    return [one.product_id for one in page.products]


def test_the_queue_holds_what_is_flagged_and_sold_newest_or_most_seen_first(market):
    assert ids(queue(market, now=NOW, limit=10)) == [1, 2, 3, 4]
    most_seen = queue(market, now=NOW, limit=10, order="most_seen")
    assert [(one.product_id, one.views) for one in most_seen.products] == [(3, 3), (2, 1), (4, 0), (1, 0)]
    change(market, 2, is_gone=True)
    assert ids(queue(market, now=NOW, limit=10)) == [1, 3, 4]


@pytest.mark.parametrize("order", ["newest", "most_seen"])
def test_pages_follow_each_other_without_gap_or_repetition(market, order):
    whole = ids(queue(market, now=NOW, limit=10, order=order))
    found, place = [], None
    while True:
        page = queue(market, now=NOW, limit=1, order=order, after=place)
        assert page.waiting == 4
        found += ids(page)
        place = page.next_place
        if place is None:
            break
    assert found == whole


def test_the_queue_can_be_read_for_one_reason(market):
    assert ids(queue(market, now=NOW, limit=10, reason="price_missing")) == [4]
    assert queue(market, now=NOW, limit=10, reason="price_missing").waiting == 1
    assert reasons_waiting(market) == {"picture_missing": 4, "price_missing": 1}


def test_a_decision_is_the_verdict_at_once_and_leaves_the_queue(market):
    review(market, 1, "approved", reviewer="Wanjiru", note="Its page shows it.", now=LATER)
    row = verdict_of(market, 1)
    assert (row.verdict, row.judged_by, row.confidence) == ("approved", "reviewer", 1.0)
    assert row.reasons == ["picture_missing"]
    assert ids(queue(market, now=NOW, limit=10)) == [2, 3, 4]
    (kept,) = quality_of(market, 1, now=LATER).reviews
    assert (kept.verdict, kept.reviewer, kept.note, kept.is_of_this_content) == (
        "approved",
        "Wanjiru",
        "Its page shows it.",
        True,
    )


def test_a_decision_outlives_other_rules_other_pictures_and_other_content(market):
    review(market, 6, "approved", reviewer="Wanjiru", now=LATER)
    review(market, 5, "rejected", reviewer="Wanjiru", now=LATER)
    with market.begin() as connection:
        connection.execute(sa.update(product_quality).values(rules_version="0"))
    judge_products(market, LATER)
    assert (verdict_of(market, 6).verdict, verdict_of(market, 6).reasons) == ("approved", ["title_placeholder"])
    assert (verdict_of(market, 5).verdict, verdict_of(market, 5).reasons) == ("rejected", [])
    change(market, 5, content_hash="other", title="Kitenge dress, now longer")
    judge_products(market, LATER)
    assert (verdict_of(market, 5).verdict, verdict_of(market, 5).reasons) == ("rejected", ["changed_since_review"])
    assert judge_products(market, LATER) == 0


def test_every_decision_is_kept_and_the_newest_counts(market):
    review(market, 1, "rejected", reviewer="Wanjiru", now=LATER)
    review(market, 1, "approved", reviewer="Otieno", now=LATER)
    assert verdict_of(market, 1).verdict == "approved"
    assert [one.reviewer for one in quality_of(market, 1, now=LATER).reviews] == ["Otieno", "Wanjiru"]


def test_a_decision_made_elsewhere_is_followed_by_the_next_judging(market):
    row = {"product_id": 1, "verdict": "rejected", "reviewer": "Otieno", "content_hash": "h", "reviewed_at": NOW}
    with market.begin() as connection:
        connection.execute(sa.insert(product_reviews).values(**row))
    assert judge_products(market, LATER) == 1
    assert (verdict_of(market, 1).verdict, verdict_of(market, 1).judged_by) == ("rejected", "reviewer")


def test_nobody_decides_on_what_they_have_not_seen(market):
    change(market, 1, content_hash="other")
    with pytest.raises(InputRejected, match="product 1 changed since it was shown"):
        review(market, 1, "approved", reviewer="Wanjiru", seen_hash="h", now=LATER)
    assert quality_of(market, 1, now=LATER).reviews == ()
    assert verdict_of(market, 1).verdict == "flagged"


def test_a_product_nobody_knows_is_named(market):
    with pytest.raises(NotFound, match="product 99 is not known"):
        review(market, 99, "approved", reviewer="Wanjiru", now=LATER)
    with pytest.raises(NotFound, match="product 99 is not known"):
        quality_of(market, 99, now=LATER)
