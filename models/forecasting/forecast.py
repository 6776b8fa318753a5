"""What is served: the best model that does not lose to the naive one, else the naive one itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecasting.backtest import Backtest, backtest, level_of
from models.forecasting.candidates import NAIVE, Grain, candidates_for
from models.forecasting.intervals import half_widths

Floats = NDArray[np.float64]
UNMEASURED = 1.5  # times wider where intervals could not be measured
NORMAL = {0.8: 1.2816, 0.95: 1.96}


@dataclass(frozen=True, slots=True)
class Forecast:
    """The periods after the last, each (horizon,), and why this model made them.

    `tested` is None where nothing could be measured.
    """

    model: str
    reason: str
    mean: Floats
    low80: Floats
    high80: Floats
    low95: Floats
    high95: Floats
    tested: Backtest | None


@dataclass(frozen=True, slots=True)
class NoForecast:
    """Why there is none."""

    reason: str


def forecast(values: Floats, grain: Grain, model: str | None = None) -> Forecast | NoForecast:
    """What follows, not below zero.

    Parameters
    ----------
    values : (periods,)
        Without gaps, oldest first.
    model
        Who makes it, as an earlier backtest chose; None to choose anew.
    """
    why_not = refusal(values, grain)
    if why_not is not None:
        return NoForecast(why_not)
    tested = backtest(values, grain, only=model)
    if tested is None:
        return _unmeasured(values, grain)
    if model is not None and model not in tested.models:
        return NoForecast(f"{model} does not fit this kind of demand any more")
    chosen, reason = served_model(tested) if model is None else (model, "chosen by the backtest")
    mean = candidates_for(values[: tested.origins[0]], tested.season)[chosen](values, grain.horizon)
    errors, level = tested.models[chosen].errors, level_of(values, tested.season)
    widths = [half_widths(errors, share) * level for share in (0.8, 0.95)]
    return _bounded(chosen, reason, mean, widths, tested)


def refusal(values: Floats, grain: Grain) -> str | None:
    """Why these values have no forecast, None where they have one."""
    shortest = min(2 * grain.season, grain.least)
    if len(values) < shortest:
        return f"{len(values)} {grain.name}s are known, and a forecast needs {shortest}"
    return None if values.any() else "nothing was ever sold"


def served_model(tested: Backtest) -> tuple[str, str]:
    """The model with the least error in the backtest, and why it is that one; the naive one where none beats it."""
    naive = tested.models[NAIVE]
    best = min(tested.models.values(), key=lambda one: (one.mae, one.model != NAIVE))
    if best.model == NAIVE:
        return NAIVE, "no candidate beat it"
    return best.model, f"its error is {best.mae / naive.mae:.2f} of the naive one's" if naive.mae else "least error"


def _unmeasured(values: Floats, grain: Grain) -> Forecast:
    season = grain.season if len(values) >= 2 * grain.season else 1
    mean = candidates_for(values, season)[NAIVE](values, grain.horizon)
    spread = float(np.std(values[season:] - values[:-season])) if len(values) > season else float(np.std(values))
    grown = UNMEASURED * spread * np.sqrt(1 + np.arange(grain.horizon) // season)
    reason = f"{len(values)} {grain.name}s are too few for a backtest, so its intervals are wide and unmeasured"
    return _bounded(NAIVE, reason, mean, [grown * NORMAL[0.8], grown * NORMAL[0.95]], None)


def _bounded(model: str, reason: str, mean: Floats, widths: list[Floats], tested: Backtest | None) -> Forecast:
    mean = np.maximum(mean, 0.0)
    wide = [widths[0], np.maximum(widths[0], widths[1])]
    low, high = ([np.maximum(mean - width, 0.0) for width in wide], [mean + width for width in wide])
    return Forecast(model, reason, mean, low[0], high[0], low[1], high[1], tested)
