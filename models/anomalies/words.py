"""What an expectation is made of, in words."""

from __future__ import annotations

from math import expm1

from models.anomalies.calendar import HOLIDAYS, PAY_DAYS, WEEKDAYS, Calendar
from models.anomalies.judging import Verdicts

WORTH_SAYING = 0.03  # of the level: smaller effects explain nothing


def reasons(verdicts: Verdicts, calendar: Calendar, day: int, series: int) -> list[str]:
    """The terms of what was expected of a day, such as "Saturday: -18 %", the weekday first."""
    terms = [
        (WEEKDAYS[int(calendar.weekday[day, series])], float(verdicts.weekday[day, series])),
        (PAY_DAYS[int(calendar.pay[day, series])], float(verdicts.pay[day, series])),
        (HOLIDAYS[int(calendar.holiday[day, series])], float(verdicts.holiday[day, series])),
        ("the trend of four weeks", float(verdicts.trend[day, series])),
    ]
    said = [f"{name}: {expm1(effect):+.0%}" for name, effect in terms if name and abs(expm1(effect)) >= WORTH_SAYING]
    said = said or ["a day like those of the last four weeks"]
    lasted = int(verdicts.streak[day, series])
    return [*said, f"day {lasted} in a row"] if lasted > 1 else said
