"""Search as shoppers meet it, without its host: nothing is paged, hurried or degraded, so that it can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from marketplace.search.asking import SearchQuery
from marketplace.search.fusion import TUNED, FusionWeights, Held, fuse, near
from marketplace.search.nearness import DEPTH, NEAR_DEPTH, nearest
from marketplace.storage.candidates import candidates_of
from marketplace.storage.images import reencoded
from marketplace.storage.keywords import WordHit, find_terms, read_query
from marketplace.storage.shelf import AVAILABLE
from marketplace.storage.vectors import Hit, Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.likeness import bare_weight, least_likeness
from models.embedding.vectors import Vectors as Vector


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What words and likeness found that can be bought, before it is weighed."""

    words: Sequence[Held]
    likeness: dict[int, float]
    floor: float


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
        found = dict.fromkeys([*(one.product_id for one in words), *(hit.product_id for hit in hits)])
        known = {one.product_id for one in candidates_of(self._warehouse, list(found), AVAILABLE)}
        alike = {hit.product_id: hit.similarity for hit in hits if hit.product_id in known}
        floor = least_likeness(self._encoder) if query.image is None else 0.0
        cosines = near(alike, floor) if query.image is None else alike
        return Witnesses([one for one in words if one.product_id in known], cosines, floor)

    def _by_words(self, text: str) -> list[WordHit]:
        return find_terms(self._warehouse, read_query(self._warehouse, text), filters=AVAILABLE, limit=DEPTH)

    def _by_vector(self, query: SearchQuery) -> list[Hit]:
        image = None if query.image is None else reencoded(query.image, max_pixels=self._max_pixels)
        weight = query.image_weight if query.image_weight is not None else self.weights.picture
        has_both = image is not None and query.text
        vector = self._encoder.embed_query(image, query.text, image_weight=weight if has_both else None)
        weigh_bare = bare_weight(self._encoder) if query.text else 1.0
        return nearest(partial(self._nearest, vector), bare_weight=weigh_bare, limit=NEAR_DEPTH)

    def _nearest(self, vector: Vector, pictured: bool | None) -> list[Hit]:
        version = self._encoder.version
        return self._vectors.search(
            vector, limit=NEAR_DEPTH, filters=AVAILABLE, pictured=pictured, model_version=version
        ).hits


def ranked(found: Witnesses, query: SearchQuery, weights: FusionWeights) -> list[int]:
    """The products, best first, under some weights."""
    chosen = weights.beside(photo=query.image is not None)
    order = fuse(found.words, found.likeness, floor=found.floor, by=query.fusion, weights=chosen)
    return [one.product_id for one in order][: query.limit]
