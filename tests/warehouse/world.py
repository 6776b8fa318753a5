"""A market small enough to count by hand, with the awkward cases on purpose.

Two sellers: Amina sells a basket and a mat, Kofi shoes. One view fell on midnight in Nairobi, one click fired
twice, the shoes were hidden once, one view is of a product that nobody sells, one chat is about another seller's
product, one about none. Recommendations showed what was clicked, bought and hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from marketplace.storage import tables
from marketplace.storage.warehouse import Warehouse

AMINA, KOFI, NOBODY = 10, 20, 99
BASKET, MAT, SHOES, UNKNOWN = 1, 2, 3, 9
NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)  # 12:00 in Nairobi
LAST_MOMENT = datetime(2026, 3, 1, 20, 59, 59, tzinfo=UTC)  # 23:59:59 in Nairobi
MIDNIGHT = datetime(2026, 3, 1, 21, tzinfo=UTC)  # 00:00 on 2 March in Nairobi
SYNCED = datetime(2026, 2, 28, 9, tzinfo=UTC)


def seller(seller_id: int, name: str, currency: str, country: str) -> dict[str, Any]:
    """A row of catalog.sellers."""
    named = {"seller_id": seller_id, "handle": name.lower(), "name": name, "phone": "+254700000000"}
    return {**named, "currency": currency, "country": country, "source_kind": "whatsapp"}


def product(product_id: int, seller_id: int, category: str, price_minor: int | None) -> dict[str, Any]:
    """A row of catalog.products that was seen once."""
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), SYNCED)
    currency = None if price_minor is None else "KES"
    named = {"product_id": product_id, "seller_id": seller_id, "source_ref": str(product_id), "category": category}
    return {**named, **seen, "title": category, "price_minor": price_minor, "currency": currency, "content_hash": "now"}


def interaction(event_id: str, product_id: int, kind: str, at: datetime, **others: Any) -> dict[str, Any]:
    """A row of raw.interactions, received when it occurred unless said otherwise."""
    row = {"event_id": event_id, "user_id": "juma", "product_id": product_id, "kind": kind, "occurred_at": at}
    return {**row, "surface": "grid", "received_at": at, **others}


def lead(event_id: str, seller_id: int, product_id: int | None, at: datetime, **others: Any) -> dict[str, Any]:
    """A row of raw.leads, received when it occurred unless said otherwise."""
    row = {"event_id": event_id, "seller_id": seller_id, "product_id": product_id, "occurred_at": at}
    return {**row, "user_id": "juma", "channel": "whatsapp", "received_at": at, **others}


def exposure(answer_id: str, rank: int, product_id: int, seller_id: int, at: datetime, **others: Any) -> dict[str, Any]:
    """A row of raw.exposures, in the experiment "blend" unless said otherwise."""
    named = {"answer_id": answer_id, "rank": rank, "user_id": "juma", "product_id": product_id, "seller_id": seller_id}
    told = {"surface": "for_you", "source": "personal", "propensity": 1.0, "model_version": "1", "seconds": 0.01}
    drawn = {"experiment": "blend", "variant": None, "team": None, "served_at": at}
    return {**named, **told, **drawn, **others}


SELLERS = [seller(AMINA, "Amina", "KES", "KE"), seller(KOFI, "Kofi", "GHS", "GH")]
SYNC = {"sync_id": "s1", "seller_id": AMINA, "trigger": "command", "status": "done", "started_at": SYNCED}
PRODUCTS = [
    product(BASKET, AMINA, "Baskets", 250000),
    product(MAT, AMINA, "Mats", None),
    product(SHOES, KOFI, "", 90000),
]
QUALITY = [
    {"product_id": BASKET, "content_hash": "now", "verdict": "approved", "reasons": []},
    {"product_id": MAT, "content_hash": "now", "verdict": "flagged", "reasons": ["no_price"]},
    {"product_id": SHOES, "content_hash": "before", "verdict": "rejected", "reasons": ["no_title"]},
]
CHANGES = [
    {"product_id": BASKET, "kind": "new"},
    {"product_id": BASKET, "kind": "price", "field": "price", "old_value": "200000 KES", "new_value": "250000 KES"},
]
INTERACTIONS = [
    interaction("v1", BASKET, "view", NOON),
    interaction("v2", BASKET, "view", NOON, user_id="zawadi"),
    interaction("v3", BASKET, "view", LAST_MOMENT),
    interaction("v4", BASKET, "view", MIDNIGHT),
    interaction("c1", BASKET, "click", NOON),
    interaction("c1-fired-twice", BASKET, "click", NOON),
    interaction("w1", MAT, "wishlist", NOON),
    interaction("p1", SHOES, "purchase", MIDNIGHT, user_id="zawadi"),
    interaction("h1", SHOES, "hide", NOON),
    interaction("lost", UNKNOWN, "view", NOON),
]
LEADS = [
    lead("l1", AMINA, BASKET, NOON),
    lead("l2", AMINA, BASKET, MIDNIGHT, channel="phone"),
    lead("l3", KOFI, None, NOON, user_id=None),
    lead("l4", KOFI, BASKET, NOON),
    lead("lost", NOBODY, BASKET, NOON),
]
EXPOSURES = [
    exposure("a1", 1, BASKET, AMINA, NOON - timedelta(minutes=5), variant="control"),
    exposure("a1", 2, SHOES, KOFI, NOON - timedelta(minutes=5), variant="control"),
    exposure("a2", 1, SHOES, KOFI, LAST_MOMENT, user_id="zawadi", variant="treatment"),
    exposure("a3", 1, MAT, AMINA, NOON, user_id=None, surface="session", experiment=None),
]
FUNNEL = """
    select
        funnel_on::text, seller_id, category, sum(views)::int, sum(clicks)::int, sum(whatsapp_starts)::int,
        sum(wishlists)::int, sum(purchases)::int
    from marts.fct_funnel_daily
    group by funnel_on, seller_id, category
    having sum(views + clicks + whatsapp_starts + wishlists + purchases) > 0
    order by funnel_on, seller_id, category
"""


def settle(warehouse: Warehouse) -> None:
    """Write the whole small world into an empty warehouse."""
    insert(warehouse, tables.sellers, SELLERS)
    insert(warehouse, tables.sync_runs, [{**SYNC, "finished_at": SYNCED}])
    insert(warehouse, tables.products, PRODUCTS)
    insert(warehouse, tables.product_quality, [{**row, "rules_version": "1", "judged_at": SYNCED} for row in QUALITY])
    whence = {"seller_id": AMINA, "sync_id": "s1", "observed_at": SYNCED, "field": None, "old_value": None}
    insert(warehouse, tables.product_changes, [{**whence, "new_value": None, **row} for row in CHANGES])
    insert(warehouse, tables.interactions, INTERACTIONS)
    insert(warehouse, tables.leads, LEADS)
    insert(warehouse, tables.exposures, EXPOSURES)


def insert(warehouse: Warehouse, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as they are."""
    with warehouse.begin() as connection:
        connection.execute(table.insert(), [dict(row) for row in rows])


def rows_of(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    """What a query finds, as plain tuples."""
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]
