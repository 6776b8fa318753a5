"""Leads: shoppers who turned to a seller, and what the seller did about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.crm.lead_states import FIRST, LeadState
from marketplace.errors import Conflict, Forgotten, InputRejected, NotFound
from marketplace.events.interactions import Lead
from marketplace.storage.people import erased_among
from marketplace.storage.tables import lead_events, leads, products, sellers
from marketplace.storage.warehouse import Warehouse

PIECE = 500  # rows that a server-side cursor brings at once
_CONTENT = ("seller_id", "product_id", "user_id", "channel", "message", "start_code", "phone_hash", "has_consent")


@dataclass(frozen=True, slots=True)
class LeadPlace:
    """Where a page of leads ends."""

    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class LeadFilters:
    """Which leads are wanted; None leaves out nothing."""

    state: LeadState | None = None
    since: datetime | None = None
    until: datetime | None = None
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class KeptLead:
    """A lead with its product's title and its state; name and number are sealed."""

    event_id: str
    seller_id: int
    product_id: int | None
    product_title: str | None
    user_id: str | None
    channel: str
    message: str | None
    start_code: str | None
    device: str | None
    source: str | None
    name_sealed: bytes | None
    phone_sealed: bytes | None
    has_consent: bool | None
    consent_text: str | None
    occurred_at: datetime
    state: LeadState
    notes: int


@dataclass(frozen=True, slots=True)
class LeadEvent:
    """A state that a lead was given, or a note about it."""

    kind: Literal["state", "note"]
    state: LeadState | None
    note: str | None
    by_subject: str
    occurred_at: datetime


def record_lead(warehouse: Warehouse, lead: Lead, *, is_name: Callable[[bytes | None], bool]) -> bool:
    """Whether the lead was new.

    Parameters
    ----------
    is_name
        Whether a sealed name that is kept is the one that was sent.

    Raises
    ------
    NotFound
        If there is no such seller or product.
    InputRejected
        If the product is another seller's.
    Conflict
        If its id stands for another lead.
    Forgotten
        If its person was erased.
    """
    with warehouse.begin() as connection:
        if connection.execute(sa.select(sellers.c.seller_id).filter_by(seller_id=lead.seller_id)).first() is None:
            raise NotFound(f"seller {lead.seller_id} is not known")
        if lead.product_id is not None:
            require_seller(connection, lead.product_id, lead.seller_id)
        if erased_among(connection, [lead.user_id], [lead.phone_hash]):
            raise Forgotten("this person asked to be forgotten; nothing of theirs is taken in")
        statement = insert(leads).values(**asdict(lead)).on_conflict_do_nothing().returning(leads.c.event_id)
        if connection.execute(statement).first() is not None:
            return True
        kept = connection.execute(sa.select(leads).where(leads.c.event_id == lead.event_id)).one()
    is_same = all(getattr(kept, name) == getattr(lead, name) for name in _CONTENT)
    if not is_same or not is_name(kept.name_sealed):
        raise Conflict(f"event_id {lead.event_id} was sent before with another content; nothing was stored")
    return False


def leads_of(
    warehouse: Warehouse, seller_id: int, filters: LeadFilters, *, limit: int, after: LeadPlace | None = None
) -> list[KeptLead]:
    """A seller's leads, newest first."""
    statement = _wanted(seller_id, filters).limit(limit)
    if after is not None:
        place = sa.tuple_(sa.literal(after.occurred_at, sa.DateTime(timezone=True)), sa.literal(after.event_id))
        statement = statement.where(sa.tuple_(leads.c.occurred_at, leads.c.event_id) < place)
    with warehouse.begin() as connection:
        return [_lead(row) for row in connection.execute(statement)]


@contextmanager
def every_lead(warehouse: Warehouse, seller_id: int, filters: LeadFilters) -> Iterator[Iterator[KeptLead]]:
    """A seller's leads, newest first, brought by a cursor of the server however many they are."""
    with warehouse.begin() as connection:
        streamed = connection.execution_options(stream_results=True, max_row_buffer=PIECE)
        yield (_lead(row) for row in streamed.execute(_wanted(seller_id, filters)))


def lead_of(warehouse: Warehouse, seller_id: int, event_id: str) -> tuple[KeptLead, list[LeadEvent]]:
    """A seller's lead and what was done about it, oldest first.

    Raises
    ------
    NotFound
        If the seller has no such lead; another's is as unknown as none.
    """
    statement = _wanted(seller_id, LeadFilters()).where(leads.c.event_id == event_id)
    log = sa.select(*(lead_events.c[name] for name in LeadEvent.__slots__)).where(lead_events.c.event_id == event_id)
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotFound(f"lead {event_id} is not known")
        return _lead(row), [LeadEvent(*one) for one in connection.execute(log.order_by(lead_events.c.lead_event_id))]


def add_lead_event(
    warehouse: Warehouse, seller_id: int, event_id: str, *, by: str, state: LeadState | None = None, note: str = ""
) -> None:
    """Give a seller's lead a state, or a note if no state is given; a state that it has already is not repeated.

    Raises
    ------
    NotFound
        If the seller has no such lead.
    """
    owned = sa.select(leads.c.event_id).where(leads.c.event_id == event_id, leads.c.seller_id == seller_id)
    values = {"event_id": event_id, "by_subject": by, "kind": "state" if state else "note", "state": state}
    with warehouse.begin() as connection:
        if connection.execute(owned.with_for_update()).first() is None:
            raise NotFound(f"lead {event_id} is not known")
        if state is not None and connection.scalar(sa.select(state_of(sa.literal(event_id)))) == state:
            return
        connection.execute(sa.insert(lead_events).values(**values, note=note or None))


def state_of(event_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """How far a lead went: the last state it was given, or the first of all."""
    last = sa.select(lead_events.c.state).where(lead_events.c.event_id == event_id, lead_events.c.kind == "state")
    return sa.func.coalesce(last.order_by(lead_events.c.lead_event_id.desc()).limit(1).scalar_subquery(), FIRST)


def require_seller(connection: sa.Connection, product_id: int, seller_id: int) -> None:
    """Returns when the product is the seller's.

    Raises
    ------
    NotFound
        If there is no such product.
    InputRejected
        If it is another seller's.
    """
    owner = connection.scalar(sa.select(products.c.seller_id).filter_by(product_id=product_id))
    if owner is None:
        raise NotFound(f"product {product_id} is not known")
    if owner != seller_id:
        raise InputRejected(f"product {product_id} is not sold by seller {seller_id}")


def _wanted(seller_id: int, filters: LeadFilters) -> sa.Select[Any]:
    state = state_of(leads.c.event_id)
    noted = sa.and_(lead_events.c.event_id == leads.c.event_id, lead_events.c.kind == "note")
    notes = sa.select(sa.func.count()).where(noted).scalar_subquery()
    computed = {"product_title": products.c.title, "state": state, "notes": notes}
    columns = [computed[name].label(name) if name in computed else leads.c[name] for name in KeptLead.__slots__]
    joined = leads.outerjoin(products, products.c.product_id == leads.c.product_id)
    statement = sa.select(*columns).select_from(joined).where(leads.c.seller_id == seller_id)
    meets: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
        "state": lambda value: state == value,
        "since": lambda value: leads.c.occurred_at >= value,
        "until": lambda value: leads.c.occurred_at < value,
        "product_id": lambda value: leads.c.product_id == value,
    }
    for name, condition in meets.items():
        if (value := getattr(filters, name)) is not None:
            statement = statement.where(condition(value))
    return statement.order_by(leads.c.occurred_at.desc(), leads.c.event_id.desc())


def _lead(row: sa.Row[Any]) -> KeptLead:
    values = dict(row._mapping)
    for name in ("name_sealed", "phone_sealed"):
        values[name] = None if values[name] is None else bytes(values[name])
    return KeptLead(**values)
