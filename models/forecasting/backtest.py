"""Forecasting the past: several origins, every candidate, beside the naive one on the same days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecasting.candidates import Forecaster, Grain, candidates_for
from models.forecasting.intervals import coverage

Floats = NDArray[np.float64]
TEACHING = 3  # origins whose errors only teach how wide intervals must be


@dataclass(frozen=True, slots=True)
class Tested:
    """How one model would have done.

    Parameters
    ----------
    mae, mase
        Mean absolute error, and the same over that of the seasonal naive inside the training data; None where the
        naive one made no error there.
    coverage80, coverage95
        Shares of truths inside intervals made of earlier origins' errors.
    truths, means, errors : (origins, horizon)
        Errors are relative to the level that the series had at the origin.
    """

    model: str
    mae: float
    mase: float | None
    coverage80: float
    coverage95: float
    truths: Floats
    means: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class Backtest:
    """Every model on the same origins, by name."""

    season: int
    horizon: int
    origins: tuple[int, ...]
    models: Mapping[str, Tested]


def backtest(values: Floats, grain: Grain, *, only: str | None = None) -> Backtest | None:
    """How every candidate would have done, None where the series is too short to be forecast half as often as asked.

    Parameters
    ----------
    values : (periods,)
        Without gaps, oldest first.
    only
        The one model that is tried, if not all.
    """
    season = grain.season_in(len(values))
    least = max(grain.least, 2 * season)
    origins = _origins(len(values), grain, least)
    if len(origins) < max(grain.origins // 2, 1):
        return None
    candidates = candidates_for(values[: origins[0]], season)
    scale = naive_error(values[: origins[0]], season)
    truths = np.stack([values[origin : origin + grain.horizon] for origin in origins])
    levels = np.array([level_of(values[:origin], season) for origin in origins])
    tested = {
        name: _tested(name, model, values, origins, truths, levels, scale)
        for name, model in candidates.items()
        if only in (None, name)
    }
    return Backtest(season, grain.horizon, origins, tested)


def level_of(values: Floats, season: int) -> float:
    """How large the series is now: the mean of its last seasons, or of all of it where those are empty."""
    recent = float(np.abs(values[-max(4 * season, 8) :]).mean())
    return recent or float(np.abs(values).mean()) or 1.0


def naive_error(values: Floats, season: int) -> float:
    """The mean absolute error of the seasonal naive, one season ahead, inside these values.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", IJF 2006.
    """
    return float(np.abs(values[season:] - values[:-season]).mean())


def _origins(periods: int, grain: Grain, least: int) -> tuple[int, ...]:
    last = periods - grain.horizon
    found = range(last, least - 1, -grain.step)
    return tuple(sorted(found[: grain.origins]))


def _tested(
    name: str,
    model: Forecaster,
    values: Floats,
    origins: tuple[int, ...],
    truths: Floats,
    levels: Floats,
    scale: float,
) -> Tested:
    horizon = truths.shape[1]
    means = np.stack([np.maximum(model(values[:origin], horizon), 0.0) for origin in origins])
    errors = (truths - means) / levels[:, None]
    mae = float(np.abs(truths - means).mean())
    shares = [coverage(truths, means, errors, levels, level, first=TEACHING) for level in (0.8, 0.95)]
    return Tested(name, mae, mae / scale if scale else None, shares[0], shares[1], truths, means, errors)
