"""Whose figures a dashboard shows, of which days; and whether the marts behind it are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.errors import InputRejected

Grain = Literal["week", "month"]
LONGEST = timedelta(days=366)
USUAL_DAYS = 30
_MISSING = "select one from unnest(cast(:marts as text[])) as one where to_regclass('marts.' || one) is null"
_NEWEST = "select max(metric_on) from marts.mart_platform_metrics_daily"


@dataclass(frozen=True, slots=True)
class Scope:
    """One seller's figures, or the market's where `seller_id` is None; both ends of the days count.

    `country` narrows the market to its sellers there, `category` to what happened to products of that category.
    """

    seller_id: int | None
    since: date
    until: date
    country: str | None = None
    category: str | None = None
    grain: Grain = "week"

    @property
    def days(self) -> int:
        """How many days it covers."""
        return (self.until - self.since).days + 1

    @property
    def before(self) -> date:
        """The first day of the equally many days that went before."""
        return self.since - timedelta(days=self.days)

    def values(self, **more: Any) -> dict[str, Any]:
        """Its fields as a statement takes them."""
        return {**asdict(self), "before": self.before, **more}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see; days that they did not say are None."""

    seller_id: int | None = None
    since: date | None = None
    until: date | None = None
    country: str | None = None
    category: str | None = None
    grain: Grain = "week"

    def within(self, newest: date) -> Scope:
        """The scope: thirty days that end with the newest, where nothing else is said.

        Raises
        ------
        InputRejected
            If the days are not in order or more than a year apart.
        """
        last = self.until or max(newest, self.since or newest)
        first = self.since or last - timedelta(days=USUAL_DAYS - 1)
        if not timedelta(0) <= last - first <= LONGEST:
            raise InputRejected(
                f"since {first} and until {last} must be in order and at most {LONGEST.days} days apart"
            )
        return Scope(self.seller_id, first, last, self.country or None, self.category or None, self.grain)


def missing(connection: sa.Connection, marts: Iterable[str]) -> set[str]:
    """Those of the marts that were not built yet."""
    return set(connection.scalars(sa.text(_MISSING), {"marts": list(marts)}))


def newest_day(connection: sa.Connection) -> date | None:
    """The last local day that the marts know, None while they know none."""
    day: date | None = connection.scalar(sa.text(_NEWEST))
    return day
