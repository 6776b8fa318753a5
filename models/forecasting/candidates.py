"""The models that may forecast a series, and the naive one that they must not lose to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.forecasting.demand import demand_of

Floats = NDArray[np.float64]
Forecaster = Callable[[Floats, int], Floats]
NAIVE = "seasonal_naive"
WINDOW = 4  # seasons that a window average looks back on
LONGEST_SMOOTHED = 24  # longer seasons than this ETS does not smooth


@dataclass(frozen=True, slots=True)
class Grain:
    """How long a period, a season and a forecast are, and how the past is forecast.

    Parameters
    ----------
    season
        Periods after which things repeat.
    horizon
        Periods that are forecast.
    step
        Periods from one origin of the backtest to the next.
    origins
        How often the past is forecast at most; half of it at least.
    least
        Periods that a model must have seen.
    """

    name: Literal["day", "week"]
    season: int
    horizon: int
    step: int
    origins: int
    least: int

    def season_in(self, periods: int) -> int:
        """The season that so many periods show twice before the first origin; 1 where they do not."""
        first = periods - self.horizon - (self.origins // 2 - 1) * self.step
        return self.season if first >= 2 * self.season else 1


DAY = Grain("day", season=7, horizon=14, step=7, origins=8, least=28)
WEEK = Grain("week", season=52, horizon=4, step=2, origins=8, least=12)


def candidates_for(values: Floats, season: int) -> Mapping[str, Forecaster]:
    """The models that fit this kind of demand, by name, the naive one first."""
    from statsforecast import models as sf

    naive: dict[str, Any] = {NAIVE: sf.SeasonalNaive(season_length=season)}
    if demand_of(values) in ("intermittent", "lumpy", "none"):
        family = {
            "croston_sba": sf.CrostonSBA(),
            "tsb": sf.TSB(alpha_d=0.1, alpha_p=0.1),
            "adida": sf.ADIDA(),
            "window_average": sf.WindowAverage(window_size=min(WINDOW * 7, len(values) // 2)),
        }
        return {name: _forecaster(model) for name, model in (naive | family).items()}
    smoothed = season if season <= LONGEST_SMOOTHED else 1
    family = {
        "ets": sf.AutoETS(season_length=smoothed, model="AZA" if smoothed > 1 else "AZN"),
        "theta": sf.Theta(season_length=season),
    }
    if season > 1:
        family["window_average"] = sf.SeasonalWindowAverage(
            season_length=season, window_size=min(WINDOW, len(values) // (2 * season))
        )
    else:
        family["window_average"] = sf.WindowAverage(window_size=WINDOW)
    return {name: _forecaster(model) for name, model in (naive | family).items()}


def _forecaster(model: Any) -> Forecaster:
    def forecast(values: Floats, horizon: int) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of smoothing that did not converge; the backtest judges what it gives
            mean = model.forecast(y=np.ascontiguousarray(values, dtype=np.float64), h=horizon)["mean"]
        return np.asarray(mean, dtype=np.float64)

    return forecast
