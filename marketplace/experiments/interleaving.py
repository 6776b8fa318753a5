"""Two rankings in one answer, so that each shopper compares them without knowing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from math import exp, lgamma, log, log1p


def team_draft(first: Sequence[int], second: Sequence[int], limit: int, seed: int) -> list[tuple[int, int]]:
    """Products in order, each with the team that put it there: 0 for the first ranking, 1 for the second.

    The team with fewer picks goes next, a coin decides between equals, and a team picks its best product that is not
    there yet. When one ranking has nothing left, the other fills the rest. The same seed draws the same answer.

    Source: Radlinski, Kurup and Joachims, "How does clickthrough data reflect retrieval quality?", CIKM 2008,
    algorithm 2.
    """
    coin = random.Random(seed)  # noqa: S311
    shown: dict[int, int] = {}
    waiting = (_left(first, shown), _left(second, shown))
    picks = [0, 0]
    while len(shown) < limit:
        team = coin.randrange(2) if picks[0] == picks[1] else int(picks[0] > picks[1])
        for picker in (team, 1 - team):
            if (product := next(waiting[picker], None)) is not None:
                shown[product] = picker
                picks[picker] += 1
                break
        else:
            break
    return list(shown.items())


def sign_test(wins: int, losses: int) -> float:
    """The probability of a result at least so one-sided if neither ranking were better, for one look at the end."""
    count, most = wins + losses, max(wins, losses)
    if count == 0:
        return 1.0
    tail = sum(exp(_log_choose(count, k) - count * log(2)) for k in range(most, count + 1))
    return min(1.0, 2 * tail)


def sequential_sign_test(wins: int, losses: int) -> float:
    """As `sign_test`, but may be looked at after each shopper, and acted on when it is small.

    One over a mixture of likelihood ratios with a uniform prior, a martingale where neither ranking is better, so that
    it ever gets below alpha with at most that probability.

    Source: Ville's inequality; Robbins, "Statistical methods related to the law of the iterated logarithm", 1970.
    """
    count = wins + losses
    log_ratio = count * log(2) - log1p(count) - _log_choose(count, wins)
    return min(1.0, exp(-log_ratio))


def _left(ranking: Sequence[int], shown: dict[int, int]) -> Iterator[int]:
    return (product for product in ranking if product not in shown)


def _log_choose(count: int, chosen: int) -> float:
    return lgamma(count + 1) - lgamma(chosen + 1) - lgamma(count - chosen + 1)
