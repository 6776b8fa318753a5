"""Marts that grow: what comes late, twice or in any order is counted as if it had always been there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage import tables
from marketplace.storage.erasures import erase_person, traces
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.dbt_command import Dbt
from tests.warehouse.mart_differences import differences, keep, marts_of
from tests.warehouse.world import AMINA, BASKET, KOFI, LAST_MOMENT, MAT, NOON, SHOES, SYNCED, interaction, lead, rows_of

STOOL = 4  # Kofi offers it days after it was first looked at
LATER = NOON + timedelta(days=4)
ORDERED = NOON + timedelta(hours=3)
SHOWN_CLICK = LAST_MOMENT - timedelta(minutes=20)
VALUES = {"title": "Basket", "category": "Rugs", "price": "200000 KES", "in_stock": "yes", "status": "live"}


def start(start_id: str, seller_id: int, at: datetime, **others: Any) -> dict[str, Any]:
    """A row of raw.whatsapp_starts, its code that of its id."""
    row = {"start_id": start_id, "code": f"code-{start_id}", "seller_id": seller_id, "user_id": "juma"}
    return {**row, "product_id": None, "device": None, "occurred_at": at, "received_at": at, **others}


def order(order_id: str, seller_id: int, customer_id: str, at: datetime, **others: Any) -> dict[str, Any]:
    """A row of raw.orders."""
    row = {"order_id": order_id, "seller_id": seller_id, "customer_id": customer_id, "status": "placed"}
    money = {"channel": "whatsapp", "currency": "KES", "gross_minor": 250000, "items": 1, "origin": "api"}
    return {**row, **money, "start_code": None, "occurred_at": at, "received_at": at, **others}


def line(order_id: str, product_id: int) -> dict[str, Any]:
    """A row of raw.order_lines, the only one of its order."""
    row = {"order_id": order_id, "line_number": 1, "product_id": product_id, "product_name": "a thing"}
    return {**row, "quantity": 1, "amount_minor": None}


def version(product_id: int, field: str, value: str | None, valid_from: datetime, known: datetime) -> dict[str, Any]:
    """A row of catalog.product_versions that the one sync of the small world wrote."""
    row = {"product_id": product_id, "field": field, "value": value, "valid_from": valid_from, "known_from": known}
    return {**row, "sync_id": "s1"}


def showing(answer_id: str, product_id: int, seller_id: int, at: datetime) -> dict[str, Any]:
    """A row of raw.exposures, shown to a shopper who is in no other test."""
    return {**world.exposure(answer_id, 1, product_id, seller_id, at), "user_id": "wanjiru"}


ORDERS = [
    order("quotes", AMINA, "bought-by-phone", NOON + timedelta(days=1), start_code="code-late"),
    order("clicked", AMINA, "amina-the-shopper", ORDERED),
    order("regretted", KOFI, "zawadi", ORDERED + timedelta(days=1)),
    order("nowhere", KOFI, "nobody-we-know", ORDERED),
]
LINES = [line("quotes", BASKET), line("clicked", MAT), line("regretted", SHOES), line("nowhere", SHOES)]
EARLY = [
    # Before and after a pause that a late view will fill.
    interaction("pause-1", BASKET, "view", NOON + timedelta(hours=5), user_id="amina-the-shopper"),
    interaction("pause-2", MAT, "view", NOON + timedelta(hours=5, minutes=50), user_id="amina-the-shopper"),
    # A click that two showings may have led to, of which the one before it is told of late.
    interaction("shown-click", SHOES, "click", SHOWN_CLICK, user_id="wanjiru"),
    # The stool is not in the catalogue yet.
    interaction("stool-1", STOOL, "view", NOON),
    interaction("stool-2", STOOL, "click", NOON + timedelta(minutes=1), user_id="zawadi"),
]
LATE = [
    interaction("late-view", BASKET, "view", NOON + timedelta(minutes=1)),
    interaction("two-days-late", SHOES, "click", LAST_MOMENT - timedelta(days=2), user_id="zawadi"),
    interaction("late-click", MAT, "click", ORDERED - timedelta(hours=2), user_id="amina-the-shopper"),
    interaction("bridge", BASKET, "view", NOON + timedelta(hours=5, minutes=25), user_id="amina-the-shopper"),
    interaction("tells", BASKET, "view", NOON + timedelta(minutes=9), device="phone", source="sms"),
    interaction("c1-fired-late", BASKET, "click", NOON),
]


@pytest.fixture(scope="module")
def growing(postgres: EmbeddedPostgres) -> Iterator[Warehouse]:
    """A market with chats, orders and history, not yet built."""
    opened = Warehouse(postgres.create_database("growing", template="template_soko"))
    world.settle(opened)
    history = [version(BASKET, field, value, SYNCED, SYNCED) for field, value in VALUES.items()]
    world.insert(opened, tables.product_versions, history)
    world.insert(opened, tables.whatsapp_starts, [start("known", KOFI, NOON, product_id=SHOES)])
    world.insert(opened, tables.leads, [lead("l5", AMINA, None, NOON, user_id=None, start_code="code-late")])
    world.insert(opened, tables.orders, ORDERS)
    world.insert(opened, tables.order_lines, LINES)
    world.insert(opened, tables.interactions, EARLY)
    world.insert(opened, tables.exposures, [showing("first", SHOES, KOFI, SHOWN_CLICK - timedelta(hours=20))])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def growing_dbt(growing: Warehouse, scratch: Path) -> Dbt:
    url = growing.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return Dbt(url, scratch / "dbt-growing")


@pytest.fixture(scope="module")
def grown(growing: Warehouse, growing_dbt: Dbt) -> Warehouse:
    """The market built, then given all sorts of late news, and built on incrementally."""
    growing_dbt("build", "--exclude", "test_type:unit")
    receive(growing, [{**row, "received_at": LATER} for row in LATE])
    stool = {**world.product(STOOL, KOFI, "Stools", 5000), **dict.fromkeys(("first_seen_at", "last_seen_at"), LATER)}
    world.insert(growing, tables.products, [stool])
    # A file of an earlier day says what the basket was called before, and since when it is a basket.
    world.insert(
        growing,
        tables.product_versions,
        [
            version(STOOL, "category", "Stools", LATER, LATER),
            version(BASKET, "category", "Baskets", NOON + timedelta(seconds=30), LATER),
            version(BASKET, "price", "250000 KES", NOON, LATER),
        ],
    )
    world.insert(growing, tables.whatsapp_starts, [start("late", AMINA, NOON, device="tablet", received_at=LATER)])
    world.insert(growing, tables.exposures, [world.exposure("a4", 1, MAT, AMINA, LATER, variant="control")])
    # Served before the last thing known, stored after it: within the look-back.
    world.insert(growing, tables.exposures, [showing("second", SHOES, KOFI, SHOWN_CLICK - timedelta(minutes=5))])
    # An order of the past, told of today, and a wish for what was shown days ago.
    world.insert(growing, tables.orders, [order("told-late", AMINA, "juma", NOON, received_at=LATER)])
    world.insert(growing, tables.order_lines, [line("told-late", BASKET)])
    receive(growing, [interaction("wished-late", SHOES, "wishlist", ORDERED, received_at=LATER)])
    with growing.begin() as connection:
        cancelled = {"status": "cancelled", "received_at": LATER}
        connection.execute(sa.update(tables.orders).where(tables.orders.c.order_id == "regretted").values(cancelled))
    growing_dbt("build", "--exclude", "test_type:unit")
    return growing


def receive(warehouse: Warehouse, rows: list[dict[str, Any]]) -> None:
    """Store events as the API does: an id that is known already is left as it is."""
    with warehouse.begin() as connection:
        for row in rows:
            connection.execute(insert(tables.interactions).values(row).on_conflict_do_nothing())


def test_late_events_count_on_their_own_day_and_those_of_a_late_product_are_found_again(grown: Warehouse) -> None:
    views = "select occurred_on::text, category, device from marts.fct_interactions where event_id = '{}'"
    assert rows_of(grown, views.format("two-days-late")) == [("2026-02-27", "", "unknown")]
    assert rows_of(grown, views.format("stool-1")) == [("2026-03-01", "Stools", "phone")]
    assert rows_of(grown, "select event_id from intermediate.int_interactions_orphaned") == [("lost",)]


def test_an_event_has_the_category_of_its_time_however_late_that_was_learned(grown: Warehouse) -> None:
    query = "select event_id, category from marts.fct_interactions where event_id in ('v1', 'v4') order by event_id"
    assert rows_of(grown, query) == [("v1", "Rugs"), ("v4", "Baskets")]


def test_a_late_event_joins_two_sessions_and_tells_the_device_of_another(grown: Warehouse) -> None:
    joined = """
        select count(distinct session_key) from marts.fct_interactions
        where event_id in ('pause-1', 'bridge', 'pause-2')
    """
    assert rows_of(grown, joined) == [(1,)]
    told = "select device, source from marts.fct_interactions where event_id = 'v1'"
    assert rows_of(grown, told) == [("phone", "sms")]


def test_a_chat_that_is_received_late_claims_its_lead_and_its_order(grown: Warehouse) -> None:
    claimed = "select start_id, attribution, is_whatsapp_start from marts.fct_leads where event_id = 'l5'"
    assert rows_of(grown, claimed) == [("late", "matched", False)]
    query = """
        select order_id, attribution, start_id, device from intermediate.int_orders_attributed order by order_id
    """
    assert rows_of(grown, query) == [
        ("clicked", "probable", None, "unknown"),
        ("nowhere", "unknown", None, "unknown"),
        ("quotes", "matched", "late", "tablet"),
        ("regretted", "unknown", None, "unknown"),
        ("told-late", "probable", "late", "tablet"),
    ]
    shares = """
        select sum(orders)::int, sum(orders_matched)::int, sum(orders_probable)::int, sum(orders_unknown)::int
        from marts.fct_funnel_daily
    """
    assert rows_of(grown, shares) == [(4, 1, 2, 1)]


def test_a_showing_that_is_stored_late_takes_what_followed_it_from_the_one_before(grown: Warehouse) -> None:
    shown = "select answer_id, is_clicked from marts.fct_recommendation_exposure where user_id = 'wanjiru' order by 1"
    assert rows_of(grown, shown) == [("first", False), ("second", True)]
    wished = "select answer_id, rank from marts.fct_recommendation_exposure where is_wishlisted"
    assert rows_of(grown, wished) == [("a1", 2)]
    exposed = "select sum(impressions)::int, sum(clicks)::int from marts.fct_seller_exposure_daily where seller_id = {}"
    seller = "select impressions::int, clicks::int from marts.mart_seller_exposure where seller_id = {}"
    assert rows_of(grown, exposed.format(KOFI)) == rows_of(grown, seller.format(KOFI))


def test_an_order_that_is_told_of_late_counts_on_its_day_and_in_the_figures_of_that_day(grown: Warehouse) -> None:
    days = f"select orders::int from marts.fct_seller_daily where seller_id = {AMINA} and day_on = '2026-03-01'"
    figures = f"""
        select value::int from marts.fct_metrics_daily
        where metric = 'orders' and seller_id = {AMINA} and metric_on = '2026-03-01'
    """
    assert rows_of(grown, days) == rows_of(grown, figures) == [(2,)]
    lines = "select count(*)::int from marts.fct_order_lines where order_id = 'told-late'"
    assert rows_of(grown, lines) == [(1,)]


def test_the_last_days_events_replayed_thrice_and_shuffled_change_no_mart(grown: Warehouse, growing_dbt: Dbt) -> None:
    marts = marts_of(growing_dbt)
    keep(grown, marts)
    columns = "event_id, user_id, product_id, kind, session_id, surface, device, source, occurred_at"
    newest = "select max(occurred_at) - interval '1 day' from raw.interactions"
    last = f"select {columns} from raw.interactions where occurred_at > ({newest})"
    with grown.begin() as connection:
        events = [dict(row) for row in connection.execute(sa.text(last)).mappings()]
    assert len(events) >= 10
    again = [{**one, "event_id": f"{one['event_id']}-{time}"} for one in events for time in ("again", "once-more")]
    replayed = [*(events * 3), *again]
    random.Random(6).shuffle(replayed)
    receive(grown, replayed)
    growing_dbt("build", "--exclude", "test_type:unit")
    assert len(marts) >= 17
    assert differences(grown, marts) == {}


def test_a_full_refresh_gives_the_rows_that_were_grown(grown: Warehouse, growing_dbt: Dbt) -> None:
    marts = marts_of(growing_dbt)
    keep(grown, marts)
    growing_dbt("build", "--full-refresh", "--exclude", "test_type:unit")
    assert differences(grown, marts) == {}


def test_a_mart_with_other_columns_than_its_contract_is_built_anew(grown: Warehouse, growing_dbt: Dbt) -> None:
    before = rows_of(grown, "select event_id, session_key, weight from marts.fct_interactions order by event_id")
    with grown.begin() as connection:
        connection.execute(sa.text("alter table marts.fct_interactions drop column session_key"))
    growing_dbt("run", "--select", "fct_interactions")
    after = rows_of(grown, "select event_id, session_key, weight from marts.fct_interactions order by event_id")
    assert after == before


def test_a_person_who_is_erased_is_in_no_table_and_no_build_brings_them_back(
    grown: Warehouse, growing_dbt: Dbt
) -> None:
    assert {"intermediate.int_orders_attributed.actor", "marts.fct_sessions.session_key"} <= set(
        traces(grown, ["juma"])
    )
    erase_person(grown, requested_by="me", user_id="juma")
    assert traces(grown, ["juma"]) == {}
    growing_dbt("run")
    assert traces(grown, ["juma"]) == {}
