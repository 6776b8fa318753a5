"""Who buys: cohorts that come back, segments of customers, and when they buy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.storage.dashboards.scope import Scope

COHORTS = 12
PERIODS = 12
_COHORTS = """
    select cohort_on, cohort_size, period, retained, retention
    from marts.cohort_retention
    where subject = :subject and grain = :grain and seller_id = coalesce(cast(:seller_id as bigint), 0)
        and period <= :periods
        and cohort_on in (
            select distinct cohort_on from marts.cohort_retention
            where subject = :subject and grain = :grain and seller_id = coalesce(cast(:seller_id as bigint), 0)
                and cohort_on <= :until
            order by cohort_on desc limit :cohorts
        )
    order by cohort_on, period
"""
_SEGMENTS = """
    select segment, currency, customers, monetary_minor, recency_days_mean, frequency_mean, as_of
    from marts.customer_segments
    where seller_id = coalesce(cast(:seller_id as bigint), 0)
    order by customers desc, segment, currency
"""
_SEASONS = """
    select unit, bucket, orders, revenue_minor, index
    from marts.seasonality
    where seller_id = coalesce(cast(:seller_id as bigint), 0)
    order by unit, bucket
"""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who came first in one week or month; `retention[n]` is the share that came again n periods later."""

    cohort_on: date
    size: int
    retained: list[int]
    retention: list[float]


@dataclass(frozen=True, slots=True)
class Segment:
    """The customers of one RFM segment; their money is of one currency."""

    segment: str
    customers: int
    monetary_minor: int
    currency: str
    recency_days: float
    frequency: float
    as_of: date


@dataclass(frozen=True, slots=True)
class Season:
    """How much is bought at one time of the week, month or year; an index of 1 is as much as usual."""

    unit: str
    bucket: str
    orders: int
    revenue_minor: int
    index: float | None


def read_cohorts(
    connection: sa.Connection, scope: Scope, subject: Literal["buyers", "sellers"] = "buyers"
) -> list[Cohort]:
    """The newest cohorts that began before the scope ends, oldest first."""
    values = scope.values(subject=subject, cohorts=COHORTS, periods=PERIODS)
    rows = connection.execute(sa.text(_COHORTS), values)
    return [_cohort(day, list(of_day)) for day, of_day in groupby(rows, key=lambda row: row.cohort_on)]


def read_segments(connection: sa.Connection, scope: Scope) -> list[Segment]:
    """The customers by segment and currency, fullest first; the market's are in US dollars."""
    return [
        Segment(segment, count, minor or 0, currency, recency, frequency, as_of)
        for segment, currency, count, minor, recency, frequency, as_of in connection.execute(
            sa.text(_SEGMENTS), scope.values()
        )
    ]


def read_seasons(connection: sa.Connection, scope: Scope) -> list[Season]:
    """When the seller's customers buy, or all of the market's."""
    return [Season(*row) for row in connection.execute(sa.text(_SEASONS), scope.values())]


def _cohort(cohort_on: date, rows: list[sa.Row[Any]]) -> Cohort:
    return Cohort(
        cohort_on, rows[0].cohort_size, [row.retained for row in rows], [float(row.retention) for row in rows]
    )
