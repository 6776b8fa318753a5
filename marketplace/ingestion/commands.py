"""`soko seller` and `soko import`: sellers and their feeds from the command line."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import phonenumbers
import typer
from babel.numbers import get_territory_currencies
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.catalog.products import Seller, SourceKind, stable_id
from marketplace.errors import InputRejected
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.sync import SyncAudit, sync_seller
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse

seller_app = typer.Typer(no_args_is_help=True, help="Sellers whose catalogues are kept.")
import_app = typer.Typer(no_args_is_help=True, help="Bring catalogues in from files.")

Country = Annotated[str, typer.Option(help="ISO country of the seller's market, for example KE.")]
Currency = Annotated[str, typer.Option(help="ISO currency of prices that name none; the country's own unless given.")]
City = Annotated[str, typer.Option(help="Where the seller is.")]
Phone = Annotated[str, typer.Option(help="WhatsApp number, for example +254700000001.")]


@seller_app.command("add")
def add(
    name: str,
    url: Annotated[str, typer.Option(help="Address of the catalogue page.")],
    country: Country = "KE",
    currency: Currency = "",
    city: City = "",
    phone: Phone = "",
) -> None:
    """Keep a seller whose catalogue page is read every six hours."""
    warehouse = Warehouse(Settings().database_url.get_secret_value())
    added = seller_of(name, "shop_pages", url, country=country, currency=currency, city=city, phone=phone)
    catalog.add_seller(warehouse, added)
    Console().print(f"{added.name} ({added.seller_id}) is kept; the next heartbeat reads {url}")


@seller_app.command("list")
def show() -> None:
    """Show every seller."""
    table = Table("id", "name", "city", "country", "currency", "source", "address")
    for known in catalog.sellers(Warehouse(Settings().database_url.get_secret_value()), active_only=False):
        place = (known.city or "", known.country, known.currency)
        table.add_row(str(known.seller_id), known.name, *place, known.source_kind, known.source_url or "")
    Console().print(table)


@import_app.command("catalog")
def import_catalog(
    feed: Annotated[Path, typer.Argument(help="A .csv, .json or .xlsx file, or a folder of photos by category.")],
    seller: Annotated[str, typer.Option(help="Who sells it; made if unknown.")],
    country: Country = "KE",
    currency: Currency = "",
    city: City = "",
    phone: Phone = "",
) -> None:
    """Bring a feed's products in; the running market judges, embeds and indexes them by itself."""
    settings, console = Settings(), Console()
    warehouse = Warehouse(settings.database_url.get_secret_value())
    path = str(feed.resolve())
    owner = seller_of(seller, "feed", path, country=country, currency=currency, city=city, phone=phone)
    source = Feed(feed, owner, settings)
    source.scout()  # a feed that cannot be read leaves no seller behind
    catalog.add_seller(warehouse, owner)
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console) as progress:
        task = progress.add_task(f"{owner.name}", total=None)
        audit = sync_seller(
            warehouse,
            images,
            source,
            owner,
            trigger="import",
            now=datetime.now(UTC),
            brake_share=settings.vanish_brake_share,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    _report(console, owner, audit)
    if audit.status == "braked":
        raise typer.Exit(1)


def seller_of(
    name: str, source_kind: SourceKind, source_url: str, *, country: str, currency: str, city: str, phone: str
) -> Seller:
    """The seller that a command describes.

    Raises
    ------
    InputRejected
        If the name has no letter, the country no currency, or the phone number is none.
    """
    handle = handle_of(name)
    country = country.upper()
    currencies = [] if len(country) != 2 else get_territory_currencies(country)
    if not currencies and not currency:
        raise InputRejected(f"country {country!r} is no ISO country with a currency; give --currency")
    return Seller(
        seller_id=stable_id("seller", handle),
        handle=handle,
        name=name.strip(),
        phone=_e164(phone, country),
        city=city or None,
        country=country,
        currency=currency.upper() or currencies[0],
        source_kind=source_kind,
        source_url=source_url,
    )


def handle_of(name: str) -> str:
    """The name as it stands in addresses: lower case, hyphens, letters of any script.

    Raises
    ------
    InputRejected
        If nothing is left.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    handle = re.sub(r"[^\w]+", "-", plain).strip("-_")
    if not handle:
        raise InputRejected(f"seller name {name!r} has no letter or digit")
    return handle


def _e164(phone: str, country: str) -> str | None:
    if not phone:
        return None
    try:
        parsed = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException as error:
        raise InputRejected(f"phone {phone!r} is no number: {error}") from error
    if not phonenumbers.is_possible_number(parsed):
        raise InputRejected(f"phone {phone!r} is no number of {country}")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _report(console: Console, owner: Seller, audit: SyncAudit) -> None:
    console.print(
        f"{owner.name}: {audit.new} new, {audit.price_changed} prices changed, "
        f"{audit.other_changed} otherwise changed, {audit.gone} gone, {audit.unchanged} unchanged, "
        f"{audit.failed} refused"
    )
    if audit.note:
        console.print(audit.note)
    for refusal in audit.refusals[:20]:
        console.print(f"  {refusal['source_ref']}: {refusal['reason']}", markup=False, soft_wrap=True)
    if len(audit.refusals) > 20:
        console.print(f"  and {len(audit.refusals) - 20} more; all are in catalog.syncs.refusals")
