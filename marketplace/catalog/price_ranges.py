"""What things of one kind usually cost: a range that a few wrong prices cannot move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

SMALLEST_GROUP = 12
# Modified z-score beyond which a value is an outlier.
# Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", ASQC 1993; 3.5 and 0.6745 are theirs.
WIDTH = 3.5
MAD_TO_SIGMA = 1 / 0.6745
NARROWEST = np.log(4)  # a quarter to four times the middle is never unusual, however alike the others are


@dataclass(frozen=True, slots=True)
class PriceGroup:
    """What prices are compared within: a category, a currency, and what the price is for; empty for a piece."""

    category: str
    currency: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The lowest and highest usual price of a group in minor units, and how many prices say so."""

    lower_minor: int
    upper_minor: int
    products: int

    def holds(self, amount_minor: float) -> bool:
        """Whether the price is a usual one."""
        return self.lower_minor <= amount_minor <= self.upper_minor


def robust_ranges(prices: Iterable[tuple[PriceGroup, float]]) -> Mapping[PriceGroup, PriceRange]:
    """The range of each group of at least 12 prices: the median of their logarithms, give or take 3.5 robust sigmas.

    Prices of nothing and groups without a category are left out.
    """
    grouped: dict[PriceGroup, list[float]] = {}
    for group, amount in prices:
        if group.category and amount > 0:
            grouped.setdefault(group, []).append(amount)
    return {group: _range_of(amounts) for group, amounts in grouped.items() if len(amounts) >= SMALLEST_GROUP}


def _range_of(amounts: list[float]) -> PriceRange:
    logs = np.log(np.asarray(amounts, dtype=np.float64))  # (prices,)
    middle = float(np.median(logs))
    spread = float(np.median(np.abs(logs - middle))) * MAD_TO_SIGMA
    half = max(WIDTH * spread, float(NARROWEST))
    return PriceRange(round(float(np.exp(middle - half))), round(float(np.exp(middle + half))), len(amounts))
