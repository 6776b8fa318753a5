"""`soko import transactions`, `completejourney` and `rates`: books of sales and exchange rates from files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.catalog.onboarding import Profile, handle_of, seller_of
from marketplace.catalog.products import Seller
from marketplace.errors import Conflict
from marketplace.events.orders import Order
from marketplace.imports.cells import DateOrder
from marketplace.imports.completejourney import CURRENCY, read_baskets
from marketplace.imports.exchange_rates import read_rates
from marketplace.imports.transactions import Reading, Refusal, read_transactions
from marketplace.ingestion.commands import Country, Currency, import_app
from marketplace.ingestion.feed_files import sheet_rows
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.orders import StoredOrders, record_orders
from marketplace.storage.rates import record_rates
from marketplace.storage.warehouse import Warehouse, open_migrated

SHOWN = 20  # refusals; all of them are in the file that --refused names
Handle = Annotated[str, typer.Option("--seller", help="Whose sales they are, by handle; made if unknown.")]
Name = Annotated[str, typer.Option(help="The seller's name, where the seller is new; the handle unless given.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Read and report, and keep nothing.")]
File = Annotated[Path, typer.Argument(help="A .xlsx, .csv or .tsv file.")]


@import_app.command("transactions")
def import_transactions(
    file: File,
    seller: Handle,
    name: Name = "",
    country: Country = "",
    currency: Currency = "",
    dates: Annotated[DateOrder, typer.Option(help="Which comes first in dates such as 3/4/2025.")] = "iso",
    refused: Annotated[Path | None, typer.Option(help="Write the rows that were not taken to this CSV file.")] = None,
    dry_run: Dry = False,
) -> None:
    """Bring a spreadsheet of sales in, one order a row; what is known already is left as it is."""
    warehouse, console = _warehouse(), Console()
    owner = owner_of(warehouse, seller, name, country, currency)
    with _progress(console) as bar:
        task = bar.add_task(f"reading {file.name}", total=None)
        rows = bar.track(list(sheet_rows(file)), task_id=task)
        reading = read_transactions(file, rows, owner, now=datetime.now(UTC), dates=dates)
    if refused is not None:
        _write_refusals(refused, reading.refusals)
    _tell_reading(console, reading)
    _keep(console, warehouse, owner, reading.orders, dry_run=dry_run)


@import_app.command("completejourney")
def import_completejourney(
    seller: Handle = "completejourney",
    name: Name = "Complete Journey",
    country: Country = "",
    households: Annotated[int | None, typer.Option(min=1, help="Only so many households.")] = None,
    dry_run: Dry = False,
) -> None:
    """Bring a year of a real grocer's baskets in, in US dollars; needs the extra `retail`."""
    warehouse, console = _warehouse(), Console()
    owner = owner_of(warehouse, seller, name, country, CURRENCY)
    found = read_baskets(owner, households=households, now=datetime.now(UTC))
    console.print(f"{found.lines_without_quantity:,} lines without a quantity count in their order's amount alone")
    _keep(console, warehouse, owner, found.orders, dry_run=dry_run)


@import_app.command("rates")
def import_rates(file: File, dry_run: Dry = False) -> None:
    """Bring exchange rates in, from the columns currency, date and per_usd."""
    console, rates = Console(), read_rates(file)
    if dry_run:
        console.print(f"{len(rates):,} rates were read; nothing was kept")
        return
    stored = record_rates(_warehouse(), rates)
    console.print(f"{stored.new:,} of {len(rates):,} rates are new")
    for currency, day in stored.differing[:SHOWN]:
        console.print(f"{currency} on {day} is kept as it was, with another rate")


def owner_of(warehouse: Warehouse, handle: str, name: str, country: str, currency: str) -> Seller:
    """The seller of that handle, or a new one who is not kept yet.

    Raises
    ------
    Conflict
        If the seller is kept with another country or currency than was given.
    """
    wanted = handle_of(handle)
    known = next((one for one in catalog.sellers(warehouse, active_only=False) if one.handle == wanted), None)
    if known is None:
        drawn = seller_of(Profile(handle, country, currency), "feed", "", known=None)
        return replace(drawn, name=name or handle, source_url=None)
    for field, given in (("country", country.upper()), ("currency", currency.upper())):
        if given and given != getattr(known, field):
            raise Conflict(f"seller {wanted} is kept with {field} {getattr(known, field)}, not {given}")
    return known


def _keep(
    console: Console, warehouse: Warehouse, owner: Seller, found: Sequence[Order], *, dry_run: bool
) -> StoredOrders | None:
    lines = sum(len(order.lines) for order in found)
    if dry_run:
        console.print(f"{len(found):,} orders with {lines:,} lines would be brought in; nothing was kept")
        return None
    if owner.seller_id not in {one.seller_id for one in catalog.sellers(warehouse, active_only=False)}:
        catalog.add_seller(warehouse, owner)
    with _progress(console) as bar:
        task = bar.add_task(f"storing orders of {owner.name}", total=len(found))
        stored = record_orders(warehouse, found, progress=lambda done: bar.update(task, completed=done))
    console.print(f"{stored.new:,} of {len(found):,} orders and {stored.new_lines:,} of {lines:,} lines are new")
    if stored.erased:
        console.print(f"{stored.erased:,} orders of customers who were erased were left out")
    for order_id in stored.differing[:SHOWN]:
        console.print(f"{order_id} is kept as it was, though the file says otherwise now", markup=False)
    if len(stored.differing) > SHOWN:
        console.print(f"and {len(stored.differing) - SHOWN:,} more")
    return stored


def _tell_reading(console: Console, reading: Reading) -> None:
    table = Table("what was read", "rows")
    counts = {
        "rows": reading.rows,
        "orders": len(reading.orders),
        "exact duplicates, dropped": reading.duplicates,
        "refused": len(reading.refusals),
        "of the orders: refunds, whose amount is their net": reading.refunds,
        "order numbers that stand for more than one row": reading.repeated_numbers,
        "nothing was charged": reading.free,
        "no product is named": reading.without_products,
        "the products' quantities are not the items sold": reading.disagreeing,
    }
    for words, count in counts.items():
        table.add_row(words, f"{count:,}")
    console.print(table)
    for refusal in reading.refusals[:SHOWN]:
        console.print(f"refused: {refusal.reason}", style="yellow", markup=False, soft_wrap=True)
    if len(reading.refusals) > SHOWN:
        console.print(f"and {len(reading.refusals) - SHOWN:,} more; --refused FILE writes all of them")


def _write_refusals(file: Path, refusals: Sequence[Refusal]) -> None:
    with file.open("w", encoding="utf-8", newline="") as written:
        writer = csv.writer(written)
        writer.writerow(("row", "column", "value", "reason"))
        writer.writerows((one.row, one.column, one.value, one.reason) for one in refusals)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())
