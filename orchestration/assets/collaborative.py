"""Learning who likes what: a model, its gate, and recommendations for every shopper."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.marts import read_interactions, read_offered
from marketplace.storage.publications import RecommendationSet, publish_recommendations
from marketplace.storage.warehouse import Warehouse
from models.collaborative.evaluation import Report, evaluate
from models.collaborative.features import interaction_matrix
from models.collaborative.model import FactorModel
from models.collaborative.serving_rows import draw_recommendations
from models.collaborative.training import AlsParameters, train_als
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, shown, table
from orchestration.registry import CF_MODEL, CHAMPION
from orchestration.resources import EncodersParam, RegistryParam, VectorsParam, WarehouseParam

SCIENTISTS = ["team:data-science"]
PARAMETERS = AlsParameters()
WINNING = {"beats_popularity": "true"}  # the tag of a version that may become champion


@dg.asset(
    deps=["fct_interactions"],
    group_name="collaborative",
    kinds={"python", "mlflow"},
    owners=SCIENTISTS,
    check_specs=[dg.AssetCheckSpec("beats_popularity", asset="cf_model", blocking=True)],
)
@failing_by_class
def cf_model(warehouse: WarehouseParam, registry: RegistryParam) -> dg.MaterializeResult:
    """Factors of shoppers and products by implicit ALS, judged on the last two weeks. One version per training."""
    started = time.monotonic()
    events = interactions_of(warehouse)
    report = evaluate(events, PARAMETERS)
    interactions = interaction_matrix(events)
    model = train_als(interactions, PARAMETERS)
    figure = bars(
        "Recall at 10, on the time split",
        {"ALS": report.model["recall_at_10"], "popularity": report.popularity["recall_at_10"]},
    )
    registered = registry.register(
        CF_MODEL,
        model.to_arrays(),
        title=f"ALS of {version_of(events)}",
        parameters=PARAMETERS.as_dict(),
        metrics=measured(report),
        tags={
            "data_version": version_of(events),
            "split_at": report.split_at,
            **(WINNING if report.beats_popularity else {}),
        },
        description=(
            f"Recall at 10 is {report.model['recall_at_10']:.2f} on the time split, "
            f"that of popularity {report.popularity['recall_at_10']:.2f}. "
            f"{len(model.users)} shoppers, {len(model.items)} products, {len(events)} interactions."
        ),
        figures={"recall.png": figure},
    )
    return dg.MaterializeResult(
        metadata={
            "version": registered.version,
            "mlflow": dg.MetadataValue.url(registered.url),
            "shoppers": len(model.users),
            "products": len(model.items),
            "interactions": len(events),
            "data_version": version_of(events),
            "seconds": round(time.monotonic() - started, 1),
            "recall": shown(figure),
            **{name: round(value, 4) for name, value in measured(report).items()},
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="beats_popularity",
                passed=report.beats_popularity,
                metadata={"shoppers": report.shoppers, "gain_low": report.gain_low, "gain_high": report.gain_high},
            )
        ],
    )


@dg.asset(deps=[cf_model], group_name="collaborative", kinds={"mlflow"}, owners=SCIENTISTS)
@failing_by_class
def cf_champion(context: dg.AssetExecutionContext, registry: RegistryParam) -> dg.MaterializeResult:
    """The model version that serving follows, moved only after it beat popularity. One row."""
    version = registry.newest(CF_MODEL, tagged=WINNING)
    before = registry.promote(CF_MODEL, version)
    return dg.MaterializeResult(metadata={"version": version, "before": before or "none", "alias": CHAMPION})


@dg.asset(
    deps=[cf_champion, "product_index", "fct_interactions"],
    group_name="collaborative",
    kinds={"python", "postgres"},
    owners=SCIENTISTS,
    check_specs=[dg.AssetCheckSpec("every_shopper_is_served", asset="recommendations")],
)
@failing_by_class
def recommendations(
    warehouse: WarehouseParam, registry: RegistryParam, vectors: VectorsParam, encoders: EncodersParam
) -> dg.MaterializeResult:
    """What to show each shopper: 0.6 collaborative plus 0.4 visual. One row per shopper and rank."""
    started = time.monotonic()
    version, arrays = registry.champion(CF_MODEL)
    model = FactorModel.from_arrays(arrays)
    events = interactions_of(warehouse)
    offered = read_offered(warehouse)
    live = vectors.current()
    if live is None:
        raise ArtifactUnavailable("no product index is published; materialise product_index first")
    rows = draw_recommendations(
        model,
        events,
        offered,
        vectors.vectors_of([product_id for product_id, _ in offered]),
        now=events["occurred_at"].max(),
    )
    details = {"model": f"{CF_MODEL}/{version}", "index": live, "data_version": version_of(events)}
    name = hashlib.sha256("/".join(details.values()).encode()).hexdigest()[:12]
    filled = RecommendationSet(rows.personal, rows.neighbours, rows.popular)
    published = publish_recommendations(warehouse, name, filled, details=details, now=datetime.now(UTC))
    served = len({row["user_id"] for row in rows.personal})
    return dg.MaterializeResult(
        metadata={
            "version": published.version,
            "previous": published.previous_version or "none",
            "dagster/row_count": len(rows.personal),
            "shoppers": served,
            "neighbours": len(rows.neighbours),
            "seconds": round(time.monotonic() - started, 1),
            "sample": table(list(rows.personal)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_shopper_is_served",
                passed=served == len(model.users),
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"served": served, "known": len(model.users)},
            )
        ],
    )


def interactions_of(warehouse: Warehouse) -> pd.DataFrame:
    """Shoppers' interest as a frame: user_id, product_id, weight, occurred_at; what they refused is left out.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    rows = read_interactions(warehouse)
    frame = pd.DataFrame(rows, columns=["user_id", "product_id", "kind", "weight", "occurred_at"])
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    return frame[frame["weight"] > 0].drop(columns="kind").reset_index(drop=True)


def version_of(events: pd.DataFrame) -> str:
    """Twelve hex digits that name exactly these events."""
    return hashlib.sha256(pd.util.hash_pandas_object(events, index=False).to_numpy().tobytes()).hexdigest()[:12]


def measured(report: Report) -> dict[str, Any]:
    """The report as flat metrics, the model's own names plain, popularity's with a prefix."""
    beside = {f"popularity_{name}": value for name, value in report.popularity.items()}
    return {**report.model, **beside, "gain_low": report.gain_low, "gain_high": report.gain_high}
