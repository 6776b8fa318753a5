"""`soko key` and `soko person`: who may see figures, and who asked to be forgotten."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marketplace.crm.keys import Role
from marketplace.crm.phones import normal_phone
from marketplace.errors import InputRejected
from marketplace.settings import Settings
from marketplace.storage.accesses import Access, record_access
from marketplace.storage.api_keys import ApiKey, create_key, list_keys, revoke_key
from marketplace.storage.erasures import erase_person, traces
from marketplace.storage.onboarding import find_seller
from marketplace.storage.people import seal_of
from marketplace.storage.warehouse import Warehouse, open_migrated

key_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Keys of the API.")
person_app = typer.Typer(no_args_is_help=True, add_completion=False, help="People who ask to be forgotten.")


@key_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What it opens: one's own, one seller, all figures, or everything.")],
    seller: Annotated[str, typer.Option(help="Handle, name or id of the seller, for the role seller.")] = "",
    subject: Annotated[str, typer.Option(help="Who holds it; a shopper's key is for this user id.")] = "",
    days: Annotated[int, typer.Option(min=0, max=3650, help="How long it is good; 0 for ever.")] = 0,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a key and print it; it is shown this once, and only its hash is kept."""
    warehouse = _warehouse(Settings())
    seller_id = find_seller(warehouse, seller).seller_id if seller else None
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    key = create_key(warehouse, role, subject=subject, seller_id=seller_id, note=note, expires_at=expires_at)
    typer.echo(str(key))


@key_app.command("list")
def show() -> None:
    """Show every key, newest first, without what opens anything."""
    table = Table("key", "role", "held by", "state", "made", "last used", "note")
    now = datetime.now(UTC)
    for key in list_keys(_warehouse(Settings())):
        row = (key.key_id, key.role, key.subject, _state(key, now), _day(key.created_at), _hour(key.last_used_at))
        table.add_row(*map(escape, (*row, key.note)))
    Console().print(table if table.row_count else "There is no key; make one with: soko key create")


@key_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="As `soko key list` shows it.")]) -> None:
    """Take a key back; servers that used it lately follow within five seconds."""
    key = revoke_key(_warehouse(Settings()), key_id, now=datetime.now(UTC))
    Console().print(f"{key.key_id} of {key.subject} opens nothing any more", markup=False, soft_wrap=True)


@person_app.command("erase")
def erase(
    user: Annotated[str, typer.Option(help="The shopper's user id.")] = "",
    phone: Annotated[str, typer.Option(help="Their number, such as +254712345678.")] = "",
    country: Annotated[str, typer.Option(help="Whose numbers may leave out their country code.")] = "KE",
    prove: Annotated[bool, typer.Option(help="Search every table for them afterwards.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a person out of every table, and take in nothing of theirs from now on."""
    if bool(user) == bool(phone):
        raise InputRejected("say either --user or --phone")
    settings = Settings()
    warehouse = _warehouse(settings)
    number = normal_phone(phone, country) if phone else None
    if not yes:
        typer.confirm("Erase this person for good?", abort=True)
    by = getpass.getuser()
    hashed = seal_of(settings, warehouse).identity(number) if number else None
    done = erase_person(warehouse, requested_by=by, user_id=user or None, phone_hash=hashed)
    rows = sum(done.counts.values())
    record_access(warehouse, Access(by, "admin", "person.erase", f"person:{done.people[0]}", "allowed", rows))
    for name, count in sorted(done.counts.items()):
        typer.echo(f"{count:>8,} {name}")
    typer.echo(f"{rows:>8,} rows deleted or emptied; {len(done.people)} tombstones")
    if prove:
        found = traces(warehouse, [one for one in (user, number, number and number.lstrip("+")) if one])
        typer.echo("searched every table: " + (", ".join(f"{at} {n}" for at, n in found.items()) or "nothing found"))
        raise typer.Exit(1 if found else 0)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "good"
    return f"{'good until' if key.is_good(now) else 'expired'} {_day(key.expires_at)}"


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d}"


def _hour(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H h}" if instant else "never"


def _warehouse(settings: Settings) -> Warehouse:
    return open_migrated(settings.database_url.get_secret_value())
