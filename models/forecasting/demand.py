"""Which kind of demand a series is, which decides what may forecast it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Demand = Literal["smooth", "erratic", "intermittent", "lumpy", "none"]
RARE = 1.32  # periods from one demand to the next
VARIED = 0.49  # squared coefficient of variation of what is demanded at once


def demand_of(values: Floats) -> Demand:
    """The class of a series; "none" where nothing was ever demanded.

    Source: Syntetos, Boylan and Croston, "On the categorization of demand patterns", JORS 2005.
    """
    demanded = values[values != 0]
    if not len(demanded):
        return "none"
    is_rare = len(values) / len(demanded) >= RARE
    is_varied = float(np.var(demanded) / np.mean(demanded) ** 2) >= VARIED if demanded.mean() else True
    if is_rare:
        return "lumpy" if is_varied else "intermittent"
    return "erratic" if is_varied else "smooth"
