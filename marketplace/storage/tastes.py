"""What a shopper did, as far as recommendations look back, and what they must not be shown again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketplace.events.weights import InteractionKind
from marketplace.storage.warehouse import Warehouse

MOST_SETTLED = 20_000
# As text, in one trip: it is asked before every first answer, and its index is partial by these very words.
_PAST = """
    (
        select product_id, kind, occurred_at from raw.interactions where user_id = %(user_id)s
        order by occurred_at desc limit %(most)s
    )
    union all
    (
        select distinct product_id, '', null::timestamptz from raw.interactions
        where user_id = %(user_id)s and kind in ('purchase', 'hide', 'report') limit %(settled)s
    )
"""


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
    given = {"user_id": user_id, "most": limit, "settled": MOST_SETTLED}
    with warehouse.reading() as connection:
        rows = connection.exec_driver_sql(_PAST, given).all()
    deeds = tuple(Deed(*row) for row in rows if row[1])
    return Past(deeds, frozenset(row[0] for row in rows if not row[1]))
