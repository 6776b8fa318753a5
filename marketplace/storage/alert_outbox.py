"""The outbox of alerts: what is to be told, where, when; taken by one at a time, in order, until it was told.

What is taken is lent for a while. Who took it and died has it taken from them, and then it is told once more: at least
once, and exactly once for a receiver who keeps the numbers that deliveries carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from marketplace.storage.alerts import Alert, alert_from
from marketplace.storage.tables import alert_deliveries, alerts
from marketplace.storage.warehouse import Warehouse

LENT_FOR = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=30)
_WAITS = sa.and_(alert_deliveries.c.delivered_at.is_(None), alert_deliveries.c.failed_at.is_(None))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert for one channel; `attempts` counts this one."""

    delivery_id: int
    channel: str
    attempts: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Lag:
    """What is due and was not told yet, and how long the oldest of it has been; and what was given up."""

    waiting: int
    oldest_seconds: float
    given_up: int


def claim(warehouse: Warehouse, channel: str, *, digest_from: int, most: int, now: datetime) -> list[Delivery]:
    """What is to be told next through the channel: one alert, or where many are due as many as may be, oldest first.

    Nothing is due behind one that is lent or waits for another attempt, so that a channel is told in order, by one
    consumer at a time.

    Parameters
    ----------
    digest_from
        How many must be due to be told in one message.
    """
    row = alert_deliveries.c
    waiting = (
        sa.select(row.delivery_id, row.due_at, row.attempts)
        .where(row.channel == channel, _WAITS)
        .order_by(row.delivery_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    with warehouse.begin() as connection:
        # Two consumers that lock different rows would both be first; the channel is what they must agree on.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"alerts:{channel}"))))
        rows = connection.execute(waiting).all()
        if any(one.attempts and one.due_at > now for one in rows):
            return []
        due = [one.delivery_id for one in rows if one.due_at <= now]
        taken = due if len(due) >= digest_from else due[:1]
        lent = sa.update(alert_deliveries).where(row.delivery_id.in_(taken))
        connection.execute(lent.values(attempts=row.attempts + 1, due_at=now + LENT_FOR))
        joined = sa.select(row.delivery_id, row.channel, row.attempts, alerts).join(
            alerts, alerts.c.alert_id == row.alert_id
        )
        found = connection.execute(joined.where(row.delivery_id.in_(taken)).order_by(row.delivery_id)).mappings()
        return [_delivery(dict(one)) for one in found]


def settle(warehouse: Warehouse, delivery_ids: Sequence[int], *, now: datetime) -> None:
    """These were told."""
    told = sa.update(alert_deliveries).where(alert_deliveries.c.delivery_id.in_(list(delivery_ids)), _WAITS)
    with warehouse.begin() as connection:
        connection.execute(told.values(delivered_at=now, last_error=None))


def put_back(warehouse: Warehouse, taken: Sequence[Delivery], error: str, *, attempts: int, now: datetime) -> int:
    """How many were given up; the others are tried again, each time after twice as long.

    Parameters
    ----------
    attempts
        How often one is tried.
    """
    given_up = 0
    with warehouse.begin() as connection:
        for one in taken:
            is_over = one.attempts >= attempts
            wait = min(FIRST_WAIT * 2 ** min(one.attempts - 1, 10), LONGEST_WAIT)
            ending = {"failed_at": now} if is_over else {"due_at": now + wait}
            statement = sa.update(alert_deliveries).where(alert_deliveries.c.delivery_id == one.delivery_id, _WAITS)
            connection.execute(statement.values(last_error=error[:500], **ending))
            given_up += is_over
    return given_up


def lag(warehouse: Warehouse, *, now: datetime) -> Lag:
    """How far the telling is behind; one that is being tried again counts from when its alert was raised."""
    row = alert_deliveries.c
    since = sa.case((row.attempts > 0, alerts.c.raised_at), else_=row.due_at)
    is_late = sa.and_(_WAITS, since <= now)
    statement = sa.select(
        sa.func.count().filter(is_late),
        sa.func.min(since).filter(is_late),
        sa.func.count(row.failed_at),
    ).select_from(alert_deliveries.join(alerts, alerts.c.alert_id == row.alert_id))
    with warehouse.reading() as connection:
        waiting, oldest, given_up = connection.execute(statement).one()
    return Lag(waiting, (now - oldest).total_seconds() if oldest else 0.0, given_up)


def _delivery(row: dict[str, Any]) -> Delivery:
    delivery_id, channel, attempts = (row.pop(name) for name in ("delivery_id", "channel", "attempts"))
    return Delivery(delivery_id, channel, attempts, alert_from(row))
