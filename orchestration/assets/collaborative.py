"""The model that shoppers meet: the chosen recipe on all that happened, its gate, and its promotion."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from marketplace.errors import ArtifactUnavailable, PublicationRefused
from marketplace.experiments.assignment import Experiment
from marketplace.storage.experiments import running_experiment
from marketplace.storage.model_decisions import KeptRuling, gate_decision_of, keep_decision
from marketplace.storage.publications import CHALLENGER as PUBLISHED_CHALLENGER
from marketplace.storage.publications import publish_model
from marketplace.storage.warehouse import Warehouse
from models.collaborative.blending import HybridWeights
from models.collaborative.drift import Profile, profile_of_events, profile_of_scores
from models.collaborative.features import Interactions, aligned, interaction_matrix
from models.collaborative.gate import CHECKS, Decision, Rules, decide
from models.collaborative.hybrid import CF_WEIGHT
from models.collaborative.model import Recommender
from models.collaborative.selection import cook, is_warm
from models.collaborative.trials import Trials
from orchestration import promotion
from orchestration.assets.candidates import (
    REFERENCE_FILE,
    cf_candidates,
    drawn_bars,
    drift_check,
    newest_trials,
    parameters_told,
    recent,
)
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.learning import FEEDBACK, Champion, champion_of, events_of, version_of
from orchestration.pictures import shown, table
from orchestration.registry import CF_MODEL, CHALLENGER, ModelRegistry, Registered
from orchestration.resources import AlsParam, ModelCacheParam, RegistryParam, WarehouseParam

SCORES_AS_BEFORE = "scores_are_as_they_were"
MOST_SCORED = 500  # shoppers whose scores tell how scores spread
RULES = Rules()
log = logging.getLogger(__name__)


@dg.asset(
    deps=[cf_candidates],
    group_name="collaborative",
    kinds={"python", "mlflow"},
    owners=SCIENTISTS,
    check_specs=[
        *(dg.AssetCheckSpec(rule, asset="cf_model", blocking=True, description=told) for rule, told in CHECKS.items()),
        dg.AssetCheckSpec(
            SCORES_AS_BEFORE,
            asset="cf_model",
            description="The champion's scores for recent shoppers, beside those when it was trained.",
        ),
    ],
)
@failing_by_class
def cf_model(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseParam,
    registry: RegistryParam,
    model_cache: ModelCacheParam,
    als: AlsParam,
) -> dg.MaterializeResult:
    """The chosen recipe, trained on everything, and what the gate says of it. One version per training."""
    started = time.monotonic()
    trials = newest_trials(registry, context.run.run_id)
    if trials is None:
        raise ArtifactUnavailable("no recipe was tried yet; materialise cf_candidates first")
    events = events_of(warehouse)
    interactions = interaction_matrix(events, FEEDBACK)
    champion = champion_of(warehouse, registry, model_cache)
    if champion is not None and trials.champion_recipe != champion.recipe:
        raise ArtifactUnavailable(f"version {champion.version} was not among the trials; materialise cf_candidates")
    recipe = trials.recipes[trials.chosen]
    warm = champion.model if champion is not None and champion.recipe == recipe else None
    model = cook(recipe, interactions, warm=warm, als=als)
    made = registered(registry, trials, model, events, interactions)
    evidence = trials.evidence(made.version, champion.version if champion else None)
    decision = decide(evidence, RULES)
    ruling = promotion.ruled(
        evidence,
        decision,
        RULES,
        version=made.version,
        sha256=made.sha256,
        champion=champion.version if champion else None,
        run_id=context.run.run_id,
    )
    kept = keep_decision(warehouse, ruling, now=datetime.now(UTC))
    told_in_mlflow(registry, made, decision, kept)
    offered_to_experiments(warehouse, registry, model_cache, made, model.kind)
    return dg.MaterializeResult(
        metadata={
            "version": made.version,
            "verdict": decision.verdict,
            "decision": kept.decision_id,
            "replay": f"soko model replay {kept.decision_id}",
            "mlflow": dg.MetadataValue.url(made.url),
            "recipe": dg.MetadataValue.json(recipe.as_dict()),
            "began_from": f"version {champion.version}" if champion and is_warm(recipe, warm, als) else "nothing",
            "shoppers": len(interactions.users),
            "products": len(interactions.items),
            "interactions": len(events),
            "data_version": version_of(events),
            "hybrid_weights": table(list(weights_beside(trials.hybrid))),
            **{f"hybrid_ndcg_{name}": round(value, 4) for name, value in trials.hybrid.measured.items()},
            "seconds": round(time.monotonic() - started, 1),
            "recall": shown(drawn_bars(trials)),
        },
        check_results=[*gate_checks(decision), scores_check(registry, champion, interactions, events)],
    )


@dg.asset(deps=[cf_model], group_name="collaborative", kinds={"mlflow", "postgres"}, owners=SCIENTISTS)
@failing_by_class
def cf_champion(
    warehouse: WarehouseParam, registry: RegistryParam, model_cache: ModelCacheParam
) -> dg.MaterializeResult:
    """The model version that is served, moved only to one that passed the gate. One row."""
    promotion.mend_alias(warehouse, registry)
    version = registry.aliased(CF_MODEL, CHALLENGER)
    if version is None:
        raise ArtifactUnavailable(f"model {CF_MODEL} has no challenger; materialise cf_model first")
    judged = gate_decision_of(warehouse, CF_MODEL, version)
    if judged is None or judged.ruling.verdict != "promoted":
        raise PublicationRefused(promotion.what_the_gate_said(version, judged))
    done = promotion.put_before_shoppers(warehouse, registry, model_cache, version, now=datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            "version": done.version,
            "before": done.previous_version or "none",
            "sha256": str(done.details["sha256"]),
            "kind": str(done.details["kind"]),
            "decision": judged.decision_id,
        }
    )


def registered(
    registry: ModelRegistry, trials: Trials, model: Recommender, events: pd.DataFrame, interactions: Interactions
) -> Registered:
    """The new version with everything that explains it, under the alias `challenger`."""
    recipe, contender = trials.recipes[trials.chosen], trials.contenders[trials.chosen]
    popular = {f"popularity_{name}": value for name, value in trials.contenders["popular"].means.items()}
    hybrid = {f"hybrid_ndcg_{name}": value for name, value in trials.hybrid.measured.items()}
    looks = profile_of_events(recent(events)).beside(scores_profile(model, interactions, events))
    return registry.register(
        CF_MODEL,
        {**model.to_arrays(), **trials.hybrid.to_arrays()},
        title=f"{trials.chosen} of {version_of(events)}",
        parameters=parameters_told(recipe),
        metrics={**contender.means, **popular, **hybrid, "latency_p99_ms": contender.latency_p99_ms},
        tags={
            "kind": model.kind,
            "data_version": version_of(events),
            "watermark": events["occurred_at"].max().isoformat(),
            "judged_data_version": trials.data_version,
            "split_at": trials.split_at,
            promotion.RECIPE: json.dumps(recipe.as_dict()),
        },
        description=(
            f"Recall@20 is {contender.means['recall_at_20']:.3f} on the time split, that of popularity "
            f"{popular['popularity_recall_at_20']:.3f}. {len(interactions.users)} shoppers, "
            f"{len(interactions.items)} products, {len(events)} interactions."
        ),
        figures={"recall.png": drawn_bars(trials)},
        files={REFERENCE_FILE: json.dumps(looks.as_json()).encode()},
        alias=CHALLENGER,
    )


def told_in_mlflow(registry: ModelRegistry, made: Registered, decision: Decision, kept: KeptRuling) -> None:
    """The verdict and its reasons on the page of the version."""
    lines = [
        f"- {'held' if reason.passed else '**did not hold**'}: {reason.rule}: {reason.sentence}"
        for reason in decision.reasons
    ]
    head = f"**{decision.verdict}** by decision {kept.decision_id}, rules {decision.rules_version}"
    against = ", ".join(dict.fromkeys(reason.rule for reason in decision.against)) or "nothing"
    tags = {"verdict": decision.verdict, "decision": str(kept.decision_id), "against": against}
    known = registry.version(made.name, made.version).description
    registry.tell(made.name, made.version, tags=tags, description="\n\n".join([known, head, "\n".join(lines)]))


def offered_to_experiments(
    warehouse: Warehouse, registry: ModelRegistry, model_cache: Any, made: Registered, kind: str
) -> None:
    """The challenger, refused or not, where an experiment finds it; shoppers outside of experiments never meet it.

    While an experiment compares one, that one stays, for shoppers must not meet two under one name.
    """
    if compares_a_challenger(running_experiment(warehouse)):
        log.info("version %s is not offered to experiments: one that compares a challenger is running", made.version)
        return
    model_cache.keep(registry.content(made.name, made.version))
    details = {"sha256": made.sha256, "kind": kind, "run_id": made.run_id}
    publish_model(warehouse, made.version, details=details, now=datetime.now(UTC), name=PUBLISHED_CHALLENGER)


def compares_a_challenger(experiment: Experiment | None) -> bool:
    """Whether a variant of the experiment shows the challenger."""
    return experiment is not None and any(one.settings.get("model") == "challenger" for one in experiment.variants)


def gate_checks(decision: Decision) -> list[dg.AssetCheckResult]:
    """One result per rule, with every reason, its value and its bound."""
    results = []
    for rule in CHECKS:
        found = decision.of(rule)
        rows = [
            {"held": one.passed, "value": round(one.value, 5), "bound": round(one.bound, 5), "in words": one.sentence}
            for one in found
        ]
        against = "; ".join(one.sentence for one in found if not one.passed)
        results.append(
            dg.AssetCheckResult(
                check_name=rule,
                passed=not against,
                description=against or None,
                metadata={"reasons": table(rows, limit=60), "value": found[0].value, "bound": found[0].bound},
            )
        )
    return results


def scores_check(
    registry: ModelRegistry, champion: Champion | None, interactions: Interactions, events: pd.DataFrame
) -> dg.AssetCheckResult:
    """Whether the champion still scores recent shoppers as it did."""
    now = Profile() if champion is None else scores_profile(champion.model, interactions, events)
    return drift_check(SCORES_AS_BEFORE, registry, champion, now)


def scores_profile(model: Recommender, interactions: Interactions, events: pd.DataFrame) -> Profile:
    """How the model's scores for shoppers of the last four weeks spread."""
    lately = pd.Index(interactions.users).isin(recent(events)["user_id"])
    rows = np.flatnonzero(lately)[:MOST_SCORED]
    return profile_of_scores(model.scores(aligned(interactions, model.items)[rows]))


def weights_beside(hybrid: HybridWeights) -> list[dict[str, float]]:
    """The learned weights of each depth beside the documented one."""
    pairs = zip(hybrid.depths.tolist(), hybrid.weights.tolist(), strict=True)
    return [{"from products touched": depth, "learned": weight, "documented": CF_WEIGHT} for depth, weight in pairs]
