"""Interactions and leads as they arrive: each event id is stored once, however often it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import InputRejected, NotFound
from marketplace.events.interactions import Interaction, Lead
from marketplace.storage.tables import interactions, leads, products, sellers
from marketplace.storage.warehouse import Warehouse


def record_interactions(warehouse: Warehouse, events: Sequence[Interaction]) -> int:
    """How many of the events were new; all are stored afterwards, or none.

    Raises
    ------
    NotFound
        If an event names a product that was never here.
    """
    if not events:
        return 0
    with warehouse.begin() as connection:
        _require_products(connection, {event.product_id for event in events})
        statement = insert(interactions).on_conflict_do_nothing().returning(interactions.c.event_id)
        return len(connection.execute(statement, [asdict(event) for event in events]).all())


def record_lead(warehouse: Warehouse, lead: Lead) -> bool:
    """Whether the lead was new.

    Raises
    ------
    NotFound
        If there is no such seller or product.
    InputRejected
        If the product is another seller's.
    """
    with warehouse.begin() as connection:
        if connection.execute(sa.select(sellers.c.seller_id).filter_by(seller_id=lead.seller_id)).first() is None:
            raise NotFound(f"seller {lead.seller_id} is not known")
        if lead.product_id is not None:
            _require_seller(connection, lead.product_id, lead.seller_id)
        statement = insert(leads).values(**asdict(lead)).on_conflict_do_nothing().returning(leads.c.event_id)
        return connection.execute(statement).first() is not None


def _require_products(connection: sa.Connection, product_ids: set[int]) -> None:
    known = connection.scalars(sa.select(products.c.product_id).where(products.c.product_id.in_(product_ids)))
    if unknown := product_ids - set(known):
        raise NotFound(f"product {min(unknown)} is not known")


def _require_seller(connection: sa.Connection, product_id: int, seller_id: int) -> None:
    owner = connection.scalar(sa.select(products.c.seller_id).filter_by(product_id=product_id))
    if owner is None:
        raise NotFound(f"product {product_id} is not known")
    if owner != seller_id:
        raise InputRejected(f"product {product_id} is not sold by seller {seller_id}")
