"""The order, company and counts of what was found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from marketplace.errors import InputRejected
from marketplace.search.asking import Filters
from marketplace.search.candidates import Candidate, at_most_per_seller, ordered
from marketplace.search.collapse import collapsed
from marketplace.search.examples import moved
from marketplace.search.facets import NAMES, facet, lifted, price_bands
from marketplace.search.fusion import fuse, ranks

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def candidate(number: int, **changed: object) -> Candidate:
    plain = Candidate(
        number, f"Product {number}", "Baskets", 1000 * number, "KES", True, DAY, None, 1, "Amina", "Mombasa", "KE"
    )
    return plain._replace(**changed)


def alone(found):
    """Each product as a group of its own."""
    return [[one] for one in found]


def ids(found):
    return [one.product_id for one in found]


class Hit:
    def __init__(self, product_id, score, share=1.0):
        self.product_id, self.score, self.share = product_id, score, share


def test_a_product_with_all_the_words_stands_before_one_that_only_looks_alike():
    found = fuse([Hit(1, 0.1), Hit(2, 9.0)], {3: 0.9, 2: 0.5})
    assert ids(found) == [2, 1, 3]


def test_a_product_with_some_words_stands_after_the_nearest():
    assert ids(fuse([Hit(1, 9.0, 0.5)], {2: 0.9})) == [2, 1]


def test_the_weighted_score_is_the_documented_sum():
    found = {
        one.product_id: one.score
        for one in fuse([Hit(1, 4.0), Hit(2, 2.0), Hit(3, 4.0, 0.5)], {1: 0.6, 4: 0.8}, floor=0.2)
    }
    assert found[1] == pytest.approx((2 * 1 + 1 * (0.6 - 0.2) / (0.8 - 0.2)) / 3)
    assert found[2] == pytest.approx(2 * (0.5 + 0.5 * 0.5) / 3)
    assert found[3] == pytest.approx(2 * 0.5 * 0.5 * 1 / 3)
    assert found[4] == pytest.approx(1 / 3)


def test_ranks_fused_are_the_published_sum():
    found = {one.product_id: one.score for one in fuse([Hit(1, 4.0), Hit(2, 2.0)], {2: 0.9}, by="rrf")}
    assert found[1] == pytest.approx(2 * 61 / 61 / 3)
    assert found[2] == pytest.approx((2 * 61 / 62 + 1) / 3)


def test_equals_share_a_rank():
    assert ranks({1: 5.0, 2: 3.0, 3: 5.0, 4: 1.0}) == {1: 1, 3: 1, 2: 3, 4: 4}


def test_prices_of_different_currencies_are_never_mixed():
    found = [
        candidate(1, price_minor=900, currency="UGX"),
        candidate(2, price_minor=500, currency="KES"),
        candidate(3, price_minor=None, currency=None),
        candidate(4, price_minor=100, currency="KES"),
    ]
    assert ids(ordered(found, "price_low")) == [4, 2, 1, 3]
    assert ids(ordered(found, "price_high")) == [2, 4, 1, 3]
    assert ids(ordered(found, "price_low", "UGX")) == [1, 4, 2, 3]


def test_the_newest_come_first_and_equals_stay_by_relevance():
    found = [candidate(1), candidate(2, first_seen_at=DAY + timedelta(days=1)), candidate(3)]
    assert ids(ordered(found, "newest")) == [2, 1, 3]


def test_a_seller_fills_no_page():
    found = [candidate(1), candidate(2), candidate(3, seller_id=2), candidate(4)]
    kept, more = at_most_per_seller([(one,) for one in found], 1)
    assert [ids(group) for group in kept] == [[1], [3]]
    assert more == {1: 2}


def test_offers_of_one_product_are_shown_once_under_the_best_placed():
    found = [candidate(1, match_id=7), candidate(2), candidate(3, match_id=7, seller_id=2)]
    assert [ids(group) for group in collapsed(found)] == [[1, 3], [2]]


def test_a_taken_photo_joins_its_original_and_other_copies_of_it():
    found = [candidate(2, original_id=1), candidate(3, original_id=1), candidate(1), candidate(4, original_id=9)]
    assert [ids(group) for group in collapsed(found)] == [[2, 3, 1], [4]]


def test_one_picture_makes_two_products_one_only_where_they_say_the_same():
    same = {"phash": 0b1111, "image_sha256": "a"}
    found = [
        candidate(1, title="Sisal basket, large", **same),
        candidate(2, title="SISAL basket - large!", phash=0b1110, image_sha256="b"),
        candidate(3, title="Sisal basket, small", **same),
        candidate(4, title="Sisal basket, large", phash=0xFFFF_FFFF, image_sha256="c"),
    ]
    assert [ids(group) for group in collapsed(found)] == [[1, 2], [3], [4]]


def test_a_picture_that_was_not_measured_is_known_by_its_name():
    found = [candidate(1, title="Clay pot", image_sha256="a"), candidate(2, title="clay pot", image_sha256="a")]
    assert [ids(group) for group in collapsed(found)] == [[1, 2]]


def test_products_without_a_picture_are_never_taken_for_one():
    assert len(collapsed([candidate(1, title="Clay pot"), candidate(2, title="Clay pot")])) == 2


def test_a_facet_counts_choices_fullest_first_and_marks_the_chosen_one():
    found = [candidate(1), candidate(2, category="Bags"), candidate(3), candidate(4, category="")]
    counted = facet("categories", alone(found), Filters(categories=("Bags",)), is_exact=False)
    assert [(one.value, one.products, one.is_chosen) for one in counted.values] == [
        ("Baskets", 2, False),
        ("Bags", 1, True),
    ]
    assert not counted.is_exact


def test_a_group_of_near_duplicates_counts_once_for_each_choice_it_offers():
    offers = [candidate(1, city="Nairobi", price_minor=500), candidate(2, city="Mombasa", price_minor=600)]
    groups = [offers, [candidate(3, price_minor=550)]]
    categories, cities = (facet(name, groups, Filters(), is_exact=True).values for name in ("categories", "cities"))
    assert [(one.value, one.products) for one in categories] == [("Baskets", 2)]
    assert {one.value: one.products for one in cities} == {"Nairobi": 1, "Mombasa": 2}
    assert sum(band.products for band in price_bands([offers])) == 1


def test_stock_is_counted_both_ways():
    found = [candidate(1), candidate(2, in_stock=False), candidate(3)]
    counted = facet("in_stock", alone(found), Filters(), is_exact=True)
    assert [(one.value, one.label, one.products, one.is_chosen) for one in counted.values] == [
        (True, "In stock", 2, True),
        (False, "Sold out", 1, False),
    ]


def test_a_facet_lifts_its_own_filters_and_no_others():
    filters = Filters(("Bags",), 1, "KE", "Mombasa", "KES", 1, 2, in_stock=True)
    cleared = {
        name: {
            field
            for field in ("categories", "seller_id", "country", "city", "currency", "least_minor", "in_stock")
            if getattr(lifted(filters, name), field) != getattr(filters, field)
        }
        for name in NAMES
    }
    assert cleared == {
        "categories": {"categories"},
        "sellers": {"seller_id"},
        "cities": {"city"},
        "in_stock": {"in_stock"},
        "prices": {"least_minor"},
    }


def test_bands_have_round_ends():
    found = [candidate(number) for number in range(1, 101)]  # 10 to 1,000 shillings
    assert [(band.least_minor, band.most_minor, band.products) for band in price_bands(alone(found))] == [
        (0, 19_999, 19),
        (20_000, 49_999, 30),
        (50_000, 99_999, 50),
        (100_000, None, 1),
    ]


def test_one_price_makes_one_band_and_none_makes_none():
    assert [band.products for band in price_bands([[candidate(1)]])] == [1]
    assert price_bands([[candidate(1, price_minor=None, currency=None)]]) == ()


def test_examples_pull_and_push():
    query, liked, disliked = np.eye(3, dtype=np.float32)
    towards, away = moved(query, [liked], []), moved(query, [], [disliked])
    assert towards @ liked > query @ liked
    assert away @ disliked < query @ disliked
    assert np.linalg.norm(moved(None, [liked, query], [disliked])) == pytest.approx(1)
    assert moved(None, [liked], []) == pytest.approx(liked)


def test_examples_that_say_nothing_are_refused():
    one = np.eye(3, dtype=np.float32)[0]
    with pytest.raises(InputRejected, match="nothing to move away from"):
        moved(None, [], [one])
    with pytest.raises(InputRejected, match="cancel each other out"):
        moved(0.25 * one, [], [one])
