"""`soko seller` and `soko import`: sellers and their feeds from the command line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import phonenumbers
import typer
from babel.numbers import get_territory_currencies
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.catalog.prices import currency_code
from marketplace.catalog.products import Seller, SourceKind, stable_id
from marketplace.catalog.text import fit_text
from marketplace.errors import ConfigurationError, InputRejected
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.sync import SyncAudit, sync_seller
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse

seller_app = typer.Typer(no_args_is_help=True, help="Sellers whose catalogues are kept.")
import_app = typer.Typer(no_args_is_help=True)

HOME_MARKET = "KE"
REFUSALS_SHOWN = 20
Country = Annotated[str, typer.Option(help=f"ISO country of the seller's market; {HOME_MARKET} unless given.")]
Currency = Annotated[str, typer.Option(help="ISO currency of prices that name none; the country's own unless given.")]
City = Annotated[str, typer.Option(help="Where the seller is.")]
Phone = Annotated[str, typer.Option(help="WhatsApp number, for example +254700000001.")]


@seller_app.command("add")
def add(
    name: str,
    url: Annotated[str, typer.Option(help="Address of the catalogue page.")],
    country: Country = "",
    currency: Currency = "",
    city: City = "",
    phone: Phone = "",
) -> None:
    """Keep a seller whose catalogue page is read every six hours."""
    warehouse = _warehouse(Settings())
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputRejected(f"--url {url!r} is not an http or https address")
    profile = Profile(name, country, currency, city, phone)
    added = seller_of(profile, "whatsapp", url, known=_known(warehouse, name))
    catalog.add_seller(warehouse, added)
    Console().print(f"{added.name} ({added.seller_id}) is kept; the next heartbeat reads {url}", markup=False)


@seller_app.command("list")
def show() -> None:
    """Show every seller."""
    table = Table("id", "name", "city", "country", "currency", "source", "address")
    for known in catalog.sellers(_warehouse(Settings()), active_only=False):
        place = (known.city or "", known.country, known.currency)
        table.add_row(str(known.seller_id), known.name, *place, known.source_kind, known.source_url or "")
    Console().print(table)


@import_app.callback()
def bring_in() -> None:
    """Bring catalogues in from files."""


@import_app.command("catalog")
def import_catalog(
    feed: Annotated[Path, typer.Argument(help="A .csv, .json or .xlsx file, or a folder of photos by category.")],
    seller: Annotated[str, typer.Option(help="Who sells it; made if unknown.")],
    country: Country = "",
    currency: Currency = "",
    city: City = "",
    phone: Phone = "",
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Remove what the feed no longer lists, however much that is.")
    ] = False,
) -> None:
    """Bring a feed's products in; the running market judges, embeds and indexes them by itself."""
    settings, console = Settings(), Console()
    warehouse = _warehouse(settings)
    profile = Profile(seller, country, currency, city, phone)
    owner = seller_of(profile, "feed", str(feed.resolve()), known=_known(warehouse, seller))
    source = Feed(feed, owner, settings)
    source.scout()  # a feed that cannot be read leaves no seller behind
    catalog.add_seller(warehouse, owner)
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console) as progress:
        task = progress.add_task(escape(owner.name), total=None)
        audit = sync_seller(
            warehouse,
            images,
            source,
            owner,
            trigger="import",
            now=datetime.now(UTC),
            brake_share=1.0 if accept_removals else settings.vanish_brake_share,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    _report(console, owner, audit)
    if audit.status in {"braked", "failed"}:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a command says of a seller; what it leaves empty stays as it is known, or takes the usual value."""

    name: str
    country: str = ""
    currency: str = ""
    city: str = ""
    phone: str = ""


def seller_of(profile: Profile, source_kind: SourceKind, source_url: str, *, known: Seller | None) -> Seller:
    """The seller that a command describes.

    Parameters
    ----------
    known
        The seller of that name who is kept already, if any.

    Raises
    ------
    InputRejected
        If the name has no letter, the country no currency, the currency or phone number is none, or the
        seller is known with a catalogue of the other kind.
    """
    if known is not None and known.source_kind != source_kind:
        raise InputRejected(
            f"seller {known.name!r} is kept with a catalogue of kind {known.source_kind} at {known.source_url}; "
            f"give the new one another name"
        )
    handle = handle_of(profile.name)
    country = profile.country.upper() or (known.country if known else HOME_MARKET)
    return Seller(
        seller_id=stable_id("seller", handle),
        handle=handle,
        name=fit_text(profile.name),
        phone=_e164(profile.phone, country) or (known.phone if known else None),
        city=profile.city or (known.city if known else None),
        country=country,
        currency=_currency(profile, country, known),
        source_kind=source_kind,
        source_url=source_url,
    )


def _currency(profile: Profile, country: str, known: Seller | None) -> str:
    if profile.currency:
        return currency_code(profile.currency)
    if known is not None and known.country == country:
        return known.currency
    currencies: list[str] = get_territory_currencies(country) if len(country) == 2 else []
    if not currencies:
        raise InputRejected(f"country {country!r} is no ISO country with a currency; give --country and --currency")
    return currencies[0]


def _known(warehouse: Warehouse, name: str) -> Seller | None:
    handle = handle_of(name)
    return next((seller for seller in catalog.sellers(warehouse, active_only=False) if seller.handle == handle), None)


def _warehouse(settings: Settings) -> Warehouse:
    warehouse = Warehouse(settings.database_url.get_secret_value())
    if not warehouse.is_migrated():
        raise ConfigurationError(f"the tables at {warehouse.where} are missing or old; run: soko migrate")
    return warehouse


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
    lines = [
        f"{owner.name}: {audit.new} new, {audit.price_changed} prices changed, {audit.other_changed} otherwise "
        f"changed, {audit.gone} gone, {audit.unchanged} unchanged, {audit.failed} refused",
        *([audit.note] if audit.note else []),
        *(f"  {refusal['source_ref']}: {refusal['reason']}" for refusal in audit.refusals[:REFUSALS_SHOWN]),
    ]
    if len(audit.refusals) > REFUSALS_SHOWN:
        lines.append(f"  and {len(audit.refusals) - REFUSALS_SHOWN} more; all are in catalog.sync_events")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
