"""Lists and neighbours, drawn with the model that is served and switched at once."""

import hashlib
import time
from datetime import UTC, datetime

import dagster as dg

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.marts import read_facts, read_offered
from marketplace.storage.publications import RecommendationSet, publish_recommendations
from models.collaborative.features import depths, interaction_matrix
from models.collaborative.serving_rows import (
    Offered,
    alike_matrix,
    alike_rows,
    personal_rows,
    popular_rows,
    together_rows,
)
from orchestration.assets.collaborative import cf_champion
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.learning import FEEDBACK, champion_of, events_of, version_of
from orchestration.pictures import table
from orchestration.registry import CF_MODEL
from orchestration.resources import ModelCacheParam, RegistryParam, VectorsParam, WarehouseParam


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            "recommendations",
            deps=[cf_champion, "product_index", "fct_interactions"],
            group_name="collaborative",
            kinds={"python", "postgres"},
            owners=SCIENTISTS,
            description="What to show each shopper, by interest and likeness. One row per shopper and rank.",
        ),
        dg.AssetSpec(
            "similar_products",
            deps=[cf_champion, "product_index", "fct_interactions"],
            group_name="collaborative",
            kinds={"python", "postgres"},
            owners=SCIENTISTS,
            description="What goes with each product, and what is like it. One row per product, kind and rank.",
        ),
    ],
    check_specs=[dg.AssetCheckSpec("every_shopper_is_served", asset="recommendations")],
)
@failing_by_class
def recommended(
    warehouse: WarehouseParam, registry: RegistryParam, vectors: VectorsParam, model_cache: ModelCacheParam
) -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
    """Both are one publication: no reader sees the lists of one version beside the neighbours of another."""
    started = time.monotonic()
    champion = champion_of(warehouse, registry, model_cache)
    live = vectors.current()
    if champion is None:
        raise ArtifactUnavailable("no model is served; materialise cf_champion first")
    if live is None:
        raise ArtifactUnavailable("no product index is published; materialise product_index first")
    events, facts = events_of(warehouse), {one.product_id: one for one in read_facts(warehouse)}
    offered = [Offered(number, category, facts[number].city) for number, category in read_offered(warehouse)]
    numbers = [one.product_id for one in offered]
    interactions = interaction_matrix(events, FEEDBACK)
    alike = list(alike_rows(vectors.vectors_of(numbers)))
    near = alike_matrix(alike, champion.model.items)
    personal = list(personal_rows(champion.model, interactions, near, champion.hybrid, numbers))
    together = list(together_rows(champion.model, numbers))
    popular = list(popular_rows(events, offered, events["occurred_at"].max()))
    details = {"model": f"{CF_MODEL}/{champion.version}", "index": live, "data_version": version_of(events)}
    name = hashlib.sha256("/".join(details.values()).encode()).hexdigest()[:12]
    filled = RecommendationSet(personal, [*together, *alike], popular)
    done = publish_recommendations(warehouse, name, filled, details=details, now=datetime.now(UTC))
    served = len({row["user_id"] for row in personal})
    interested = int((depths(interactions.matrix) > 0).sum())  # whoever only refused is shown what is popular
    both = {"version": done.version, "previous": done.previous_version or "none", "model": details["model"]}
    lists = dg.MaterializeResult(
        asset_key="recommendations",
        metadata={
            **both,
            "dagster/row_count": len(personal),
            "shoppers": served,
            "popular": len(popular),
            "seconds": round(time.monotonic() - started, 1),
            "sample": table(personal),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_shopper_is_served",
                passed=served >= interested,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"served": served, "interested": interested, "known": len(interactions.users)},
            )
        ],
    )
    likes = dg.MaterializeResult(
        asset_key="similar_products",
        metadata={
            **both,
            "dagster/row_count": len(together) + len(alike),
            "together": len(together),
            "alike": len(alike),
            "sample": table(together),
        },
    )
    return lists, likes
