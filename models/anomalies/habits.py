"""What was learnt of each series so far: odd days replaced, and days that are odd in a row taken for a new habit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEW_HABIT = 7  # days in a row, all far off in the same direction, after which they are what is usual
FAR_OFF = 2.0  # a z-score: less than what alarms, for one day of a lasting change may be nearly as before


@dataclass(slots=True)
class Habits:
    """Values with odd days replaced by what was expected, and since when each series is as it is now."""

    clean: Floats  # (days, series)
    since: NDArray[np.int64]  # (series,)
    streak: NDArray[np.int64]  # (series,) days in a row that were odd; negative for low ones
    leaning: NDArray[np.int64]  # (series,) days in a row that were far off; negative for low ones

    @classmethod
    def of(cls, values: Floats) -> Habits:
        """Habits before the first day."""
        none = np.zeros(values.shape[1], dtype=np.int64)
        return cls(values.copy(), none, none.copy(), none.copy())

    def learn(self, day: int, values: Floats, expected: Floats, scores: Floats, limit: float) -> NDArray[np.int64]:
        """How many days each series has been odd in this direction, this day included; negative for low ones.

        Parameters
        ----------
        values : (days, series)
            As they were observed.
        expected : (series,)
            What replaces them where they are odd.
        scores : (series,)
            Of the day; 0 where it is not judged.
        limit
            The score from which a day is odd.
        """
        odd, far_off = (np.sign(scores).astype(np.int64) * (np.abs(scores) >= one) for one in (limit, FAR_OFF))
        self.clean[day, odd != 0] = expected[odd != 0]
        self.streak, self.leaning = _lasting(self.streak, odd), _lasting(self.leaning, far_off)
        lasted = self.streak.copy()
        for series in np.flatnonzero(np.abs(self.leaning) >= NEW_HABIT):
            began = day - NEW_HABIT + 1
            self.clean[began : day + 1, series] = values[began : day + 1, series]
            self.since[series], self.streak[series], self.leaning[series] = began, 0, 0
        return lasted


def _lasting(before: NDArray[np.int64], signs: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(signs == 0, 0, np.where(np.sign(before) == signs, before + signs, signs))
