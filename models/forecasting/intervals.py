"""Intervals around forecasts, as wide as errors of the past were: conformal, without a model of the errors.

Errors are taken relative to the level that the series had when each forecast was made, so that they grow with it.

Source: Stankeviciute, Alaa and van der Schaar, "Conformal time-series forecasting", NeurIPS 2021.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEAR = 2  # steps on either side whose errors are taken for those of a step
BEYOND = 1.25  # times the largest error, where too few are known for the level


def half_widths(errors: Floats, level: float) -> Floats:
    """Half of the interval's width at each step: (horizon,).

    Parameters
    ----------
    errors : (origins, horizon)
        Of earlier forecasts.
    level
        The share of truths that should lie inside.
    """
    horizon = errors.shape[1]
    near = (np.abs(errors[:, max(0, step - NEAR) : step + NEAR + 1]).ravel() for step in range(horizon))
    widths: Floats = np.array([_conformal(one, level) for one in near])
    return np.maximum.accumulate(widths)  # what lies further ahead is not known better


def coverage(truths: Floats, means: Floats, errors: Floats, levels: Floats, level: float, *, first: int) -> float:
    """The share of truths inside intervals that were made of earlier origins' errors alone.

    Parameters
    ----------
    truths, means, errors : (origins, horizon)
        Errors are relative to the level of their origin.
    levels : (origins,)
        Of the series at each origin.
    first
        The first origin that is judged; the ones before only teach.
    """
    inside = []
    for origin in range(first, len(truths)):
        widths = half_widths(errors[:origin], level) * levels[origin]
        inside.append(np.abs(truths[origin] - means[origin]) <= widths)
    return float(np.mean(inside)) if inside else float("nan")


def _conformal(errors: Floats, level: float) -> float:
    rank = ceil((len(errors) + 1) * level)
    if rank > len(errors):
        return float(errors.max()) * BEYOND
    return float(np.partition(errors, rank - 1)[rank - 1])
