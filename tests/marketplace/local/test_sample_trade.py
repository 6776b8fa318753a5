"""The orders, chats, answers and rates that go with the sample market's history, and what is planted in them."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from marketplace.catalog.products import stable_id
from marketplace.local.history import draw_history, seed_sample_market
from marketplace.local.market import draw_market
from marketplace.local.orders_history import HOLIDAYS, device_of, draw_trade, pay_day
from marketplace.storage.tables import exchange_rates, interactions, lead_events, order_lines, orders, whatsapp_starts
from tests.warehouse.dbt_command import PROJECT

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def market():
    return draw_market()


@pytest.fixture(scope="module")
def history(market):
    return draw_history(market, until=UNTIL)


@pytest.fixture(scope="module")
def trade(market, history):
    return draw_trade(market, history.interactions, history.leads, until=UNTIL)


def daily(rows, handle):
    """Rows of a seller by the day on which they happened."""
    theirs = [row for row in rows if row[0] == stable_id("seller", handle)]
    return Counter(day for _, day in theirs)


def test_the_same_trade_is_drawn_every_time(market, history, trade):
    assert draw_trade(market, history.interactions, history.leads, until=UNTIL) == trade


def test_every_planted_purchase_of_a_priced_product_is_an_order_at_that_price(market, history, trade):
    priced = {market.product_id(one): one.price for one in market.products if one.price is not None}
    found = {(order.customer_id, order.occurred_at): order for order in trade.orders if order.status != "refunded"}
    bought = [row for row in history.interactions if row["kind"] == "purchase" and row["product_id"] in priced]
    assert len(bought) > 100
    for row in bought:
        order = found[row["user_id"], row["occurred_at"]]
        assert row["user_id"] not in order.order_id
        (line,) = order.lines
        assert (line.product_id, order.customer_id) == (row["product_id"], row["user_id"])
        assert order.gross_minor == priced[row["product_id"]].amount_minor * line.quantity
        assert order.currency == priced[row["product_id"]].currency


def test_codes_are_quoted_of_chats_that_began_before_with_the_same_seller(trade):
    starts = {start["code"]: start for start in trade.starts}
    quoting = [order for order in trade.orders if order.start_code is not None]
    assert 0.3 < len(quoting) / len(trade.orders) < 0.6
    for order in quoting:
        start = starts[order.start_code]
        assert (start["seller_id"], start["user_id"]) == (order.seller_id, order.customer_id)
        assert start["occurred_at"] < order.occurred_at


def test_some_orders_are_cancelled_some_money_goes_back_and_some_customers_return(trade):
    statuses = Counter(order.status for order in trade.orders)
    assert min(statuses["cancelled"], statuses["refunded"]) > 30
    amounts = {order.order_id: order.gross_minor for order in trade.orders}
    refunds = [order for order in trade.orders if order.status == "refunded"]
    assert all(amounts[one.order_id.removesuffix("-refund")] == -one.gross_minor > 0 for one in refunds)
    assert Counter(order.customer_id for order in trade.orders).most_common(1)[0][1] > 5


def test_nobody_starts_a_chat_by_link_with_one_seller_for_two_days(trade):
    planted = trade.truth["whatsapp_collapse"]
    starts = daily([(row["seller_id"], f"{row['occurred_at']:%Y-%m-%d}") for row in trade.starts], planted["seller"])
    assert [starts[day] for day in planted["days"]] == [0, 0]
    assert min(count for day, count in starts.items() if day not in planted["days"]) > 0


def test_one_seller_has_its_dearest_day_by_far_on_the_planted_one(trade):
    planted = trade.truth["revenue_spike"]
    sold = daily([(one.seller_id, f"{one.occurred_at:%Y-%m-%d}") for one in trade.orders], planted["seller"])
    ordinary = {day: n for day, n in sold.items() if day not in trade.truth["pay_day_peaks"]}
    (day, most), (_, second) = Counter(ordinary).most_common(2)
    assert day == planted["day"]
    assert most > 1.5 * second


def test_pay_days_sell_more_and_are_no_planted_fault(trade):
    sold = Counter(f"{order.occurred_at:%Y-%m-%d}" for order in trade.orders)
    peaks = trade.truth["pay_day_peaks"]
    others = [count for day, count in sold.items() if day not in peaks]
    assert sum(sold[day] for day in peaks) / len(peaks) > 1.6 * sum(others) / len(others)
    faults = {*trade.truth["whatsapp_collapse"]["days"], trade.truth["revenue_spike"]["day"]}
    assert faults.isdisjoint([*peaks, trade.truth["holiday_peak"]["day"]])


def test_wages_come_on_the_last_working_day_of_the_month():
    assert pay_day(2026, 10) == date(2026, 10, 30)  # a Friday; the 31st is a Saturday
    assert pay_day(2026, 12) == date(2026, 12, 31)


def test_the_festive_days_are_public_holidays_of_their_seller():
    with (PROJECT / "seeds" / "public_holidays.csv").open(newline="", encoding="utf-8") as file:
        known = {row["date_on"][5:] for row in csv.DictReader(file) if row["country"] == "TZ"}
    assert {f"{month:02d}-{day:02d}" for month, day in HOLIDAYS} <= known


def test_sellers_answer_most_leads_after_they_came_and_before_the_history_ends(history, trade):
    came = {lead["event_id"]: lead["occurred_at"] for lead in history.leads}
    answered = {row["event_id"] for row in trade.answers if row["state"] == "contacted"}
    assert 0.75 < len(answered) / len(came) < 0.95
    assert all(came[row["event_id"]] < row["occurred_at"] < UNTIL for row in trade.answers)


def test_the_market_is_seeded_with_its_trade_once(warehouse):
    def counts():
        with warehouse.begin() as connection:
            tables = (orders, order_lines, whatsapp_starts, lead_events, exchange_rates)
            return [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]

    seed_sample_market(warehouse, "http://127.0.0.1:8090", now=UNTIL)
    first = counts()
    assert min(first) > 1000
    seed_sample_market(warehouse, "http://127.0.0.1:8090", now=UNTIL)
    assert counts() == first
    with warehouse.begin() as connection:
        used = connection.execute(sa.select(interactions.c.user_id, interactions.c.device).distinct()).all()
    assert all(device == device_of(user_id) for user_id, device in used)
