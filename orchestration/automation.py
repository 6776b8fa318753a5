"""When things run: the six-hour heartbeat, what changes ask for, and what the API asks for."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import dagster as dg

from marketplace.errors import ConfigurationError, StoreUnreachable
from marketplace.storage import audit, requests, word_index
from marketplace.storage.index_state import need_of_upkeep, unindexed_state
from marketplace.storage.warehouse import Warehouse
from orchestration.assets.anomalies import delivery_metadata
from orchestration.expectations import CLEAN_SUITE, PRODUCT_SUITE
from orchestration.resources import AlertingParam, VectorsParam, WarehouseParam

CATALOG_AND_INDEX = dg.AssetSelection.assets(
    "sellers",
    "scouted_products",
    "products",
    "product_changes",
    "picture_measures",
    "product_quality",
    "product_embeddings",
    "photo_copies",
    "product_matches",
    "product_index",
    "search_terms",
    "search_quality",
    "product_categories",
    "quality_opinions",
)
EXPECTATIONS = [dg.AssetCheckKey(dg.AssetKey("products"), one.check) for one in PRODUCT_SUITE] + [
    dg.AssetCheckKey(dg.AssetKey("product_quality"), one.check) for one in CLEAN_SUITE
]
INDEXING = dg.AssetSelection.assets(
    "picture_measures",
    "product_quality",
    "product_embeddings",
    "photo_copies",
    "product_matches",
    "product_index",
    "search_terms",
    "search_quality",  # the run may put another encoder's collection before shoppers; an unchanged search costs nothing
    "product_categories",
) | dg.AssetSelection.checks(*EXPECTATIONS)
# Measured once a day: a build measures its recall itself, and the small upkeep must stay small.
RECALL = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("product_index"), "recall_is_kept"))
MARTS = dg.AssetSelection.groups("staging", "intermediate", "marts", "seeds")
LEARNING = dg.AssetSelection.groups("collaborative")
INSIGHTS = dg.AssetSelection.groups("insights")
REQUEST_TAG = "soko/request_id"
PATIENCE_SECONDS = 600
WORDS_AT_ONCE = 2_000  # products whose words one look of a sensor reads

refresh_market = dg.define_asset_job(
    "refresh_market",
    selection=(CATALOG_AND_INDEX | MARTS | LEARNING | INSIGHTS) - RECALL,
    description="Everything once: catalogue, index, marts, model, recommendations, anomalies and forecasts.",
    executor_def=dg.in_process_executor,
)
refresh_catalog = dg.define_asset_job(
    "refresh_catalog",
    selection=(CATALOG_AND_INDEX | MARTS | INSIGHTS) - RECALL,
    description="Read every seller's catalogue, follow its changes into the index, build the marts, watch, foretell.",
    executor_def=dg.in_process_executor,
)
index_catalog = dg.define_asset_job(
    "index_catalog",
    selection=INDEXING - RECALL,
    description="Judge, embed and index what changed in the catalogue since the last index, and judge search on it.",
    executor_def=dg.in_process_executor,
)
keep_index = dg.define_asset_job(
    "keep_index",
    selection=dg.AssetSelection.assets("product_index") - RECALL,
    config={"ops": {"product_index": {"config": {"only_upkeep": True}}}},
    description="Carry what changed to the live index: prices, stock, sellers who paused, verdicts.",
    tags={"dagster/priority": "1"},  # short, and shoppers wait for it: before all that waits for a place
    executor_def=dg.in_process_executor,
)
check_index = dg.define_asset_job(
    "check_index",
    selection=RECALL | dg.AssetSelection.assets("index_snapshot"),
    description="Compare the live index with Postgres, measure its recall, and back it up.",
    executor_def=dg.in_process_executor,
)
retrain_recommendations = dg.define_asset_job(
    "retrain_recommendations",
    selection=MARTS | LEARNING,
    config={"ops": {"cf_candidates": {"config": {"scope": "champion"}}}},
    description="Build the marts, train the champion's kind anew on them, and publish what it recommends if it passed.",
    executor_def=dg.in_process_executor,
)
search_recommendations = dg.define_asset_job(
    "search_recommendations",
    selection=MARTS | LEARNING,
    config={"ops": {"cf_candidates": {"config": {"scope": "search"}}}},
    description="Build the marts, search all families of models for a better one, and publish it if it passed.",
    executor_def=dg.in_process_executor,
)
draw_recommendations = dg.define_asset_job(
    "draw_recommendations",
    selection=dg.AssetSelection.assets("recommendations", "similar_products"),
    description="Draw lists and neighbours anew with the model that is served, such as after a rollback.",
    executor_def=dg.in_process_executor,
)
draw_insights = dg.define_asset_job(
    "draw_insights",
    selection=INSIGHTS,
    description="Judge the last days and foretell the next ones anew, with the marts as they are.",
    executor_def=dg.in_process_executor,
)
judge_search = dg.define_asset_job(
    "judge_search",
    selection=dg.AssetSelection.assets("search_quality"),
    description="Ask search every judged query, and compare with the last evaluation that was accepted.",
    executor_def=dg.in_process_executor,
)
JOBS = [
    refresh_market,
    refresh_catalog,
    index_catalog,
    keep_index,
    check_index,
    judge_search,
    retrain_recommendations,
    search_recommendations,
    draw_recommendations,
    draw_insights,
]

refresh_catalog_every_six_hours = dg.ScheduleDefinition(
    name="refresh_catalog_every_six_hours",
    job=refresh_catalog,
    cron_schedule="0 */6 * * *",
    run_config={"ops": {"scouted_products": {"config": {"only_due": True}}}},
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The heartbeat: every seller's catalogue four times a day, with all that follows from it.",
)
retrain_recommendations_every_six_hours = dg.ScheduleDefinition(
    name="retrain_recommendations_every_six_hours",
    job=retrain_recommendations,
    cron_schedule="0 3-21/6 * * *",  # between two heartbeats, so that neither waits for the other
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The champion's kind with what shoppers did since, four times a day.",
)
search_recommendations_nightly = dg.ScheduleDefinition(
    name="search_recommendations_nightly",
    job=search_recommendations,
    cron_schedule="30 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every family of models on the day's events, half past four in Nairobi.",
)
check_index_daily = dg.ScheduleDefinition(
    name="check_index_daily",
    job=check_index,
    cron_schedule="15 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day: is the live index as Postgres says, does it find what it should, and a backup of it.",
)
SCHEDULES = [
    refresh_catalog_every_six_hours,
    retrain_recommendations_every_six_hours,
    search_recommendations_nightly,
    check_index_daily,
]


@dg.sensor(
    job=index_catalog,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Index what changed in the catalogue, unless a run that does so is under way.",
)
def when_the_catalog_changes(
    context: dg.SensorEvaluationContext, warehouse: WarehouseParam
) -> dg.RunRequest | dg.SkipReason:
    """A run for the state of the catalogue that is not in the index."""
    state = unindexed_state(warehouse)
    if state is None:
        return dg.SkipReason("the index holds every change of the catalogue")
    running = _under_way(context.instance, refresh_market.name, refresh_catalog.name, index_catalog.name)
    if running is not None:
        return dg.SkipReason(f"{running} is under way and will index the change")
    return dg.RunRequest(run_key=f"catalog-{state}")


@dg.sensor(
    job=keep_index,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Carry what changed to the live index, or mend it where it cannot be read.",
)
def when_the_index_falls_behind(
    context: dg.SensorEvaluationContext, warehouse: WarehouseParam, vectors: VectorsParam
) -> dg.RunRequest | dg.SkipReason:
    """A run for changes that wait or an index that is ill; one in ten minutes where it did not help.

    It goes beside runs that read, judge and embed, which may take long; the pool makes it wait for who writes to the
    index.
    """
    try:
        need = need_of_upkeep(warehouse, vectors)
    except (StoreUnreachable, ConfigurationError) as error:
        return dg.SkipReason(f"what changed waits for Milvus: {error}")
    if need is None:
        return dg.SkipReason("nothing waits to be carried to the index")
    if _under_way(context.instance, keep_index.name) is not None:
        return dg.SkipReason("keep_index is under way; what it does not carry is the next one's")
    return dg.RunRequest(run_key=f"{need}-{int(time.time() // PATIENCE_SECONDS)}")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Read the words that changed since the last look into the index of words; many are left to a run.",
)
def when_words_wait(context: dg.SensorEvaluationContext, warehouse: WarehouseParam) -> dg.SensorResult:
    """A materialisation of `search_terms` when words changed; it needs no run, for it takes a second."""
    if not word_index.waiting(warehouse):
        return dg.SensorResult(skip_reason="every word of the catalogue is in the index")
    done = word_index.refresh_terms(warehouse, most=WORDS_AT_ONCE)
    read = {"products_read": done.products, "terms_moved": done.terms, "waiting": done.left}
    return dg.SensorResult(asset_events=[dg.AssetMaterialization("search_terms", metadata=read)])


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell people of the alerts that are due, and show how far the telling is behind.",
)
def when_alerts_are_due(warehouse: WarehouseParam, alerting: AlertingParam) -> dg.SensorResult:
    """A materialisation of `alert_deliveries` when anything was told or tried; it needs no run."""
    done = alerting.deliver(warehouse)
    if not (done.told or done.put_back or done.given_up):
        return dg.SensorResult(skip_reason="no alert is due")
    told = delivery_metadata(warehouse, done)
    return dg.SensorResult(asset_events=[dg.AssetMaterialization("alert_deliveries", metadata=told)])


@dg.sensor(
    jobs=[refresh_catalog, retrain_recommendations],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Start what the API was asked for: a seller's sync, or a training.",
)
def when_work_is_requested(
    context: dg.SensorEvaluationContext, warehouse: WarehouseParam
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run for each request that waits, once."""
    waiting = requests.queued(warehouse)
    if not waiting:
        yield dg.SkipReason("nobody asked for anything")
    for request in waiting:
        tags = {REQUEST_TAG: request.request_id}
        if request.kind == "sync":
            scope = {"config": {"seller_ids": [request.seller_id], "trigger": "request"}}
            config = {"ops": {"scouted_products": scope}}
            yield dg.RunRequest(request.request_id, config, tags, job_name=refresh_catalog.name)
        else:
            yield dg.RunRequest(request.request_id, {}, tags, job_name=retrain_recommendations.name)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Show in the graph that the API received events since the last look.",
)
def when_events_land(context: dg.SensorEvaluationContext, warehouse: WarehouseParam) -> dg.SensorResult:
    """A materialisation of each source table whose count moved."""
    counts = audit.event_counts(warehouse)
    before = context.cursor
    now = ",".join(f"{name}={count}" for name, count in sorted(counts.items()))
    if now == before:
        return dg.SensorResult(skip_reason="no new events")
    landed = [
        dg.AssetMaterialization(["raw", name], metadata={"dagster/row_count": count}) for name, count in counts.items()
    ]
    return dg.SensorResult(asset_events=landed, cursor=now)


def _under_way(instance: dg.DagsterInstance, *names: str) -> str | None:
    """Which of the jobs is under way or waits for its turn, None if none is."""
    busy = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED]
    )
    return next((run.job_name for run in instance.get_runs(busy) if run.job_name in names), None)


def _follow(
    context: dg.RunStatusSensorContext,
    status: Literal["running", "done", "failed"],
    note: str | None,
    warehouse: Warehouse,
) -> None:
    request_id = context.dagster_run.tags.get(REQUEST_TAG)
    if request_id:
        requests.mark(
            warehouse, [request_id], status=status, run_id=context.dagster_run.run_id, note=note, now=datetime.now(UTC)
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.STARTED, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10
)
def when_a_requested_run_starts(context: dg.RunStatusSensorContext, warehouse: WarehouseParam) -> None:
    """Tell who asked that the work is under way."""
    _follow(context, "running", None, warehouse)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10
)
def when_a_requested_run_ends(context: dg.RunStatusSensorContext, warehouse: WarehouseParam) -> None:
    """Tell who asked that the work is done."""
    _follow(context, "done", None, warehouse)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10
)
def when_a_requested_run_fails(context: dg.RunStatusSensorContext, warehouse: WarehouseParam) -> None:
    """Tell who asked that the work failed, and why."""
    _follow(context, "failed", context.dagster_event.message, warehouse)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10
)
def when_a_requested_run_is_cancelled(context: dg.RunStatusSensorContext, warehouse: WarehouseParam) -> None:
    """Tell who asked that somebody ended the work."""
    _follow(context, "failed", "the run was cancelled in Dagster; ask again", warehouse)


SENSORS = [
    when_the_catalog_changes,
    when_the_index_falls_behind,
    when_words_wait,
    when_alerts_are_due,
    when_work_is_requested,
    when_events_land,
    when_a_requested_run_starts,
    when_a_requested_run_ends,
    when_a_requested_run_fails,
    when_a_requested_run_is_cancelled,
]
