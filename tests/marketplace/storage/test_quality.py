"""Verdicts in Postgres: what is judged again and what is not, and what is kept beside the verdict."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from marketplace.catalog.products import Price
from marketplace.storage.quality import judge_products, usual_prices_of
from marketplace.storage.tables import pictures, product_quality, quality_opinions

from .test_index_builds import NOW, change, sell

LATER = NOW + timedelta(hours=6)


def verdict_of(warehouse, product_id):
    with warehouse.begin() as connection:
        return connection.execute(
            sa.select(product_quality).where(product_quality.c.product_id == product_id)
        ).one_or_none()


def measure(warehouse, number, *flaws):
    """The picture of a product, measured."""
    row = {"image_sha256": f"{number:064x}", "width": 800, "height": 800, "bytes": 9, "phash": 1, "measures": {}}
    values = {**row, "flaws": list(flaws), "measured_by": "1", "measured_at": NOW}
    with warehouse.begin() as connection:
        connection.execute(sa.delete(pictures).where(pictures.c.image_sha256 == row["image_sha256"]))
        connection.execute(sa.insert(pictures).values(**values))


def test_title_for_readers_language_and_confidence_stand_beside_the_verdict(warehouse):
    sell(warehouse, 1, verdict=None, title="VIATU VYA NGOZI!!! 0712 345 678", description="")
    assert judge_products(warehouse, NOW) == 1
    row = verdict_of(warehouse, 1)
    assert (row.verdict, row.judged_by) == ("flagged", "rules")
    assert row.reasons == ["title_contact", "title_shouts"]
    assert (row.clean_title, row.language) == ("Viatu vya Ngozi!", "sw")
    assert row.confidence == 0.99  # 1 - 0.1 * 0.1


def test_a_picture_that_is_measured_later_judges_its_product_again_and_no_other(warehouse):
    sell(warehouse, 1, 2, verdict=None)
    assert judge_products(warehouse, NOW) == 2
    measure(warehouse, 1, "blurred")
    assert judge_products(warehouse, LATER) == 1
    assert (verdict_of(warehouse, 1).verdict, verdict_of(warehouse, 1).reasons) == ("flagged", ["picture_blurred"])
    assert verdict_of(warehouse, 2).judged_at == NOW
    measure(warehouse, 1, "blank")
    judge_products(warehouse, LATER)
    assert verdict_of(warehouse, 1).verdict == "rejected"
    measure(warehouse, 1)
    judge_products(warehouse, LATER)
    assert (verdict_of(warehouse, 1).verdict, verdict_of(warehouse, 1).confidence) == ("approved", 0.9)
    assert judge_products(warehouse, LATER) == 0


def test_prices_are_judged_once_enough_others_tell_what_is_usual(warehouse):
    odd = range(1, 24, 2)  # twelve products of one category
    sell(warehouse, *odd[:-1], verdict=None, price_minor=100_000)
    sell(warehouse, odd[-1], verdict=None, price_minor=10_000_000)
    assert judge_products(warehouse, NOW) == 12
    assert verdict_of(warehouse, odd[-1]).reasons == ["price_unusual"]
    lowest, highest = usual_prices_of(warehouse, [1])[1]
    assert (lowest, highest) == (Price(25_000, "KES"), Price(400_000, "KES"))
    assert judge_products(warehouse, LATER) == 0
    change(warehouse, odd[0], is_gone=True)  # eleven are left: nothing is usual any more
    assert judge_products(warehouse, LATER) == 11
    assert verdict_of(warehouse, odd[-1]).verdict == "approved"


def test_the_price_of_a_bale_is_not_held_against_that_of_a_piece(warehouse):
    sell(warehouse, *range(1, 25, 2), verdict=None, price_minor=100_000)
    sell(warehouse, 31, verdict=None, price_minor=9_000_000, price_unit="bale", price_quantity=1)
    sell(warehouse, 33, verdict=None, price_minor=1_200_000, price_quantity=12)
    judge_products(warehouse, NOW)
    assert verdict_of(warehouse, 31).verdict == verdict_of(warehouse, 33).verdict == "approved"


def test_a_price_in_another_currency_than_the_sellers_is_flagged(warehouse):
    sell(warehouse, 1, verdict=None, currency="USD")
    judge_products(warehouse, NOW)
    assert verdict_of(warehouse, 1).reasons == ["currency_mismatch"]


def test_an_opinion_counts_for_the_content_it_was_given_on(warehouse):
    sell(warehouse, 1, verdict=None, title="KITENGE DRESS FOR YOU")
    row = {"product_id": 1, "model": "m", "verdict": "approved", "reasons": [], "confidence": 0.9, "asked_at": NOW}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(quality_opinions).values(**row, content_hash="h"))
    judge_products(warehouse, NOW)
    assert (verdict_of(warehouse, 1).verdict, verdict_of(warehouse, 1).judged_by) == ("approved", "model")
    assert judge_products(warehouse, LATER) == 0
    change(warehouse, 1, content_hash="other")
    judge_products(warehouse, LATER)
    assert (verdict_of(warehouse, 1).verdict, verdict_of(warehouse, 1).judged_by) == ("flagged", "rules")


def test_more_products_than_one_batch_are_judged_and_none_twice(warehouse):
    sell(warehouse, *range(1, 1_203), verdict=None)
    assert judge_products(warehouse, NOW) == 1_202
    assert judge_products(warehouse, LATER) == 0
