"""One ranking out of what words found and what likeness found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from marketplace.search.asking import Fusion

DAMPING = 60
NEAR_SHARE = 0.6  # of the best cosine
EVERY_CONCEPT = 1.0  # the share of a product that holds all that was asked for


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """How much each witness counts.

    Parameters
    ----------
    keyword
        Of what words found, beside `likeness`.
    some_words
        What is left of `keyword` for products that hold only some of the query, 0..1.
    likeness
        Of what vectors found.
    photo_likeness
        The same where a photo is searched by: it shows more of what is meant than the words beside it say.
    picture
        Of the photo in the vector of a photo with words, 0..1; the words have the rest.
    """

    keyword: float = 2.0
    some_words: float = 0.5
    likeness: float = 1.0
    photo_likeness: float = 1.0
    picture: float = 0.6

    def beside(self, *, photo: bool) -> FusionWeights:
        """The weights for a query with a photo, or without one."""
        return replace(self, likeness=self.photo_likeness) if photo else self


TUNED = FusionWeights(photo_likeness=8.0, picture=0.7)  # docs/search-quality.md has the table


class Held(Protocol):
    """A product that words found: its keyword score, and the share of the query that it holds."""

    @property
    def product_id(self) -> int:
        """Which product."""

    @property
    def score(self) -> float:
        """Larger is better; zero or more."""

    @property
    def share(self) -> float:
        """1.0 for the whole query."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A product and its place among the others: 1 is what both witnesses put first."""

    product_id: int
    score: float


def fuse(
    words: Iterable[Held],
    likeness: Mapping[int, float],
    *,
    floor: float = 0.0,
    by: Fusion = "weighted",
    weights: FusionWeights = TUNED,
) -> list[Fused]:
    """Every product of either witness, best first; equal ones by id, so that the order of arrival means nothing.

    Both forms give scores in 0..1, where 1 is a product that both witnesses put first:

    `weighted` adds normalised scores. A keyword score is taken as a share of the best one; a product that holds the
    whole query gets half for that and half by its score, one that holds less gets `some_words` times its share of
    the query times its score. A cosine is stretched so that `floor` is 0 and the best found is 1.

    `rrf` adds `1 / (60 + rank)`, products of equal score sharing a rank: those with the whole query are one ranking,
    those with some of it another, likeness the third.

    Parameters
    ----------
    likeness
        Cosine to the query, by product.
    floor
        The cosine below which there is no likeness.

    Source: Cormack, Clarke and Büttcher, "Reciprocal rank fusion", SIGIR 2009, whose damping 60 is used; Bruch, Gai
    and Ingber, "An analysis of fusion functions for hybrid retrieval", TOIS 2023, section 4, for the weighted form.
    """
    held = _best_of_each(words)
    parts = _weighted(held, likeness, floor, weights) if by == "weighted" else _ranked(held, likeness, weights)
    most = weights.keyword * bool(held) + weights.likeness * bool(likeness)
    ids = dict.fromkeys([*held, *likeness])
    scored = [Fused(one, sum(part.get(one, 0.0) for part in parts) / most if most else 0.0) for one in ids]
    return sorted(scored, key=lambda one: (-one.score, one.product_id))


def near(likeness: Mapping[int, float], floor: float) -> dict[int, float]:
    """What is near enough to be meant: the nearest vector is always there, but it may be far away."""
    least = max(floor, NEAR_SHARE * max(likeness.values(), default=0.0))
    return {key: cosine for key, cosine in likeness.items() if cosine >= least}


def _weighted(
    held: Mapping[int, Held], likeness: Mapping[int, float], floor: float, weights: FusionWeights
) -> tuple[dict[int, float], dict[int, float]]:
    best = max((one.score for one in held.values()), default=0.0) or 1.0
    nearest = max(likeness.values(), default=0.0)
    reach = nearest - floor
    by_words = {key: weights.keyword * _keyword(one, one.score / best, weights) for key, one in held.items()}
    alike = {
        key: weights.likeness * (max(0.0, (cosine - floor) / reach) if reach > 0 else 0.0)
        for key, cosine in likeness.items()
    }
    return by_words, alike


def _keyword(held: Held, relative: float, weights: FusionWeights) -> float:
    if held.share >= EVERY_CONCEPT:
        return 0.5 + 0.5 * relative
    return weights.some_words * held.share * relative


def _ranked(
    held: Mapping[int, Held], likeness: Mapping[int, float], weights: FusionWeights
) -> tuple[dict[int, float], ...]:
    every = {key: one.score for key, one in held.items() if one.share >= EVERY_CONCEPT}
    some = {key: one.score for key, one in held.items() if one.share < EVERY_CONCEPT}
    rankings = (
        (weights.keyword, every),
        (weights.keyword * weights.some_words, some),
        (weights.likeness, likeness),
    )
    return tuple(
        {key: weight * (DAMPING + 1) / (DAMPING + rank) for key, rank in ranks(scores).items()}
        for weight, scores in rankings
    )


def ranks(scores: Mapping[int, float]) -> dict[int, int]:
    """The place of each by falling score, from 1; equals share the first place of theirs."""
    order = sorted(scores, key=lambda key: -scores[key])
    places: dict[int, int] = {}
    for place, key in enumerate(order, start=1):
        before = order[place - 2] if place > 1 else None
        places[key] = places[before] if before is not None and scores[before] == scores[key] else place
    return places


def _best_of_each(words: Iterable[Held]) -> dict[int, Held]:
    held: dict[int, Held] = {}
    for one in words:
        known = held.get(one.product_id)
        if known is None or (one.share, one.score) > (known.share, known.score):
            held[one.product_id] = one
    return held
