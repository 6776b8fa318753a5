"""Milvus: collections of product vectors, built aside and served under one alias."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, InputRejected, NotFound
from marketplace.storage.milvus import SLOW_SECONDS, Milvus
from marketplace.storage.vector_rows import (
    DIMENSIONS,
    UNIT_TOLERANCE,
    IndexType,
    VectorRow,
    condition,
    index_of,
    nlist_for,
    other_models,
    schema,
    unit_vector,
)

__all__ = ["DIMENSIONS", "Hit", "IndexHealth", "IndexType", "Report", "VectorRow", "Vectors", "nlist_for"]

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH = 500
MOST_HITS = 1000
MOST_PROBLEMS = 20
PARTITIONS = 16
TWINS = 10  # products of one picture and text share a vector, and any of them may be found first
# A published collection never changes, and was read with Strong consistency before it was published, so
# searches need not wait for the newest writes: on a standalone server that wait is 0.2 s a search.
SETTLED = "Eventually"
# Lite looks for a category only in the cells it probes, so a narrow search must probe them all.
EVERY_CELL = 65536


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that a search found; `similarity` is the cosine of the two vectors."""

    product_id: int
    similarity: float
    category: str
    seller_id: int


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found in a collection; `problems` is empty when it may be served."""

    collection: str
    model_version: str
    expected: int
    found: int
    checked_neighbours: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the collection may be served."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The report for a JSON column or page."""
        return {**asdict(self), "problems": list(self.problems), "passed": self.passed}


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """What is served: no collection when nothing is published, no model version when it is empty."""

    server: str
    collection: str | None
    products: int
    model_version: str | None
    index_type: str | None


class Vectors:
    """The product vectors of one Milvus, Lite or server alike.

    Connects when first used; when the server was away, it is found again within a second.
    Every method raises StoreUnreachable when Milvus does not answer within
    `timeout` seconds, at once when nothing listens there.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0, *, alias: str = "product_embeddings") -> None:
        self.milvus = Milvus(uri, token, timeout)
        self.alias = alias

    def build(
        self, collection: str, rows: Iterable[VectorRow], *, nlist: int, index_type: IndexType = "IVF_FLAT"
    ) -> None:
        """Make the collection from the rows and load it, in place of any unfinished one of that name.

        Raises
        ------
        InputRejected
            If the collection is being served, or a vector is not a finite unit vector.
        """
        self.drop(collection)
        self.milvus.ask(
            "create_collection", collection, schema=schema(), num_partitions=PARTITIONS, seconds=SLOW_SECONDS
        )
        count = 0
        for batch in _batches(rows, BATCH):
            self.milvus.ask("insert", collection, [row.entity() for row in batch], seconds=SLOW_SECONDS)
            count += len(batch)
        self.milvus.ask("flush", collection, seconds=SLOW_SECONDS)
        self.milvus.ask("create_index", collection, index_of(nlist, index_type), seconds=SLOW_SECONDS)
        self.milvus.load(collection)
        log.info("built %s from %d products, %s, nlist %d", collection, count, index_type, nlist)

    def verify(self, collection: str, *, product_ids: Sequence[int], model_version: str, sample: int = 32) -> Report:
        """Whether the collection holds exactly these products, whole and of one model, and finds them.

        All vectors are read back; `sample` of them, spread evenly, must be found as their own nearest neighbour.
        """
        problems = []
        found = self.count(collection)
        if found != len(product_ids):
            problems.append(f"holds {found} rows, not {len(product_ids)}")
        if strangers := self.count(collection, other_models(model_version)):
            problems.append(f"{strangers} products are of another model than {model_version}")
        every = max(1, len(product_ids) // sample)
        chosen: dict[int, NDArray[np.float32]] = {}
        for ids in _batches(product_ids, BATCH):
            vectors = self._vectors(collection, ids, "Strong")
            problems += _flaws(ids, vectors)
            chosen |= {product_id: vectors[product_id] for product_id in ids[::every] if product_id in vectors}
        problems += self._lost(collection, chosen)
        return Report(collection, model_version, len(product_ids), found, len(chosen), tuple(problems[:MOST_PROBLEMS]))

    def publish(self, collection: str) -> None:
        """Serve the collection from now on; the switch is one step, and searches never meet a gap.

        Raises
        ------
        ArtifactUnavailable
            If there is no such collection.
        """
        self.milvus.load(collection)
        switch = "create_alias" if self.current() is None else "alter_alias"
        self.milvus.ask(switch, collection, self.alias)
        log.info("%s now serves %s", self.alias, collection)

    def drop(self, collection: str) -> None:
        """The collection is gone afterwards, whether or not it was there.

        Raises
        ------
        InputRejected
            If the collection is being served.
        """
        if collection in (self.alias, self.current()):  # Lite would drop what an alias stands for
            raise InputRejected(f"{collection} is being served, so it can be neither dropped nor built anew")
        self.milvus.ask("drop_collection", collection, seconds=SLOW_SECONDS)

    def release(self, collection: str) -> None:
        """Free the memory of a collection that is kept but not served; publishing loads it again."""
        self.milvus.ask("release_collection", collection, seconds=SLOW_SECONDS)

    def collections(self) -> list[str]:
        """Every collection that was built for the alias, served or not, in order of name."""
        ours = re.compile(rf"{re.escape(self.alias)}_[0-9a-f]{{16}}(_b)?")
        return sorted(name for name in self.milvus.ask("list_collections") if ours.fullmatch(name))

    def current(self) -> str | None:
        """The collection that is being served, None when nothing was published yet."""
        try:
            return str(self.milvus.ask("describe_alias", self.alias)["collection_name"])
        except ArtifactUnavailable:
            return None

    def count(self, collection: str, expression: str = "") -> int:
        """How many rows of the collection meet the expression, newest writes included."""
        counted = {"filter": expression, "output_fields": ["count(*)"], "consistency_level": "Strong"}
        return int(self.milvus.read("query", collection, **counted)[0]["count(*)"])

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        category: str | None = None,
        seller_id: int | None = None,
        exclude: Collection[int] = (),
        pictured: bool | None = None,
        model_version: str | None = None,
    ) -> list[Hit]:
        """The published products nearest to a unit vector, most similar first; with or without a picture, if said.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published, or what is published is of another model than `model_version`.
        InputRejected
            If the vector is no unit vector or the limit is not in 1..1000.
        """
        if not 1 <= limit <= MOST_HITS:
            raise InputRejected(f"limit must be between 1 and {MOST_HITS}, not {limit}")
        wanted = unit_vector(vector, "the query")
        expression = condition(category=category, seller_id=seller_id, exclude=exclude, pictured=pictured)
        is_narrow = category is not None or seller_id is not None or pictured is False
        hits = self._nearest(self.alias, [wanted], limit, expression, SETTLED, nprobe=EVERY_CELL if is_narrow else 64)
        others = {hit["entity"]["model_version"] for hit in hits[0]} - {model_version}
        if model_version is not None and others:
            raise ArtifactUnavailable(f"the index holds vectors of {others.pop()}, the query is of {model_version}")
        return [_hit(hit) for hit in hits[0]]

    def vectors_of(self, product_ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        """The published vectors of those products that are published.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published.
        """
        vectors: dict[int, NDArray[np.float32]] = {}
        for ids in _batches(product_ids, BATCH):
            vectors |= self._vectors(self.alias, ids, SETTLED)
        return vectors

    def similar(self, product_id: int, limit: int, threshold: float = 0.0) -> list[Hit]:
        """The other published products at least as similar as the threshold, most similar first.

        Raises
        ------
        NotFound
            If the product is not published.
        """
        vector = self.vectors_of([product_id]).get(product_id)
        if vector is None:
            raise NotFound(f"product {product_id} is not in the index")
        return [hit for hit in self.search(vector, limit=limit, exclude=[product_id]) if hit.similarity >= threshold]

    def health(self) -> IndexHealth:
        """What is served, by which server."""
        server = str(self.milvus.ask("get_server_version"))
        collection = self.current()
        if collection is None:
            return IndexHealth(server, None, 0, None, None)
        index = self.milvus.ask("describe_index", collection, "embedding")
        some = {"filter": "product_id >= 0", "output_fields": ["model_version"], "limit": 1}
        first = self.milvus.read("query", collection, **some)
        version = str(first[0]["model_version"]) if first else None
        return IndexHealth(server, collection, self.count(collection), version, str(index["index_type"]))

    def close(self) -> None:
        """Let the connection go; the next call connects again."""
        self.milvus.close()

    def _nearest(
        self,
        collection: str,
        vectors: Sequence[NDArray[np.float32]],
        limit: int,
        expression: str,
        consistency: str,
        *,
        nprobe: int = 64,
    ) -> list[Sequence[Mapping[str, Any]]]:
        return list(
            self.milvus.read(
                "search",
                collection,
                data=list(vectors),
                anns_field="embedding",
                limit=limit,
                filter=expression,
                search_params={"metric_type": "L2", "params": {"nprobe": nprobe, "ef": max(64, limit)}},
                output_fields=["product_id", "category", "seller_id", "model_version"],
                consistency_level=consistency,
            )
        )

    def _vectors(self, collection: str, ids: Sequence[int], consistency: str) -> dict[int, NDArray[np.float32]]:
        wanted = {"filter": condition(only=ids), "output_fields": ["embedding"], "consistency_level": consistency}
        rows = self.milvus.read("query", collection, **wanted)
        return {int(row["product_id"]): np.asarray(row["embedding"], np.float32) for row in rows}

    def _lost(self, collection: str, vectors: Mapping[int, NDArray[np.float32]]) -> list[str]:
        lost = []
        for ids in _batches(vectors, BATCH):
            answers = self._nearest(collection, [vectors[product_id] for product_id in ids], TWINS, "", "Strong")
            for product_id, hits in zip(ids, answers, strict=True):
                nearest = {hit.product_id for hit in map(_hit, hits) if hit.similarity > 1 - UNIT_TOLERANCE}
                if product_id not in nearest and len(nearest) < TWINS:
                    lost.append(f"product {product_id} is not found by its own vector")
        return lost


def _hit(found: Mapping[str, Any]) -> Hit:
    entity = found["entity"]
    # Milvus answers L2 with the square of the distance: |a - b|^2 = 2 - 2 cos for unit vectors.
    similarity = min(1.0, max(-1.0, 1 - float(found["distance"]) / 2))
    return Hit(int(found["product_id"]), similarity, str(entity["category"]), int(entity["seller_id"]))


def _flaws(ids: Sequence[int], vectors: Mapping[int, NDArray[np.float32]]) -> Iterator[str]:
    for product_id in ids:
        try:
            if product_id in vectors:
                unit_vector(vectors[product_id], f"product {product_id}")
            else:
                yield f"product {product_id} is missing"
        except InputRejected as error:
            yield str(error)


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
