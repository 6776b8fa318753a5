"""The series that are forecast, laid out by day and week, and what became of them as rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketplace.catalog.prices import minor_digits
from marketplace.errors import PublicationRefused
from marketplace.storage.forecasts import BacktestRow, ForecastPoint
from marketplace.storage.metrics import Metric, daily_metrics_of, today_in, units_sold, zones_of
from marketplace.storage.warehouse import Warehouse
from models.forecasting.backtest import Backtest, backtest
from models.forecasting.candidates import DAY, NAIVE, WEEK, Grain
from models.forecasting.forecast import Forecast, NoForecast, forecast, refusal, served_model

Floats = NDArray[np.float64]
HISTORY = timedelta(days=3 * 366)
MOST_SELLERS = 200  # those with the most orders; a series takes a tenth of a second
MOST_PRODUCTS = 200
OF_MONEY = "revenue_minor"
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One series without gaps up to the last period that is over; `began` is its first day or week."""

    metric: str
    scope: str
    grain: Grain
    currency: str | None
    began: date
    values: Floats

    @property
    def key(self) -> Key:
        """What its rows are found by."""
        return self.metric, self.scope, self.grain.name

    def at(self, period: int) -> date:
        """The day, or the first day of the week, of a period; those that are to come included."""
        return self.began + period * timedelta(days=7 if self.grain.name == "week" else 1)

    @property
    def made_on(self) -> date:
        """The last day that is known."""
        return self.at(len(self.values)) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A series and how every model would have foretold it; `why_not` where nothing could be measured."""

    series: Series
    tested: Backtest | None
    why_not: str


def series_of(warehouse: Warehouse, now: datetime) -> list[Series]:
    """Revenue and orders of the market and its sellers, and units of what sells most, by day and week.

    Raises
    ------
    ArtifactUnavailable
        If the marts were not built yet.
    """
    since, zones = (now - HISTORY).date(), zones_of(warehouse)
    daily = list(_trade(daily_metrics_of(warehouse, since=since), zones, now))
    sold = pd.DataFrame(
        units_sold(warehouse, since=since, most=MOST_PRODUCTS), columns=["seller", "key", "country", "day", "units"]
    )
    for (seller, key, country), units in sold.groupby(["seller", "key", "country"]):
        last = today_in(zones, str(country), now) - timedelta(days=1)
        values = units.set_index("day")["units"]
        daily.append(_daily("units", f"product:{seller}:{key}", None, values, last))
    return [one for one in [*daily, *(_weekly(one) for one in daily if one.metric != "units")] if len(one.values)]


def _trade(rows: Iterable[Metric], zones: Mapping[str, str], now: datetime) -> Iterator[Series]:
    frame = pd.DataFrame(rows, columns=["metric", "seller", "country", "day", "value", "unit"])
    orders = frame[(frame["metric"] == "orders") & (frame["seller"] != 0)].groupby("seller")["value"].sum()
    sellers = {0, *orders[orders > 0].nlargest(MOST_SELLERS).index}
    is_money = frame["metric"].eq("revenue_minor") | (frame["metric"].eq("revenue_usd") & frame["seller"].eq(0))
    wanted = frame[(is_money | frame["metric"].eq("orders")) & frame["seller"].isin(sellers)]
    for (metric, seller, country, unit), figures in wanted.groupby(["metric", "seller", "country", "unit"]):
        last = today_in(zones, str(country), now) - timedelta(days=1)
        values = figures.set_index("day")["value"]
        if metric == "revenue_usd":  # of the whole market, in cents as all money is
            values = values * 10 ** minor_digits("USD")
        scope = f"seller:{seller}" if seller else "market"
        currency = None if metric == "orders" else str(unit)
        yield _daily("orders" if metric == "orders" else OF_MONEY, scope, currency, values, last)


def _daily(metric: str, scope: str, currency: str | None, values: pd.Series, last: date) -> Series:
    values = values[values.index <= last]
    if values.empty:
        return Series(metric, scope, DAY, currency, last, np.zeros(0))
    days = pd.date_range(min(values.index), last)
    whole = values.set_axis(pd.DatetimeIndex(values.index)).reindex(days, fill_value=0.0)
    # A day on which more was paid back than sold is one without revenue to come: forecasts are not negative.
    return Series(metric, scope, DAY, currency, days[0].date(), np.maximum(whole.to_numpy(dtype=np.float64), 0.0))


def _weekly(daily: Series) -> Series:
    skipped = -daily.began.weekday() % 7  # days before the first Monday
    whole = (len(daily.values) - skipped) // 7
    values = daily.values[skipped : skipped + 7 * max(whole, 0)].reshape(-1, 7).sum(axis=1)
    return Series(daily.metric, daily.scope, WEEK, daily.currency, daily.began + timedelta(days=skipped), values)


def judged(series: Series) -> Judged:
    """How every model would have foretold the series."""
    why_not = refusal(series.values, series.grain)
    if why_not is not None:
        return Judged(series, None, why_not)
    tested = backtest(series.values, series.grain)
    short = f"{len(series.values)} {series.grain.name}s are too few for a backtest"
    return Judged(series, tested, "" if tested else short)


def backtest_rows(one: Judged, run_id: str | None, now: datetime) -> list[BacktestRow]:
    """A row for each model that was tried."""
    if one.tested is None:
        return []
    served, reason = served_model(one.tested)
    return [
        BacktestRow(
            *one.series.key,
            model=tried.model,
            origins=len(one.tested.origins),
            horizon=one.tested.horizon,
            mae=tried.mae,
            mase=tried.mase,
            coverage80=tried.coverage80,
            coverage95=tried.coverage95,
            is_served=tried.model == served,
            reason=reason if tried.model == served else "",
            run_id=run_id,
            judged_at=now,
        )
        for tried in one.tested.models.values()
    ]


def losing(rows: Sequence[BacktestRow]) -> list[BacktestRow]:
    """Models that are served although they erred more than the naive one on the same periods."""
    naive = {(row.metric, row.scope, row.grain): row.mae for row in rows if row.model == NAIVE}
    return [row for row in rows if row.is_served and row.mae > naive[row.metric, row.scope, row.grain]]


def foretold(series: Series, rows: Sequence[BacktestRow]) -> tuple[list[ForecastPoint], Forecast | NoForecast]:
    """What is to come of a series by the model that its backtest chose, and the forecast itself.

    Raises
    ------
    PublicationRefused
        If that model loses to the naive one.
    """
    if lost := losing(rows):
        raise PublicationRefused(
            f"{lost[0].model} loses to {NAIVE} on {lost[0].metric} of {lost[0].scope} by {lost[0].grain}"
        )
    served = next((row.model for row in rows if row.is_served), None)
    made = forecast(series.values, series.grain, served)
    if isinstance(made, NoForecast):
        return [], made
    fan = (made.mean, made.low80, made.high80, made.low95, made.high95)
    points = [
        ForecastPoint(
            *series.key,
            series.at(len(series.values) + step),
            series.currency,
            series.made_on,
            made.model,
            *(float(one[step]) for one in fan),
        )
        for step in range(series.grain.horizon)
    ]
    return points, made


def csv_of(rows: Sequence[BacktestRow]) -> bytes:
    """The backtests as a file that a spreadsheet reads."""
    target = io.StringIO()
    writer = csv.writer(target)
    names = list(BacktestRow.__dataclass_fields__)
    writer.writerow(names)
    writer.writerows([[getattr(row, name) for name in names] for row in rows])
    return target.getvalue().encode()
