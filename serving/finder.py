"""Search as the API offers it: words and vectors together, and what is left of it when a part is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import BoundedSemaphore
from typing import Literal

from marketplace.errors import ArtifactUnavailable, ConfigurationError, InputRejected, NotFound, StoreUnreachable
from marketplace.search.fusion import fused
from marketplace.storage.images import reencoded
from marketplace.storage.shelf import ShelfProduct, WordMatches, browse, find_words, on_shelf, product_of
from marketplace.storage.vectors import Hit, Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.vectors import Vectors as Vector
from serving.encoder import WarmEncoder

log = logging.getLogger(__name__)
REST_SECONDS = 5.0
PATIENCE_SECONDS = 5.0
DECODERS = 2
SPARE = 2  # hits fetched for each one wanted, for some are out of stock by now
NEAR_SHARE = 0.6
EVERY_WORD, SOME_WORDS, LIKENESS = 2.0, 1.0, 1.0
Match = Literal["words", "some_words", "likeness"]


@dataclass(frozen=True, slots=True)
class Query:
    """What a shopper looks for, in words, by a photo, or both."""

    text: str | None
    image: bytes | None
    limit: int
    category: str | None = None
    seller_id: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A product, its cosine to the query where vectors found it, and what it was found by."""

    product: ShelfProduct
    similarity: float | None
    matched: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Products, best first; `reason` says why the answer is degraded, None when it is whole.

    Versions are None for a part that was away.
    """

    items: tuple[Found, ...]
    reason: str | None
    encoder: str | None
    index: str | None

    @property
    def degraded(self) -> bool:
        """Whether a part of the search was away."""
        return self.reason is not None


@dataclass(frozen=True, slots=True)
class Alike:
    """Products like another; from its category instead, with the reason, while likeness cannot be told."""

    source: Literal["likeness", "same_category"]
    items: tuple[Found, ...]
    reason: str | None
    index: str | None


@dataclass(frozen=True, slots=True)
class _Nearest:
    """What the vectors found, or the reason why they were not asked."""

    hits: Sequence[Hit] = ()
    reason: str | None = None
    encoder: str | None = None
    index: str | None = None


class Finder:
    """Finds products by words in Postgres and by vectors in Milvus."""

    def __init__(self, warehouse: Warehouse, vectors: Vectors, encoder: WarmEncoder, *, max_pixels: int) -> None:
        self._warehouse = warehouse
        self._vectors = vectors
        self._encoder = encoder
        self._max_pixels = max_pixels
        self._decoding = BoundedSemaphore(DECODERS)
        self._resting_until = 0.0

    def find(self, query: Query) -> Findings:
        """The products that match, found with all that is awake.

        Raises
        ------
        InputRejected
            If there are neither words nor a photo, or the photo is none.
        ArtifactUnavailable
            If there is a photo but no words, and photos cannot be searched now.
        """
        if query.image is None and not query.text:
            raise InputRejected("a search needs text, an image, or both")
        image = None if query.image is None else self._decoded(query.image)
        words = self._by_words(query)
        nearest = self._by_vector(query, image)
        hits = nearest.hits if image is not None else _near(nearest.hits, self._encoder.least_likeness)
        similarity = {hit.product_id: hit.similarity for hit in hits}
        order = fused([(EVERY_WORD, words.every_word), (SOME_WORDS, words.some_words), (LIKENESS, tuple(similarity))])
        products = on_shelf(self._warehouse, order)[: query.limit]
        items = tuple(
            Found(product, similarity.get(product.product_id), _matched(product.product_id, words, similarity))
            for product in products
        )
        return Findings(items, nearest.reason, nearest.encoder, nearest.index)

    def similar(self, product_id: int, *, limit: int, threshold: float) -> Alike:
        """Products like this one, most alike first.

        Raises
        ------
        NotFound
            If the product is not known.
        """
        product = product_of(self._warehouse, product_id)
        try:
            self._require_rested()
            index = self._vectors.current()
            hits = self._vectors.similar(product_id, SPARE * limit, threshold)
        except (ArtifactUnavailable, StoreUnreachable, ConfigurationError, NotFound) as error:
            reason = self._noted(error)
            others = browse(self._warehouse, limit=limit + 1, category=product.category).products
            items = [Found(other, None, ()) for other in others if other.product_id != product_id]
            return Alike("same_category", tuple(items[:limit]), reason, None)
        return Alike("likeness", tuple(self._shown(hits)[:limit]), None, index)

    def _decoded(self, image: bytes) -> bytes:
        """The photo made safe and small, a few at a time: one may take hundreds of megabytes for a moment."""
        if not self._decoding.acquire(timeout=PATIENCE_SECONDS):
            raise ArtifactUnavailable("too many photos at once; try again in a few seconds")
        try:
            return reencoded(image, max_pixels=self._max_pixels)
        finally:
            self._decoding.release()

    def _shown(self, hits: Sequence[Hit]) -> list[Found]:
        similarity = {hit.product_id: hit.similarity for hit in hits}
        products = on_shelf(self._warehouse, list(similarity))
        return [Found(product, similarity[product.product_id], ("likeness",)) for product in products]

    def _by_words(self, query: Query) -> WordMatches:
        if not query.text:
            return WordMatches((), ())
        limit = SPARE * query.limit
        return find_words(self._warehouse, query.text, limit=limit, category=query.category, seller_id=query.seller_id)

    def _by_vector(self, query: Query, image: bytes | None) -> _Nearest:
        try:
            vector, version = self._encoder.embed(image, query.text)
        except ArtifactUnavailable as error:
            return self._without_vector(query, str(error))
        try:
            self._require_rested()
            index = self._vectors.current()
            hits = self._nearest(query, vector, version)
        except (ArtifactUnavailable, StoreUnreachable, ConfigurationError) as error:
            return self._without_vector(query, self._noted(error))
        return _Nearest(hits, None, version, index)

    def _nearest(self, query: Query, vector: Vector, version: str) -> list[Hit]:
        search = partial(
            self._vectors.search,
            vector,
            limit=SPARE * query.limit,
            category=query.category,
            seller_id=query.seller_id,
            model_version=version,
        )
        bare_weight = self._encoder.bare_weight if query.text else 1.0
        if bare_weight == 1.0:
            return search()
        weighed = [replace(hit, similarity=bare_weight * hit.similarity) for hit in search(pictured=False)]
        return sorted([*search(pictured=True), *weighed], key=lambda hit: -hit.similarity)[: SPARE * query.limit]

    def _without_vector(self, query: Query, reason: str) -> _Nearest:
        if not query.text:
            raise ArtifactUnavailable(f"photos cannot be searched now: {reason}")
        return _Nearest(reason=reason)

    def _require_rested(self) -> None:
        """Do not let every shopper wait for an index that was away a moment ago."""
        if time.monotonic() < self._resting_until:
            raise StoreUnreachable("the index did not answer a moment ago")

    def _noted(self, error: Exception) -> str:
        log.warning("answering without vectors: %s", error)
        if isinstance(error, StoreUnreachable):
            if time.monotonic() >= self._resting_until:
                self._resting_until = time.monotonic() + REST_SECONDS
            return "the index of pictures and meanings does not answer"
        if isinstance(error, NotFound):
            return "this product is not in the index yet"
        return "no index of this encoder is published; materialise product_index"


def _near(hits: Sequence[Hit], floor: float) -> list[Hit]:
    """The hits that words alone may stand for: the nearest vector is always there, but it may be far away."""
    best = max((hit.similarity for hit in hits), default=0.0)
    return [hit for hit in hits if hit.similarity >= max(floor, NEAR_SHARE * best)]


def _matched(product_id: int, words: WordMatches, similarity: Mapping[int, float]) -> tuple[Match, ...]:
    by_words: tuple[Match, ...] = ("words",) if product_id in words.every_word else ()
    if product_id in words.some_words:
        by_words = ("some_words",)
    return (*by_words, "likeness") if product_id in similarity else by_words
