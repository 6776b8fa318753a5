"""Judging each day of many series by what the days before it led one to expect.

What is expected is the level of the last weeks with its trend, times what the weekday, pay-day and holiday do. A day is
judged with nothing but what was known before it, and a day that was odd is replaced by what was expected of it, so that
it does not teach. Seven odd days in a row are a new habit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.anomalies.calendar import Calendar
from models.anomalies.habits import Habits
from models.anomalies.scores import LEAST, band, count_scores, duration_scores
from models.anomalies.spread import excess_variance
from models.anomalies.terms import Terms, fit_terms, middle

Floats = NDArray[np.float64]
Side = Literal["both", "high", "low"]
Kind = Literal["count", "amount", "duration"]
LEVEL_DAYS, RECENT_DAYS = 28, 14  # the last two weeks count twice
SMALL = 5.0  # a day; below it the mean is the level, for medians of small counts jump
REFIT_DAYS = 7
ERROR_DAYS = 60
LEAST_EXCESS = {"count": 0.06**2, "amount": 0.06**2, "duration": 0.15**2}
RAMADAN_VARIANCE = 0.15**2
VARIED = 1.5  # one more than the squared coefficient of variation of what an order amounts to
STEEPEST = 0.01  # of a day


@dataclass(frozen=True, slots=True)
class Judging:
    """How strict: the z-score that alarms, and how many days must be known before any is judged."""

    limit: float = 4.0
    least_days: int = 28
    side: Side = "both"
    kind: Kind = "count"

    def meant(self, odd: NDArray[np.int64]) -> NDArray[np.int64]:
        """The series that are odd, 1 where high and -1 where low, without those of the side that is not meant."""
        if self.side == "both":
            return odd
        return np.maximum(odd, 0) if self.side == "high" else np.minimum(odd, 0)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was expected of each day and how far it was off; everything is (days, series), missing where not judged.

    Parameters
    ----------
    odd
        1 where a day is odd and high, -1 where it is odd and low, each only where that side is meant; else 0.
    streak
        How many days in a row have been odd like this one.
    weekday, pay, holiday, trend
        Effects on the log scale that are part of what was expected.
    """

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    odd: NDArray[np.int64]
    streak: NDArray[np.int64]
    weekday: Floats
    pay: Floats
    holiday: Floats
    trend: Floats


def judge(values: Floats, calendar: Calendar, how: Judging, *, events: Floats | None = None) -> Verdicts:
    """Every day of every series judged by the days before it.

    Parameters
    ----------
    values : (days, series)
        Counts, amounts or durations of one metric, not negative; missing before a series began and where nothing was
        measured. Negative amounts, such as days with more refunds than sales, count as nothing.
    events : (days, series)
        For amounts: how many orders they are made of; an amount is as uncertain as so many average orders.
    """
    walk = _Walk(np.maximum(values, 0.0), calendar, how, events)
    for day in range(len(values)):
        walk.step(day)
    return walk.verdicts()


class _Walk:
    def __init__(self, values: Floats, calendar: Calendar, how: Judging, events: Floats | None) -> None:
        self.values, self.calendar, self.how, self.events = values, calendar, how, events
        self.habits = Habits.of(values)
        self.terms: Terms | None = None
        blank = np.full(values.shape, np.nan)
        self.expected, self.excess, self.score, self.unit = blank, blank.copy(), blank.copy(), np.ones(values.shape)
        self.effects = [blank.copy() for _ in range(4)]
        self.errors, self.unsure = blank.copy(), blank.copy()
        self.odd = np.zeros(values.shape, dtype=np.int64)
        self.streak = np.zeros(values.shape, dtype=np.int64)
        self.known = np.cumsum(~np.isnan(values), axis=0)

    def step(self, day: int) -> None:
        if day < RECENT_DAYS:
            return
        if self.terms is None or day % REFIT_DAYS == 0:
            self.terms = fit_terms(np.log1p(self.habits.clean[:day]), self.calendar, self._unit(day))
        self._expect(day, self.terms)
        self.unit[day] = self._unit(day)
        self.unsure[day] = self.terms.variance_on(self.calendar, day) + RAMADAN_VARIANCE * self.calendar.is_moving[day]
        self.excess[day] = self._excess(day)
        self.score[day] = self._scores(self.values[day], day)
        self.errors[day] = np.log1p(self.values[day]) - np.log1p(self.expected[day])
        enough = self.known[day - 1] >= self.how.least_days
        score = np.where(np.isnan(self.score[day]) | ~enough, 0.0, self.score[day])
        lasted = self.habits.learn(day, self.values, self.expected[day], score, self.how.limit)
        self.streak[day] = np.abs(lasted)
        self.odd[day] = self.how.meant(np.sign(lasted))
        self.score[day] = np.where(enough, self.score[day], np.nan)

    def _expect(self, day: int, terms: Terms) -> None:
        days = slice(max(0, day - LEVEL_DAYS), day)
        effects = sum(terms.on(self.calendar, days))
        is_now = np.arange(days.start, day)[:, None] >= self.habits.since
        clean = np.where(is_now, self.habits.clean[days], np.nan)
        flat = np.log1p(clean) - effects  # (days, series), what is left is level
        level = middle(np.concatenate([flat, flat[-RECENT_DAYS:]]))
        trend = _trend(flat)
        today = terms.on(self.calendar, slice(day, day + 1))
        total = sum(one[0] for one in today)
        usual = np.expm1(level + trend + total)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(clean, axis=0) / np.nansum(np.where(np.isnan(clean), np.nan, np.exp(effects)), axis=0)
        is_small = (np.expm1(level) < SMALL) & (self.how.kind != "duration")
        self.expected[day] = np.maximum(np.where(is_small, mean * np.exp(total), usual), LEAST)
        for kept, effect in zip(
            self.effects, (*(one[0] for one in today), np.where(is_small, 0.0, trend)), strict=True
        ):
            kept[day] = effect

    def _unit(self, day: int) -> Floats:
        """What one event amounts to: 1 for counts."""
        if self.how.kind != "amount" or self.events is None:
            return np.ones(self.values.shape[1])
        days = slice(max(0, day - ERROR_DAYS), day)
        events, clean = np.nan_to_num(self.events[days]), np.nan_to_num(self.habits.clean[days])
        counted, amount = events.sum(axis=0), clean.sum(axis=0)
        usual = np.where(counted > 0, amount / np.maximum(counted, 1.0), np.maximum(amount, 1.0))
        # Days of one order show how orders vary: the mean of squares over the mean is what one adds to the variance.
        squares = (clean**2 / np.maximum(events, 1.0)).sum(axis=0)
        ratio = np.where(amount > 0, squares / np.maximum(amount, 1.0) / np.maximum(usual, 1e-9), VARIED)
        varied = np.maximum(ratio, max(VARIED, float(np.median(ratio))))
        unit: Floats = np.maximum(usual * varied, 1e-9)
        return unit

    def _excess(self, day: int) -> Floats:
        """How much more than chance alone the days before were off, and what is not known of this kind of day."""
        days = slice(max(0, day - ERROR_DAYS), day)
        is_duration = self.how.kind == "duration"
        chance = (
            np.zeros_like(self.unit[day])
            if is_duration
            else middle(self.unit[days] / (self.expected[days] + self.unit[days]))
        )
        events = self.expected[day] / self.unit[day]
        usual: Floats = excess_variance(self.errors[days], events, chance, LEAST_EXCESS[self.how.kind])
        excess: Floats = usual + self.unsure[day]
        return excess

    def _scores(self, values: Floats, day: int | slice) -> Floats:
        if self.how.kind == "duration":
            return duration_scores(values, self.expected[day], self.excess[day])
        return count_scores(values / self.unit[day], self.expected[day] / self.unit[day], self.excess[day])

    def verdicts(self) -> Verdicts:
        """All that was found."""
        every = slice(None)
        is_judged = ~np.isnan(self.score)
        expected = np.where(is_judged, self.expected, 1.0)
        most = (expected + 50 * self.unit) * np.exp(2 * self.how.limit * np.sqrt(np.nan_to_num(self.excess, nan=0.1)))
        low, high = band(
            lambda value: self._scores(value, every), np.zeros_like(expected), expected, most * 4, self.how.limit
        )
        shown = [np.where(is_judged, one, np.nan) for one in (self.expected, low, high, self.score, *self.effects)]
        return Verdicts(shown[0], shown[1], shown[2], shown[3], self.odd, self.streak, *shown[4:])


def _trend(flat: Floats) -> Floats:
    """What two weeks more of the last weeks' trend add, on the log scale; nothing where it may be chance."""
    if len(flat) < LEVEL_DAYS:
        return np.zeros(flat.shape[1])
    before, after = middle(flat[:RECENT_DAYS]), middle(flat[RECENT_DAYS:])
    spread = 1.4826 * middle(np.abs(flat - middle(flat)))
    noise = 1.25 * spread * np.sqrt(2 / RECENT_DAYS)
    rise = np.sign(after - before) * np.maximum(np.abs(after - before) - noise, 0.0)
    slope: Floats = np.nan_to_num(np.clip(rise / RECENT_DAYS, -STEEPEST, STEEPEST))
    return slope * (LEVEL_DAYS - RECENT_DAYS) * 0.75
