"""From scores to the list that is shown: variety, no seller in every place, and a place for what nobody knows yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.model import Floats

SAME_CATEGORY = 0.35  # how alike two products of one category are where no cosine says more


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates for one list.

    Parameters
    ----------
    relevance : (candidates,)
        In 0..1 within each tier.
    tiers : (candidates,)
        Where each comes from; all of a lower tier come before any of a higher one.
    sellers : (candidates,)
    likeness : (candidates, candidates)
        In 0..1.
    """

    relevance: Floats
    tiers: NDArray[np.integer]
    sellers: NDArray[np.int64]
    likeness: Floats

    def __post_init__(self) -> None:
        count = len(self.relevance)
        if len(self.tiers) != count or len(self.sellers) != count or self.likeness.shape != (count, count):
            raise InputRejected(f"{count} candidates have likenesses of shape {self.likeness.shape}")


def likeness_of(cosines: Floats, categories: NDArray[np.integer]) -> Floats:
    """How alike candidates are: their cosine, or what products of one category have in common if that is more.

    Parameters
    ----------
    cosines : (candidates, candidates)
        Zero where it is not known.
    categories : (candidates,)
        Negative for none.
    """
    same = (categories[:, None] == categories[None, :]) & (categories >= 0)[:, None]
    return np.maximum(np.clip(cosines, 0, 1), np.where(same, SAME_CATEGORY, 0)).astype(np.float32)


def ranked(pool: Pool, count: int, *, diversity: float = 0.0, per_seller: int | None = None) -> list[int]:
    """Up to `count` candidates in the order they are shown.

    Each place goes to the candidate with the greatest `(1 - diversity) * relevance - diversity * likeness`, the
    likeness being that with the nearest one above it. No seller has more than `per_seller` places; only where no other
    seller has anything left does every seller get as many again.

    Source: Carbonell, Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998.
    """
    if not 0 <= diversity <= 1:
        raise InputRejected(f"diversity lies in 0..1, not {diversity}")
    if per_seller is not None and per_seller < 1:
        raise InputRejected(f"a seller has at least one place, not {per_seller}")
    waiting = np.ones(len(pool.relevance), dtype=bool)
    nearest = np.zeros(len(pool.relevance), dtype=np.float32)
    worth = (1 - diversity) * pool.relevance
    places: Counter[int] = Counter()
    most, chosen = per_seller, list[int]()
    full = np.zeros(len(waiting), dtype=bool)
    while len(chosen) < count and waiting.any():
        free = waiting & ~full
        if not free.any():
            assert most is not None
            assert per_seller is not None
            most += per_seller
            full = np.array([places[seller] >= most for seller in pool.sellers.tolist()])
            continue
        free &= pool.tiers == pool.tiers[free].min()
        one = int(np.argmax(np.where(free, worth - diversity * nearest, -np.inf)))
        chosen.append(one)
        waiting[one] = False
        nearest = np.maximum(nearest, pool.likeness[one])
        seller = int(pool.sellers[one])
        places[seller] += 1
        if most is not None and places[seller] >= most:
            full |= pool.sellers == seller
    return chosen


@dataclass(frozen=True, slots=True)
class Explored:
    """A place that may go to something unknown, from 0.

    `candidate` is what was drawn, None where the place stays with what was best. `propensity` is the probability of
    what was drawn, or of drawing nothing.
    """

    place: int
    candidate: int | None
    propensity: float


def explored_places(places: int, share: float) -> list[tuple[int, float]]:
    """Which of so many places may be explored, from 0, and how probably each is.

    One place in every `1 / share`, in their middle; a last part that has fewer is explored as much less often, so
    that every list explores the same share of its places.
    """
    if not 0 <= share <= 1:
        raise InputRejected(f"the share of explored places lies in 0..1, not {share}")
    if share == 0 or places <= 0:
        return []
    block = max(1, round(1 / share))
    starts = range(0, places, block)
    parts = [(start, min(block, places - start)) for start in starts]
    return [(start + part // 2, part * share if part < block else min(1.0, block * share)) for start, part in parts]


def explored(
    places: int,
    weights: NDArray[np.floating],
    share: float,
    draw: np.random.Generator,
    *,
    sellers: NDArray[np.int64] | None = None,
    room: Mapping[int, int] | None = None,
) -> list[Explored]:
    """What is tried out at which place, drawn without replacement, candidates by their weights.

    At each place the probabilities of all that can happen there, given what was drawn above it, sum to 1.

    Parameters
    ----------
    weights : (candidates,)
        Not negative; those of zero are never drawn.
    sellers : (candidates,)
    room
        How many may be drawn of each seller; without it, any number.
    """
    left = np.asarray(weights, dtype=np.float64).copy()
    drawn: Counter[int] = Counter()
    if (left < 0).any() or not np.isfinite(left).all():
        raise InputRejected("weights of candidates must be finite and not negative")
    found = []
    for place, chance in explored_places(places, share):
        total = left.sum()
        if total <= 0:
            break
        if draw.random() >= chance:
            found.append(Explored(place, None, 1 - chance))
            continue
        shares = left / total
        one = int(draw.choice(len(left), p=shares))
        found.append(Explored(place, one, chance * float(shares[one])))
        left[one] = 0
        if sellers is not None and room is not None:
            seller = int(sellers[one])
            drawn[seller] += 1
            if drawn[seller] >= room[seller]:
                left[sellers == seller] = 0
    return found


def with_explored(best: Sequence[int], found: Sequence[Explored], unknown: Sequence[int]) -> list[tuple[int, float]]:
    """The list with what was drawn in its places, each with the probability that it stands there.

    Parameters
    ----------
    best
        Products, best first.
    unknown
        The products that `found` drew from.
    """
    shown = [(product, 1.0) for product in best]
    for one in found:
        if one.place < len(shown):
            kept = shown[one.place][0] if one.candidate is None else unknown[one.candidate]
            shown[one.place] = (kept, one.propensity)
    return shown
