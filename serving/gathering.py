"""Words and likeness asked at the same time, and made one ranking of what may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.errors import ArtifactUnavailable, ConfigurationError, NotReady, StoreUnreachable
from marketplace.search.asking import Filters
from marketplace.search.candidates import Candidate
from marketplace.search.fusion import FusionWeights, fuse, near
from marketplace.search.nearness import DEPTH
from marketplace.storage.candidates import candidates_of
from marketplace.storage.keywords import WordHit, find_terms
from marketplace.storage.warehouse import Warehouse
from serving.asked import Asked
from serving.likeness import Likeness, Meant, Nearest, why_without
from serving.search_cursors import Match, Place

NOTHING_NEAR = Nearest({}, None, is_all=True)
AWAY = (ArtifactUnavailable, StoreUnreachable, ConfigurationError)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Candidates in order of relevance, with what found them.

    `is_all` where nothing that matches was left out; `reason` where a part of the search was away.
    """

    candidates: tuple[Candidate, ...]
    scores: Mapping[int, float]
    held: Mapping[int, WordHit]
    cosines: Mapping[int, float]
    index: str | None
    is_all: bool
    reason: str | None

    def place(self, product_id: int, *, is_first: bool) -> Place:
        """The product's place in the answer."""
        held = self.held.get(product_id)
        words: Match | None = None if held is None else "words" if held.share >= 1 else "some_words"
        return Place(product_id, self.scores[product_id], self.cosines.get(product_id), words, is_first)


class Gatherer:
    """Asks both sides of a search."""

    def __init__(self, warehouse: Warehouse, likeness: Likeness, weights: FusionWeights) -> None:
        self._warehouse = warehouse
        self._likeness = likeness
        self._weights = weights

    def meant(self, asked: Asked) -> tuple[Meant | None, str | None]:
        """What is wanted as a vector; None with the reason where it cannot be told, without one where it is nothing.

        Raises
        ------
        NotFound
            If nothing of what is wanted is in the index.
        NotReady
            If only likeness could answer, and it cannot now.
        """
        if asked.wanted.is_nothing:
            return None, None
        try:
            return self._likeness.meant(asked.wanted, self.deadline(asked)), None
        except AWAY as error:
            return None, _without_likeness(asked, error)

    def deadline(self, asked: Asked) -> float:
        """The instant until which to wait for the index, from now."""
        return self._likeness.deadline(alone=asked.words is None)

    def gathered(
        self, asked: Asked, meant: Meant | None, filters: Filters, deadline: float, reason: str | None
    ) -> Gathered:
        """The candidates under the filters; `reason` is why `meant` is None where something is wanted.

        Raises
        ------
        NotReady
            If only likeness could answer, and it cannot now.
        """
        nearest, pending = NOTHING_NEAR, None
        if meant is not None:
            try:
                pending = self._likeness.begin(meant, filters, limit=asked.depth, exclude=asked.exclude)
            except AWAY as error:
                reason = _without_likeness(asked, error)
        words = find_terms(self._warehouse, asked.words, filters=filters, limit=DEPTH) if asked.words else []
        if pending is not None:
            try:
                nearest = self._likeness.end(pending, deadline)
            except AWAY as error:
                reason = _without_likeness(asked, error)
        return self._ranked(asked, words, nearest, filters, meant.floor if meant else 0.0, reason)

    def _ranked(
        self,
        asked: Asked,
        words: Sequence[WordHit],
        nearest: Nearest,
        filters: Filters,
        floor: float,
        reason: str | None,
    ) -> Gathered:
        """What was found and may be shown: Postgres has the last word on every filter."""
        found = dict.fromkeys([*(one.product_id for one in words), *nearest.cosines])
        for product_id in asked.exclude:
            found.pop(product_id, None)
        known = {one.product_id: one for one in candidates_of(self._warehouse, list(found), filters)}
        held = {one.product_id: one for one in words if one.product_id in known}
        alike = {key: cosine for key, cosine in nearest.cosines.items() if key in known}
        cosines = near(alike, floor) if asked.only_near else alike
        order = fuse(held.values(), cosines, floor=floor, by=asked.query.fusion, weights=self._weights)
        none_left = nearest.is_all or len(cosines) < len(alike)
        return Gathered(
            candidates=tuple(known[one.product_id] for one in order[:DEPTH]),
            scores={one.product_id: one.score for one in order},
            held=held,
            cosines=cosines,
            index=nearest.index,
            is_all=none_left and len(words) < DEPTH and len(order) <= DEPTH and reason is None,
            reason=reason,
        )


def _without_likeness(asked: Asked, error: Exception) -> str:
    """Why words answer alone.

    Raises
    ------
    NotReady
        If there are none.
    """
    reason = why_without(error)
    if asked.words is None:
        what = "photos" if asked.wanted.image is not None else "likeness"
        raise NotReady(f"{what} cannot be searched now: {reason}") from error
    return reason
