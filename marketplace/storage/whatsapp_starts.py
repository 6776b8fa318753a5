"""Chats that began by a link of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.people import erased_among
from marketplace.storage.tables import products, sellers, whatsapp_starts
from marketplace.storage.warehouse import Warehouse

ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Start:
    """A shopper who opened a chat with a seller; `code` stands in the message."""

    start_id: str
    code: str
    seller_id: int
    product_id: int | None
    user_id: str | None
    session_id: str | None
    surface: str | None
    answer_id: str | None
    device: str | None
    source: str | None
    visitor_hash: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a chat is with and what it is about, as far as it is known."""

    seller_id: int
    name: str
    phone: str | None
    title: str | None
    product_id: int | None


def record_start(warehouse: Warehouse, start: Start, recode: Callable[[int], str]) -> bool:
    """Whether the start was new; one of an erased shopper is not kept.

    Parameters
    ----------
    recode
        Another code for it, by attempt, should the code be another chat's already.
    """
    with warehouse.begin() as connection:
        if erased_among(connection, [start.user_id]):
            return False
        values = asdict(start)
        for attempt in range(1, ATTEMPTS + 1):
            statement = insert(whatsapp_starts).values(values).on_conflict_do_nothing()
            if connection.execute(statement.returning(whatsapp_starts.c.start_id)).first() is not None:
                return True
            known = sa.select(whatsapp_starts.c.start_id).where(whatsapp_starts.c.start_id == start.start_id)
            if connection.execute(known).first() is not None:
                return False
            values["code"] = recode(attempt)
    return False


def contact_of(warehouse: Warehouse, seller_id: int, product_id: int | None) -> Contact | None:
    """The seller as a chat needs them, None unless they are active; a product that is not theirs is left out."""
    theirs = sa.and_(products.c.seller_id == sellers.c.seller_id, products.c.product_id == product_id)
    statement = (
        sa.select(sellers.c.seller_id, sellers.c.name, sellers.c.phone, products.c.title, products.c.product_id)
        .select_from(sellers.outerjoin(products, theirs))
        .where(sellers.c.seller_id == seller_id, sellers.c.state == "active")
    )
    with warehouse.reading() as connection:
        row = connection.execute(statement).one_or_none()
    return Contact(*row) if row else None
