"""How much more than chance alone days are off: what is left once weekdays, pay-days and holidays are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.anomalies.terms import middle

Floats = NDArray[np.float64]
ENOUGH_DAYS = 14  # with errors, before a series tells anything of its own
SMALL = 5.0  # events a day, below which errors tell nothing but chance
OF_ALL = 0.3**2  # where no series tells anything
NOISE = 5.5  # times the squared variance over the days: the variance of a squared median deviation of normal errors


def excess_variance(errors: Floats, events: Floats, chance: Floats, least: float) -> Floats:
    """The variance on the log scale that chance does not explain, (series,), shrunk to that of all series.

    How far each is shrunk is told by the series themselves: where they differ by no more than so few days let one
    expect, they are taken for alike. A small seller's days say little of how they vary.

    Parameters
    ----------
    errors : (days, series)
        Logarithms of what was observed over what was expected; missing where nothing was expected.
    events : (series,)
        How many are expected of the day that is judged.
    chance : (series,)
        The variance that chance explains.

    Source: Rousseeuw and Croux, "Alternatives to the median absolute deviation", 1993; Efron and Morris, 1973.
    """
    spread = (1.4826 * middle(np.abs(errors))) ** 2
    raw = spread - chance
    own = np.maximum(raw, least)
    seen = (~np.isnan(errors)).sum(axis=0)
    is_told = (seen >= ENOUGH_DAYS) & (events >= SMALL)
    if not is_told.any():
        return np.full(own.shape, OF_ALL)
    of_all = float(np.median(own[is_told]))
    noise = NOISE * spread**2 / np.maximum(seen, 1)
    apart = max(float(np.var(raw[is_told]) - np.mean(noise[is_told])), 0.0)
    share = np.where(is_told, apart / np.maximum(apart + noise, 1e-12), 0.0)
    if is_told.sum() == 1:
        share = is_told.astype(np.float64)
    return np.where(is_told, share * own + (1 - share) * of_all, of_all)
