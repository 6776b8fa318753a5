"""Holidays, Ramadan and Ethiopian dates: the seeds are what their sources say, the arithmetic is exact."""

from __future__ import annotations

import csv
from itertools import product

import pytest

from marketplace.catalog.prices import minor_digits
from marketplace.storage.warehouse import Warehouse
from tests.warehouse.dbt_command import PROJECT
from tests.warehouse.world import rows_of

SEEDS = PROJECT / "seeds"
SEGMENTS = {
    *("Champions", "Loyal", "Potential loyalists", "New", "Promising", "Need attention", "About to sleep"),
    *("At risk", "Cannot lose them", "Hibernating", "Lost"),
}


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def test_holidays_and_ramadan_are_what_their_packages_know() -> None:
    pytest.importorskip("holidays")
    pytest.importorskip("hijridate")
    from dbt_project.seed_calendar import seeds

    for name, text in seeds().items():
        assert (SEEDS / name).read_text(encoding="utf-8") == text, f"{name}: run python -m dbt_project.seed_calendar"


def test_every_market_has_customs_and_holidays_in_every_year() -> None:
    markets = {row["country"] for row in seed("markets")}
    assert {row["country"] for row in seed("market_customs")} == markets
    years = {(row["country"], row["date_on"][:4]) for row in seed("public_holidays")}
    assert years == set(product(markets, map(str, range(2019, 2032))))


def test_every_currency_has_as_many_digits_as_prices_are_read_with() -> None:
    rows = seed("currencies")
    assert len(rows) > 150
    assert all(int(row["minor_digits"]) == minor_digits(row["currency"]) for row in rows)


def test_every_combination_of_scores_has_exactly_one_segment() -> None:
    rows = [(int(row["r"]), int(row["f"]), int(row["m"])) for row in seed("rfm_segments")]
    assert rows == list(product(range(1, 6), repeat=3))
    assert {row["segment"] for row in seed("rfm_segments")} == SEGMENTS


@pytest.mark.parametrize(
    ("day", "ethiopian"),
    [
        ("2019-09-11", "2011-13-06"),  # the sixth day of a leap year's thirteenth month
        ("2019-09-12", "2012-01-01"),  # so the new year came a day later
        ("2023-09-12", "2016-01-01"),
        ("2024-09-11", "2017-01-01"),
        ("2025-09-10", "2017-13-05"),
        ("2025-09-11", "2018-01-01"),
        ("2026-01-07", "2018-04-29"),  # Christmas
        ("2026-01-19", "2018-05-11"),  # Epiphany
        ("2026-03-02", "2018-06-23"),  # Adwa
    ],
)
def test_ethiopian_dates_are_those_of_known_feasts(marts: Warehouse, day: str, ethiopian: str) -> None:
    query = f"select ethiopian_date from marts.dim_market_days where country = 'ET' and date_on = '{day}'"
    assert rows_of(marts, query) == [(ethiopian,)]


def test_every_country_has_every_day_once_and_a_pay_day_in_every_month(marts: Warehouse) -> None:
    days = rows_of(marts, "select count(*), count(distinct country), min(date_on)::text from marts.dim_market_days")
    assert days == [(21 * 4748, 21, "2019-01-01")]
    without = """
        select country, month_starts_on from marts.dim_market_days
        group by country, month_starts_on having count(*) filter (where is_pay_day) not in (1, 2)
    """
    assert rows_of(marts, without) == []
