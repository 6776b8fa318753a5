"""What search is worth, told by judged queries, and the gate that a worse one does not pass."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from marketplace.errors import ArtifactUnavailable
from models.retrieval.evaluation import LEAST_QUERIES, Moved
from models.retrieval.metrics import DEPTH
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.judging import (
    WORST_FALL,
    WORST_FALL_OF_GROUP,
    Answers,
    Outcome,
    Searched,
    answered,
    beside,
    flat,
    on_the_shelf,
    rows_of,
    settled,
    still_holds,
    table_of,
)
from orchestration.pictures import bars, shown
from orchestration.registry import ModelRegistry
from orchestration.resources import EncodersParam, JudgementsParam, RegistryParam, VectorsParam, WarehouseParam
from orchestration.searching import Engine

EXPERIMENT = "search"
NO_WORSE = "search_is_no_worse"
HELD_TO = (
    f"Beside the best accepted evaluation, the mean nDCG@10 of all queries fell by at most {WORST_FALL}, and that of "
    f"every modality and language with {LEAST_QUERIES} queries by at most {WORST_FALL_OF_GROUP}, "
    "or by no more than chance may do."
)


@dg.asset(
    deps=["product_index", "search_terms"],
    group_name="index",
    kinds={"python", "mlflow"},
    owners=SCIENTISTS,
    check_specs=[dg.AssetCheckSpec(NO_WORSE, asset="search_quality", blocking=True, description=HELD_TO)],
)
@failing_by_class
def search_quality(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseParam,
    vectors: VectorsParam,
    encoders: EncodersParam,
    judgements: JudgementsParam,
    registry: RegistryParam,
) -> dg.MaterializeResult:
    """What search finds for judged queries, per language and modality. One row per evaluation."""
    started, now = time.monotonic(), datetime.now(UTC)
    collection = vectors.current()
    if collection is None:
        raise ArtifactUnavailable("no product index is published; materialise product_index first")
    encoder = encoders.load()
    searched = Searched(encoder.version, collection, judgements.weights)
    engine = Engine(warehouse, vectors, encoder, weights=judgements.weights)
    outcomes: list[Outcome] = []
    metadata: dict[str, Any] = {}
    for golden in judgements.load():
        fitting = on_the_shelf(warehouse, golden)
        metadata[f"{golden.name}: queries"] = f"{len(fitting.queries)} of {len(golden.queries)}"
        if not fitting.queries:
            continue
        outcome = still_holds(warehouse, golden, searched, now=now)
        if outcome is None:
            answers = answered(engine, fitting)
            outcome = settled(warehouse, golden, answers, searched, run_id=context.run.run_id, now=now)
            metadata |= _told(answers, outcome, _logged(registry, outcome))
        metadata[f"{golden.name}: evaluation"] = outcome.kept.evaluation_id
        metadata[f"{golden.name}: score"] = round(outcome.kept.judged.score, 4)
        outcomes.append(outcome)
    metadata["seconds"] = round(time.monotonic() - started, 1)
    return dg.MaterializeResult(metadata=metadata, check_results=[search_is_no_worse(outcomes)])


def search_is_no_worse(outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    """Whether every evaluation is accepted; without any there is nothing to hold on to, which is a warning."""
    if not outcomes:
        why = "no judged product is on the shelf: name judged queries of this catalogue in SOKO_SEARCH_JUDGEMENTS"
        severity = dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(check_name=NO_WORSE, passed=False, severity=severity, metadata={"why": why})
    metadata: dict[str, Any] = {"may_fall_by": WORST_FALL, "a_group_may_fall_by": WORST_FALL_OF_GROUP}
    for outcome in outcomes:
        metadata |= _held(outcome)
    refused = [outcome for outcome in outcomes if not outcome.is_no_worse]
    why = "; ".join(f"{outcome.kept.judged.golden} fell in {_groups(outcome)}" for outcome in refused)
    return dg.AssetCheckResult(check_name=NO_WORSE, passed=not refused, metadata=metadata, description=why or None)


def _held(outcome: Outcome) -> dict[str, Any]:
    """What one evaluation is held to, and every group that fell."""
    name, kept = outcome.kept.judged.golden, outcome.kept
    metadata: dict[str, Any] = {f"{name}: score": round(kept.judged.score, 4)}
    if outcome.comparison is not None:
        metadata[f"{name}: before"] = round(outcome.comparison.whole.before, 4)
        metadata[f"{name}: gain"] = _gained(outcome.comparison.whole)
        metadata[f"{name}: groups compared"] = ", ".join(one.group for one in outcome.comparison.groups) or "none"
    if not outcome.is_no_worse:
        metadata |= {f"{name}: fell in {one.group}": _gained(one) for one in outcome.fallen}
        metadata[f"{name}: what to do"] = (
            f"mend the search or go back (soko rollback index); or, if {kept.judged.score:.3f} is right: "
            f"soko search accept {kept.evaluation_id}"
        )
    return metadata


def _groups(outcome: Outcome) -> str:
    return ", ".join(one.group for one in outcome.fallen)


def _gained(moved: Moved) -> str:
    gain = moved.gain
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) over {moved.queries} queries"


def _logged(registry: ModelRegistry, outcome: Outcome) -> str:
    """The address of the evaluation's run in MLflow."""
    assert outcome.answers is not None
    judged, report = outcome.kept.judged, outcome.answers.report
    return registry.log(
        EXPERIMENT,
        title=f"{judged.golden} {judged.golden_hash}, evaluation {outcome.kept.evaluation_id}",
        parameters={
            "encoder": judged.encoder,
            "index": judged.collection,
            "golden": judged.golden,
            "golden_hash": judged.golden_hash,
            "queries": len(judged.scores),
            "depth": DEPTH,
            **{f"weight_{name}": value for name, value in judged.weights.items()},
        },
        metrics=flat(report),
        tags={"status": outcome.kept.status, "evaluation": str(outcome.kept.evaluation_id)},
        files={
            "queries.csv": rows_of(outcome.answers),
            "report.md": table_of(report.rows).encode(),
            "ndcg.png": _drawn(outcome.answers),
        },
    ).url


def _told(answers: Answers, outcome: Outcome, url: str) -> dict[str, Any]:
    """The evaluation as Dagster shows it."""
    name = answers.golden.name
    told: dict[str, Any] = {
        f"{name}: figures": dg.MetadataValue.md(table_of(answers.report.rows)),
        f"{name}: nDCG": shown(_drawn(answers)),
        f"{name}: mlflow": dg.MetadataValue.url(url),
    }
    if outcome.before is not None:
        told[f"{name}: beside the one it is held to"] = dg.MetadataValue.md(
            beside(outcome.before.judged.means, answers.report)
        )
    return told


def _drawn(answers: Answers) -> bytes:
    heights = {row.group: row.means["ndcg_at_10"].mean for row in answers.report.rows}
    return bars(f"nDCG@10 of {len(answers.golden.queries)} judged queries", heights)
