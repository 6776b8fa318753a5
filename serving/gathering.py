"""Words and likeness asked at the same time, and made one ranking of what may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from marketplace.errors import ArtifactUnavailable, ConfigurationError, StoreUnreachable
from marketplace.search.asking import Filters
from marketplace.search.candidates import Candidate
from marketplace.search.fusion import FusionWeights, fuse, near
from marketplace.search.nearness import DEPTH
from marketplace.storage.candidates import candidates_of
from marketplace.storage.keywords import WordHit, find_terms
from marketplace.storage.same_photo import showing
from marketplace.storage.warehouse import Warehouse
from serving.asked import Asked, Questions
from serving.breaker import Pending
from serving.likeness import Likeness, Meant, Nearest, why_without
from serving.search_cursors import Match, Place

NOTHING_NEAR = Nearest({}, None, is_all=True)
AWAY = (ArtifactUnavailable, StoreUnreachable, ConfigurationError)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Candidates in order of relevance, with what found them.

    `is_all` where nothing that matches was left out; `reason` where a part of the search was away. `held` are those
    that words found, or, `by_photo`, those that show the photo itself.
    """

    candidates: tuple[Candidate, ...]
    scores: Mapping[int, float]
    held: Mapping[int, WordHit]
    cosines: Mapping[int, float]
    index: str | None
    is_all: bool
    reason: str | None
    by_photo: bool = False

    def place(self, product_id: int, *, is_first: bool) -> Place:
        """The product's place in the answer."""
        return Place(
            product_id, self.scores[product_id], self.cosines.get(product_id), self._held_by(product_id), is_first
        )

    def _held_by(self, product_id: int) -> Match | None:
        held = self.held.get(product_id)
        if held is None:
            return None
        if self.by_photo:
            return "photo"
        return "words" if held.share >= 1 else "some_words"


@dataclass(frozen=True, slots=True)
class Begun:
    """A search under some filters whose nearest products are being looked for; `reason` where they are not."""

    filters: Filters
    floor: float
    pending: Pending[Nearest] | None
    reason: str | None


class Gatherer:
    """Asks both sides of a search."""

    def __init__(self, warehouse: Warehouse, likeness: Likeness, questions: Questions, weights: FusionWeights) -> None:
        self._warehouse = warehouse
        self._likeness = likeness
        self._questions = questions
        self._weights = weights

    def meant(self, asked: Asked) -> tuple[Meant | None, str | None]:
        """What is wanted as a vector; None with the reason where it cannot be told, without one where it is nothing.

        Raises
        ------
        NotFound
            If nothing of what is wanted is in the index.
        """
        if asked.wanted.is_nothing:
            return None, None
        try:
            return self._likeness.meant(asked.wanted, alone=asked.words is None), None
        except AWAY as error:
            return None, why_without(error)

    def deadline(self, asked: Asked) -> float:
        """The instant until which to wait for the index, from now."""
        return self._likeness.deadline(alone=asked.words is None)

    def begun(self, asked: Asked, meant: Meant | None, filters: Filters, reason: str | None) -> Begun:
        """The search under way; `reason` is why `meant` is None where something is wanted."""
        if meant is None:
            return Begun(filters, 0.0, None, reason)
        try:
            pending = self._likeness.begin(meant, filters, limit=asked.depth, exclude=asked.exclude)
        except AWAY as error:
            return Begun(filters, meant.floor, None, why_without(error))
        return Begun(filters, meant.floor, pending, None)

    def ended(self, asked: Asked, begun: Begun, deadline: float, *, is_spare: bool = False) -> Gathered:
        """The candidates; without vectors, those that Postgres finds by itself."""
        words = self._by_words(asked, begun.filters)
        nearest, reason = NOTHING_NEAR, begun.reason
        if begun.pending is not None:
            try:
                nearest = self._likeness.end(begun.pending, deadline, is_spare=is_spare)
            except AWAY as error:
                reason = why_without(error)
        if reason is not None and asked.words is None:
            return self._without_vectors(asked, begun.filters, reason)
        return self._ranked(asked, words, nearest, begun.filters, begun.floor, reason)

    def _by_words(self, asked: Asked, filters: Filters) -> list[WordHit]:
        return find_terms(self._warehouse, asked.words, filters=filters, limit=DEPTH) if asked.words else []

    def _without_vectors(self, asked: Asked, filters: Filters, reason: str) -> Gathered:
        """What finds a photo or products without their vectors: the photo's very likes, the products' titles."""
        if asked.phash is not None:
            same = showing(self._warehouse, asked.phash, filters=filters, limit=DEPTH)
            held = [WordHit(product_id, agreeing, 1.0) for product_id, agreeing in same.items()]
            return replace(self._ranked(asked, held, NOTHING_NEAR, filters, 0.0, reason), by_photo=True)
        words = self._by_words(self._questions.without_vectors(asked), filters)
        return self._ranked(asked, words, NOTHING_NEAR, filters, 0.0, reason)

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
        weights = self._weights.beside(photo=asked.wanted.image is not None)
        order = fuse(held.values(), cosines, floor=floor, by=asked.query.fusion, weights=weights)
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
