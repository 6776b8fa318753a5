"""What models learn from, and the round in which every family is tried on it."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from marketplace.storage.marts import read_facts
from models.collaborative.drift import Moved, Profile, moved, profile_of_events
from models.collaborative.features import interaction_matrix
from models.collaborative.intervals import interval_of_mean
from models.collaborative.selection import Recipe
from models.collaborative.tournament import Ground, Round, Tools, compete, defend
from models.collaborative.trials import Trials
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.learning import FEEDBACK, Champion, champion_of, events_of, facts_of, pictures_of, version_of
from orchestration.pictures import intervals, shown, sparkline, table
from orchestration.registry import Logged, ModelRegistry
from orchestration.resources import AlsParam, ModelCacheParam, RegistryParam, VectorsParam, WarehouseParam

EXPERIMENT = "cf_candidates"
TRIALS_FILE = "trials.json"
REFERENCE_FILE = "reference.json"  # how data and scores looked when a version was trained
RECENT = pd.Timedelta(days=28)
LOOKS_AS_BEFORE = "looks_as_the_champion_knew_it"


class Training(dg.Config):
    """Which recipes are tried: the families, many settings of them, or only the champion's own."""

    scope: str = Field("families", pattern="^(families|search|champion)$", description="families, search or champion")
    trials: int = Field(40, ge=1, description="settings that a search may try beyond the usual ones")
    seed: int = Field(7, description="of the draw of a search")
    only: list[str] = Field([], description="the kinds that compete, such as [als]; empty for all")


@dg.asset(
    name="interaction_matrix",
    deps=["fct_interactions"],
    group_name="collaborative",
    kinds={"python"},
    owners=SCIENTISTS,
    check_specs=[
        dg.AssetCheckSpec(
            LOOKS_AS_BEFORE,
            asset="interaction_matrix",
            description="Mixes, products and sessions of the last four weeks, beside those the champion learned from.",
        )
    ],
)
@failing_by_class
def interaction_matrix_asset(
    context: dg.AssetExecutionContext, warehouse: WarehouseParam, registry: RegistryParam, model_cache: ModelCacheParam
) -> dg.MaterializeResult:
    """Who took interest in what: by kind and age, negative for refusals. One row per shopper."""
    events = events_of(warehouse)
    found = interaction_matrix(events, FEEDBACK)
    cells = max(len(found.users) * len(found.items), 1)
    per_day = events.groupby(events["occurred_at"].dt.date).size()
    champion = champion_of(warehouse, registry, model_cache)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(found.users),
            "products": len(found.items),
            "nonzero": found.matrix.nnz,
            "negative": int((found.matrix.data < 0).sum()),
            "density": round(found.matrix.nnz / cells, 5),
            "watermark": events["occurred_at"].max().isoformat(),
            "data_version": version_of(events),
            "dbt_invocation": invocation_of(context.instance),
            "half_life_days": FEEDBACK.half_life_days or "none",
            "events_per_day": f"{sparkline(per_day.tail(60).tolist())} {int(per_day.iloc[-1])} on the last",
        },
        check_results=[drift_check(LOOKS_AS_BEFORE, registry, champion, profile_of_events(recent(events)))],
    )


@dg.asset(
    deps=[interaction_matrix_asset, "product_index"],
    group_name="collaborative",
    kinds={"python", "mlflow"},
    owners=SCIENTISTS,
)
@failing_by_class
def cf_candidates(
    context: dg.AssetExecutionContext,
    config: Training,
    warehouse: WarehouseParam,
    registry: RegistryParam,
    vectors: VectorsParam,
    model_cache: ModelCacheParam,
    als: AlsParam,
) -> dg.MaterializeResult:
    """Every family of models on the past of a time split, judged on the same future. One row per model."""
    started = time.monotonic()
    events, facts = events_of(warehouse), facts_of(read_facts(warehouse))
    ground = Ground(events, facts, pictures_of(vectors, facts.index.tolist()), FEEDBACK, version_of(events))
    champion = champion_of(warehouse, registry, model_cache)
    tools = Tools(time.perf_counter, als)
    if champion is not None and config.scope == "champion":
        done = defend(ground, tools, champion=champion.recipe, hybrid=champion.hybrid)
    else:
        trials = config.trials if config.scope == "search" else 0
        done = compete(
            ground,
            tools,
            champion=champion.recipe if champion else None,
            trials=trials,
            seed=config.seed,
            only=config.only,
        )
    logged = logged_round(registry, done, config, context.run.run_id, ground)
    picture = drawn_bars(done.trials)
    registry.add_files(logged.run_id, {"recall.png": picture})
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(logged.url),
            "scope": config.scope,
            "chosen": done.trials.chosen,
            "shoppers": len(done.trials.shoppers),
            "split_at": done.trials.split_at,
            "data_version": done.trials.data_version,
            "seconds": round(time.monotonic() - started, 1),
            "models": table(list(rows_of(done.trials)), limit=40),
            "recall": shown(picture),
        }
    )


def logged_round(registry: ModelRegistry, done: Round, config: Training, run_id: str, ground: Ground) -> Logged:
    """The round's run in MLflow, with one nested in it for each model."""
    trials = done.trials
    tags = {"data_version": trials.data_version, "split_at": trials.split_at, "scope": config.scope}
    tags |= {"watermark": ground.events["occurred_at"].max().isoformat(), "chosen": trials.chosen}
    parent = registry.log(
        EXPERIMENT,
        title=f"{config.scope} of {trials.data_version}",
        parameters={"scope": config.scope, "trials": config.trials, "seed": config.seed, **vars_of_feedback()},
        metrics={"shoppers": float(len(trials.shoppers))},
        tags={**tags, "stage": "round", "dagster_run": run_id},
        files={TRIALS_FILE: json.dumps(trials.as_json()).encode()},
    )
    for name, contender in trials.contenders.items():
        worth = {"validation_ndcg_at_20": trials.validation[name]} if name in trials.validation else {}
        registry.log(
            EXPERIMENT,
            title=name,
            parameters=parameters_told(trials.recipes[name]),
            metrics={**contender.means, "latency_p99_ms": contender.latency_p99_ms, **worth},
            tags={**tags, "kind": contender.kind},
            curves={"recall_by_cut": done.curves[name]},
            parent=parent.run_id,
        )
    for one in done.tried:
        registry.log(
            EXPERIMENT,
            title=f"tried: {one.name}",
            parameters=parameters_told(one.recipe),
            metrics={"validation_ndcg_at_20": one.worth},
            tags={**tags, "kind": one.recipe.kind, "stage": "tried"},
            parent=parent.run_id,
        )
    return parent


def newest_trials(registry: ModelRegistry, run_id: str) -> Trials | None:
    """The trials of this Dagster run, else the last of any; None if there were none."""
    own = registry.newest_run(EXPERIMENT, tagged={"stage": "round", "dagster_run": run_id})
    found = own or registry.newest_run(EXPERIMENT, tagged={"stage": "round"})
    return None if found is None else Trials.from_json(json.loads(registry.file(found, TRIALS_FILE)))


def rows_of(trials: Trials) -> Iterator[Mapping[str, str | float]]:
    """A row for each model, the best first."""
    ordered = sorted(trials.contenders.values(), key=lambda one: -one.means["ndcg_at_20"])
    for one in ordered:
        yield {
            "model": f"{one.name} (chosen)" if one.name == trials.chosen else one.name,
            "recall@20": spanned(one.recall_at_20),
            "nDCG@20": spanned(one.ndcg_at_20),
            "MAP@20": round(one.means["map_at_20"], 4),
            "nDCG@20 before": round(trials.validation.get(one.name, float("nan")), 4) if trials.validation else "",
            "coverage": round(one.means["coverage"], 3),
            "novelty": round(one.means["novelty"], 2),
            "popularity bias": round(one.means["popularity_bias"], 3),
            "Gini of sellers": round(one.means["seller_gini"], 3),
            "p99 ms": one.latency_p99_ms,
        }


def drawn_bars(trials: Trials) -> bytes:
    """A PNG of every model's recall at 20 with its interval."""
    bounds = {name: _bounds(one.recall_at_20) for name, one in trials.contenders.items()}
    return intervals(f"Recall@20 of {len(trials.shoppers)} shoppers, with 95 % intervals", bounds)


def spanned(values: tuple[float, ...]) -> str:
    """A mean with its interval, as it is printed."""
    mean, low, high = _bounds(values)
    return f"{mean:.4f} ({low:.3f} to {high:.3f})"


def drift_check(name: str, registry: ModelRegistry, champion: Champion | None, now: Profile) -> dg.AssetCheckResult:
    """Whether what is seen now is as it was when the champion was trained; a warning where it is not."""
    if champion is None:
        return dg.AssetCheckResult(check_name=name, passed=True, metadata={"why": "there is no champion yet"})
    before = Profile.from_json(json.loads(registry.file(champion.run_id, REFERENCE_FILE)))
    found = moved(before, now)
    drifted = [one for one in found if one.has_drifted]
    why = "; ".join(f"{one.feature} moved: {one.measure} {one.value:.3f}, at most {one.limit:.3f}" for one in drifted)
    return dg.AssetCheckResult(
        check_name=name,
        passed=not drifted,
        severity=dg.AssetCheckSeverity.WARN,
        description=why or None,
        metadata={"champion": champion.version, "measures": table([_told(one) for one in found], limit=40)},
    )


def recent(events: pd.DataFrame) -> pd.DataFrame:
    """The events of the last four weeks before the last one."""
    lately: pd.DataFrame = events.loc[events["occurred_at"] > events["occurred_at"].max() - RECENT]
    return lately


def invocation_of(instance: dg.DagsterInstance) -> str:
    """The dbt invocation that built the mart, if this Dagster saw it."""
    event = instance.get_latest_materialization_event(dg.AssetKey("fct_interactions"))
    known = event.asset_materialization.metadata if event and event.asset_materialization else {}
    return str(known["invocation_id"].value) if "invocation_id" in known else "not seen by this Dagster"


def parameters_told(recipe: Recipe) -> dict[str, Any]:
    """The recipe as MLflow shows parameters; those of a blend's parts begin with their kind."""
    told: dict[str, Any] = {"kind": recipe.kind}
    if len(recipe.kinds) == 1:
        return told | recipe.parts[0].as_dict()
    for kind, part, weight in zip(recipe.kinds, recipe.parts, recipe.weights, strict=True):
        told |= {f"{kind}_weight": weight, **{f"{kind}_{name}": value for name, value in part.as_dict().items()}}
    return told


def vars_of_feedback() -> dict[str, str]:
    """How events were weighed, for the record."""
    return {"half_life_days": str(FEEDBACK.half_life_days), "hide": str(FEEDBACK.hide), "report": str(FEEDBACK.report)}


def _bounds(values: tuple[float, ...]) -> tuple[float, float, float]:
    found = np.array(values, dtype=np.float64)
    return (float(found.mean()) if len(found) else 0.0, *interval_of_mean(found, seed=7))


def _told(one: Moved) -> dict[str, str | float | bool]:
    told: dict[str, str | float | bool] = {"feature": one.feature, "measure": one.measure}
    return told | {"value": round(one.value, 4), "at most": round(one.limit, 4), "drifted": one.has_drifted}
