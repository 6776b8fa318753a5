"""Ninety days of shoppers in the sample market, with planted tastes and anomalies, and the seeding of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.products import stable_id
from marketplace.local.market import SampleMarket, SampleProduct, draw_market
from marketplace.local.orders_history import described, draw_trade
from marketplace.storage.catalog import add_seller
from marketplace.storage.orders import store_orders
from marketplace.storage.rates import store_rates
from marketplace.storage.tables import interactions as interactions_table
from marketplace.storage.tables import lead_events, whatsapp_starts
from marketplace.storage.tables import leads as leads_table
from marketplace.storage.warehouse import Warehouse

# What each kind of shopper looks for: categories, and the colours that please.
TASTES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = MappingProxyType(
    {
        "print lover": (frozenset({"Fabrics", "Dresses", "Headwraps"}), frozenset({"mustard", "terracotta", "rose"})),
        "leather and road": (frozenset({"Shoes", "Bags", "Sandals"}), frozenset({"charcoal", "terracotta", "cream"})),
        "home maker": (frozenset({"Pots", "Mugs", "Baskets"}), frozenset({"teal", "forest", "cream"})),
        "bead collector": (frozenset({"Jewellery", "Sandals", "Phone covers"}), frozenset({"plum", "indigo", "sky"})),
        "city style": (frozenset({"Shirts", "Shoes", "Phone covers"}), frozenset({"indigo", "sky", "charcoal"})),
        "market basket": (frozenset({"Baskets", "Bags", "Fabrics"}), frozenset({"forest", "mustard", "plum"})),
    }
)
WEEKDAY = (0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.95)  # Monday first: markets fill towards Saturday
STEPS = (("click", 0.34), ("wishlist", 0.10), ("purchase", 0.05))
LEAD_SHARE = 0.22
VISITS_PER_DAY = 0.11
SURFACES = ("grid", "search", "similar", "for_you")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class History:
    """Rows for `raw.interactions` and `raw.leads`, oldest first, and the truth planted in them."""

    interactions: list[dict[str, Any]]
    leads: list[dict[str, Any]]
    truth: Mapping[str, Any]


def draw_history(market: SampleMarket, *, until: datetime, days: int = 90, shoppers: int = 400) -> History:
    """The same history for the same arguments; event ids are the same in every run.

    Planted: each shopper has one taste, and returns to what they saw; one seller has three times the views on one day
    without more chats; every tenth shopper stops coming after two thirds of the time.
    """
    generator = np.random.default_rng(market.seed + 1)
    shown = [product for product in market.products if not product.is_junk and product.has_picture]
    appeal = np.exp(generator.normal(0, 0.55, len(shown)))
    names = list(TASTES)
    taste_of = [names[number % len(names)] for number in range(shoppers)]
    odds = {name: _odds(shown, appeal, name) for name in names}
    start = until - timedelta(days=days)
    views: list[tuple[datetime, int, int]] = []
    for shopper in range(shoppers):
        last_day = int(days * 2 / 3) if shopper % 10 == 9 else days
        views += _views_of(generator, shopper, odds[taste_of[shopper]], start, last_day)
    spike_day, spiked = int(days * 0.8), market.sellers[0].handle
    views += _spike(generator, shown, spiked, start + timedelta(days=spike_day), shoppers)
    views = sorted(view for view in views if view[0] < until)
    rows, leads = _events(generator, market, shown, views)
    truth = {
        "taste_of": {shopper_id(number): taste for number, taste in enumerate(taste_of)},
        "churned": [shopper_id(number) for number in range(shoppers) if number % 10 == 9],
        "view_spike": {"seller": spiked, "day": (start + timedelta(days=spike_day)).date().isoformat()},
    }
    return History(rows, leads, truth)


def shopper_id(number: int) -> str:
    """The id of a demo shopper, counted from 0."""
    return f"shopper-{number + 1:03d}"


def taste_of(number: int) -> str:
    """What a demo shopper looks for, counted from 0."""
    return list(TASTES)[number % len(TASTES)]


def seed_sample_market(
    warehouse: Warehouse, shop_url: str, *, now: datetime, market: SampleMarket | None = None
) -> None:
    """Sellers with the addresses of their pages, and once their shoppers' history and what they ordered.

    Parameters
    ----------
    market
        The one that `draw_market` draws unless given.
    """
    market = market or draw_market()
    for seller in market.sellers:
        add_seller(warehouse, replace(seller, source_url=f"{shop_url}/c/{str(seller.phone).lstrip('+')}"))
    if _has_history(warehouse):
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    history = draw_history(market, until=midnight)
    trade = draw_trade(market, history.interactions, history.leads, until=midnight)
    rows_of = (
        (interactions_table, described(history.interactions)),
        (leads_table, described(history.leads)),
        (whatsapp_starts, trade.starts),
        (lead_events, trade.answers),
    )
    with warehouse.begin() as connection:
        for table, rows in rows_of:
            statement = insert(table).on_conflict_do_nothing()
            for start in range(0, len(rows), BATCH):
                connection.execute(statement, rows[start : start + BATCH])
        store_orders(connection, trade.orders)
        store_rates(connection, trade.rates)


def _has_history(warehouse: Warehouse) -> bool:
    statement = sa.select(sa.exists().where(interactions_table.c.event_id.startswith("sample-")))
    with warehouse.begin() as connection:
        return bool(connection.execute(statement).scalar_one())


def _odds(shown: Sequence[SampleProduct], appeal: NDArray[np.float64], taste: str) -> NDArray[np.float64]:
    categories, colours = TASTES[taste]
    liking = [(8.0 if p.category in categories else 0.35) * (3.0 if p.colour in colours else 1.0) for p in shown]
    weights = appeal * np.array(liking)
    return np.asarray(weights / weights.sum())


def _views_of(
    generator: np.random.Generator, shopper: int, odds: NDArray[np.float64], start: datetime, days: int
) -> list[tuple[datetime, int, int]]:
    views = []
    keenness = float(np.exp(generator.normal(0, 0.5)))
    for day in range(days):
        at = start + timedelta(days=day)
        season = 1 + 0.25 * np.sin(2 * np.pi * day / 30)  # pay day comes once a month
        for _ in range(generator.poisson(VISITS_PER_DAY * keenness * WEEKDAY[at.weekday()] * season)):
            moment = at + timedelta(hours=float(np.clip(generator.normal(16, 3.5), 5, 23.5)))
            for seen in range(int(generator.integers(2, 7))):
                product = int(generator.choice(len(odds), p=odds))
                views.append((moment + timedelta(seconds=40 * seen), shopper, product))
    return views


def _spike(
    generator: np.random.Generator, shown: Sequence[SampleProduct], handle: str, day: datetime, shoppers: int
) -> list[tuple[datetime, int, int]]:
    theirs = [place for place, product in enumerate(shown) if product.seller_handle == handle]
    return [
        (day + timedelta(seconds=float(generator.uniform(0, 86_000))), int(generator.integers(shoppers)), place)
        for place in generator.choice(theirs, 90)
    ]


def _events(
    generator: np.random.Generator,
    market: SampleMarket,
    shown: Sequence[SampleProduct],
    views: Sequence[tuple[datetime, int, int]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    leads: list[dict[str, Any]] = []
    for number, (moment, shopper, place) in enumerate(views):
        product = shown[place]
        event = {
            "user_id": shopper_id(shopper),
            "product_id": market.product_id(product),
            "session_id": f"{shopper_id(shopper)}-{moment:%Y%m%d}",
            "surface": SURFACES[int(generator.integers(len(SURFACES)))],
        }
        rows.append(_event(event, "view", number, moment))
        luck = generator.random(len(STEPS) + 1)
        for step, (kind, share) in enumerate(STEPS):
            if luck[step] >= share or (kind == "purchase" and luck[0] >= STEPS[0][1]):
                continue
            rows.append(_event(event, kind, number, moment + timedelta(seconds=8 * (step + 1))))
        if luck[0] < STEPS[0][1] and luck[-1] < LEAD_SHARE:
            leads.append(_lead(event, product, number, moment + timedelta(seconds=30)))
    return sorted(rows, key=lambda row: row["occurred_at"]), leads


def _event(event: dict[str, Any], kind: str, number: int, moment: datetime) -> dict[str, Any]:
    event_id = f"sample-{kind}-{event['user_id']}-{moment:%Y%m%d%H%M%S}-{number}"
    return {**event, "event_id": event_id, "kind": kind, "occurred_at": moment, "received_at": moment}


def _lead(event: dict[str, Any], product: SampleProduct, number: int, moment: datetime) -> dict[str, Any]:
    return {
        "event_id": f"sample-lead-{event['user_id']}-{number}",
        "seller_id": stable_id("seller", product.seller_handle),
        "product_id": event["product_id"],
        "user_id": event["user_id"],
        "channel": "whatsapp",
        "message": f"Hello, is {product.title} still available?",
        "occurred_at": moment,
        "received_at": moment,
    }
