"""`soko index`: how the vector index is, and what a person may do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.settings import Settings
from marketplace.storage.index_checks import check_index
from marketplace.storage.index_records import builds_by_status
from marketplace.storage.index_snapshots import back_up, restore
from marketplace.storage.index_state import follow_catalog, go_back
from marketplace.storage.index_status import EMBEDDED_LIMIT, IndexStatus, index_status, model_to_build
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse, open_migrated

index_app = typer.Typer(no_args_is_help=True, add_completion=False, help="The vector index that searches read.")

STEPS = {"read": "reading products", "insert": "inserting vectors", "verify": "verifying"}


@index_app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what is served, how it is searched, what waits to be carried to it, and its last check and backup."""
    found = index_status(_warehouse(), _vectors())
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        table = Table("index", "", show_header=False)
        for name, value in _lines(found):
            table.add_row(name, value)
        Console().print(table)
    raise typer.Exit(0 if found.health and found.health.collection else 1)


@index_app.command()
def verify() -> None:
    """Compare the live index with Postgres, mend what differs, and measure what it finds; status 1 if it fails."""
    checked = check_index(_warehouse(), _vectors(), now=datetime.now(UTC))
    differs, report = checked.differences, checked.report
    _say(f"{report.collection}: {differs.found} products, Postgres wants {differs.wanted}")
    if differs.agree:
        _say("count and checksum are equal")
    else:
        counts = f"{len(differs.missing)} missing, {len(differs.stale)} stale, {len(differs.strangers)} too many"
        _say(f"{counts}; mended: {checked.mended.put} put, {checked.mended.removed} removed")
    _say(f"finds {report.recall:.3f} of the ten nearest of {report.golden_queries} golden queries")
    for problem in report.problems:
        _say(f"problem: {problem}")
    _say("passed" if checked.passed else "failed; the next upkeep builds it anew, or: soko index rebuild")
    raise typer.Exit(0 if checked.passed else 1)


@index_app.command()
def rebuild(model: Annotated[str, typer.Option(help="Whose vectors; those served now unless given.")] = "") -> None:
    """Build a new collection beside the live one, verify it, and switch to it."""
    settings, warehouse = Settings(), _warehouse()
    live = builds_by_status(warehouse, "live")
    version = model_to_build(warehouse, live[0] if live else None, model)
    with _progress() as progress:
        build = follow_catalog(
            warehouse,
            _vectors(),
            version,
            index_type=settings.index_type,
            now=datetime.now(UTC),
            anew=True,
            progress=progress,
        ).build
    searched = f"{build.index_type}, {build.nlist} cells, breadth {build.breadth}"
    _say(f"{build.collection} is served: {build.products} products, {searched}, recall {build.report['recall']:.3f}")


@index_app.command()
def rollback() -> None:
    """Serve the collection before the live one again, brought up to date; the newer one is kept in its place."""
    _say(f"{go_back(_warehouse(), _vectors(), now=datetime.now(UTC))} is served")


@index_app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write it, a Parquet file.")]) -> None:
    """Write the live index to a file that can be restored anywhere, with its SHA-256 beside it."""
    with _progress() as progress:
        taken = back_up(
            _warehouse(),
            _vectors(),
            file,
            now=datetime.now(UTC),
            step=lambda done, total: progress("copy", done, total),
        )
    _say(f"{taken.file}: {taken.manifest.products} products of {taken.manifest.collection}, {taken.bytes / 1e6:.1f} MB")
    _say(f"sha256 {taken.sha256}")


@index_app.command("restore")
def restore_index(file: Annotated[Path, typer.Argument(help="A file that backup wrote.")]) -> None:
    """Make a new collection from a backup, bring it up to date, verify it, and switch to it."""
    with _progress() as progress:
        build = restore(
            _warehouse(),
            _vectors(),
            file,
            now=datetime.now(UTC),
            step=lambda done, total: progress("insert", done, total),
        )
    _say(f"{build.collection} is served, restored from {file}")


def _lines(found: IndexStatus) -> Iterator[tuple[str, str]]:
    health, live, waiting = found.health, found.live, found.waiting
    if health is None:
        yield "server", f"away: {found.away}"
    else:
        yield "server", health.server
        yield "collection", health.collection or "nothing is published; run: soko index rebuild"
        yield "products", str(health.products)
        yield "model", health.model_version or "-"
        yield "index", f"{health.index_type or '-'}, {health.nlist} cells, breadth {health.breadth}"
    if found.outgrown:
        yield (
            "outgrown",
            f"the embedded Milvus is good for {EMBEDDED_LIMIT:,} products; name a server in SOKO_MILVUS_URI",
        )
    if live is not None:
        recall = (live.checked or live.report).get("recall")
        yield "recall", "-" if recall is None else f"{recall:.3f}"
        yield "published", _minute(live.published_at)
        yield "since then", f"{live.changed} rows changed"
        yield "last verified", _minute(live.checked_at)
    yield "waiting", f"{waiting.products} products, since {_minute(waiting.oldest)}" if waiting.products else "nothing"
    yield "for rollback", found.previous.collection if found.previous else "-"
    yield "last snapshot", f"{_minute(found.snapshot[1])}, {found.snapshot[0]}" if found.snapshot else "-"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(STEPS.get(step, step), total=total or None)
            bars.update(tasks[step], completed=done)

        yield show


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else "-"


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())


def _vectors() -> Vectors:
    settings = Settings()
    return Vectors(settings.milvus_uri, settings.milvus_token.get_secret_value(), settings.milvus_timeout_seconds)
