"""Intervals that stay true however often somebody looks, so that an experiment may be stopped by what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log, sqrt

FEWEST = 50  # shoppers of each variant; with fewer the normal approximation says nothing
PLANNED = 2_000  # shoppers for which the interval is made tightest


@dataclass(frozen=True, slots=True)
class Moments:
    """What is kept of one variant's figures, one for each shopper: their count, sum and sum of squares."""

    count: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Zero where there is nobody."""
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        """Of the sample, unbiased; zero for fewer than two."""
        if self.count < 2:
            return 0.0
        return max(0.0, (self.squares - self.total**2 / self.count) / (self.count - 1))


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of means, and between what it lies; the ends are infinite while nobody can tell."""

    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> int:
        """1 if the treatment is better, -1 if it is worse, 0 while nobody knows."""
        return int(self.low > 0) - int(self.high < 0)

    @property
    def is_known(self) -> bool:
        """Whether there were enough shoppers, and any difference among them."""
        return isfinite(self.low) and isfinite(self.high)


def difference(control: Moments, treatment: Moments, *, alpha: float = 0.05, planned: int = PLANNED) -> Interval:
    """The treatment's mean less the control's: an asymptotic confidence sequence.

    With a chance of at most `alpha` it ever misses the truth, over all the times it is looked at. It holds for many
    shoppers, and supposes that a shopper's figure changes little once they are counted.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
    confidence sequences", 2021, theorem 2.2, with the tuning of its appendix B.2.
    """
    found = treatment.mean - control.mean
    if min(control.count, treatment.count) < FEWEST:
        return Interval(found, -inf, inf)
    count = control.count + treatment.count
    variance = count * (control.variance / control.count + treatment.variance / treatment.count)
    if variance == 0:  # nobody differs from anybody, as while nothing was bought: that tells nothing about who comes
        return Interval(found, -inf, inf)
    radius = sqrt(variance) * _boundary(count, alpha, planned)
    return Interval(found, found - radius, found + radius)


def _boundary(count: int, alpha: float, planned: int) -> float:
    rho2 = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned
    grown = count * rho2 + 1
    return sqrt(2 * grown / (count**2 * rho2) * log(sqrt(grown) / alpha))
