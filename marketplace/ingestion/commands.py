"""`soko seller` and `soko import`: sellers and their feeds from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.catalog.onboarding import HOME_MARKET, Profile, handle_of, seller_of
from marketplace.catalog.products import Seller, SellerState, SourceKind
from marketplace.errors import Conflict
from marketplace.ingestion.addresses import refuse_unfit
from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.feed_files import read_whole
from marketplace.ingestion.sync import sync_seller
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.images import Images
from marketplace.storage.onboarding import find_seller, set_state
from marketplace.storage.warehouse import Warehouse, open_migrated

seller_app = typer.Typer(no_args_is_help=True, help="Sellers whose catalogues are kept.")
import_app = typer.Typer(no_args_is_help=True)

REFUSALS_SHOWN = 20
Country = Annotated[str, typer.Option(help=f"ISO country of the seller's market; {HOME_MARKET} unless given.")]
Currency = Annotated[str, typer.Option(help="ISO currency of prices that name none; the country's own unless given.")]
City = Annotated[str, typer.Option(help="Where the seller is.")]
Called = Annotated[str, typer.Argument(metavar="SELLER", help="Handle, name or id.")]
Phone = Annotated[str, typer.Option(help="WhatsApp number, for example +254700000001.")]


@seller_app.command("add")
def add(
    name: str,
    url: Annotated[str, typer.Option(help="Address of the catalogue: a page, a shop, or a feed.")],
    kind: Annotated[SourceKind, typer.Option(help="What is found at that address.")] = "whatsapp",
    country: Country = "",
    currency: Currency = "",
    city: City = "",
    phone: Phone = "",
) -> None:
    """Keep a seller, active from now on, whose catalogue is read every six hours."""
    settings = Settings()
    warehouse = _warehouse(settings)
    refuse_unfit(url, allow_private=settings.allow_private_hosts)
    profile = Profile(name, country, currency, city, phone)
    added = seller_of(profile, kind, url, known=_known(warehouse, name))
    catalog.add_seller(warehouse, added)
    state = f"the next heartbeat reads {url}" if added.state == "active" else f"but {added.state}, so nothing is read"
    Console().print(f"{added.name} ({added.seller_id}) is kept; {state}", markup=False, soft_wrap=True)


@seller_app.command("list")
def show() -> None:
    """Show every seller."""
    table = Table("id", "name", "state", "city", "country", "currency", "source", "address")
    for known in catalog.sellers(_warehouse(Settings()), active_only=False):
        place = (known.city or "", known.country, known.currency)
        texts = (known.name, known.state, *place, known.source_kind, known.source_url or "")
        table.add_row(str(known.seller_id), *map(escape, texts))
    Console().print(table)


@seller_app.command("activate")
def activate(seller: Called) -> None:
    """Read a pending or paused seller's catalogue, and show what they sell."""
    _move(seller, "active")


@seller_app.command("pause")
def pause(seller: Called) -> None:
    """Stop reading an active seller, and take what they sell off the shelf until they are activated."""
    _move(seller, "paused")


@seller_app.command("suspend")
def suspend(seller: Called) -> None:
    """Put a seller out; they come back through `soko seller reinstate`."""
    _move(seller, "suspended")


@seller_app.command("reinstate")
def reinstate(seller: Called) -> None:
    """Make a suspended seller pending, to be looked at and activated."""
    _move(seller, "pending")


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
    known = _known(warehouse, seller)
    if known is not None and known.state == "suspended":
        raise Conflict(f"seller {known.handle} is suspended; nothing of theirs is brought in")
    owner = seller_of(profile, "feed", str(feed.resolve()), known=known)
    read_whole(feed)  # a feed that cannot be read leaves no seller behind
    catalog.add_seller(warehouse, owner)
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console) as progress:
        task = progress.add_task(escape(owner.name), total=None)
        audit = sync_seller(
            warehouse,
            images,
            settings,
            owner,
            trigger="import",
            brake_share=1.0 if accept_removals else None,
            progress=lambda step, done, total: progress.update(task, completed=done, total=total or None),
        )
    _report(console, owner, audit)
    if audit.status in {"braked", "failed"}:
        raise typer.Exit(1)


def _known(warehouse: Warehouse, name: str) -> Seller | None:
    handle = handle_of(name)
    return next((seller for seller in catalog.sellers(warehouse, active_only=False) if seller.handle == handle), None)


def _move(called: str, state: SellerState) -> None:
    warehouse = _warehouse(Settings())
    moved = set_state(warehouse, find_seller(warehouse, called).seller_id, state)
    Console().print(f"{moved.name} ({moved.seller_id}) is {moved.state}", markup=False, soft_wrap=True)


def _warehouse(settings: Settings) -> Warehouse:
    return open_migrated(settings.database_url.get_secret_value())


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
