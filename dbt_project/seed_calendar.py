"""Writes the seeds `public_holidays` and `ramadan`: `python -m dbt_project.seed_calendar`.

What `holidays` and `hijridate` know is kept as rows, so that a build needs neither, and a test compares the two.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import holidays
from hijridate import Gregorian, Hijri

SEEDS = Path(__file__).resolve().parent / "seeds"
YEARS = range(2019, 2032)
RAMADAN = 9
ESTIMATED = "estimated"  # so the package marks days that hang on sighting the moon


def markets() -> list[str]:
    """The countries of the seed `markets`."""
    with (SEEDS / "markets.csv").open(encoding="utf-8", newline="") as file:
        return [row["country"] for row in csv.DictReader(file)]


def holiday_rows() -> Iterator[tuple[str, str, str, str]]:
    """Country, day, name in English where there is one, and whether the day is an estimate; by country and day."""
    for country in sorted(markets()):
        for day, name in sorted(_holidays_of(country).items()):
            yield country, day.isoformat(), name, str(ESTIMATED in name).lower()


def _holidays_of(country: str) -> holidays.HolidayBase:
    known = holidays.country_holidays(country)
    language = "en_US" if "en_US" in known.supported_languages else None
    return holidays.country_holidays(country, years=YEARS, language=language)


def ramadan_rows() -> Iterator[tuple[str, str, str]]:
    """Each Ramadan that touches the years: its Hijri year, first and last day, by the calendar of Umm al-Qura."""
    first, last = Gregorian(YEARS[0], 1, 1).to_hijri().year, Gregorian(YEARS[-1], 12, 31).to_hijri().year
    for year in range(first, last + 1):
        start = Hijri(year, RAMADAN, 1)
        end = Hijri(year, RAMADAN, start.month_length()).to_gregorian()
        if start.to_gregorian().year in YEARS or end.year in YEARS:
            yield str(year), start.to_gregorian().isoformat(), end.isoformat()


def seeds() -> dict[str, str]:
    """The text of each seed by its file's name."""
    return {
        "public_holidays.csv": _text(("country", "date_on", "name", "is_estimated"), holiday_rows()),
        "ramadan.csv": _text(("hijri_year", "starts_on", "ends_on"), ramadan_rows()),
    }


def _text(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()


if __name__ == "__main__":
    for name, text in seeds().items():
        (SEEDS / name).write_text(text, encoding="utf-8")
