"""Orders of the sample market and what else its sellers' books show, drawn from the history of its shoppers.

The history itself stays as it was drawn: each planted purchase becomes an order, and what is planted beside is told by
`truth`, so that whoever looks for anomalies can be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from marketplace.catalog.products import stable_id
from marketplace.events.orders import Order, OrderLine
from marketplace.imports.zones import zone_of
from marketplace.local.forms import SHOPS
from marketplace.local.market import SELLERS, SampleMarket, SampleProduct
from marketplace.storage.rates import ExchangeRate

DEVICES = (("phone", 0.86), ("desktop", 0.10), ("tablet", 0.04))
SOURCES = (
    ("whatsapp", 0.30), ("direct", 0.25), ("facebook", 0.15), ("instagram", 0.12), ("search", 0.12), ("tiktok", 0.06),
)  # fmt: skip
ORDERS_A_DAY, REGULARS = 2.5, 25  # of each seller
CHATTING = 0.5  # of those who clicked and left no lead
PAY_DAY, HOLIDAY, SPIKE = 2.2, 3.0, 12.0  # how many times the orders of another day
QUOTED, CANCELLED, REFUNDED, ANSWERED = 0.45, 0.06, 0.04, 0.85
COLLAPSED, SPIKED, FESTIVE = "baraka-leather", "accra-beads", "dar-fashion"
WEEKDAY = (0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.7)  # Monday first
# Tanzania's holidays of a fixed date; no ninety days are without one.
HOLIDAYS = ((1, 12), (4, 7), (4, 26), (5, 1), (7, 7), (8, 8), (10, 14), (12, 9), (12, 25))
RATE_SOURCE, ORIGIN = "sample market", "sample"
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Trade:
    """Rows that go with a history, oldest first: chats that links began, orders, answers to leads, rates.

    `truth` names the planted days: "whatsapp_collapse" and "revenue_spike" are wrong, "pay_day_peaks" and
    "holiday_peak" are as they should be.
    """

    starts: list[dict[str, Any]]
    orders: list[Order]
    answers: list[dict[str, Any]]
    rates: list[ExchangeRate]
    truth: Mapping[str, Any]


def device_of(user_id: str) -> str:
    """What a shopper of the sample uses, always the same."""
    return _chosen(DEVICES, stable_id("device", user_id))


def source_of(user_id: str) -> str:
    """What brings a shopper of the sample, always the same."""
    return _chosen(SOURCES, stable_id("source", user_id))


def described(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Events with the device and source of their shoppers; nothing else of them changes."""
    return [{**row, "device": device_of(row["user_id"]), "source": source_of(row["user_id"])} for row in rows]


def draw_trade(
    market: SampleMarket,
    interactions: Sequence[Mapping[str, Any]],
    leads: Sequence[Mapping[str, Any]],
    *,
    until: datetime,
    days: int = 90,
) -> Trade:
    """The same trade for the same market and history.

    Planted: for two days nobody starts a chat with one seller by a link; one sells many times as much on one day;
    everybody sells more on pay-days and the two days after, and one seller on a public holiday.
    """
    generator = np.random.default_rng([market.seed, 6])
    calendar = _calendar(until, days)
    bought = _bought(generator, market, interactions)
    chats = _chats(generator, market, interactions, leads, calendar)
    regular = _regular(generator, market, calendar)
    orders, starts = _with_starts(generator, [*bought, *regular], calendar)
    starts = sorted([*starts, *chats], key=lambda row: (row["occurred_at"], row["start_id"]))
    known = [order for order in orders if order.occurred_at < until]
    return Trade(
        starts=[start for start in starts if start["occurred_at"] < until],
        orders=sorted(known, key=lambda order: (order.occurred_at, order.order_id)),
        answers=_answers(generator, leads, until),
        rates=_rates(calendar),
        truth=calendar.truth(),
    )


def pay_day(year: int, month: int) -> date:
    """The last day of the month that is neither Saturday nor Sunday."""
    day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The days of the history, and which of them are planted."""

    days: tuple[date, ...]
    paid: frozenset[date]
    holiday: date
    collapse: tuple[date, date]
    spike: date

    def factor(self, handle: str, day: date) -> float:
        """How many times an average day's orders the seller gets."""
        factor = WEEKDAY[day.weekday()] * (PAY_DAY if day in self.paid else 1)
        factor *= HOLIDAY if (handle, day) == (FESTIVE, self.holiday) else 1
        return factor * (SPIKE if (handle, day) == (SPIKED, self.spike) else 1)

    def truth(self) -> dict[str, Any]:
        """The planted days, as they are written."""
        return {
            "whatsapp_collapse": {"seller": COLLAPSED, "days": [day.isoformat() for day in self.collapse]},
            "revenue_spike": {"seller": SPIKED, "day": self.spike.isoformat()},
            "pay_day_peaks": sorted(day.isoformat() for day in self.paid),
            "holiday_peak": {"seller": FESTIVE, "day": self.holiday.isoformat()},
        }


def _calendar(until: datetime, days: int) -> _Calendar:
    first = until.date() - timedelta(days=days)
    drawn = tuple(first + timedelta(days=number) for number in range(days))
    months = {(day.year, day.month) for day in (first - timedelta(days=3), *drawn)}
    paid = frozenset(pay_day(*month) + timedelta(days=after) for month in months for after in range(3))
    feasts = [day for day in drawn[:-2] if (day.month, day.day) in HOLIDAYS]
    collapse = _quiet_day(drawn, int(days * 0.62), paid, feasts)
    spike = _quiet_day(drawn, int(days * 0.72), paid, feasts)
    holiday = feasts[-1] if feasts else date.min
    return _Calendar(drawn, paid.intersection(drawn), holiday, (collapse, collapse + timedelta(days=1)), spike)


def _quiet_day(drawn: Sequence[date], place: int, paid: frozenset[date], feasts: Sequence[date]) -> date:
    """The first day from a place on that, like the one after, is nothing special."""
    special = paid.union(feasts)
    return next(day for day in drawn[place:] if not {day, day + timedelta(days=1)} & special)


def _bought(
    generator: np.random.Generator, market: SampleMarket, interactions: Sequence[Mapping[str, Any]]
) -> list[Order]:
    """An order for every purchase of the history whose product has a price."""
    product_of = {market.product_id(product): product for product in market.products}
    orders = []
    for row in interactions:
        product = product_of[row["product_id"]]
        if row["kind"] == "purchase" and product.price is not None:
            called = f"{stable_id('sample-purchase', row['event_id']):x}"  # an order's id names nobody
            orders += _ordered(generator, market, called, row["user_id"], [product], row["occurred_at"])
    return orders


def _chats(
    generator: np.random.Generator,
    market: SampleMarket,
    interactions: Sequence[Mapping[str, Any]],
    leads: Sequence[Mapping[str, Any]],
    calendar: _Calendar,
) -> list[dict[str, Any]]:
    """Chats that shoppers began by a link, soon after they clicked."""
    seller_of = {market.product_id(one): stable_id("seller", one.seller_handle) for one in market.products}
    told = {(lead["user_id"], lead["product_id"], lead["occurred_at"].date()) for lead in leads}
    collapsed, chats = stable_id("seller", COLLAPSED), []
    for row in interactions:
        moment = row["occurred_at"]
        if row["kind"] != "click" or (row["user_id"], row["product_id"], moment.date()) in told:
            continue
        is_quiet = seller_of[row["product_id"]] == collapsed and moment.date() in calendar.collapse
        if generator.random() < CHATTING and not is_quiet:
            later = moment + timedelta(seconds=int(generator.integers(15, 90)))
            chats.append(_start(seller_of[row["product_id"]], row["product_id"], row["user_id"], later))
    return chats


def _regular(generator: np.random.Generator, market: SampleMarket, calendar: _Calendar) -> list[Order]:
    """Orders of customers whom each seller had before the market was."""
    orders = list[Order]()
    for seller in market.sellers:
        offered = [one for one in market.of(seller.handle) if one.price is not None and not one.is_junk]
        for day in calendar.days:
            for number in range(generator.poisson(ORDERS_A_DAY * calendar.factor(seller.handle, day))):
                # Some are there every week and most are not.
                customer = f"regular-{seller.handle}-{int(REGULARS * generator.random() ** 2):02d}"
                places = generator.choice(len(offered), int(generator.integers(1, 4)), replace=False)
                moment, called = _moment(generator, seller.country, day), f"{seller.handle}-{day:%Y%m%d}-{number}"
                orders += _ordered(generator, market, called, customer, [offered[place] for place in places], moment)
    return orders


def _moment(generator: np.random.Generator, country: str, day: date) -> datetime:
    """An hour of trade of that day on the seller's clock."""
    seconds = int(np.clip(generator.normal(14, 3.2), 7, 21.5) * 3600)
    return datetime(day.year, day.month, day.day, tzinfo=zone_of(country)) + timedelta(seconds=seconds)


def _ordered(
    generator: np.random.Generator,
    market: SampleMarket,
    called: str,
    customer: str,
    products: Sequence[SampleProduct],
    moment: datetime,
) -> list[Order]:
    """The order, and its refund where the money went back two days later."""
    lines = tuple(_line(generator, market, product) for product in products)
    gross = sum(line.amount_minor or 0 for line in lines)
    luck = generator.random()
    order = Order(
        order_id=f"sample-order-{called}",
        seller_id=stable_id("seller", products[0].seller_handle),
        customer_id=customer,
        status="cancelled" if luck < CANCELLED else "completed",
        channel="whatsapp",
        currency=next(product.price.currency for product in products if product.price),
        gross_minor=gross,
        net_minor=None,
        items=sum(line.quantity for line in lines),
        origin=ORIGIN,
        occurred_at=moment,
        received_at=moment,
        lines=lines,
        device=device_of(customer),
        source=source_of(customer),
    )
    if luck < 1 - REFUNDED:
        return [order]
    later = moment + timedelta(days=2)
    refund = replace(order, order_id=f"{order.order_id}-refund", status="refunded", gross_minor=-gross)
    return [order, replace(refund, items=0, lines=(), occurred_at=later, received_at=later)]


def _line(generator: np.random.Generator, market: SampleMarket, product: SampleProduct) -> OrderLine:
    quantity = 1 + int(generator.random() < 0.2)
    amount = product.price.amount_minor * quantity if product.price else None
    return OrderLine(product.title, quantity, amount, market.product_id(product), product.category)


def _with_starts(
    generator: np.random.Generator, orders: Sequence[Order], calendar: _Calendar
) -> tuple[list[Order], list[dict[str, Any]]]:
    """The orders, some of which quote the code of a chat that began shortly before, and those chats."""
    quoting, starts = list[Order](), list[dict[str, Any]]()
    collapsed = stable_id("seller", COLLAPSED)
    for order in orders:
        is_quoted = generator.random() < QUOTED and order.status != "refunded"
        began = order.occurred_at - timedelta(seconds=int(generator.integers(120, 1500)))
        if not is_quoted or (order.seller_id == collapsed and began.date() in calendar.collapse):
            quoting.append(order)
            continue
        start = _start(order.seller_id, order.lines[0].product_id, order.customer_id, began)
        starts.append(start)
        quoting.append(replace(order, start_code=start["code"]))
    return quoting, starts


def _start(seller_id: int, product_id: int | None, user_id: str, moment: datetime) -> dict[str, Any]:
    number = stable_id("sample-start", seller_id, product_id, user_id, moment.isoformat())
    return {
        "start_id": f"sample-start-{number}",
        "code": f"sample{number:x}",
        "seller_id": seller_id,
        "product_id": product_id,
        "user_id": user_id,
        "surface": "product",
        "device": device_of(user_id),
        "source": source_of(user_id),
        "occurred_at": moment,
        "received_at": moment,
    }


def _answers(
    generator: np.random.Generator, leads: Sequence[Mapping[str, Any]], until: datetime
) -> list[dict[str, Any]]:
    """What sellers did with their leads; some answer within minutes, others within hours."""
    answers = []
    for lead in leads:
        minutes = 6 + stable_id("patience", lead["seller_id"]) % 150
        answered = lead["occurred_at"] + timedelta(minutes=float(minutes * np.exp(generator.normal(0, 0.7))))
        ended, outcome = answered + timedelta(hours=float(generator.uniform(1, 30))), generator.random()
        states = [("contacted", answered)] if generator.random() < ANSWERED else []
        if states and outcome < 0.5:
            states.append(("ordered" if outcome < 0.2 else "lost", ended))
        told = {"event_id": lead["event_id"], "kind": "state", "by_subject": f"seller:{lead['seller_id']}"}
        answers += [{**told, "state": state, "occurred_at": at} for state, at in states if at < until]
    return sorted(answers, key=lambda row: (row["occurred_at"], row["event_id"]))


def _rates(calendar: _Calendar) -> list[ExchangeRate]:
    worth = {currency: Decimal(str(per_dollar)) for _, _, _, _, currency, per_dollar, _ in (*SELLERS, *SHOPS)}
    return [
        ExchangeRate(currency, day, per_dollar, RATE_SOURCE)
        for currency, per_dollar in sorted(worth.items())
        for day in calendar.days
    ]


def _chosen(shares: Sequence[tuple[str, float]], number: int) -> str:
    point = number % 10_000 / 10_000
    for name, share in shares:
        if point < share:
            return name
        point -= share
    return shares[0][0]
