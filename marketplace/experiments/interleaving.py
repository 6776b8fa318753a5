"""Two lists in one, so that one shopper's clicks judge both."""

from __future__ import annotations

import random
from collections.abc import Sequence


def team_draft(first: Sequence[int], second: Sequence[int], limit: int, seed: int) -> list[tuple[int, int]]:
    """Products and the team, 0 or 1, that put each there; the teams choose in turns, a coin says who begins each.

    Source: Radlinski, Kurup, Joachims, "How does clickthrough data reflect retrieval quality?", CIKM 2008.
    """
    coin = random.Random(seed)  # noqa: S311
    lists, chosen = (first, second), dict[int, int]()
    while len(chosen) < limit:
        begins = coin.randrange(2)
        before = len(chosen)
        for team in (begins, 1 - begins):
            best = next((product for product in lists[team] if product not in chosen), None)
            if best is not None and len(chosen) < limit:
                chosen[best] = team
        if len(chosen) == before:
            break
    return list(chosen.items())
