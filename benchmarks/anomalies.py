"""How many planted anomalies are found, how many alarms are false, and whether pay-days and holidays alarm.

`python -m benchmarks.anomalies` draws a year of a market for each seed and judges it twice, by our expectation and by
a plain rolling z-score (28 days, mean and standard deviation), one after the other on the same days and held to the
same limit. An alert counts as right where something was planted in that metric of that seller on that day, in that
direction; a planted thing is found if it is alerted on its first day or the next one. "Visible" things are those in
metrics of at least 20 a day, or that are rises.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.planted_days import Planted, PlantedDays, draw_days
from models.anomalies.calendar import Calendar, calendar_of
from models.anomalies.habits import NEW_HABIT
from models.anomalies.judging import Judging, Side, judge

LEARNING = 60
SIDES: dict[str, Side] = {"gone_products": "high", "failed_syncs": "high"}
VISIBLE = 20.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one year: counts of alerts and of planted things."""

    right: int
    wrong: int
    wrong_on_peaks: int
    found: int
    planted: int
    visible_found: int
    visible: int
    judged: int

    @property
    def precision(self) -> float:
        """The share of alerts that something planted explains."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """The share of visible planted things that were found."""
        return self.visible_found / max(self.visible, 1)


Odd = dict[str, NDArray[np.int64]]


def ours(year: PlantedDays, limit: float) -> Odd:
    """1 and -1 where days are odd, by metric."""
    calendar = calendar_for(year)
    how = {name: Judging(limit=limit, side=SIDES.get(name, "both")) for name in year.values}
    return {name: judge(values, calendar, how[name]).odd for name, values in year.values.items()}


def calendar_for(year: PlantedDays) -> Calendar:
    """The calendar of a drawn year, the same for every seller."""
    sellers = next(iter(year.values.values())).shape[1]
    wide = [np.repeat(one[:, None], sellers, 1) for one in (year.weekday, year.pay_day_distance, year.is_holiday)]
    return calendar_of(wide[0], wide[1], wide[2], np.zeros_like(wide[2]))


def rolling(year: PlantedDays, limit: float) -> Odd:
    """The same by a plain rolling z-score."""
    odd = {}
    for name, values in year.values.items():
        windows = np.lib.stride_tricks.sliding_window_view(values[:-1], 28, axis=0)  # the days before each
        scores = np.zeros_like(values)
        scores[28:] = (values[28:] - windows.mean(axis=2)) / np.maximum(windows.std(axis=2), 1.0)
        found = np.sign(scores).astype(np.int64) * (np.abs(scores) >= limit)
        odd[name] = np.maximum(found, 0) if SIDES.get(name) == "high" else found
    return odd


def tally(year: PlantedDays, odd: Odd) -> Tally:
    """The alerts beside what was planted, from the day on which things may go wrong."""
    explained = {name: np.zeros_like(found) for name, found in odd.items()}
    for one in year.planted:
        days = min(one.days, NEW_HABIT)
        explained[one.metric][one.first : one.first + days, one.seller] = one.direction
        # What a lasting shift does after a week is its new level, of which nobody should be told.
    right = wrong = on_peaks = judged = 0
    for name, found in odd.items():
        told = found[LEARNING:]
        is_right = (told != 0) & (told == explained[name][LEARNING:])
        is_wrong = (told != 0) & ~is_right
        right, wrong = right + int(is_right.sum()), wrong + int(is_wrong.sum())
        on_peaks += int(is_wrong[year.is_peak[LEARNING:]].sum())
        judged += told.size
    seen = [_is_found(one, odd) for one in year.planted]
    visible = [one.direction > 0 or one.usual >= VISIBLE for one in year.planted]
    both = sum(is_seen and is_visible for is_seen, is_visible in zip(seen, visible, strict=True))
    return Tally(right, wrong, on_peaks, sum(seen), len(seen), both, sum(visible), judged)


def _is_found(one: Planted, odd: Odd) -> bool:
    soon = odd[one.metric][one.first : one.first + min(2, one.days), one.seller]
    return bool((soon == one.direction).any())


def main() -> None:
    """Print precision and recall of both over several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=Judging().limit)
    parser.add_argument("--rolling-limit", type=float, default=3.0)
    chosen = parser.parse_args()
    methods = {
        "ours": lambda year: ours(year, chosen.limit),
        f"rolling z {chosen.rolling_limit:g}": lambda year: rolling(year, chosen.rolling_limit),
        f"rolling z {chosen.limit:g}": lambda year: rolling(year, chosen.limit),
    }
    heading = ("seed", "method", "precision", "recall", "found", "visible found", "false", "on peaks", "a day", "s")
    print("{:>4} {:14} {:>9} {:>7} {:>9} {:>13} {:>6} {:>8} {:>6} {:>5}".format(*heading))
    for seed in range(chosen.seeds):
        year = draw_days(seed)
        for name, method in methods.items():
            began = time.perf_counter()
            one = tally(year, method(year))
            seconds = time.perf_counter() - began
            days = len(year.weekday) - LEARNING
            found, visible = f"{one.found}/{one.planted}", f"{one.visible_found}/{one.visible}"
            figures = f"{one.precision:9.3f} {one.recall:7.3f} {found:>9} {visible:>13} {one.wrong:6d}"
            print(f"{seed:4d} {name:14} {figures} {one.wrong_on_peaks:8d} {one.wrong / days:6.2f} {seconds:5.1f}")


if __name__ == "__main__":
    main()
