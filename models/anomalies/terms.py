"""What weekdays, pay-days and holidays do, estimated by medians and shrunk to what they do to all series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.anomalies.calendar import HOLIDAYS, PAY_DAYS, WEEKDAYS, Calendar

Floats = NDArray[np.float64]
HALF_WINDOW = 10  # days on either side of the running median: three weeks, so that every weekday counts alike
SHRINK_OWN = 4.0  # observations that what all series do is worth
SHRINK_ALL = 2.0  # days that no effect at all is worth
BIG = 5.0  # events a day, below which the median says nothing of weekdays
UNKNOWN = {"weekday": 0.15, "pay": 0.45, "holiday": 0.45}  # log sd of an effect that was never seen


@dataclass(frozen=True, slots=True)
class Terms:
    """Effects on the log scale by kind of day, and how unsure they are; all (kinds, series)."""

    weekday: Floats
    pay: Floats
    holiday: Floats
    unsure_weekday: Floats
    unsure_pay: Floats
    unsure_holiday: Floats

    def on(self, calendar: Calendar, days: slice) -> tuple[Floats, Floats, Floats]:
        """The effects of weekday, pay-day and holiday on these days, each (days, series)."""
        series = np.arange(self.weekday.shape[1])
        return (
            self.weekday[calendar.weekday[days], series],
            self.pay[calendar.pay[days], series],
            self.holiday[calendar.holiday[days], series],
        )

    def variance_on(self, calendar: Calendar, day: int) -> Floats:
        """How much the effects of a day may be off, as a variance on the log scale: (series,)."""
        series = np.arange(self.weekday.shape[1])
        unsure: Floats = (
            self.unsure_weekday[calendar.weekday[day], series]
            + self.unsure_pay[calendar.pay[day], series]
            + self.unsure_holiday[calendar.holiday[day], series]
        )
        return unsure


def middle(values: Floats, axis: int = 0) -> Floats:
    """The median along an axis without what is missing; missing where nothing is there."""
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, 0)  # missing ones sort last
    present = (~np.isnan(ordered)).sum(axis=0)
    low, high = np.maximum((present - 1) // 2, 0), np.minimum(present // 2, len(ordered) - 1)
    pick = [np.take_along_axis(ordered, place[None], axis=0)[0] for place in (low, high)]
    return np.where(present > 0, (pick[0] + pick[1]) / 2, np.nan)


def fit_terms(logs: Floats, calendar: Calendar, unit: Floats | None = None) -> Terms:
    """The effects that these days show.

    Parameters
    ----------
    logs : (days, series)
        Logarithms of one more than what was counted; missing where there was no day. What was odd is replaced.
    calendar
        Of these days at least; later ones are not read.
    unit : (series,)
        What one event amounts to, 1 unless given. All series together, in events, are one more to learn from: of a
        market of small sellers it is the only one that shows anything.
    """
    days, series = logs.shape
    of_one = np.ones(series) if unit is None else unit
    counts = np.expm1(logs) / of_one
    together = np.where(np.isnan(counts).all(axis=1), np.nan, np.nansum(counts, axis=1))[:, None]
    largest = int(np.argmax(np.nansum(counts, axis=0)))
    whole = np.append(np.arange(series), largest)  # all together have the calendar of the largest
    kinds = (calendar.weekday, calendar.pay, calendar.holiday)
    weekday, pay, holiday = (kind[:days][:, whole] for kind in kinds)
    residuals, is_big = _residuals(np.hstack([logs, np.log1p(together)]), np.log1p(BIG * np.append(of_one, 1.0)))
    plain = np.where((pay == 0) & (holiday == 0), residuals, np.nan)
    of_weekday, unsure_weekday = _effects(plain, weekday, len(WEEKDAYS), is_big, "weekday")
    of_weekday -= of_weekday.mean(axis=0)
    columns = np.arange(series + 1)
    residuals = residuals - of_weekday[weekday, columns]
    of_pay, unsure_pay = _effects(np.where(holiday == 0, residuals, np.nan), pay, len(PAY_DAYS), is_big, "pay")
    residuals = residuals - of_pay[pay, columns]
    of_holiday, unsure_holiday = _effects(residuals, holiday, len(HOLIDAYS), is_big, "holiday")
    for ordinary in (of_pay, of_holiday, unsure_pay, unsure_holiday):
        ordinary[0] = 0.0
    found = (of_weekday, of_pay, of_holiday, unsure_weekday, unsure_pay, unsure_holiday)
    return Terms(*(one[:, :series] for one in found))


def _residuals(logs: Floats, least: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Each day beside the median of the three weeks around it, and which series are big enough to learn from."""
    width = 2 * HALF_WINDOW + 1
    padded = np.pad(logs, ((HALF_WINDOW, HALF_WINDOW), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)  # (days, series, 21)
    levels = np.where((~np.isnan(windows)).sum(axis=2) > HALF_WINDOW, middle(windows, axis=2), np.nan)
    with np.errstate(invalid="ignore"):
        return logs - levels, middle(levels) >= least


def _effects(
    residuals: Floats, kinds: NDArray[np.int64], count: int, is_big: NDArray[np.bool_], name: str
) -> tuple[Floats, Floats]:
    """The effect of each kind of day and its variance, (kinds, series): own medians, shrunk to those of all."""
    effects, unsure = np.zeros((count, residuals.shape[1])), np.zeros((count, residuals.shape[1]))
    for kind in range(count):
        is_kind = (kinds == kind) & ~np.isnan(residuals) & is_big
        own = is_kind.sum(axis=0)
        rows = is_kind.any(axis=1)
        medians = middle(np.where(is_kind, residuals, np.nan)[rows]) if rows.any() else np.zeros(residuals.shape[1])
        seen = own > 0
        # A day is one observation of what all series do, however many series there are: they share its weather.
        of_all = float(np.median(medians[seen])) * rows.sum() / (rows.sum() + SHRINK_ALL) if seen.any() else 0.0
        effects[kind] = (own * np.where(seen, medians, 0.0) + SHRINK_OWN * of_all) / (own + SHRINK_OWN)
        unsure[kind] = UNKNOWN[name] ** 2 * SHRINK_OWN / (SHRINK_OWN + np.maximum(own, rows.sum() / 2) ** 2)
    return effects, unsure
