"""`soko search`: what search was worth over time, and a lower score that a person accepts."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marketplace.settings import Settings
from marketplace.storage.evaluations import Evaluation, accept, history
from marketplace.storage.warehouse import Warehouse, open_migrated

search_app = typer.Typer(no_args_is_help=True, add_completion=False, help="How good search is.")


@search_app.command("evaluations")
def show_evaluations(limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20) -> None:
    """Show the last evaluations of search, newest first, and which of them later ones are compared with."""
    table = Table(
        "evaluation", "queries", "nDCG@10", "status", "compared with", "encoder", "index", "when", "decided by"
    )
    for one in history(_warehouse(), limit=limit):
        table.add_row(*map(escape, _told(one)))
    Console().print(table if table.row_count else "Search was never judged; materialise search_quality.")


@search_app.command("accept")
def accept_evaluation(
    evaluation: Annotated[int, typer.Argument(help="Its number, as `soko search evaluations` shows it.")],
    who: Annotated[str, typer.Option(help="Who decides; the user of this machine unless given.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Compare later evaluations with this one, although it is worse than the one before."""
    now = datetime.now(UTC)
    accepted = accept(_warehouse(), evaluation, by=who or getpass.getuser(), note=note, now=now)
    said = f"evaluation {evaluation} is accepted: nDCG@10 {accepted.judged.score:.3f} is what later ones must hold"
    Console().print(said, markup=False, highlight=False, soft_wrap=True)


def _told(one: Evaluation) -> tuple[str, ...]:
    judged = one.judged
    return (
        str(one.evaluation_id),
        f"{len(judged.scores)} of {judged.golden} {judged.golden_hash}",
        f"{judged.score:.3f}",
        one.status,
        str(one.compared_with or ""),
        judged.encoder,
        judged.collection,
        f"{one.evaluated_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        ": ".join(filter(None, (one.decided_by, one.note))),
    )


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())
