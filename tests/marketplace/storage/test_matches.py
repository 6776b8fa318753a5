"""The same product at several sellers in Postgres: groups, the spread of prices, and what shoppers may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from marketplace.errors import NotFound
from marketplace.storage import embeddings
from marketplace.storage.matches import find_matches, groups_of_one_seller, offers_of, widest_spreads
from marketplace.storage.tables import product_matches, product_quality, products, sellers

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
MODEL = "m1"
BANK = "Kito Power Bank KP-10 10000mAh"


@pytest.fixture
def shops(warehouse):
    with warehouse.begin() as connection:
        for number in (1, 2, 3):
            row = {"seller_id": number, "handle": f"s{number}", "name": f"Shop {number}", "country": "KE"}
            connection.execute(sa.insert(sellers).values(**row, currency="KES", source_kind="feed"))
    return warehouse


def sell(warehouse, number, seller_id, title, price=None, currency="KES", **more):
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    row = {"product_id": number, "seller_id": seller_id, "source_ref": str(number), "title": title}
    row |= {"category": "", "description": "", "content_hash": "h", "price_minor": price}
    row |= {"currency": None if price is None else currency, **more}
    judged = {"reasons": [], "rules_version": "1", "judged_at": NOW, "content_hash": "h", "verdict": "approved"}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products).values(**row, **seen))
        connection.execute(sa.insert(product_quality).values(product_id=number, **judged))
    waiting = embeddings.pending(warehouse, MODEL)
    vector = np.zeros((len(waiting), 768), np.float32)
    vector[:, 500] = 1  # only words, the same for all
    embeddings.store(warehouse, MODEL, waiting, vector, now=NOW)


def find(warehouse, now=NOW):
    found = find_matches(warehouse, MODEL, has_shared_space=False, now=now)
    return [(match.product_id, match.match_id) for match in found]


def change(warehouse, number, **values):
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == number).values(**values))


def kept(warehouse):
    with warehouse.begin() as connection:
        return {row.product_id: row for row in connection.execute(sa.select(product_matches))}


def test_a_group_is_kept_with_what_it_was_judged_by(shops):
    sell(shops, 5, 1, BANK)
    sell(shops, 3, 2, "KITO KP10 power bank 10,000 mAh")
    sell(shops, 4, 3, "Kito Power Bank KP-20 20000mAh")
    assert find(shops) == [(3, 3), (5, 3)]
    row = kept(shops)[5]
    assert row.evidence["closest"] == 3
    assert row.evidence["shared"] == ["bank", "kito", "kp10", "power"]
    assert row.evidence["words_cosine"] == 1
    assert row.evidence["picture_cosine"] is None
    assert groups_of_one_seller(shops) == 0


def test_another_run_keeps_what_is_unchanged_and_drops_what_is_gone(shops):
    for number in (1, 2, 3):
        sell(shops, number, number, BANK)
    find(shops)
    find(shops, NOW + timedelta(days=1))
    assert {row.matched_at for row in kept(shops).values()} == {NOW}
    change(shops, 1, is_gone=True)
    assert find(shops, NOW + timedelta(days=2)) == [(2, 2), (3, 2)]
    assert {(row.match_id, row.matched_at) for row in kept(shops).values()} == {(2, NOW + timedelta(days=2))}
    change(shops, 2, is_gone=True)
    assert find(shops) == []
    assert kept(shops) == {}


def test_offers_are_the_same_product_at_other_sellers_cheapest_first(shops):
    sell(shops, 1, 1, BANK, 200_000)
    sell(shops, 2, 2, BANK, 250_000)
    sell(shops, 3, 3, BANK, 150_000)
    sell(shops, 4, 1, BANK, 190_000)
    find(shops)
    found = offers_of(shops, 1)
    assert [(offer.product.product_id, offer.score) for offer in found.elsewhere] == [(3, 1.0), (2, 1.0)]
    (spread,) = found.spreads
    assert (spread.currency, spread.offers) == ("KES", 3)
    assert (spread.min_minor, spread.median_minor, spread.max_minor) == (150_000, 200_000, 250_000)
    assert spread.spread_rate == round((250_000 - 150_000) / 150_000, 4)


def test_prices_of_two_currencies_are_never_compared(shops):
    sell(shops, 1, 1, BANK, 200_000)
    sell(shops, 2, 2, BANK, 5_000_000, "UGX")
    sell(shops, 3, 3, BANK)
    find(shops)
    assert [(one.currency, one.offers, one.spread_rate) for one in offers_of(shops, 1).spreads] == [
        ("KES", 1, 0.0),
        ("UGX", 1, 0.0),
    ]
    assert widest_spreads(shops, limit=5) == []


@pytest.mark.parametrize("change_", [{"in_stock": False}, {"is_gone": True}])
def test_what_cannot_be_bought_is_no_offer(shops, change_):
    sell(shops, 1, 1, BANK, 200_000)
    sell(shops, 2, 2, BANK, 250_000)
    find(shops)
    change(shops, 2, **change_)
    assert offers_of(shops, 1).elsewhere == ()
    assert [one.offers for one in offers_of(shops, 1).spreads] == [1]


def test_a_product_without_a_group_has_no_offers_and_an_unknown_one_is_an_error(shops):
    sell(shops, 1, 1, BANK, 200_000)
    find(shops)
    assert offers_of(shops, 1).elsewhere == ()
    with pytest.raises(NotFound, match="product 9"):
        offers_of(shops, 9)


def test_spreads_are_one_row_for_each_group_and_currency_widest_first(shops):
    for number, price in ((1, 100_000), (2, 125_000)):
        sell(shops, number, number, BANK, price)
    for number, price in ((11, 100_000), (12, 300_000), (13, 200_000)):
        sell(shops, number, number - 10, "Nyota N32S smart TV 32 inch", price)
    find(shops)
    rows = [(one["match_id"], one["sellers"], one["min_minor"], one["median_minor"], one["max_minor"],
             float(one["spread_rate"])) for one in widest_spreads(shops, limit=5)]  # fmt: skip
    assert rows == [(11, 3, 100_000, 200_000, 300_000, 2.0), (1, 2, 100_000, 112_500, 125_000, 0.25)]


def test_the_check_sees_a_group_of_one_seller(shops):
    sell(shops, 1, 1, BANK)
    sell(shops, 2, 2, BANK)
    find(shops)
    change(shops, 2, seller_id=1)
    assert groups_of_one_seller(shops) == 1
