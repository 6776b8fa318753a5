"""Alerts: days that were not as expected, what people made of them, and what nobody wants to hear of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import InputRejected, NotFound
from marketplace.storage.tables import alert_deliveries, alerts, mutes
from marketplace.storage.warehouse import Warehouse

Direction = Literal["high", "low"]
AlertState = Literal["new", "seen", "muted"]
DueAt = Callable[[int], datetime]


@dataclass(frozen=True, slots=True)
class Observed:
    """A day that was not as expected; `is_first` says that the day before was not odd in the same way."""

    metric: str
    seller_id: int
    observed_on: date
    direction: Direction
    value: float
    expected: float
    low: float
    high: float
    score: float
    reasons: tuple[str, ...]
    is_first: bool = True

    @property
    def key(self) -> tuple[str, int, date, str]:
        """What makes it one alert, however often it is judged."""
        return self.metric, self.seller_id, self.observed_on, self.direction


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is kept; `withdrawn_at` is when later figures of its day took it back."""

    alert_id: int
    metric: str
    seller_id: int
    observed_on: date
    direction: Direction
    value: float
    expected: float
    low: float
    high: float
    score: float
    reasons: tuple[str, ...]
    state: AlertState
    state_by: str | None
    state_at: datetime | None
    raised_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the days that were judged."""

    raised: int
    still: int
    withdrawn: int
    to_tell: int


def keep_alerts(
    warehouse: Warehouse,
    found: Sequence[Observed],
    judged: tuple[date, date],
    *,
    channels: Sequence[str],
    due_at: DueAt,
    now: datetime,
) -> Kept:
    """The alerts of these days are those that were found, and new ones wait in the outbox; all in one transaction.

    One that was found again has its newest figures; one that was not is withdrawn, and what was not yet told of it
    will not be. A day that only goes on being odd is kept and not told again, nor is anything that is muted.

    Parameters
    ----------
    judged
        The first and the last local day that were judged.
    due_at
        When a seller's alert may be told, given its id.
    """
    with warehouse.begin() as connection:
        withdrawn = _withdraw(connection, {one.key for one in found}, judged, now)
        muted = _muted(connection, now)
        raised = to_tell = 0
        for one in found:
            state = "muted" if (one.metric, one.seller_id) in muted else "new"
            alert_id, is_new = _keep(connection, one, state, now)
            raised += is_new
            if is_new and one.is_first and state == "new":
                to_tell += _enqueue(connection, alert_id, channels, due_at(one.seller_id))
    return Kept(raised, len(found) - raised, withdrawn, to_tell)


def list_alerts(
    warehouse: Warehouse,
    *,
    seller_ids: Sequence[int] | None = None,
    state: AlertState | None = None,
    since: date | None = None,
    with_withdrawn: bool = False,
    limit: int = 100,
) -> list[Alert]:
    """The newest alerts first, those of one day by how unlikely they are.

    Parameters
    ----------
    seller_ids
        Whose, if not everybody's; 0 is the whole market.
    """
    statement = sa.select(alerts).order_by(
        alerts.c.observed_on.desc(), sa.func.abs(alerts.c.score).desc(), alerts.c.alert_id.desc()
    )
    if seller_ids is not None:
        statement = statement.where(alerts.c.seller_id.in_(list(seller_ids)))
    if state is not None:
        statement = statement.where(alerts.c.state == state)
    if since is not None:
        statement = statement.where(alerts.c.observed_on >= since)
    if not with_withdrawn:
        statement = statement.where(alerts.c.withdrawn_at.is_(None))
    with warehouse.reading() as connection:
        return [alert_from(dict(row)) for row in connection.execute(statement.limit(limit)).mappings()]


def alert_of(warehouse: Warehouse, alert_id: int) -> Alert:
    """The alert of this number.

    Raises
    ------
    NotFound
        If there is none.
    """
    with warehouse.reading() as connection:
        return _alert_in(connection, alert_id)


def set_state(warehouse: Warehouse, alert_id: int, state: AlertState, *, by: str, now: datetime) -> Alert:
    """The alert as somebody has settled it; what is seen or muted is not told any more.

    Raises
    ------
    NotFound
        If there is none.
    InputRejected
        If nobody is named.
    """
    if not by.strip():
        raise InputRejected("an alert is settled by somebody; name who")
    one = alerts.c.alert_id == alert_id
    with warehouse.begin() as connection:
        connection.execute(sa.update(alerts).where(one).values(state=state, state_by=by.strip(), state_at=now))
        if state != "new":
            _forget(connection, sa.select(alerts.c.alert_id).where(one))
        return _alert_in(connection, alert_id)


def mute(warehouse: Warehouse, metric: str, seller_id: int, *, until: datetime | None, by: str, now: datetime) -> int:
    """How many alerts fell silent: those of the metric and seller, now and until then, None for ever.

    Raises
    ------
    InputRejected
        If the end has passed, or nobody is named.
    """
    if not by.strip():
        raise InputRejected("something is muted by somebody; name who")
    if until is not None and until <= now:
        raise InputRejected(f"{until:%Y-%m-%d %H:%M} has passed; name a later end")
    values = {"until": until, "muted_by": by.strip(), "muted_at": now}
    statement = insert(mutes).values(metric=metric, seller_id=seller_id, **values)
    of_it = sa.and_(alerts.c.metric == metric, alerts.c.seller_id == seller_id)
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["metric", "seller_id"], set_=values))
        _forget(connection, sa.select(alerts.c.alert_id).where(of_it))
        changed = sa.update(alerts).where(of_it, alerts.c.state == "new")
        return connection.execute(changed.values(state="muted", state_by=by.strip(), state_at=now)).rowcount


def unmute(warehouse: Warehouse, metric: str, seller_id: int) -> None:
    """What comes of this metric and seller is told again; what was muted meanwhile stays silent.

    Raises
    ------
    NotFound
        If it is not muted.
    """
    statement = sa.delete(mutes).where(mutes.c.metric == metric, mutes.c.seller_id == seller_id)
    with warehouse.begin() as connection:
        if not connection.execute(statement).rowcount:
            raise NotFound(f"{metric} of seller {seller_id} is not muted")


def _withdraw(
    connection: sa.Connection, found: set[tuple[str, int, date, str]], judged: tuple[date, date], now: datetime
) -> int:
    kept = connection.execute(
        sa.select(alerts)
        .where(alerts.c.observed_on.between(*judged), alerts.c.withdrawn_at.is_(None))
        .with_for_update()
    )
    gone = [row.alert_id for row in kept if (row.metric, row.seller_id, row.observed_on, row.direction) not in found]
    connection.execute(sa.update(alerts).where(alerts.c.alert_id.in_(gone)).values(withdrawn_at=now))
    _forget(connection, gone)
    return len(gone)


def _muted(connection: sa.Connection, now: datetime) -> set[tuple[str, int]]:
    is_on = sa.or_(mutes.c.until.is_(None), mutes.c.until > now)
    return {(row.metric, row.seller_id) for row in connection.execute(sa.select(mutes).where(is_on))}


def _keep(connection: sa.Connection, one: Observed, state: str, now: datetime) -> tuple[int, bool]:
    """The number of the alert, and whether it is a new one."""
    figures: Mapping[str, Any] = {
        "value": one.value,
        "expected": one.expected,
        "low": one.low,
        "high": one.high,
        "score": one.score,
        "reasons": list(one.reasons),
    }
    key = {
        "metric": one.metric,
        "seller_id": one.seller_id,
        "observed_on": one.observed_on,
        "direction": one.direction,
    }
    statement = insert(alerts).values(**key, **figures, state=state, raised_at=now)
    again = {**figures, "withdrawn_at": None}
    is_inserted: sa.ColumnElement[bool] = sa.literal_column("xmax = 0")
    row = connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=again).returning(alerts.c.alert_id, is_inserted)
    ).one()
    return int(row[0]), bool(row[1])


def _enqueue(connection: sa.Connection, alert_id: int, channels: Sequence[str], due_at: datetime) -> int:
    rows = [{"alert_id": alert_id, "channel": channel, "due_at": due_at} for channel in channels]
    if rows:
        connection.execute(insert(alert_deliveries).on_conflict_do_nothing(), rows)
    return len(rows)


def _forget(connection: sa.Connection, which: Any) -> None:
    """Nothing that waits in the outbox for these alerts is told; what was told stays on record."""
    waits = sa.and_(alert_deliveries.c.delivered_at.is_(None), alert_deliveries.c.failed_at.is_(None))
    connection.execute(sa.delete(alert_deliveries).where(alert_deliveries.c.alert_id.in_(which), waits))


def _alert_in(connection: sa.Connection, alert_id: int) -> Alert:
    row = connection.execute(sa.select(alerts).where(alerts.c.alert_id == alert_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"alert {alert_id} is not known")
    return alert_from(dict(row))


def alert_from(values: dict[str, Any]) -> Alert:
    """The alert of a row of its table."""
    return Alert(**{**values, "reasons": tuple(values["reasons"])})
