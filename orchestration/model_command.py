"""`soko model`: which recommender is served, why, and what a person may do about it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from marketplace.errors import StoreUnreachable
from marketplace.settings import Settings
from marketplace.storage.model_decisions import KeptRuling, decision, gate_decision_of
from marketplace.storage.model_decisions import decisions as kept_decisions
from marketplace.storage.model_files import ModelCache
from marketplace.storage.publications import MODEL, published
from marketplace.storage.warehouse import Warehouse
from models.collaborative.evidence import GAINS, Contender, Evidence
from models.collaborative.intervals import interval_of_mean
from orchestration import promotion
from orchestration.registry import CF_MODEL, ModelRegistry, Version

model_app = typer.Typer(no_args_is_help=True, add_completion=False, help="The recommender that shoppers meet.")

SHOWN = ("recall_at_20", "ndcg_at_20", "map_at_20", "coverage", "novelty", "popularity_bias", "seller_gini")
ByOption = Annotated[str, typer.Option("--by", help="Who decides; the user of this machine unless given.")]
BecauseOption = Annotated[str, typer.Option("--because", help="Why, for those who come later.")]


@model_app.command("list")
def list_versions(limit: Annotated[int, typer.Option(help="How many of the newest.")] = 20) -> None:
    """Show the registered versions, what each is worth, what the gate said, and which is served."""
    warehouse, registry = _warehouse(), _registry()
    promotion.mend_alias(warehouse, registry)
    served = published(warehouse, MODEL)
    table = Table("version", "kind", "recall@20", "nDCG@20", "data", "gate", "made", "")
    for one in registry.versions(CF_MODEL)[:limit]:
        figures = [f"{one.metrics[name]:.4f}" if name in one.metrics else "" for name in SHOWN[:2]]
        marks = [*(["served"] if served and served.version == one.version else []), *one.aliases]
        told = (one.tags.get("kind", ""), *figures, one.tags.get("data_version", ""), one.tags.get("verdict", ""))
        table.add_row(one.version, *told, f"{one.made_at:%Y-%m-%d %H:%M}", ", ".join(marks))
    Console().print(table if table.row_count else "No model is registered; train one with: soko run refresh_market")


@model_app.command()
def compare(first: str, second: str) -> None:
    """Show two versions side by side; where both were judged on the same shoppers, with the interval of the gain."""
    warehouse, registry = _warehouse(), _registry()
    one, other = registry.version(CF_MODEL, first), registry.version(CF_MODEL, second)
    table = Table("", f"version {first}", f"version {second}", "gain")
    for name in ("kind", "data_version", "verdict"):
        table.add_row(name, one.tags.get(name, ""), other.tags.get(name, ""), "")
    for name in SHOWN:
        table.add_row(name.replace("_at_", "@"), *_figures(one, other, name))
    Console().print(table)
    for line in _paired(*(gate_decision_of(warehouse, CF_MODEL, version) for version in (first, second))):
        _say(line)


@model_app.command()
def promote(
    version: str,
    force: Annotated[bool, typer.Option("--force", help="Although the gate refused it.")] = False,
    because: BecauseOption = "",
    by: ByOption = "",
) -> None:
    """Serve a version from now on; the one before is kept for rollback."""
    done = promotion.promote_by_hand(
        _warehouse(), _registry(), _cache(), version, by=_who(by), because=because, force=force, now=datetime.now(UTC)
    )
    _say(f"version {done.version} is served; before it was {done.previous_version or 'none'}")


@model_app.command()
def rollback(because: BecauseOption = "", by: ByOption = "") -> None:
    """Serve the version before again; the newer one is kept in its place."""
    warehouse, registry = _warehouse(), _registry()
    now = datetime.now(UTC)
    done = promotion.roll_back(warehouse, registry, _cache(), by=_who(by), because=because, now=now)
    _say(f"version {done.version} is served; version {done.previous_version} is kept")
    try:
        promotion.mend_alias(warehouse, registry)
    except StoreUnreachable as error:
        _say(f"the alias will follow with the next run or soko model list: {error}")


@model_app.command()
def decisions(limit: Annotated[int, typer.Option(help="How many of the newest.")] = 20) -> None:
    """Show what was decided about versions, newest first, and what spoke against those that were refused."""
    table = Table("decision", "version", "against", "verdict", "by", "at", "because")
    for kept in kept_decisions(_warehouse(), limit=limit):
        ruling = kept.ruling
        told = (ruling.challenger, ruling.champion or "none", ruling.verdict, ruling.decided_by)
        table.add_row(str(kept.decision_id), *told, f"{kept.decided_at:%Y-%m-%d %H:%M}", _because(kept))
    Console().print(table if table.row_count else "Nothing was decided yet")


@model_app.command()
def replay(
    number: Annotated[int, typer.Argument(metavar="DECISION")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Ask the rules again with what they were given; status 1 if they say something else today."""
    kept = decision(_warehouse(), number)
    again = promotion.replayed(kept)
    same = promotion.is_same(kept, again)
    if as_json:
        reasons = [reason.as_json() for reason in again.reasons]
        typer.echo(json.dumps({"verdict": again.verdict, "is_same": same, "reasons": reasons}, indent=2))
    else:
        table = Table("rule", "held", "value", "bound", "in words")
        for reason in again.reasons:
            held = "[green]yes[/]" if reason.passed else "[red]no[/]"
            table.add_row(reason.rule, held, f"{reason.value:.4f}", f"{reason.bound:.4f}", reason.sentence)
        Console().print(table)
        rules = f"rules {kept.ruling.rules_version} then, {again.rules_version} now"
        _say(f"{again.verdict}, {'as it was decided' if same else f'but it was {kept.ruling.verdict}'}; {rules}")
    raise typer.Exit(0 if same else 1)


def _figures(one: Version, other: Version, name: str) -> tuple[str, str, str]:
    first, second = one.metrics.get(name), other.metrics.get(name)
    gain = f"{second - first:+.4f}" if first is not None and second is not None else ""
    return *("" if value is None else f"{value:.4f}" for value in (first, second)), gain  # type: ignore[return-value]


def _paired(first: KeptRuling | None, second: KeptRuling | None) -> list[str]:
    """The interval of the gain over shoppers that both were judged on, in words."""
    if first is None or second is None:
        return ["the gate judged only one of them, so there is no interval"]
    before, after = (Evidence.from_json(kept.ruling.evidence["evidence"]) for kept in (first, second))
    shared = sorted(set(before.shoppers) & set(after.shoppers))
    if before.split_at != after.split_at or not shared:
        return [f"they were judged on different futures, from {before.split_at} and from {after.split_at}"]
    lines = []
    for metric, name in GAINS.items():
        gains = _of(after.challenger, after, metric, shared) - _of(before.challenger, before, metric, shared)
        low, high = interval_of_mean(gains, seed=after.seed)
        lines.append(f"{name}: {gains.mean():+.4f} ({low:+.4f} to {high:+.4f}) over {len(shared)} shoppers")
    return lines


def _of(
    one: Contender, evidence: Evidence, metric: str, shoppers: list[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    gains = dict(zip(evidence.shoppers, one.per_shopper(metric), strict=True))
    return np.array([gains[shopper] for shopper in shoppers], dtype=np.float64)


def _because(kept: KeptRuling) -> str:
    against = [str(reason["sentence"]) for reason in kept.ruling.reasons if not reason["passed"]]
    if kept.ruling.kind != "gate":
        return "; ".join(str(reason["sentence"]) for reason in kept.ruling.reasons)
    return "; ".join(against) or "every rule held"


def _who(named: str) -> str:
    return named.strip() or getpass.getuser()


def _warehouse() -> Warehouse:
    return Warehouse(Settings().database_url.get_secret_value())


def _registry() -> ModelRegistry:
    return ModelRegistry(Settings().mlflow_tracking_uri)


def _cache() -> ModelCache:
    return ModelCache(Settings().model_files_folder)


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
