"""One ranking out of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DAMPING = 60


def fused(rankings: Iterable[tuple[float, Sequence[int]]]) -> list[int]:
    """Every id of any ranking, those first that stand high in many of them.

    Parameters
    ----------
    rankings
        Weight and ids, best first, of each ranking.

    Source: Cormack, Clarke and Büttcher, "Reciprocal rank fusion", SIGIR 2009; damping 60 is theirs.
    """
    scores: dict[int, float] = {}
    for weight, ids in rankings:
        for rank, identity in enumerate(ids, start=1):
            scores[identity] = scores.get(identity, 0) + weight / (DAMPING + rank)
    return sorted(scores, key=lambda identity: -scores[identity])
