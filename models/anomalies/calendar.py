"""What kind of day a day is, as small numbers that terms are estimated for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PAY_DISTANCES = (-1, 0, 1, 2, 3)
PAY_DAYS = (
    "",
    "the day before pay-day",
    "pay-day",
    "a day after pay-day",
    "two days after pay-day",
    "three days after",
)
HOLIDAYS = ("", "public holiday", "the eve of a public holiday")
RAMADAN_EDGE = 10  # days after Ramadan begins or ends in which habits move


@dataclass(frozen=True, slots=True)
class Calendar:
    """The kind of each day of each series, all (days, series).

    Parameters
    ----------
    weekday
        0 for Monday.
    pay
        0 far from pay-day, else one more than the place of its distance in `PAY_DISTANCES`.
    holiday
        1 on a public holiday, 2 on the day before one, else 0.
    is_moving
        Whether Ramadan began or ended a few days ago.
    """

    weekday: Ints
    pay: Ints
    holiday: Ints
    is_moving: Flags


def calendar_of(weekday: Ints, pay_day_distance: Ints, is_public_holiday: Flags, is_ramadan: Flags) -> Calendar:
    """The calendar that these facts make, each of them (days, series).

    Parameters
    ----------
    pay_day_distance
        Days since the nearest pay-day, negative before it.
    """
    pay = np.zeros_like(pay_day_distance)
    for place, distance in enumerate(PAY_DISTANCES, start=1):
        pay[pay_day_distance == distance] = place
    is_eve = np.zeros_like(is_public_holiday)
    is_eve[:-1] = is_public_holiday[1:]
    holiday = np.where(is_public_holiday, 1, np.where(is_eve, 2, 0))
    return Calendar(weekday, pay, holiday, _moving(is_ramadan))


def _moving(is_ramadan: Flags) -> Flags:
    moving = np.zeros_like(is_ramadan)
    turned = is_ramadan[1:] != is_ramadan[:-1]
    for later in range(1, RAMADAN_EDGE + 1):
        moving[later:] |= turned[: len(moving) - later]
    return moving
