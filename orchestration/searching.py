"""Search as shoppers meet it, without its host: nothing is paged, hurried or degraded, so that it can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from marketplace.errors import ArtifactUnavailable
from marketplace.search.asking import SearchQuery
from marketplace.search.fusion import EVERY_CONCEPT, TUNED, FusionWeights, Held, fuse
from marketplace.storage.images import reencoded
from marketplace.storage.shelf import find_words, on_shelf
from marketplace.storage.vectors import Hit, Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.vectors import TEXT_WEIGHT
from models.embedding.vectors import Vectors as Vector

DEPTH = 500  # products that one search ranks
NEAR_SHARE = 0.6
WORDS_APART = 0.16
SOME = 0.5


@dataclass(frozen=True, slots=True)
class WordHit:
    """A product that words found: its score, and the share of the query that it holds."""

    product_id: int
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What words and likeness found, before it is weighed; `shelf` holds those that can be bought."""

    words: Sequence[Held]
    likeness: dict[int, float]
    floor: float
    shelf: frozenset[int]


class Engine:
    """Finds products by words in Postgres and by vectors in Milvus, weighed as the API weighs them."""

    def __init__(
        self,
        warehouse: Warehouse,
        vectors: Vectors,
        encoder: Encoder,
        *,
        weights: FusionWeights = TUNED,
        max_pixels: int = 40_000_000,
    ) -> None:
        self.weights = weights
        self._warehouse = warehouse
        self._vectors = vectors
        self._encoder = encoder
        self._max_pixels = max_pixels

    def search(self, query: SearchQuery) -> list[int]:
        """The products that match, best first.

        Raises
        ------
        ArtifactUnavailable
            If no index of this encoder is published.
        """
        return ranked(self.witnesses(query), query, self.weights)

    def witnesses(self, query: SearchQuery) -> Witnesses:
        """What was found, before it is weighed.

        Raises
        ------
        ArtifactUnavailable
            As `search`.
        """
        words = self._by_words(query.text) if query.text else []
        hits = self._by_vector(query)
        is_words = query.image is None
        floor = 0.0 if self._encoder.has_shared_space or not is_words else WORDS_APART
        near = _near(hits, floor) if is_words else hits
        likeness = {hit.product_id: hit.similarity for hit in near}
        ids = [*likeness, *(one.product_id for one in words)]
        shelf = frozenset(product.product_id for product in on_shelf(self._warehouse, ids))
        return Witnesses(words, likeness, floor, shelf)

    def _by_words(self, text: str) -> list[WordHit]:
        found = find_words(self._warehouse, text, limit=DEPTH)
        ids = [(one, EVERY_CONCEPT) for one in found.every_word] + [(one, SOME) for one in found.some_words]
        return [WordHit(one, 1 - place / len(ids), share) for place, (one, share) in enumerate(ids)]

    def _by_vector(self, query: SearchQuery) -> list[Hit]:
        if self._vectors.current() is None:
            raise ArtifactUnavailable("no product index is published; materialise product_index first")
        image = None if query.image is None else reencoded(query.image, max_pixels=self._max_pixels)
        weight = query.image_weight if query.image_weight is not None else self.weights.picture
        vector = self._encoder.embed_query(image, query.text, image_weight=weight)
        if self._encoder.has_shared_space or not query.text:
            return self._nearest(vector, None)
        bare = [replace(hit, similarity=TEXT_WEIGHT**0.5 * hit.similarity) for hit in self._nearest(vector, False)]
        return sorted([*self._nearest(vector, True), *bare], key=lambda hit: -hit.similarity)[:DEPTH]

    def _nearest(self, vector: Vector, pictured: bool | None) -> list[Hit]:
        return self._vectors.search(vector, limit=DEPTH, pictured=pictured, model_version=self._encoder.version)


def ranked(found: Witnesses, query: SearchQuery, weights: FusionWeights) -> list[int]:
    """The products that can be bought, best first, under some weights."""
    order = fuse(found.words, found.likeness, floor=found.floor, by=query.fusion, weights=weights)
    return [one.product_id for one in order if one.product_id in found.shelf][: query.limit]


def _near(hits: Sequence[Hit], floor: float) -> list[Hit]:
    """The hits that words alone may stand for: the nearest vector is always there, but it may be far away."""
    best = max((hit.similarity for hit in hits), default=0.0)
    return [hit for hit in hits if hit.similarity >= max(floor, NEAR_SHARE * best)]
