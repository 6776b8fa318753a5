"""A year of a market's daily figures with planted anomalies, and planted peaks that are none.

Drawn from a seed, so that what should be found is known beforehand: weekdays, pay-days, public holidays and growth on
one side; collapses, spikes, lasting shifts, vanished catalogues and failed syncs on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from marketplace.local.history import WEEKDAY

Floats = NDArray[np.float64]
What = Literal["collapse", "spike", "shift", "mass_gone", "failed_syncs"]
FIRST = date(2025, 1, 6)
PAY_DAY_OF_MONTH = 28
PEAK = {-1: 1.1, 0: 1.45, 1: 1.4, 2: 1.25, 3: 1.1}  # by days since pay-day
# Day of the year and what a public holiday does to trade: shops close at Easter, and it is Christmas that they live on.
HOLIDAYS = {13: 1.3, 46: 0.7, 74: 0.65, 102: 0.6, 105: 0.6, 115: 0.75, 146: 0.7, 175: 0.75, 230: 0.7, 280: 0.7}
HOLIDAYS |= {301: 0.75, 342: 0.7, 352: 0.55, 353: 0.6, 358: 0.6}
BEFORE_CHRISTMAS = range(338, 352)
STEPS = {"views": 1.0, "clicks": 0.3, "whatsapp_starts": 0.08, "orders": 0.03}
SYNCS_A_DAY = 4
FAILS = 0.01  # of syncs, for no reason that anybody would want to be woken for


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing that went wrong: in which metric of which seller, on which days, and in which direction."""

    what: What
    metric: str
    seller: int
    first: int
    days: int
    direction: int
    usual: float


@dataclass(frozen=True, slots=True)
class PlantedDays:
    """Figures by metric, each (days, sellers), what is known of the days, and what was planted.

    Parameters
    ----------
    weekday, pay_day_distance, is_holiday
        Facts about each day: (days,).
    is_peak
        Days on which trade was moved by pay-day or a holiday: (days,).
    """

    values: dict[str, Floats]
    weekday: NDArray[np.int64]
    pay_day_distance: NDArray[np.int64]
    is_holiday: NDArray[np.bool_]
    is_peak: NDArray[np.bool_]
    planted: tuple[Planted, ...]


def draw_days(seed: int, *, days: int = 365, sellers: int = 30, events: int = 40, after: int = 60) -> PlantedDays:
    """The same days for the same arguments; nothing is planted in the first ones, from which one must learn.

    Parameters
    ----------
    events
        How many things go wrong, each with one seller.
    after
        The first day on which anything may.
    """
    generator = np.random.default_rng(seed)
    dates = [FIRST + timedelta(days=day) for day in range(days)]
    weekday = np.array([day.weekday() for day in dates])
    distance = np.array([_since_pay_day(day) for day in dates])
    is_holiday = np.isin(np.arange(days) % 365, list(HOLIDAYS))
    shape, is_peak = _shape(weekday, distance, days)
    sizes = np.exp(generator.normal(np.log(120), 1.3, sellers))  # views a day: from five to some thousands
    growth = np.exp(np.outer(np.arange(days), generator.normal(0.0005, 0.0015, sellers)))
    mood = np.exp(generator.normal(0, 0.12, (days, sellers)))
    rate = sizes * growth * shape[:, None] * mood
    usual = {name: rate * share for name, share in STEPS.items()}
    catalogue = np.maximum(20, sizes).astype(int)
    usual["gone_products"] = np.tile(catalogue * 0.01, (days, 1))
    usual["failed_syncs"] = np.full((days, sellers), SYNCS_A_DAY * FAILS)
    planted = _planned(generator, usual, events=events, after=after, days=days, sellers=sellers)
    values = {name: generator.poisson(_moved(name, rates, planted)).astype(float) for name, rates in usual.items()}
    for one in planted:
        if one.what == "failed_syncs":
            values[one.metric][one.first : one.first + one.days, one.seller] = SYNCS_A_DAY
        if one.what == "mass_gone":
            values[one.metric][one.first, one.seller] = round(0.6 * catalogue[one.seller])
    return PlantedDays(values, weekday, distance, is_holiday, is_peak, tuple(planted))


def _since_pay_day(day: date) -> int:
    this = day.replace(day=PAY_DAY_OF_MONTH)
    last = (day.replace(day=1) - timedelta(days=1)).replace(day=PAY_DAY_OF_MONTH)
    following = (this + timedelta(days=10)).replace(day=PAY_DAY_OF_MONTH)
    return min(((day - one).days for one in (last, this, following)), key=abs)


def _shape(weekday: NDArray[np.int64], distance: NDArray[np.int64], days: int) -> tuple[Floats, NDArray[np.bool_]]:
    """What the calendar does to trade, and where it does so by more than weekdays."""
    calendar = np.array([PEAK.get(int(one), 1.0) for one in distance])
    for day in range(days):
        calendar[day] *= HOLIDAYS.get(day % 365, 1.0)
        if day % 365 in BEFORE_CHRISTMAS:
            calendar[day] *= 1.0 + 0.5 * (day % 365 - BEFORE_CHRISTMAS.start) / len(BEFORE_CHRISTMAS)
    return calendar * np.asarray(WEEKDAY)[weekday], np.abs(np.log(calendar)) > 0.05


def _planned(
    generator: np.random.Generator, usual: dict[str, Floats], *, events: int, after: int, days: int, sellers: int
) -> list[Planted]:
    planted: list[Planted] = []
    kinds: tuple[What, ...] = ("collapse", "spike", "shift", "mass_gone", "failed_syncs")
    taken: set[int] = set()
    for number in range(events):
        what = kinds[number % len(kinds)]
        seller = int(generator.choice([one for one in range(sellers) if one not in taken] or list(range(sellers))))
        first = int(generator.integers(after, days - 8))
        if what == "shift":
            taken.add(seller)  # what else went wrong after it would be measured against another level
        lasts = {"collapse": 2, "spike": 1, "shift": days - first, "mass_gone": 1, "failed_syncs": 2}[what]
        metrics = {"mass_gone": ["gone_products"], "failed_syncs": ["failed_syncs"], "spike": ["views"]}
        for metric in metrics.get(what, list(STEPS)):
            direction = -1 if what in ("collapse", "shift") else 1
            level = float(usual[metric][first - 7 : first, seller].mean())
            planted.append(Planted(what, metric, seller, first, lasts, direction, level))
    return planted


def _moved(metric: str, rates: Floats, planted: list[Planted]) -> Floats:
    moved = rates.copy()
    for one in planted:
        if one.metric == metric and one.what in ("collapse", "spike", "shift"):
            factor = {"collapse": 0.1, "spike": 4.0, "shift": 0.35}[one.what]
            moved[one.first : one.first + one.days, one.seller] *= factor
    return moved
