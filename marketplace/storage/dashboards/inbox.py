"""The leads of a seller as their dashboard lists them; names and numbers stay sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

import sqlalchemy as sa

from marketplace.crm.lead_states import FIRST, LeadState
from marketplace.storage.leads import state_of
from marketplace.storage.tables import lead_events, leads, products


@dataclass(frozen=True, slots=True)
class LeadLine:
    """One lead, and what became of it."""

    event_id: str
    product_id: int | None
    title: str | None
    channel: str
    message: str | None
    source: str | None
    device: str | None
    has_number: bool
    occurred_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """The newest leads, and how many there are in each state."""

    waiting: int
    states: dict[str, int]
    newest: list[LeadLine] = field(default_factory=list)


def read_inbox(connection: sa.Connection, seller_id: int, *, limit: int) -> Inbox:
    """Every lead counted by the state it is in, and the newest of them."""
    state = state_of(leads.c.event_id).label("state")
    of_seller = sa.select(leads.c.event_id, state).where(leads.c.seller_id == seller_id).subquery()
    counted = sa.select(of_seller.c.state, sa.func.count().label("leads")).group_by(of_seller.c.state)
    found = {row.state: row.leads for row in connection.execute(counted)}
    newest = (
        sa.select(
            leads.c.event_id,
            leads.c.product_id,
            products.c.title,
            leads.c.channel,
            leads.c.message,
            leads.c.source,
            leads.c.device,
            leads.c.phone_sealed.is_not(None),
            leads.c.occurred_at,
            state,
        )
        .join(products, products.c.product_id == leads.c.product_id, isouter=True)
        .where(leads.c.seller_id == seller_id)
        .order_by(leads.c.occurred_at.desc(), leads.c.event_id)
        .limit(limit)
    )
    lines = [LeadLine(*row) for row in connection.execute(newest)]
    return Inbox(found.get(FIRST, 0), {name: found[name] for name in get_args(LeadState) if name in found}, lines)


def leads_waiting(connection: sa.Connection) -> int:
    """How many leads of all sellers nobody has done anything with."""
    touched = sa.exists().where(lead_events.c.event_id == leads.c.event_id, lead_events.c.kind == "state")
    return connection.scalar(sa.select(sa.func.count()).select_from(leads).where(~touched)) or 0
