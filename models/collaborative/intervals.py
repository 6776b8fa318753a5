"""How far a mean can be trusted, by resampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
DRAWS_AT_ONCE = 2_000_000  # resampled values held in memory


def interval_of_mean(values: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, resampling values, which may be paired differences; (0, 0) for none.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3.
    """
    if not len(values):
        return 0.0, 0.0
    generator = np.random.default_rng(seed)
    at_once = max(1, DRAWS_AT_ONCE // len(values))
    sizes = [min(at_once, RESAMPLES - start) for start in range(0, RESAMPLES, at_once)]
    means = [values[generator.integers(0, len(values), (size, len(values)))].mean(axis=1) for size in sizes]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
