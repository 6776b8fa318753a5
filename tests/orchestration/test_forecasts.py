"""Anomalies and forecasts in the graph, over marts as they are built: kept whole, shown, logged and held to naive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from mlflow import MlflowClient

from marketplace.errors import PublicationRefused
from marketplace.settings import Settings
from marketplace.storage import alert_outbox
from marketplace.storage.alerts import list_alerts
from marketplace.storage.dashboards.insights import read_forecast
from marketplace.storage.dashboards.scope import Scope
from marketplace.storage.forecasts import forecast_of, list_backtests, replace_backtests
from marketplace.storage.tables import forecasts as forecasts_table
from models.forecasting.candidates import DAY, NAIVE
from orchestration.assets.anomalies import alert_deliveries, anomalies
from orchestration.assets.forecasts import forecast_backtests, forecasts, no_forecast_loses_to_naive
from orchestration.foretelling import foretold, series_of
from orchestration.registry import ModelRegistry
from orchestration.resources import Alerting
from tests.orchestration import insights_world as world

WATCHING = [anomalies, alert_deliveries]
FORETELLING = [forecast_backtests, forecasts]


@pytest.fixture
def materialise(warehouse, mlflow_uri):
    def run(assets, **settings):
        resources = {
            "warehouse": warehouse,
            "alerting": Alerting(Settings(_env_file=None, **settings)),
            "registry": ModelRegistry(mlflow_uri),
        }
        # Keys that only the test's run does not make are those of dbt models.
        return dg.materialize(assets, resources=resources, raise_on_error=False)

    return run


def metadata_of(result, key):
    [event] = [one for one in result.get_asset_materialization_events() if one.asset_key == dg.AssetKey(key)]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_collapse_and_failed_syncs_are_alerted_told_once_and_nothing_else_is(warehouse, materialise):
    last = world.settle(warehouse, datetime.now(UTC))
    result = materialise(WATCHING)
    assert result.success
    found = {(one.metric, one.seller_id, one.direction): one for one in list_alerts(warehouse)}
    assert {("views", world.BIG, "low"), ("failed_syncs", world.BIG, "high")} <= set(found)
    assert {one.observed_on for one in found.values()} == {last}
    assert {one.seller_id for one in found.values()} <= {0, world.BIG}
    views = found["views", world.BIG, "low"]
    assert views.value < views.low < views.expected < views.high
    told = metadata_of(result, "alert_deliveries")
    assert (told["told"], told["waiting"]) == (len(found), 0)
    again = materialise(WATCHING)
    assert metadata_of(again, "anomalies")["raised"] == 0
    assert metadata_of(again, "alert_deliveries")["told"] == 0
    shown = metadata_of(again, "anomalies")
    assert shown["worst"].startswith("![plot](data:image/png;base64,")
    assert shown["worst_days"].records[0].data["day"] == last.isoformat()


def test_a_day_that_is_not_over_is_not_judged(warehouse, materialise):
    world.settle(warehouse, datetime.now(UTC), collapse=False)
    assert materialise(WATCHING).success
    assert {one.metric for one in list_alerts(warehouse)} == {"failed_syncs"}


def test_a_corrected_day_takes_its_alert_back(warehouse, materialise):
    last = world.settle(warehouse, datetime.now(UTC))
    materialise([anomalies])
    correct = "update marts.fct_metrics_daily set value = 0 where metric = 'failed_syncs' and metric_on = :day"
    with warehouse.begin() as connection:
        connection.execute(sa.text(correct), {"day": last})
    result = materialise([anomalies])
    assert metadata_of(result, "anomalies")["withdrawn"] == 1
    assert "failed_syncs" not in {one.metric for one in list_alerts(warehouse)}


def test_alerts_of_the_night_wait_for_the_morning(warehouse, materialise):
    now = datetime.now(UTC)
    world.settle(warehouse, now)
    hour = (now + timedelta(hours=3)).hour  # in Nairobi
    result = materialise(WATCHING, quiet_hours=f"{hour}-{(hour + 2) % 24}")
    assert metadata_of(result, "alert_deliveries")["told"] == 0
    late = alert_outbox.lag(warehouse, now=now + timedelta(hours=3))
    assert late.waiting == metadata_of(result, "anomalies")["waiting_to_be_told"] > 0


def test_forecasts_are_of_the_days_to_come_with_intervals_in_order_and_the_runs_are_in_mlflow(
    warehouse, materialise, mlflow_uri
):
    last = world.settle(warehouse, datetime.now(UTC), collapse=False)
    result = materialise(FORETELLING)
    assert result.success, [one.message for one in result.all_events if one.is_failure]
    points = forecast_of(warehouse, "revenue_minor", f"seller:{world.BIG}", "day")
    assert [one.made_for for one in points] == [last + timedelta(days=step + 1) for step in range(DAY.horizon)]
    assert {(one.currency, one.made_on) for one in points} == {("KES", last)}
    for one in points:
        assert 0 <= one.low95 <= one.low80 <= one.mean <= one.high80 <= one.high95
    assert len(forecast_of(warehouse, "orders", "market", "week")) == 4
    assert len(forecast_of(warehouse, "units", f"product:{world.BIG}:basket", "day")) == DAY.horizon
    tried = list_backtests(warehouse, metric="revenue_minor", scope=f"seller:{world.BIG}")
    daily = {row.model: row for row in tried if row.grain == "day"}
    assert {NAIVE, "ets", "theta"} <= set(daily)
    [served] = [row for row in daily.values() if row.is_served]
    assert served.mae <= daily[NAIVE].mae
    run = MlflowClient(mlflow_uri).get_run(str(served.run_id))
    assert run.data.metrics["served_mase"] <= run.data.metrics["naive_mase"]
    files = {one.path for one in MlflowClient(mlflow_uri).list_artifacts(str(served.run_id))}
    assert files == {"backtests.csv", "models.png"}
    assert metadata_of(result, "forecasts")["orders by day"].startswith("![plot](data:image/png")


def test_a_dashboard_shows_the_forecasts_that_were_made(warehouse, materialise):
    last = world.settle(warehouse, datetime.now(UTC), collapse=False)
    assert materialise(FORETELLING).success
    for seller_id, name, currency in ((world.BIG, f"seller:{world.BIG}", "KES"), (None, "market", "USD")):
        with warehouse.reading() as connection:
            shown = read_forecast(connection, Scope(seller_id, last - timedelta(days=29), last))
            narrowed = read_forecast(connection, Scope(seller_id, last, last, category="Baskets"))
        made = forecast_of(warehouse, "revenue_minor", name, "day")
        assert len(made) == DAY.horizon
        assert [(one.made_for, one.mean, one.low80, one.high95) for one in shown.days] == [
            (one.made_for, one.mean, one.low80, one.high95) for one in made
        ]
        assert (shown.scope, shown.grain, shown.currency, shown.model) == (name, "day", currency, made[0].model)
        [served] = [row for row in list_backtests(warehouse, scope=name) if row.is_served and of_revenue_by_day(row)]
        assert (shown.mase, shown.coverage80) == (served.mase, served.coverage80)
        assert narrowed is None


def of_revenue_by_day(row):
    return (row.metric, row.grain) == ("revenue_minor", "day")


def test_a_seller_that_never_sold_has_no_forecast_and_the_page_says_why(warehouse, materialise):
    world.settle(warehouse, datetime.now(UTC))
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("update marts.fct_metrics_daily set value = 0 where seller_id = 30 and metric = 'revenue_minor'")
        )
    result = materialise(FORETELLING)
    assert forecast_of(warehouse, "revenue_minor", "seller:30", "day") == []
    why = {row.data["why"] for row in metadata_of(result, "forecasts")["why_there_is_none"].records}
    assert "nothing was ever sold" in why


def test_a_model_that_loses_to_naive_fails_the_check_and_makes_no_forecast(warehouse, materialise):
    world.settle(warehouse, datetime.now(UTC))
    assert materialise(FORETELLING).success
    rows = list_backtests(warehouse)
    key = ("revenue_minor", f"seller:{world.BIG}", "day")
    of_it = [row for row in rows if (row.metric, row.scope, row.grain) == key]
    served = next(row for row in of_it if row.is_served)
    worse = next(row for row in of_it if row.model == NAIVE).mae + 1
    forged = [replace(row, mae=worse) if row == served else row for row in rows]
    assert served.model != NAIVE
    assert no_forecast_loses_to_naive(rows).passed
    assert not no_forecast_loses_to_naive(forged).passed
    replace_backtests(warehouse, forged)
    before = forecast_of(warehouse, *key)
    with warehouse.begin() as connection:
        connection.execute(sa.update(forecasts_table).values(mean=forecasts_table.c.mean + 1))
    assert not materialise([forecasts]).success
    assert [one.mean - 1 for one in forecast_of(warehouse, *key)] == pytest.approx([one.mean for one in before])
    series = next(one for one in series_of(warehouse, datetime.now(UTC)) if one.key == key)
    with pytest.raises(PublicationRefused, match=f"{served.model} loses to seasonal_naive"):
        foretold(series, [row for row in forged if (row.metric, row.scope, row.grain) == key])
