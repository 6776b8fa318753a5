"""Schedules and sensors ticked by hand over a real warehouse: what they start, when, and what they tell who asked."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.execution.validate_run_config import validate_run_config

from marketplace.local.network import free_port
from marketplace.settings import Settings
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.requests import WorkRequest, ask_for
from marketplace.storage.tables import interactions, products, sellers, work_requests
from marketplace.storage.vectors import Vectors
from orchestration import automation

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
SELLER = 5


@pytest.fixture(scope="module")
def defs():
    from orchestration.definitions import definitions_for

    return definitions_for(Settings(_env_file=None))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def seller(warehouse):
    row = {"seller_id": SELLER, "handle": "asha", "name": "Asha", "country": "KE", "currency": "KES"}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(sellers).values(**row, source_kind="whatsapp"))


def sell(warehouse, number):
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    row = {"product_id": number, "seller_id": SELLER, "source_ref": str(number), "title": "Kanga", "content_hash": "h"}
    row |= {"category": "Fabrics", "description": ""}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(products).values(**row, **seen))


def ticked(sensor, warehouse, instance, cursor=None, **resources):
    """What one evaluation of the sensor gave."""
    known = {"warehouse": warehouse, **resources}
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=known)
    return sensor.evaluate_tick(context)


def states(warehouse):
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(work_requests.c.request_id, work_requests.c.status, work_requests.c.note))
        return {row.request_id: (row.status, row.note) for row in rows}


@pytest.mark.parametrize("schedule", automation.SCHEDULES, ids=lambda schedule: schedule.name)
def test_a_tick_of_a_schedule_starts_its_job(defs, instance, schedule):
    found = defs.resolve_schedule_def(schedule.name)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=NOW) as context:
        (asked,) = found.evaluate_tick(context).run_requests
    assert validate_run_config(defs.resolve_job_def(schedule.job_name), asked.run_config) is not None


def test_the_catalogue_is_read_every_six_hours(defs):
    schedule = defs.resolve_schedule_def("refresh_catalog_every_six_hours")
    assert schedule.cron_schedule == "0 */6 * * *"
    assert schedule.job_name == "refresh_catalog"


def test_an_unchanged_catalogue_starts_nothing(warehouse, instance):
    assert "every change" in ticked(automation.when_the_catalog_changes, warehouse, instance).skip_message


def test_changed_rows_start_one_run_for_each_state_of_the_catalogue(warehouse, instance, seller):
    keys = []
    for number in (1, 2):
        sell(warehouse, number)
        for _ in range(2):
            (asked,) = ticked(automation.when_the_catalog_changes, warehouse, instance).run_requests
            keys.append(asked.run_key)
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_changed_rows_wait_for_a_run_that_is_under_way(defs, warehouse, instance, seller):
    sell(warehouse, 1)
    job = defs.resolve_job_def("refresh_catalog")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert (
        "refresh_catalog is under way" in ticked(automation.when_the_catalog_changes, warehouse, instance).skip_message
    )


def test_a_run_that_only_carries_changes_holds_up_no_judging(defs, warehouse, instance, seller):
    sell(warehouse, 1)
    instance.create_run_for_job(defs.resolve_job_def("keep_index"), status=dg.DagsterRunStatus.STARTED)
    assert ticked(automation.when_the_catalog_changes, warehouse, instance).run_requests


@pytest.fixture
def vectors(milvus_uri):
    opened = Vectors(milvus_uri, alias="test_automation")
    yield opened
    if opened.current() is not None:
        opened.milvus.ask("drop_alias", opened.alias)
    for collection in opened.collections():
        opened.drop(collection)
    opened.close()


def test_a_change_is_carried_to_the_live_index_by_the_small_job(defs, warehouse, instance, seller, vectors):
    def tick():
        return ticked(automation.when_the_index_falls_behind, warehouse, instance, vectors=vectors)

    assert "nothing waits" in tick().skip_message  # there is no index yet: judging and embedding come first
    rebuild_index(warehouse, vectors, "m1", index_type="FLAT", now=NOW)
    assert "nothing waits" in tick().skip_message
    sell(warehouse, 1)
    (asked,) = tick().run_requests
    job = defs.resolve_job_def("keep_index")
    assert validate_run_config(job, asked.run_config) is not None
    assert job.asset_layer.executable_asset_keys == {dg.AssetKey("product_index")}
    for name in ("refresh_market", "refresh_catalog", "index_catalog"):  # each may read and embed for an hour
        instance.create_run_for_job(defs.resolve_job_def(name), status=dg.DagsterRunStatus.STARTED)
    assert tick().run_requests
    assert job.tags["dagster/priority"] == "1"
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "keep_index is under way" in tick().skip_message


def test_changes_wait_while_milvus_is_away(warehouse, instance, seller):
    sell(warehouse, 1)
    away = Vectors(f"http://127.0.0.1:{free_port()}", timeout=1)
    told = ticked(automation.when_the_index_falls_behind, warehouse, instance, vectors=away)
    assert "what changed waits for Milvus" in told.skip_message


def test_recall_is_measured_once_a_day_and_by_no_other_job(defs):
    jobs = [defs.resolve_job_def(job.name) for job in automation.JOBS]
    measured = {job.name for job in jobs if any(node.name == "product_index_recall_is_kept" for node in job.nodes)}
    assert measured == {"check_index"}


def test_what_the_api_was_asked_for_is_started_once_and_with_a_scope_the_job_takes(defs, warehouse, instance, seller):
    ask_for(warehouse, WorkRequest("r1", "sync", SELLER))
    ask_for(warehouse, WorkRequest("r2", "train", None))
    asked = {one.run_key: one for one in ticked(automation.when_work_is_requested, warehouse, instance).run_requests}
    assert {key: one.job_name for key, one in asked.items()} == {
        "r1": "refresh_catalog",
        "r2": "retrain_recommendations",
    }
    for one in asked.values():
        validate_run_config(defs.resolve_job_def(one.job_name), one.run_config)
    assert asked["r1"].run_config["ops"]["scouted_products"]["config"]["seller_ids"] == [SELLER]
    assert asked["r1"].tags[automation.REQUEST_TAG] == "r1"


def test_nothing_asked_for_starts_nothing(warehouse, instance):
    assert "nobody" in ticked(automation.when_work_is_requested, warehouse, instance).skip_message


@pytest.mark.parametrize(
    ("event", "follow", "status"),
    [
        ("PIPELINE_START", automation.when_a_requested_run_starts, "running"),
        ("PIPELINE_SUCCESS", automation.when_a_requested_run_ends, "done"),
        ("PIPELINE_FAILURE", automation.when_a_requested_run_fails, "failed"),
        ("PIPELINE_CANCELED", automation.when_a_requested_run_is_cancelled, "failed"),
    ],
)
def test_who_asked_is_told_how_far_it_has_come(defs, warehouse, instance, seller, event, follow, status):
    ask_for(warehouse, WorkRequest("r1", "sync", SELLER))
    ask_for(warehouse, WorkRequest("r2", "train", None))
    job = defs.resolve_job_def("refresh_catalog")
    run = instance.create_run_for_job(job, tags={automation.REQUEST_TAG: "r1"})
    happened = dg.DagsterEvent(event_type_value=event, job_name=job.name, message="no seller answered")
    context = dg.build_run_status_sensor_context(
        follow.name, happened, instance, run, resources={"warehouse": warehouse}
    )
    follow(context)
    known = states(warehouse)
    assert known["r1"][0] == status
    assert known["r2"] == ("queued", None)
    if event == "PIPELINE_FAILURE":
        assert known["r1"][1] == "no seller answered"


def test_received_events_show_in_the_graph_once(warehouse, instance):
    first = ticked(automation.when_events_land, warehouse, instance)
    row = {"event_id": "e", "user_id": "u", "product_id": 1, "kind": "view", "occurred_at": NOW}
    with warehouse.begin() as connection:
        connection.execute(sa.insert(interactions).values(**row))
    second = ticked(automation.when_events_land, warehouse, instance, cursor=first.cursor)
    third = ticked(automation.when_events_land, warehouse, instance, cursor=second.cursor)
    assert {event.asset_key.to_user_string() for event in second.asset_events} == {"raw/interactions", "raw/leads"}
    assert third.asset_events == []


def test_words_that_changed_are_read_between_runs(warehouse, seller, instance):
    def tick():
        context = dg.build_sensor_context(instance=instance, resources={"warehouse": warehouse})
        return automation.when_words_wait(context)

    assert "every word" in tick().skip_reason.skip_message
    sell(warehouse, 1)
    (event,) = tick().asset_events
    assert event.asset_key == dg.AssetKey("search_terms")
    assert event.metadata["waiting"].value == 0
    assert "every word" in tick().skip_reason.skip_message


def test_whatever_may_put_another_collection_before_shoppers_judges_search(defs):
    chosen = {job.name: job.asset_layer.selected_asset_keys for job in defs.get_repository_def().get_all_jobs()}
    index, judged = dg.AssetKey("product_index"), dg.AssetKey("search_quality")
    named = {name for name, keys in chosen.items() if index in keys and not name.startswith("__")}
    assert named == {"refresh_market", "refresh_catalog", "index_catalog", "keep_index"}
    assert {name for name in named if judged not in chosen[name]} == {"keep_index"}  # it builds nothing new
