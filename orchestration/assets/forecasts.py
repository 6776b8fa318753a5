"""Revenue, orders and demand to come, and the backtests that decide who foretells them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import numpy as np

from marketplace.storage.forecasts import BacktestRow, list_backtests, replace_backtests, replace_forecasts
from models.forecasting.candidates import NAIVE
from models.forecasting.forecast import Forecast, NoForecast, served_model
from orchestration.assets.people import SCIENTISTS
from orchestration.failures import failing_by_class
from orchestration.foretelling import Judged, Key, Series, backtest_rows, csv_of, foretold, judged, losing, series_of
from orchestration.pictures import bars, forecast_curves, shown, table
from orchestration.registry import ModelRegistry
from orchestration.resources import RegistryParam, WarehouseParam

EXPERIMENT = "forecasts"
NO_LOSER = "no_forecast_loses_to_naive"
DRAWN = 120  # periods of history
HELD_TO = "Every served model's mean absolute error over the origins is at most that of the seasonal naive one."


@dg.asset(
    deps=["fct_metrics_daily", "fct_order_lines"],
    group_name="insights",
    kinds={"python", "mlflow"},
    owners=SCIENTISTS,
    check_specs=[dg.AssetCheckSpec(NO_LOSER, asset="forecast_backtests", blocking=True, description=HELD_TO)],
)
@failing_by_class
def forecast_backtests(warehouse: WarehouseParam, registry: RegistryParam) -> dg.MaterializeResult:
    """How well models would have foretold the past. One row per metric, scope, grain and model."""
    started, now = time.monotonic(), datetime.now(UTC)
    found = [judged(series) for series in series_of(warehouse, now)]
    rows: list[BacktestRow] = []
    links: dict[str, Any] = {}
    for metric, grain in sorted({(one.series.metric, one.series.grain.name) for one in found if one.tested}):
        part = [one for one in found if (one.series.metric, one.series.grain.name) == (metric, grain) and one.tested]
        run_id, links[f"{metric} by {grain}: mlflow"] = _logged(registry, metric, grain, part)
        rows += [row for one in part for row in backtest_rows(one, run_id, now)]
    replace_backtests(warehouse, rows)
    metadata = {**_told(found, rows), **links, "seconds": round(time.monotonic() - started, 1)}
    return dg.MaterializeResult(metadata=metadata, check_results=[no_forecast_loses_to_naive(rows)])


@dg.asset(deps=["forecast_backtests"], group_name="insights", kinds={"python"}, owners=SCIENTISTS)
@failing_by_class
def forecasts(warehouse: WarehouseParam) -> dg.MaterializeResult:
    """What is to come, with 80 and 95 % intervals, all or nothing. One row per metric, scope, grain and day."""
    started, now = time.monotonic(), datetime.now(UTC)
    chosen: dict[Key, list[BacktestRow]] = {}
    for row in list_backtests(warehouse):
        chosen.setdefault((row.metric, row.scope, row.grain), []).append(row)
    all_series = series_of(warehouse, now)
    made = [(series, *foretold(series, chosen.get(series.key, []))) for series in all_series]
    replace_forecasts(warehouse, [point for _, points, _ in made for point in points])
    models = [one.model for _, _, one in made if isinstance(one, Forecast)]
    refused = [
        {"scope": series.scope, "metric": series.metric, "grain": series.grain.name, "why": one.reason}
        for series, _, one in made
        if isinstance(one, NoForecast)
    ]
    metadata: dict[str, Any] = {
        "series": len(models),
        "without_forecast": len(refused),
        "unmeasured": sum(isinstance(one, Forecast) and one.tested is None for _, _, one in made),
    }
    if refused:
        metadata["why_there_is_none"] = table(refused)
    metadata |= {
        f"{series.metric} by {series.grain.name}": shown(drawn(series, one))
        for series, _, one in made
        if series.scope == "market" and isinstance(one, Forecast)
    }
    metadata["seconds"] = round(time.monotonic() - started, 1)
    return dg.MaterializeResult(metadata=metadata)


def no_forecast_loses_to_naive(rows: Sequence[BacktestRow]) -> dg.AssetCheckResult:
    """Whether every served model is at least as good as the naive one, which itself is served where none is better."""
    served = [row for row in rows if row.is_served]
    lost = losing(rows)
    names = ", ".join(f"{row.model} on {row.metric} of {row.scope} by {row.grain}" for row in lost[:10])
    return dg.AssetCheckResult(
        check_name=NO_LOSER,
        passed=not lost,
        description=f"lost: {names}" if lost else None,
        metadata={"series": len(served), "naive_is_served_for": sum(row.model == NAIVE for row in served)},
    )


def drawn(series: Series, made: Forecast) -> bytes:
    """The last periods of a series and what is to come, as a PNG."""
    known = range(max(0, len(series.values) - DRAWN), len(series.values))
    ahead = [series.at(len(series.values) + step) for step in range(series.grain.horizon)]
    fan = {name: [float(one) for one in getattr(made, name)] for name in ("mean", "low80", "high80", "low95", "high95")}
    title = f"{series.metric} of {series.scope} by {series.grain.name}: {made.model}"
    return forecast_curves(
        title, [series.at(one) for one in known], [float(series.values[one]) for one in known], ahead, fan
    )


def _logged(registry: ModelRegistry, metric: str, grain: str, part: Sequence[Judged]) -> tuple[str, Any]:
    """The run of a backtest in MLflow, and its address."""
    rows = [row for one in part for row in backtest_rows(one, None, datetime.now(UTC))]
    served = [row for row in rows if row.is_served]
    naive = [row for row in rows if row.model == NAIVE]
    figures = {"series": float(len(part)), "naive_is_served_for": float(sum(row.model == NAIVE for row in served))}
    for name, ones in (("served", served), ("naive", naive)):
        for figure in ("mae", "mase", "coverage80", "coverage95"):
            known = [value for row in ones if (value := getattr(row, figure)) is not None and np.isfinite(value)]
            if known:
                figures[f"{name}_{figure}"] = float(np.mean(known))
    logged = registry.log(
        EXPERIMENT,
        title=f"{metric} by {grain}",
        parameters={
            "metric": metric,
            "grain": grain,
            "horizon": rows[0].horizon,
            "season": part[0].tested.season if part[0].tested else 0,
        },
        metrics=figures,
        tags={"metric": metric, "grain": grain},
        files={"backtests.csv": csv_of(rows), "models.png": _picture(rows, metric, grain)},
        curves=_curves(part),
    )
    return logged.run_id, dg.MetadataValue.url(logged.url)


def _curves(part: Sequence[Judged]) -> dict[str, list[float]]:
    """The mean error by step ahead, relative to the level, of the served model and the naive one, over all series."""
    tested = [one.tested for one in part if one.tested is not None]
    errors = {
        "served_error_by_step": [np.abs(one.models[served_model(one)[0]].errors).mean(axis=0) for one in tested],
        "naive_error_by_step": [np.abs(one.models[NAIVE].errors).mean(axis=0) for one in tested],
    }
    return {name: [float(value) for value in np.mean(ones, axis=0)] for name, ones in errors.items()}


def _picture(rows: Sequence[BacktestRow], metric: str, grain: str) -> bytes:
    known: dict[str, list[float]] = {}
    for row in rows:
        if row.mase is not None:
            known.setdefault(row.model, []).append(row.mase)
    return bars(f"MASE of {metric} by {grain}", {name: float(np.mean(ones)) for name, ones in known.items()})


def _told(found: Sequence[Judged], rows: Sequence[BacktestRow]) -> dict[str, Any]:
    served = sorted(
        (row for row in rows if row.is_served),
        key=lambda row: (row.scope != "market", row.scope, row.metric, row.grain),
    )
    shown_rows = [
        {
            "metric": row.metric,
            "scope": row.scope,
            "grain": row.grain,
            "model": row.model,
            "mase": None if row.mase is None else round(row.mase, 2),
            "inside 80 %": None if row.coverage80 is None else round(row.coverage80, 2),
            "inside 95 %": None if row.coverage95 is None else round(row.coverage95, 2),
            "why": row.reason,
        }
        for row in served
    ]
    told: dict[str, Any] = {
        "series": len(found),
        "backtested": len(served),
        "too_short_or_empty": len(found) - len(served),
    }
    return {**told, "served": table(shown_rows)} if shown_rows else told
