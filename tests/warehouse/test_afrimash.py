"""A real shop's book of sales, imported and built, says row for row what pandas says of the workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import afrimash_by_pandas as again
from tests.warehouse.dbt_command import PROJECT, Dbt
from tests.warehouse.world import rows_of

NEEDED = ["+customer_rfm", "+cohort_retention", "+retention_days", "+product_affinity", "+purchase_intervals"]
BUYERS = "from marts.cohort_retention where subject = 'buyers' and seller_id <> 0 and grain"


@pytest.fixture(scope="module")
def workbook(real_input: Path) -> Path:
    file = real_input / "afrimash" / "Transaction_Data.xlsx"
    if not file.is_file():
        pytest.skip(f"no {file}")
    return file


@pytest.fixture(scope="module")
def shop(workbook: Path, postgres: EmbeddedPostgres, scratch: Path) -> Iterator[Warehouse]:
    """A warehouse that holds nothing but the shop's book, with the marts built from it."""
    url = postgres.create_database("afrimash", template="template_soko")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOKO_DATABASE_URL", url)
        environment.setenv("SOKO_HOME", str(scratch / "afrimash-home"))
        told = ["--seller", "afrimash", "--name", "Afrimash", "--country", "NG", "--currency", "NGN"]
        done = CliRunner().invoke(app, ["import", "transactions", str(workbook), *told])
        assert done.exit_code == 0, done.output
    dbt = Dbt(url, scratch / "dbt-afrimash")
    dbt("seed")
    dbt("run", "--select", *NEEDED)
    warehouse = Warehouse(url)
    yield warehouse
    warehouse.close()


@pytest.fixture(scope="module")
def orders(workbook: Path) -> pd.DataFrame:
    return again.read_orders(workbook)


def by_workbook(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with customers as the workbook names them."""
    return [(row[0].removeprefix("afrimash:"), *row[1:]) for row in rows]


def test_nothing_of_the_workbook_is_lost_and_nothing_is_added(shop: Warehouse, orders: pd.DataFrame) -> None:
    (kept,) = rows_of(shop, "select count(*), count(distinct customer_id), sum(gross_minor) from marts.fct_orders")
    assert kept == (len(orders), orders["Customer_ID"].nunique(), int(orders["amount"].sum()))
    assert rows_of(shop, "select count(*) from marts.fct_orders where is_refund and net_minor = gross_minor") == [(38,)]


def test_rfm_scores_and_segments_are_those_of_pandas_for_every_customer(
    shop: Warehouse, orders: pd.DataFrame, record_property: Any
) -> None:
    segments = again.segment_map(PROJECT / "seeds" / "rfm_segments.csv")
    expected = again.rfm(orders, segments)
    found = rows_of(
        shop,
        """
        select customer_id, recency_days, frequency, monetary_minor, r, f, m, segment, first_order_on, last_order_on
        from marts.customer_rfm order by customer_id collate "C"
        """,
    )
    assert len(expected) > 3000
    assert by_workbook(found) == expected
    counted = Counter(row[7] for row in expected)
    assert dict(rows_of(shop, "select segment, count(*) from marts.customer_rfm group by segment")) == counted
    record_property("segments", dict(counted.most_common()))
    print(dict(counted.most_common()))  # noqa: T201 - the figures that docs/customers.md shows


@pytest.mark.parametrize("grain", ["week", "month"])
def test_cohorts_are_those_of_pandas_in_every_period(shop: Warehouse, orders: pd.DataFrame, grain: str) -> None:
    found = rows_of(
        shop, f"select cohort_on, period, cohort_size, retained {BUYERS} = '{grain}' order by cohort_on, period"
    )
    expected = again.cohorts(orders, grain)
    assert len(expected) > 1000
    assert found == expected


@pytest.mark.parametrize("day", [1, 7, 30])
def test_who_came_back_is_who_pandas_says_did(shop: Warehouse, orders: pd.DataFrame, day: int) -> None:
    found = rows_of(
        shop,
        f"""
        select cohort_on, cohort_size, retained_exactly, retained_within, retained_since
        from marts.retention_days where subject = 'buyers' and seller_id <> 0 and day = {day} order by cohort_on
        """,
    )
    assert found == again.came_back(orders, day)


def test_pairs_of_products_are_those_of_pandas(shop: Warehouse, orders: pd.DataFrame) -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    expected = again.pairs(
        orders, min_baskets=variables["affinity_min_baskets"], min_support=variables["affinity_min_support"]
    )
    found = rows_of(
        shop,
        """
        select product_a, product_b, baskets, baskets_a, baskets_b, baskets_both,
            support, confidence_ab, confidence_ba, lift
        from marts.product_affinity
        """,
    )
    unordered = {frozenset(row[:2]): row for row in expected}  # which of a pair comes first is the database's to say
    assert len(expected) > 10
    assert len(found) == len(expected)
    for a, b, *counts in found:
        one = unordered[frozenset((a, b))]
        swapped = one if one[0] == a else (*one[:3], one[4], one[3], *one[5:7], one[8], one[7], one[9])
        assert counts[:4] == list(swapped[2:6])
        assert counts[4:] == pytest.approx(list(swapped[6:]), rel=1e-12)


def test_intervals_between_purchases_are_those_of_pandas(shop: Warehouse, orders: pd.DataFrame) -> None:
    found = rows_of(
        shop,
        """
        select customer_id, purchase_number, previous_on, purchased_on, interval_days
        from marts.purchase_intervals order by customer_id collate "C", purchased_on
        """,
    )
    assert len(found) > 10_000
    assert by_workbook(found) == again.intervals(orders)
