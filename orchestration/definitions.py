"""The code location: every asset, check, job, schedule and sensor, with the resources of this process's settings."""

import dagster as dg

from marketplace.settings import Settings
from orchestration.assets import (
    anomalies,
    candidates,
    catalog,
    collaborative,
    embedding,
    evaluation,
    events,
    forecasts,
    index,
    marts,
    pictures,
    quality,
    recommended,
    words,
)
from orchestration.automation import JOBS, SCHEDULES, SENSORS
from orchestration.resources import resources_from


def definitions_for(settings: Settings) -> dg.Definitions:
    """The whole graph over the stores of the settings."""
    return dg.Definitions(
        assets=[
            catalog.sellers,
            catalog.scouted_products,
            catalog.hydrated_products,
            pictures.picture_measures,
            quality.product_quality,
            quality.product_categories,
            quality.quality_opinions,
            embedding.product_embeddings,
            pictures.photo_copies,
            pictures.product_matches,
            index.product_index,
            index.index_snapshot,
            words.search_terms,
            evaluation.search_quality,
            events.interactions,
            events.leads,
            events.exposures,
            events.whatsapp_starts,
            events.orders,
            events.order_lines,
            events.exchange_rates,
            events.lead_events,
            events.experiments,
            marts.marts_assets(),
            candidates.interaction_matrix_asset,
            candidates.cf_candidates,
            collaborative.cf_model,
            collaborative.cf_champion,
            recommended.recommended,
            anomalies.anomalies,
            anomalies.alert_deliveries,
            forecasts.forecast_backtests,
            forecasts.forecasts,
        ],
        asset_checks=[quality.product_expectations, quality.quality_expectations, index.recall_is_kept],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        executor=dg.in_process_executor,
        resources=resources_from(settings),
    )


defs = definitions_for(Settings())
