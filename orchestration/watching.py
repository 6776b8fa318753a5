"""Daily figures laid out as panels, judged, and what was odd said as alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketplace.storage.alerts import Observed
from marketplace.storage.metrics import daily_metrics_of, market_days_of, today_in, zones_of
from marketplace.storage.warehouse import Warehouse
from models.anomalies.calendar import Calendar, calendar_of
from models.anomalies.judging import Judging, Verdicts, judge
from models.anomalies.shares import judge_shares
from models.anomalies.words import reasons

Floats = NDArray[np.float64]
HISTORY = timedelta(days=400)
JUDGED_DAYS = 7  # judged anew each time, for events come late
FAR = 99  # from any pay-day, where the calendar does not say
WATCHED: Mapping[str, Judging] = {
    "impressions": Judging(),
    "views": Judging(),
    "clicks": Judging(),
    "whatsapp_starts": Judging(side="low"),
    "leads": Judging(side="low"),
    "orders": Judging(),
    "revenue_minor": Judging(kind="amount"),
    "revenue_usd": Judging(kind="amount"),
    "click_rate": Judging(),
    "new_products": Judging(side="high"),
    "gone_products": Judging(side="high"),
    "price_changes": Judging(side="high"),
    "failed_syncs": Judging(side="high"),
    "sync_seconds": Judging(side="high", kind="duration"),
}
OF_THE_MARKET_ALONE = {"revenue_usd"}  # a seller's revenue is judged in its own currency


@dataclass(frozen=True, slots=True)
class Panel:
    """The figures of one metric, (days, sellers), the kinds of its days, and which are over."""

    metric: str
    days: pd.DatetimeIndex
    sellers: list[int]
    values: Floats
    calendar: Calendar
    is_over: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Watched:
    """One metric judged; days before `first` are history."""

    panel: Panel
    verdicts: Verdicts
    first: date

    @property
    def judged(self) -> int:
        """How many figures of the last days were judged."""
        return int((~np.isnan(self.verdicts.score) & self._is_told()).sum())

    def odd(self) -> Iterator[Observed]:
        """What was odd on the last days that are over."""
        for day, seller in zip(*np.nonzero((self.verdicts.odd != 0) & self._is_told()), strict=True):
            yield self._observed(int(day), int(seller))

    def _is_told(self) -> NDArray[np.bool_]:
        is_late = np.asarray(self.panel.days >= pd.Timestamp(self.first))
        told: NDArray[np.bool_] = self.panel.is_over & is_late[:, None]
        return told

    def _observed(self, day: int, seller: int) -> Observed:
        found, at = self.verdicts, (day, seller)
        return Observed(
            self.panel.metric,
            self.panel.sellers[seller],
            self.panel.days[day].date(),
            "high" if found.odd[at] > 0 else "low",
            value=float(self.panel.values[at]),
            expected=round(float(found.expected[at]), 6),
            low=round(float(found.low[at]), 6),
            high=round(float(found.high[at]), 6),
            score=round(float(found.score[at]), 3),
            reasons=tuple(reasons(found, self.panel.calendar, day, seller)),
            is_first=int(found.streak[at]) == 1,
        )


def watch(warehouse: Warehouse, now: datetime, *, days: int = JUDGED_DAYS) -> list[Watched]:
    """Every watched metric judged day by day, the last days to be told; empty where nothing was measured.

    Raises
    ------
    ArtifactUnavailable
        If the marts were not built yet.
    """
    rows = daily_metrics_of(warehouse, since=(now - HISTORY).date())
    frame = pd.DataFrame(rows, columns=["metric", "seller_id", "country", "day", "value", "unit"])
    if frame.empty:
        return []
    frame["day"] = pd.to_datetime(frame["day"])
    facts = _facts(warehouse, frame)
    zones = zones_of(warehouse)
    usual = _usual_country(frame)
    panels = {}
    for metric, figures in frame.groupby("metric"):
        watched = figures[figures["seller_id"] == 0] if metric in OF_THE_MARKET_ALONE else figures
        if not watched.empty:
            panels[str(metric)] = _panel(str(metric), watched, facts, zones, usual, now)
    first = (frame["day"].max() - timedelta(days=days)).date()
    return [Watched(panel, _judged(panel, panels), first) for panel in panels.values() if panel.metric in WATCHED]


def _judged(panel: Panel, panels: Mapping[str, Panel]) -> Verdicts:
    how = WATCHED[panel.metric]
    if panel.metric == "click_rate":
        return judge_shares(_beside(panel, panels["clicks"]), _beside(panel, panels["views"]), how)
    events = _beside(panel, panels["orders"]) if how.kind == "amount" and "orders" in panels else None
    return judge(panel.values, panel.calendar, how, events=events)


def _beside(panel: Panel, other: Panel) -> Floats:
    """The other panel's figures on the days and for the sellers of this one."""
    frame = pd.DataFrame(other.values, index=other.days, columns=other.sellers)
    return frame.reindex(index=panel.days, columns=panel.sellers).to_numpy()


def _facts(warehouse: Warehouse, frame: pd.DataFrame) -> pd.DataFrame:
    """What is known of each day, by country."""
    first, last = frame["day"].min().date(), frame["day"].max().date() + timedelta(days=1)
    columns = ["country", "day", "pay", "holiday", "ramadan"]
    facts = pd.DataFrame(market_days_of(warehouse, since=first, until=last), columns=columns)
    facts["day"] = pd.to_datetime(facts["day"])
    return facts


def _usual_country(frame: pd.DataFrame) -> str:
    """The country of most sellers, whose days are the market's."""
    known = frame[frame["country"] != ""].drop_duplicates("seller_id")["country"].tolist()
    return str(max(sorted(set(known)), key=known.count, default=""))


def _panel(
    metric: str, figures: pd.DataFrame, facts: pd.DataFrame, zones: Mapping[str, str], usual: str, now: datetime
) -> Panel:
    days = pd.date_range(figures["day"].min(), figures["day"].max())
    wide = figures.pivot(index="day", columns="seller_id", values="value").reindex(days)
    named = figures.drop_duplicates("seller_id").set_index("seller_id")["country"]
    countries = [str(named[seller]) for seller in wide.columns]
    today = [pd.Timestamp(today_in(zones, country, now)) for country in countries]
    return Panel(
        metric,
        days,
        [int(seller) for seller in wide.columns],
        wide.to_numpy(dtype=np.float64),
        _calendar(days, [country or usual for country in countries], facts),
        np.array([[day < one for one in today] for day in days]),
    )


def _calendar(days: pd.DatetimeIndex, countries: list[str], facts: pd.DataFrame) -> Calendar:
    def wide(name: str, missing: Any) -> NDArray[Any]:
        by_country = facts.pivot(index="day", columns="country", values=name)
        found = by_country.reindex(index=days, columns=sorted(set(countries)))[countries].to_numpy(dtype=object)
        return np.where(pd.isna(found), missing, found)

    weekday = np.repeat(np.asarray(days.weekday, dtype=np.int64)[:, None], len(countries), axis=1)
    flags = [wide(name, False).astype(np.bool_) for name in ("holiday", "ramadan")]
    return calendar_of(weekday, wide("pay", FAR).astype(np.int64), flags[0], flags[1])
