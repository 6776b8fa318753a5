"""What did this product look like on a day, and what did we know of it on another?"""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from marketplace.errors import NotFound
from marketplace.storage.history import product_as_of, recent_changes, versions_of
from marketplace.storage.tables import product_quality
from tests.marketplace.storage.kept import (
    DAY,
    NOW,
    keep_change,
    keep_product,
    keep_seller,
    keep_sync,
    keep_version,
)

HOUR = timedelta(hours=1)
DOCUMENTED = re.findall(
    r"```sql\n(.*?)```", (Path(__file__).resolve().parents[3] / "docs" / "history.md").read_text(), re.DOTALL
)
# (field, value, hour it was seen, hours until it is recorded after the one before it): back-dated ones among them.
OBSERVATIONS = st.lists(
    st.tuples(
        st.sampled_from(["price", "title", "status"]),
        st.one_of(st.none(), st.sampled_from("abc")),
        st.integers(0, 12),
        st.integers(0, 3),
    ),
    max_size=14,
)
numbers = itertools.count()


def fields(found):
    return None if found is None else {name: kept.value for name, kept in found.items()}


def folded(rows, valid_at, known_at):
    """The naive answer: what was known, laid over each other in the order of the time it speaks of."""
    known = [row for row in rows if row[2] <= valid_at and row[3] <= known_at]
    seen = {field: value for field, value, *_ in sorted(known, key=lambda row: row[2])}
    return seen or None


@pytest.fixture
def amina(warehouse):
    seller = keep_seller(warehouse)
    keep_sync(warehouse, seller, "first")
    return seller


@pytest.fixture
def basket(warehouse, amina):
    """A basket whose price was 850, then 900 two days later; last seen a day before that and today."""
    product_id = keep_product(warehouse, amina, at=NOW)
    keep_version(warehouse, product_id, "first", "title", "Basket", NOW - 9 * DAY)
    keep_version(warehouse, product_id, "first", "price", "85000 KES", NOW - 9 * DAY, origin="json-ld", evidence="e1")
    keep_version(
        warehouse, product_id, "first", "price", "90000 KES", NOW - 7 * DAY, before_seen_at=NOW - 8 * DAY, evidence="e2"
    )
    return product_id


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    observed=OBSERVATIONS, asked=st.lists(st.tuples(st.integers(-1, 13), st.integers(-1, 40)), min_size=1, max_size=6)
)
@example(observed=[("price", "a", 5, 0), ("price", "b", 5, 1), ("price", "c", 2, 1)], asked=[(5, 2), (4, 2), (5, 0)])
def test_history_answers_as_a_naive_fold_of_everything_observed(warehouse, amina, observed, asked):
    product_id = keep_product(warehouse, amina, f"{next(numbers)}")
    rows, clock = [], 0
    for field, value, valid, pause in observed:
        clock += pause
        rows.append((field, value, valid, clock))
        keep_version(warehouse, product_id, "first", field, value, NOW + valid * HOUR, NOW + clock * HOUR)
    for valid_at, known_at in asked:
        found = product_as_of(warehouse, product_id, NOW + valid_at * HOUR, NOW + known_at * HOUR)
        assert fields(found) == folded(rows, valid_at, known_at)
    kept = versions_of(warehouse, product_id)
    assert len(kept) == len(rows)
    assert all(one.last_seen_at >= one.valid_from for one in kept)
    for valid_at in range(14):
        at = NOW + valid_at * HOUR
        held = {
            one.field: one.value for one in kept if one.valid_from <= at and (one.valid_to is None or at < one.valid_to)
        }
        assert (held or None) == folded(rows, valid_at, clock)


def test_a_product_is_shown_as_it_was_on_a_day(warehouse, basket):
    assert product_as_of(warehouse, basket, NOW - 10 * DAY, NOW) is None
    assert fields(product_as_of(warehouse, basket, NOW - 8 * DAY, NOW)) == {"price": "85000 KES", "title": "Basket"}
    now = product_as_of(warehouse, basket, NOW, NOW)
    assert (now["price"].value, now["price"].evidence, now["title"].value) == ("90000 KES", "e2", "Basket")


def test_what_came_late_was_not_known_before_it_came(warehouse, basket):
    keep_version(warehouse, basket, "first", "price", "70000 KES", NOW - 8 * DAY, known_from=NOW)
    day = NOW - 8 * DAY
    assert product_as_of(warehouse, basket, day, NOW - DAY)["price"].value == "85000 KES"
    assert product_as_of(warehouse, basket, day, NOW)["price"].value == "70000 KES"
    assert product_as_of(warehouse, basket, NOW, NOW)["price"].value == "90000 KES"


def test_a_version_says_how_long_it_held_when_it_was_last_seen_and_where_that_was_read(warehouse, basket):
    newer, older = versions_of(warehouse, basket, field="price")
    assert (older.value, older.valid_from, older.valid_to) == ("85000 KES", NOW - 9 * DAY, NOW - 7 * DAY)
    assert (older.last_seen_at, older.origin, older.evidence, older.sync_id) == (
        NOW - 8 * DAY,
        "json-ld",
        "e1",
        "first",
    )
    assert (newer.value, newer.valid_to, newer.last_seen_at) == ("90000 KES", None, NOW)
    assert len(versions_of(warehouse, basket, limit=2)) == 2


def test_a_product_that_never_was_is_named(warehouse):
    with pytest.raises(NotFound, match="product 7 is not known"):
        product_as_of(warehouse, 7, NOW, NOW)
    with pytest.raises(NotFound, match="product 7 is not known"):
        versions_of(warehouse, 7)


def test_the_newest_changes_come_first_and_name_their_product(warehouse, amina, basket):
    keep_change(warehouse, amina, basket, "first", "new")
    keep_change(warehouse, amina, basket, "first", "price", field="price", old_value="85000 KES", new_value="90000 KES")
    price, new = recent_changes(warehouse, limit=5)
    assert (price.kind, price.old_value, price.new_value) == ("price", "85000 KES", "90000 KES")
    assert (new.kind, new.title, new.seller_name) == ("new", "Sisal basket 1", "Amina")
    assert recent_changes(warehouse, limit=1) == [price]
    with warehouse.begin() as connection:
        connection.execute(sa.update(product_quality).values(verdict="rejected"))
    assert recent_changes(warehouse, limit=5) == []


def test_the_queries_of_the_documentation_answer_the_same(warehouse, basket):
    keep_version(warehouse, basket, "first", "status", "live", NOW - 9 * DAY)
    keep_version(warehouse, basket, "first", "price", "70000 KES", NOW - 8 * DAY, known_from=NOW)
    with warehouse.begin() as connection:
        asked, prices, market, learned = (
            connection.execute(sa.text(one.replace("4503599627370496", str(basket)))).all() for one in DOCUMENTED
        )
    end = NOW - 8 * DAY + 16 * HOUR
    found = product_as_of(warehouse, basket, end, NOW - 9 * HOUR)
    assert {row.field: row.value for row in asked} == fields(found)
    kept = versions_of(warehouse, basket, field="price")
    assert [(row.value, row.valid_to) for row in prices] == [(one.value, one.valid_to) for one in reversed(kept)]
    assert [tuple(row) for row in market] == [(basket, "KES", 70_000)]
    assert [(row.field, row.value) for row in learned] == [("price", "70000 KES")]
