"""Whether shoppers came to the variants as they were meant to; where they did not, no figure can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt

SUSPECT = 0.001  # far below the usual 0.05, because it is looked at again and again
# Source: Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019.


def mismatch(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The probability of counts at least so far from their shares by chance: Pearson's chi-square test."""
    total = sum(counts)
    if total == 0:
        return 1.0
    expected = [total * share for share in shares]
    distance = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return chi_square_tail(distance, len(counts) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """The probability of a chi-square variable above the value, by the recursion over degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.4.4, 26.4.5 and 26.4.8.
    """
    if value <= 0:
        return 1.0
    tail, reached = (erfc(sqrt(value / 2)), 1) if freedom % 2 else (exp(-value / 2), 2)
    while reached < freedom:
        tail += exp(reached / 2 * (log(value) - log(2)) - value / 2 - lgamma(reached / 2 + 1))
        reached += 2
    return min(1.0, tail)
