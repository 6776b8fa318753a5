"""`soko sync`: sellers' catalogues read from the command line, with their progress and what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from marketplace.catalog.products import Seller
from marketplace.errors import InputRejected, MarketplaceError, NotFound
from marketplace.ingestion.audits import SyncAudit
from marketplace.ingestion.reading import StepTold
from marketplace.ingestion.sync import Ingestion
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse, open_migrated

sync_app = typer.Typer()
COLUMNS = ("seller", "source", "status", "read", "new", "gone", "back", "price", "other", "same", "refused")
REFUSALS_SHOWN = 5  # of each seller
COSTS = ("requests", "304", "kB", "waited s")


@sync_app.command()
def sync(
    who: Annotated[list[str] | None, typer.Argument(help="Handles or ids of sellers.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every active seller whose catalogue can be polled.")] = False,
) -> None:
    """Read sellers' catalogues now; what changed is judged and indexed by the running market."""
    settings, console = Settings(), Console()
    warehouse = open_migrated(settings.database_url.get_secret_value())
    polled = [seller for seller in catalog.sellers(warehouse) if seller.is_polled]
    if not who and not everyone:
        raise InputRejected("name the sellers to read, or give --all")
    chosen = polled if everyone else [_named(polled, name) for name in who or ()]
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console) as progress:
        audits, failures = asyncio.run(_read(warehouse, settings, chosen, progress))
    console.print(_report(chosen, audits))
    for line in (*failures, *(f"{audit.status}: {audit.note}" for audit in audits if audit.status != "done")):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for audit in audits:
        for refusal in audit.refusals[:REFUSALS_SHOWN]:
            console.print(
                f"  {refusal['source_ref']}: {refusal['reason']}", markup=False, highlight=False, soft_wrap=True
            )
    if failures:
        raise typer.Exit(1)


async def _read(
    warehouse: Warehouse, settings: Settings, chosen: Sequence[Seller], progress: Progress
) -> tuple[list[SyncAudit], list[str]]:
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    places = asyncio.Semaphore(settings.sellers_at_once)
    audits: list[SyncAudit] = []
    failures: list[str] = []

    async def one(ingestion: Ingestion, seller: Seller) -> None:
        async with places:
            task = progress.add_task(escape(seller.name), total=None)
            try:
                audits.append(await ingestion.sync(seller, trigger="command", progress=_showing(progress, task)))
            except MarketplaceError as error:
                failures.append(f"{seller.handle}: {type(error).__name__}: {error}")
                progress.update(task, description=f"{escape(seller.name)} (failed)")

    async with Ingestion(warehouse, images, settings) as ingestion, asyncio.TaskGroup() as group:
        for seller in chosen:
            group.create_task(one(ingestion, seller))
    return audits, failures


def _showing(progress: Progress, task: TaskID) -> StepTold:
    return lambda step, done, total: progress.update(task, completed=done, total=total or None)


def _named(sellers: Sequence[Seller], name: str) -> Seller:
    for seller in sellers:
        if name in {seller.handle, str(seller.seller_id)} or name.casefold() == seller.name.casefold():
            return seller
    raise NotFound(f"no active seller whose catalogue can be polled is called {name!r}; soko seller list shows them")


def _report(chosen: Sequence[Seller], audits: Sequence[SyncAudit]) -> Table:
    names = {seller.seller_id: seller for seller in chosen}
    table = Table(*COLUMNS, *COSTS)
    for audit in sorted(audits, key=lambda audit: names[audit.seller_id].handle):
        seller, cost = names[audit.seller_id], audit.cost
        counts = (audit.hydrated, audit.new, audit.gone, audit.back, audit.price_changed, audit.other_changed)
        rest = (audit.unchanged, audit.failed, cost.requests, cost.not_modified, cost.bytes_received // 1000)
        cells = [*(f"{count:,}" for count in (*counts, *rest)), f"{cost.polite_seconds:.1f}"]
        table.add_row(seller.handle, seller.source_kind, audit.status, *cells)
    return table
