"""What a shopper did, as far as recommendations look back, and what they must not be shown again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from marketplace.events.weights import InteractionKind
from marketplace.storage.tables import interactions
from marketplace.storage.warehouse import Warehouse

SETTLED = ("purchase", "hide", "report")
MOST_SETTLED = 20_000


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that a shopper did."""

    product_id: int
    kind: InteractionKind
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """The newest deeds of a shopper, newest first, and the products that they bought, hid or reported at any time."""

    deeds: tuple[Deed, ...] = ()
    settled: frozenset[int] = frozenset()


def past_of(warehouse: Warehouse, user_id: str, *, limit: int) -> Past:
    """What the shopper did; however much it is, no more than `limit` deeds are read."""
    columns = interactions.c
    newest = (
        sa.select(columns.product_id, columns.kind, columns.occurred_at)
        .where(columns.user_id == user_id)
        .order_by(columns.occurred_at.desc())
        .limit(limit)
    )
    settled = (
        sa.select(columns.product_id)
        .where(columns.user_id == user_id, columns.kind.in_([sa.literal_column(f"'{kind}'") for kind in SETTLED]))
        .limit(MOST_SETTLED)
    )
    with warehouse.reading() as connection:
        deeds = tuple(Deed(*row) for row in connection.execute(newest))
        return Past(deeds, frozenset(connection.scalars(settled)))
