"""What was learnt of each series so far: odd days replaced, and days that are odd in a row taken for a new habit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEW_HABIT = 7  # days in a row, all odd in the same direction, after which they are what is usual


@dataclass(slots=True)
class Habits:
    """Values with odd days replaced by what was expected, and since when each series is as it is now."""

    clean: Floats  # (days, series)
    since: NDArray[np.int64]  # (series,)
    streak: NDArray[np.int64]  # (series,) days in a row that were odd; negative for low ones

    @classmethod
    def of(cls, values: Floats) -> Habits:
        """Habits before the first day."""
        series = values.shape[1]
        return cls(values.copy(), np.zeros(series, dtype=np.int64), np.zeros(series, dtype=np.int64))

    def learn(self, day: int, values: Floats, expected: Floats, odd: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many days each series has been odd in this direction, this day included.

        Parameters
        ----------
        values : (days, series)
            As they were observed.
        expected : (series,)
            What replaces them where they are odd.
        odd : (series,)
            1 where the day is odd and high, -1 where it is odd and low, else 0.
        """
        is_odd = odd != 0
        self.clean[day, is_odd] = expected[is_odd]
        goes_on = np.sign(self.streak) == odd
        self.streak = np.where(is_odd, np.where(goes_on, self.streak + odd, odd), 0)
        lasted = self.streak.copy()
        for series in np.flatnonzero(np.abs(self.streak) >= NEW_HABIT):
            began = day - NEW_HABIT + 1
            self.clean[began : day + 1, series] = values[began : day + 1, series]
            self.since[series], self.streak[series] = began, 0
        return np.abs(lasted)
