"""`soko alert`: what was not as expected, and what nobody wants to hear of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from marketplace.alerting.messages import line_of
from marketplace.settings import Settings
from marketplace.storage import alert_outbox, alerts
from marketplace.storage.catalog import sellers
from marketplace.storage.warehouse import Warehouse, open_migrated

alert_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Days that were not as expected.")
Metric = Annotated[str, typer.Argument(help="A figure such as views or revenue_minor.")]
Who = Annotated[str, typer.Option(help="Who says so.")]
SellerId = Annotated[int, typer.Option("--seller", help="A seller's number; 0 for the whole market.")]


@alert_app.command("list")
def list_all(
    seller: Annotated[int | None, typer.Option(help="A seller's number; 0 for the whole market.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    withdrawn: Annotated[bool, typer.Option(help="Show those that corrected figures took back.")] = False,
) -> None:
    """Show the newest alerts, and how far the telling is behind."""
    warehouse, now = _warehouse(), datetime.now(UTC)
    named = {one.seller_id: one.name for one in sellers(warehouse, active_only=False)}
    whose = None if seller is None else [seller]
    since = now.date() - timedelta(days=days)
    table = Table("alert", "state", "what", "because")
    for one in alerts.list_alerts(warehouse, seller_ids=whose, since=since, with_withdrawn=withdrawn):
        state = "withdrawn" if one.withdrawn_at else one.state
        table.add_row(str(one.alert_id), state, line_of(one, named), "; ".join(one.reasons))
    Console().print(table if table.row_count else f"nothing was odd in the last {days} days")
    behind = alert_outbox.lag(warehouse, now=now)
    if behind.waiting or behind.given_up:
        _say(f"{behind.waiting} wait to be told, the oldest {behind.oldest_seconds:.0f} s; {behind.given_up} given up")


@alert_app.command()
def seen(alert_id: Annotated[int, typer.Argument(help="The alert's number.")], who: Who) -> None:
    """Settle an alert: somebody looked at it."""
    alert = alerts.set_state(_warehouse(), alert_id, "seen", by=who, now=datetime.now(UTC))
    _say(f"alert {alert.alert_id} was seen by {alert.state_by}")


@alert_app.command()
def mute(
    metric: Metric,
    who: Who,
    seller: SellerId = 0,
    days: Annotated[int | None, typer.Option(min=1, help="For how long; for ever unless given.")] = None,
) -> None:
    """Hear no more of a figure; it is judged and kept all the same."""
    now = datetime.now(UTC)
    until = None if days is None else now + timedelta(days=days)
    silenced = alerts.mute(_warehouse(), metric, seller, until=until, by=who, now=now)
    _say(f"{metric} of {_whose(seller)} is muted{f' for {days} days' if days else ''}; {silenced} alerts fell silent")


@alert_app.command()
def unmute(metric: Metric, seller: SellerId = 0) -> None:
    """Hear of a figure again from now on."""
    alerts.unmute(_warehouse(), metric, seller)
    _say(f"{metric} of {_whose(seller)} is told again")


def _whose(seller_id: int) -> str:
    return f"seller {seller_id}" if seller_id else "the market"


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())
