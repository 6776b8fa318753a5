"""`soko brake`, `soko dead-letter`, `soko history` and `soko syncs`: what a person looks into, and decides."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marketplace.catalog.history import VersionedField, instant_of, price_text
from marketplace.errors import NotFound
from marketplace.settings import Settings
from marketplace.storage import brakes
from marketplace.storage.dead_letters import LetterState, redrive, unread
from marketplace.storage.history import FieldValue, product_as_of, versions_of
from marketplace.storage.onboarding import find_seller
from marketplace.storage.sync_reports import Sync, syncs_of
from marketplace.storage.warehouse import Warehouse, open_migrated

brake_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Deletions that wait for a person.")
dead_letter_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Products that could not be read.")
history_app = typer.Typer(add_completion=False)
syncs_app = typer.Typer(add_completion=False)

Called = Annotated[str, typer.Argument(metavar="SELLER", help="Handle, name or id.")]
Who = Annotated[str, typer.Option(help="Who decides; the user of this machine unless given.")]
Note = Annotated[str, typer.Option(help="Why.")]
AsOf = Annotated[str, typer.Option(help="2026-11-21T08:00Z, or a day, meant to its end in UTC.")]
WIDEST = 60
EVENTS_SHOWN = 20


@brake_app.command("list")
def show_brakes() -> None:
    """Show every seller whose deletions wait, and some of what would go."""
    table = Table("seller", "state", "would go", "since", "decided by", "such as")
    for brake in brakes.open_brakes(_warehouse()):
        examples = ", ".join(list(brake.examples.values())[:3])
        share = f"{brake.vanished} of {brake.live}"
        texts = (brake.handle, brake.state, share, _minute(brake.raised_at), brake.decided_by or "", examples)
        table.add_row(*map(escape, texts))
    Console().print(table if table.row_count else "No brake is open.")


@brake_app.command("release")
def release(seller: Called, who: Who = "", note: Note = "") -> None:
    """Let the next sync delete what vanished, unless it sees it again."""
    warehouse = _warehouse()
    found = find_seller(warehouse, seller)
    brake = brakes.release(warehouse, found.seller_id, by=who or getpass.getuser(), note=note, now=datetime.now(UTC))
    _say(f"{found.name}: the next sync may delete {brake.vanished} of {brake.live} products, unless it sees them again")


@brake_app.command("clear")
def clear(seller: Called, who: Who = "", note: Note = "") -> None:
    """Keep what vanished; the next sync judges anew."""
    warehouse = _warehouse()
    found = find_seller(warehouse, seller)
    brake = brakes.clear(warehouse, found.seller_id, by=who or getpass.getuser(), note=note, now=datetime.now(UTC))
    _say(f"{found.name}: all {brake.live} products are kept; the next sync judges anew")


@dead_letter_app.command("list")
def show_dead_letters(
    seller: Annotated[str, typer.Option(help="Only those of one seller: handle, name or id.")] = "",
    state: Annotated[LetterState | None, typer.Option(help="Waiting and dead ones unless given.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 50,
) -> None:
    """Show what could not be read and why, the last failure first."""
    warehouse = _warehouse()
    seller_id = find_seller(warehouse, seller).seller_id if seller else None
    table = Table("seller", "source id", "stage", "state", "attempts", "next try", "why")
    for letter in unread(warehouse, seller_id=seller_id, state=state, limit=limit):
        tried = (str(letter.attempts), _minute(letter.next_try_at))
        why = f"{letter.error}: {letter.reason}"
        table.add_row(*map(escape, (letter.handle, letter.source_ref, letter.stage, letter.state, *tried, why)))
    Console().print(table if table.row_count else "Everything could be read.")


@dead_letter_app.command("redrive")
def redrive_letters(
    seller: Called,
    source_id: Annotated[str, typer.Option(help="Only this product; all of the seller unless given.")] = "",
) -> None:
    """Have the next sync try them again, as if they had never failed."""
    warehouse = _warehouse()
    found = find_seller(warehouse, seller)
    redriven = redrive(warehouse, found.seller_id, source_ref=source_id or None, now=datetime.now(UTC))
    _say(f"{found.name}: the next sync tries {redriven} again")


@history_app.command()
def history(
    product_id: int,
    valid_at: AsOf = "",
    known_at: AsOf = "",
    field: Annotated[VersionedField | None, typer.Option(help="Only this field.")] = None,
) -> None:
    """Show every value a product had; or, with a time, how it looked then, by what was known at another."""
    warehouse, now = _warehouse(), datetime.now(UTC)
    if valid_at or known_at:
        valid, known = (instant_of(text) if text else now for text in (valid_at, known_at))
        _tell_as_of(warehouse, product_id, valid, known, field)
    else:
        _tell_versions(warehouse, product_id, field)


@syncs_app.command()
def syncs(seller: Called, limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 10) -> None:
    """Show a seller's newest syncs, and what went otherwise than planned in them."""
    warehouse = _warehouse()
    found = find_seller(warehouse, seller)
    reports = syncs_of(warehouse, found.seller_id, limit=limit)
    table = Table("started", "trigger", "status", "seen", "found", "cost", "note")
    for report in reports:
        sync = report.sync
        seen = f"{sync.scouted}{'' if sync.is_complete else ', not all'}"
        start = (_minute(sync.started_at), sync.trigger, sync.status, seen)
        table.add_row(*map(escape, (*start, _found(sync), _cost(sync), sync.note or "")))
    if not reports:
        _say(f"{found.name} was never read.")
        return
    Console().print(table)
    for report in reports:
        if report.events:
            _say(f"{_minute(report.sync.started_at)}:")
        for event in report.events[:EVENTS_SHOWN]:
            _say(f"  {event.kind}{f' {event.source_ref}' if event.source_ref else ''}: {event.reason}")
        if report.event_count > EVENTS_SHOWN:
            _say(f"  and {report.event_count - EVENTS_SHOWN} more; all are in catalog.sync_events")


def _tell_versions(warehouse: Warehouse, product_id: int, field: VersionedField | None) -> None:
    table = Table("field", "value", "from", "until", "last seen", "known from", "read in", "evidence")
    for one in versions_of(warehouse, product_id, field=field):
        times = map(_minute, (one.valid_from, one.valid_to, one.last_seen_at, one.known_from))
        table.add_row(one.field, _value(one.field, one), *times, *_source(one))
    Console().print(table if table.row_count else f"No history of product {product_id} was recorded yet.")


def _tell_as_of(
    warehouse: Warehouse, product_id: int, valid: datetime, known: datetime, field: VersionedField | None
) -> None:
    found = product_as_of(warehouse, product_id, valid, known)
    if found is None:
        raise NotFound(f"product {product_id} was not known: nothing of {valid} was recorded by {known}")
    table = Table("field", "value", "since", "known from", "read in", "evidence")
    for name, one in found.items():
        if field in (None, name):
            table.add_row(name, _value(name, one), _minute(one.valid_from), _minute(one.known_from), *_source(one))
    Console().print(table)


def _found(sync: Sync) -> str:
    counts = {
        "new": sync.new,
        "gone": sync.gone,
        "back": sync.back,
        "prices": sync.price_changed,
        "otherwise changed": sync.other_changed,
        "unchanged": sync.unchanged,
        "refused": sync.failed,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _cost(sync: Sync) -> str:
    saved = f", {sync.not_modified} not modified" if sync.not_modified else ""
    return f"{sync.requests} requests, {sync.bytes_received / 1e6:.1f} MB, waited {sync.polite_seconds:.0f} s{saved}"


def _value(field: str, kept: FieldValue) -> str:
    text = (price_text(kept.value) if field == "price" else kept.value) or "none"
    return escape(text if len(text) <= WIDEST else text[: WIDEST - 1] + "…")


def _source(kept: FieldValue) -> tuple[str, str]:
    return escape(kept.origin or ""), (kept.evidence or "")[:12]


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}" if instant else ""


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())
