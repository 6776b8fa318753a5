"""`soko experiment`: start one, end it, and read what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from marketplace.errors import InputRejected
from marketplace.experiments.assignment import Experiment, Variant
from marketplace.experiments.report import METRICS, ExperimentReport
from marketplace.experiments.sequential import Interval
from marketplace.settings import Settings
from marketplace.storage import experiments
from marketplace.storage.warehouse import Warehouse, open_migrated

experiment_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Experiments on recommendations.")
Name = Annotated[str, typer.Argument(help="The experiment's name.")]


@experiment_app.command()
def start(
    name: Name,
    variant: Annotated[
        list[str], typer.Option(help="NAME=SHARE[:setting=value,...]; give it for each, the control first.")
    ],
    traffic: Annotated[float, typer.Option(help="Share of shoppers who take part.")] = 1.0,
    interleave: Annotated[bool, typer.Option(help="Show both in each answer and compare their clicks.")] = False,
    hypothesis: Annotated[str, typer.Option(help="What is expected, in a sentence.")] = "",
) -> None:
    """Start an experiment; at most one runs at a time."""
    variants = tuple(read_variant(one) for one in variant)
    asked = Experiment(name, uuid4().hex, variants, traffic, is_interleaved=interleave, hypothesis=hypothesis)
    begun = experiments.start(_warehouse(), asked, now=datetime.now(UTC))
    shares = ", ".join(f"{one.name} {one.share:.0%}" for one in begun.variants)
    how = " interleaved" if begun.is_interleaved else ""
    _say(f"{begun.name} runs{how}: {shares} of {begun.traffic:.0%} of shoppers")


@experiment_app.command()
def end(name: Name) -> None:
    """End an experiment; everybody gets the control's answers again."""
    ended = experiments.end(_warehouse(), name, now=datetime.now(UTC))
    _say(f"{ended.name} ended at {ended.ended_at:%Y-%m-%d %H:%M UTC}")


@experiment_app.command("list")
def list_all() -> None:
    """Show every experiment there was, the newest first."""
    table = Table("experiment", "status", "variants", "traffic", "started")
    for one in experiments.list_experiments(_warehouse()):
        shares = ", ".join(f"{variant.name} {variant.share:.0%}" for variant in one.variants)
        table.add_row(one.name, one.status, shares, f"{one.traffic:.0%}", f"{one.started_at:%Y-%m-%d %H:%M}")
    Console().print(table if table.row_count else "no experiment yet; start one with: soko experiment start")


@experiment_app.command()
def report(name: Name) -> None:
    """Show what an experiment shows so far, as the marts were built last."""
    warehouse = _warehouse()
    found = experiments.read_report(warehouse, experiments.experiment_named(warehouse, name))
    table = Table("variant", "shoppers", "clicked", "purchases each", "difference in clicked", "in purchases")
    compared = {one.variant: one.intervals for one in found.comparisons}
    for one in found.variants:
        means = [f"{one.metrics['clicked'].mean:.1%}", f"{one.metrics['purchases'].mean:.3f}"]
        differences = [in_words(compared[one.name][metric]) if one.name in compared else "" for metric in METRICS]
        table.add_row(one.name, f"{one.shoppers:,}", *means, *differences)
    Console().print(table)
    for line in _notes(found):
        _say(line)
    _say(found.verdict)


def read_variant(text: str) -> Variant:
    """What `treatment=0.5:weights=documented,diversity=0.3` says.

    Raises
    ------
    InputRejected
        If it says something else.
    """
    head, _, tail = text.partition(":")
    name, _, share = head.partition("=")
    try:
        settings = dict(_setting(part) for part in tail.split(",") if part)
        return Variant(name, float(share), settings)
    except ValueError as error:
        raise InputRejected(f"{text!r} is no variant; write NAME=SHARE or NAME=SHARE:setting=value") from error


def in_words(interval: Interval) -> str:
    """A difference with its ends: "+0.021 (-0.004 to +0.046)"."""
    if not isfinite(interval.low):
        return f"{interval.difference:+.3f} (too few shoppers)"
    return f"{interval.difference:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def _setting(part: str) -> tuple[str, Any]:
    key, _, value = part.partition("=")
    return key, float(value) if key == "diversity" else value


def _notes(found: ExperimentReport) -> list[str]:
    notes = [f"sample ratio: p = {found.mismatch:.3g}"] if not found.experiment.is_interleaved else []
    for comparison in found.comparisons:
        states: Mapping[bool | None, str] = {True: "holds", False: "broken", None: "not known yet"}
        notes += [
            f"{comparison.variant}: {one.name} {states[one.passed]}, {one.sentence}" for one in comparison.guardrails
        ]
    if found.preference:
        first, second = (one.name for one in found.experiment.variants)
        counts = f"{found.preference.first} for {first}, {found.preference.second} for {second}"
        notes.append(f"preference of shoppers: {counts}, {found.preference.neither} for neither")
    return notes


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _warehouse() -> Warehouse:
    return open_migrated(Settings().database_url.get_secret_value())
