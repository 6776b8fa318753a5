"""Forecasts and the backtests that they rest on, replaced whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.tables import backtests, forecasts
from marketplace.storage.warehouse import Warehouse

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """What is expected of one day or week, and the ends of its 80 and 95 % intervals; `currency` of money alone."""

    metric: str
    scope: str
    grain: str
    made_for: date
    currency: str | None
    made_on: date
    model: str
    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


@dataclass(frozen=True, slots=True)
class BacktestRow:
    """How well one model would have foretold the past of one series, and whether it is the one that is served."""

    metric: str
    scope: str
    grain: str
    model: str
    origins: int
    horizon: int
    mae: float
    mase: float | None
    coverage80: float | None
    coverage95: float | None
    is_served: bool
    reason: str
    run_id: str | None
    judged_at: datetime


def replace_backtests(warehouse: Warehouse, rows: Sequence[BacktestRow]) -> None:
    """These are the backtests from now on, and no others; readers see the old ones until all are there."""
    with warehouse.begin() as connection:
        connection.execute(sa.delete(backtests))
        for start in range(0, len(rows), AT_ONCE):
            connection.execute(insert(backtests), [asdict(row) for row in rows[start : start + AT_ONCE]])


def replace_forecasts(warehouse: Warehouse, points: Sequence[ForecastPoint]) -> None:
    """These are the forecasts from now on, and no others; readers see the old ones until all are there."""
    with warehouse.begin() as connection:
        connection.execute(sa.delete(forecasts))
        for start in range(0, len(points), AT_ONCE):
            connection.execute(insert(forecasts), [asdict(point) for point in points[start : start + AT_ONCE]])


def forecast_of(warehouse: Warehouse, metric: str, scope: str, grain: str) -> list[ForecastPoint]:
    """The forecast of one series, the nearest day or week first; empty where there is none."""
    columns = [forecasts.c[name] for name in ForecastPoint.__dataclass_fields__]
    is_it = (forecasts.c.metric == metric, forecasts.c.scope == scope, forecasts.c.grain == grain)
    with warehouse.reading() as connection:
        found = connection.execute(sa.select(*columns).where(*is_it).order_by(forecasts.c.made_for)).mappings()
        return [ForecastPoint(**row) for row in found]


def list_backtests(warehouse: Warehouse, *, metric: str | None = None, scope: str | None = None) -> list[BacktestRow]:
    """What was measured, by metric, scope and grain, the model that errs least first."""
    table = backtests.c
    columns = [table[name] for name in BacktestRow.__dataclass_fields__]
    statement = sa.select(*columns).order_by(table.metric, table.scope, table.grain, table.mae, table.model)
    if metric is not None:
        statement = statement.where(table.metric == metric)
    if scope is not None:
        statement = statement.where(table.scope == scope)
    with warehouse.reading() as connection:
        return [BacktestRow(**row) for row in connection.execute(statement).mappings()]
