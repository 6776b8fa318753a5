"""The product vectors in Milvus: what is written of them, and searches of the collection that serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, InputRejected
from marketplace.search.asking import Filters
from marketplace.storage.index_types import IndexType, deepened, nlist_for, widened, widest
from marketplace.storage.vector_answers import (
    EMBEDDED,
    SETTLED,
    Ask,
    Hit,
    IndexHealth,
    Published,
    Searched,
    Served,
    counted,
    nearest_in,
    rows_of,
)
from marketplace.storage.vector_collections import BATCH, FIRST_BREADTH, Collections, batches
from marketplace.storage.vector_filters import EVERYTHING, condition
from marketplace.storage.vector_rows import DIMENSIONS, LAYOUT, VectorRow, unit_vector

__all__ = [
    "BATCH",
    "DIMENSIONS",
    "FIRST_BREADTH",
    "Hit",
    "IndexHealth",
    "IndexType",
    "Published",
    "Searched",
    "Served",
    "VectorRow",
    "Vectors",
    "nlist_for",
]

T = TypeVar("T")
MOST_HITS = 1000
BROAD_SHARE = 0.5  # taken for conditions that most products meet, where counting costs more than it saves
SHARE_SECONDS = 60.0
MOST_SHARES = 256


class Vectors(Collections):
    """The product vectors of one Milvus: its collections, and searches of the one that serves.

    Every method raises StoreUnreachable when Milvus does not answer in time, as those of the collections do.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0, *, alias: str = "product_embeddings") -> None:
        super().__init__(uri, token, timeout, alias=alias)
        self._shares: dict[tuple[str, str], tuple[float, float]] = {}
        self._server = ""

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        filters: Filters = EVERYTHING,
        exclude: Collection[int] = (),
        pictured: bool | None = None,
        model_version: str | None = None,
    ) -> Searched:
        """The published products nearest to a unit vector, most similar first; with or without a picture, if said.

        Every product that meets the filters may be found; one on the border of a price range that does not meet
        them may be too, so ask the catalogue about what was found.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published, what is published is of another model than `model_version`, or was built before
            the fields that filters need.
        InputRejected
            If the vector is no unit vector or the limit is not in 1..1000.
        """
        if not 1 <= limit <= MOST_HITS:
            raise InputRejected(f"limit must be between 1 and {MOST_HITS}, not {limit}")
        wanted = unit_vector(vector, "the query")
        narrow = condition(filters, pictured=pictured)
        is_broad = condition(filters) in ("", "in_stock == true") and pictured is not False
        expression = condition(filters, exclude=exclude, pictured=pictured)

        def look(served: Served, ask: Ask) -> list[Hit]:
            if served.layout != LAYOUT:
                lacking = f"{served.collection} lacks fields that searches need; materialise product_index"
                raise ArtifactUnavailable(lacking)
            if None not in (model_version, served.model_version) and model_version != served.model_version:
                raise ArtifactUnavailable(
                    f"the index holds vectors of {served.model_version}, the query is of {model_version}"
                )
            breadth = deepened(served.index_type, self._breadth(served, narrow, ask, is_broad=is_broad), limit)
            near = partial(nearest_in, ask, served.collection, [wanted], limit, served.index_type)
            hits = near(breadth, expression, SETTLED)[0]
            if len(hits) < limit and breadth < widest(served.index_type):  # the cells that were read hold too few
                hits = near(widest(served.index_type), expression, SETTLED)[0]
            return hits

        served, hits = self._asked_of_what_serves(look)
        return Searched(hits, served.collection, served.model_version)

    def vectors_of(self, product_ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        """The published vectors of those products that are published.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published.
        """
        return self.published(product_ids).vectors if product_ids else {}

    def published(self, product_ids: Collection[int]) -> Published:
        """The published vectors of those products that are published, and whose they are.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published.
        """

        def read(served: Served, ask: Ask) -> list[Mapping[str, Any]]:
            fields = ["embedding", "model_version"]
            pages = (rows_of(ask, served.collection, ids, fields, SETTLED) for ids in batches(product_ids, BATCH))
            return [row for page in pages for row in page]

        served, rows = self._asked_of_what_serves(read)
        vectors = {int(row["product_id"]): np.asarray(row["embedding"], np.float32) for row in rows}
        return Published(vectors, served.collection, str(rows[0]["model_version"]) if rows else None)

    def health(self) -> IndexHealth:
        """What is served, by which server."""
        server = self.server()
        collection = self.current()
        if collection is None:
            return IndexHealth(server, None, 0, None, None)
        served = self.described(collection)
        some = {"filter": "product_id >= 0", "output_fields": ["model_version"], "limit": 1}
        first = self.milvus.read("query", served.collection, **some)
        return IndexHealth(
            server,
            served.collection,
            self.count(served.collection),
            str(first[0]["model_version"]) if first else None,
            served.index_type,
            served.nlist,
            served.breadth,
        )

    def nearest(
        self,
        collection: str,
        vectors: Sequence[NDArray[np.float32]],
        limit: int,
        index_type: IndexType,
        breadth: int,
        expression: str = "",
        consistency: str = "Strong",
    ) -> list[list[Hit]]:
        """What Milvus finds for each vector in a collection that is looked through this broadly."""
        return nearest_in(self.milvus.read, collection, vectors, limit, index_type, breadth, expression, consistency)

    def _asked_of_what_serves(self, question: Callable[[Served, Ask], T]) -> tuple[Served, T]:
        """The collection that serves, asked by its own name, and its answer.

        Where it is gone or out of memory, another may serve since; only where none does is it loaded again, as after
        a restart of Milvus.
        """
        served = self.served()
        try:
            return served, question(served, self.milvus.ask)
        except ArtifactUnavailable:
            self._served = None
        served = self.served()
        return served, question(served, self.milvus.read)

    def _breadth(self, served: Served, narrow: str, ask: Ask, *, is_broad: bool) -> int:
        """How far a narrowed search must look to find as much as one of everything.

        A server counts how many rows meet the condition, in milliseconds, and remembers it for a minute. Lite needs
        as long to count as to look everywhere, so it looks everywhere.
        """
        if not narrow or served.index_type == "FLAT":
            return served.breadth
        if not self._server:
            self._server = self.server()
        if not self._server.startswith(EMBEDDED):
            return widened(served.index_type, served.breadth, self._share(served.collection, narrow, ask))
        if is_broad:
            return widened(served.index_type, served.breadth, BROAD_SHARE)
        return widest(served.index_type)

    def _share(self, collection: str, expression: str, ask: Ask) -> float:
        now, key = time.monotonic(), (collection, expression)
        known = self._shares.get(key)
        if known is None or now > known[0] + SHARE_SECONDS:
            if len(self._shares) >= MOST_SHARES:
                self._shares.clear()
            rows = [counted(ask, collection, wanted) for wanted in (expression, "")]
            known = self._shares[key] = (now, rows[0] / max(1, rows[1]))
        return known[1]
