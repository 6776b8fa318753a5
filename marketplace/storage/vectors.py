"""Milvus: collections of product vectors, built aside and served under one alias."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from threading import Lock
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, ConfigurationError, InputRejected, NotFound, StoreUnreachable
from marketplace.storage.vector_rows import (
    DIMENSIONS,
    TEXT_BYTES,
    UNIT_TOLERANCE,
    VectorRow,
    condition,
    nlist_for,
    other_models,
    unit_vector,
)

__all__ = ["DIMENSIONS", "Hit", "IndexHealth", "IndexType", "Report", "VectorRow", "Vectors", "nlist_for"]

log = logging.getLogger(__name__)
IndexType = Literal["IVF_FLAT", "HNSW", "FLAT"]
T = TypeVar("T")

BATCH = 500
SLOW_SECONDS = 1800.0  # to insert, flush, index or load a whole collection
MAX_LIMIT = 1000
PARTITIONS = 16
# A published collection never changes, and it was read with Strong before it was published, so searches
# need not wait for the newest writes: on a standalone server that wait is 0.2 s a search.
SETTLED = "Eventually"
_NOT_LOADED = 101
_NOT_FOUND = (100, 1600)  # collection, alias


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
    is_loaded: bool


class Vectors:
    """The product vectors of one Milvus, Lite or server alike.

    Connects when first used; when the server was away, the next call finds it again.
    Every method raises StoreUnreachable when Milvus does not answer within
    `timeout` seconds, at once when nothing listens there.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0, *, alias: str = "product_embeddings") -> None:
        if urlsplit(uri).scheme not in ("http", "https", "tcp"):
            raise ConfigurationError(f"SOKO_MILVUS_URI must be http://host:port or https://host:port, not {uri!r}")
        self.uri = uri
        self.alias = alias
        self._token = token
        self._timeout = timeout
        self._client: Any = None
        self._lock = Lock()

    def build(
        self, collection: str, rows: Iterable[VectorRow], *, nlist: int, index_type: IndexType = "IVF_FLAT"
    ) -> None:
        """Make the collection from the rows and load it, in place of any unfinished one of that name.

        Raises
        ------
        InputRejected
            If the collection is being served, or a vector is not a finite unit vector.
        """
        if collection == self.current():
            raise InputRejected(f"{collection} is being served, so it cannot be built anew")
        self.drop(collection)
        self._slowly(lambda client, timeout: self._create(client, collection, timeout))
        count = 0
        for batch in _batches(rows, BATCH):
            entities = [row.entity() for row in batch]
            self._slowly(lambda client, timeout, rows=entities: client.insert(collection, rows, timeout=timeout))
            count += len(batch)
        self._slowly(lambda client, timeout: client.flush(collection, timeout=timeout))
        self._slowly(lambda client, timeout: self._index(client, collection, nlist, index_type, timeout))
        self._load(collection)
        log.info("built %s from %d products, %s, nlist %d", collection, count, index_type, nlist)

    def verify(self, collection: str, *, product_ids: Sequence[int], model_version: str, sample: int = 32) -> Report:
        """Whether the collection holds exactly these products, whole and of one model, and finds them.

        All vectors are read back; `sample` of them, spread evenly, must be found as their own nearest neighbour.
        """
        problems = []
        found = self.count(collection)
        if found != len(product_ids):
            problems.append(f"holds {found} products, not {len(product_ids)}")
        strangers = self.count(collection, other_models(model_version))
        if strangers:
            problems.append(f"{strangers} products are of another model than {model_version}")
        chosen = _spread(product_ids, sample)
        kept: dict[int, NDArray[np.float32]] = {}
        for ids in _batches(product_ids, BATCH):
            vectors = self._vectors(collection, ids, "Strong")
            problems += _flaws(ids, vectors)
            kept |= {product_id: vectors[product_id] for product_id in ids if product_id in chosen & vectors.keys()}
        problems += self._lost(collection, kept)
        return Report(collection, model_version, len(product_ids), found, len(kept), tuple(problems[:20]))

    def publish(self, collection: str) -> None:
        """Serve the collection from now on; the switch is one step, and searches never meet a gap.

        Raises
        ------
        ArtifactUnavailable
            If there is no such collection.
        """
        self._load(collection)
        if self.current() is None:
            self._ask(lambda client, timeout: client.create_alias(collection, self.alias, timeout=timeout))
        else:
            self._ask(lambda client, timeout: client.alter_alias(collection, self.alias, timeout=timeout))
        log.info("%s now serves %s", self.alias, collection)

    def drop(self, collection: str) -> None:
        """The collection is gone afterwards, whether or not it was there.

        Raises
        ------
        InputRejected
            If the collection is being served.
        """
        if collection in (self.alias, self.current()):
            raise InputRejected(f"{collection} is being served, so it cannot be dropped")
        self._slowly(lambda client, timeout: client.drop_collection(collection, timeout=timeout))

    def release(self, collection: str) -> None:
        """Free the memory of a collection that is kept but not served; publishing loads it again."""
        self._slowly(lambda client, timeout: client.release_collection(collection, timeout=timeout))

    def collections(self) -> list[str]:
        """Every collection that was built for the alias, served or not, in order of name."""
        ours = re.compile(rf"{re.escape(self.alias)}_[0-9a-f]{{16}}(_b)?")
        names = self._ask(lambda client, timeout: client.list_collections(timeout=timeout))
        return sorted(name for name in names if ours.fullmatch(name))

    def current(self) -> str | None:
        """The collection that is being served, None when nothing was published yet."""
        try:
            answer = self._ask(lambda client, timeout: client.describe_alias(self.alias, timeout=timeout))
        except ArtifactUnavailable:
            return None
        return str(answer["collection_name"])

    def count(self, collection: str, expression: str = "") -> int:
        """How many rows of the collection meet the expression, newest writes included."""
        answer = self._read(
            collection,
            lambda client, timeout: client.query(
                collection,
                filter=expression,
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=timeout,
            ),
        )
        return int(answer[0]["count(*)"])

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        category: str | None = None,
        seller_id: int | None = None,
        exclude: Collection[int] = (),
        model_version: str | None = None,
    ) -> list[Hit]:
        """The published products nearest to a unit vector, most similar first.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published, or what is published is of another model than `model_version`.
        InputRejected
            If the vector is no unit vector or the limit is not in 1..1000.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise InputRejected(f"limit must be between 1 and {MAX_LIMIT}, not {limit}")
        wanted = unit_vector(vector, "the query")
        expression = condition(category=category, seller_id=seller_id, exclude=exclude)
        # Lite looks for the category among the cells it probes, so a narrow search must probe them all.
        narrow = category is not None or seller_id is not None
        found = self._nearest(self.alias, [wanted], limit, expression, SETTLED, narrow=narrow)[0]
        for hit in found:
            if model_version is not None and hit["entity"]["model_version"] != model_version:
                raise ArtifactUnavailable(
                    f"the index holds vectors of {hit['entity']['model_version']}, the query is of {model_version}"
                )
        return [_hit(hit) for hit in found]

    def vectors_of(self, product_ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        """The published vectors of those products that are published."""
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
        server = str(self._ask(lambda client, timeout: client.get_server_version(timeout=timeout)))
        collection = self.current()
        if collection is None:
            return IndexHealth(server, None, 0, None, None, is_loaded=False)
        index = self._ask(lambda client, timeout: client.describe_index(collection, "embedding", timeout=timeout))
        state = self._ask(lambda client, timeout: client.get_load_state(collection, timeout=timeout))
        stats = self._ask(lambda client, timeout: client.get_collection_stats(collection, timeout=timeout))
        return IndexHealth(
            server,
            collection,
            int(stats["row_count"]),
            self._model_version(collection),
            str(index["index_type"]),
            is_loaded=getattr(state["state"], "name", "") == "Loaded",
        )

    def close(self) -> None:
        """Let the connection go; the next call connects again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _create(self, client: Any, collection: str, timeout: float) -> None:
        from pymilvus import DataType

        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("product_id", DataType.INT64, is_primary=True)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIMENSIONS)
        for name, size in TEXT_BYTES.items():
            schema.add_field(name, DataType.VARCHAR, max_length=size, is_partition_key=name == "category")
        schema.add_field("price", DataType.FLOAT)
        for name in ("seller_id", "created_at", "last_hydrated_at"):
            schema.add_field(name, DataType.INT64)
        client.create_collection(
            collection, schema=schema, consistency_level="Strong", num_partitions=PARTITIONS, timeout=timeout
        )

    def _index(self, client: Any, collection: str, nlist: int, index_type: IndexType, timeout: float) -> None:
        shapes = {"IVF_FLAT": {"nlist": nlist}, "HNSW": {"M": 16, "efConstruction": 200}, "FLAT": {}}
        params = client.prepare_index_params()
        params.add_index("embedding", index_type=index_type, metric_type="L2", params=shapes[index_type])
        client.create_index(collection, params, timeout=timeout)

    def _nearest(
        self,
        collection: str,
        vectors: Sequence[NDArray[np.float32]],
        limit: int,
        expression: str,
        consistency: str,
        *,
        narrow: bool = False,
    ) -> list[list[dict[str, Any]]]:
        effort = {"nprobe": 65536 if narrow else 64, "ef": max(64, limit)}  # cells of IVF, candidates of HNSW
        answer = self._read(
            collection,
            lambda client, timeout: client.search(
                collection,
                data=list(vectors),
                anns_field="embedding",
                limit=limit,
                filter=expression,
                search_params={"metric_type": "L2", "params": effort},
                output_fields=["product_id", "category", "seller_id", "model_version"],
                consistency_level=consistency,
                timeout=timeout,
            ),
        )
        return list(answer)

    def _vectors(self, collection: str, ids: Sequence[int], consistency: str) -> dict[int, NDArray[np.float32]]:
        rows = self._read(
            collection,
            lambda client, timeout: client.query(
                collection,
                filter=condition(only=ids),
                output_fields=["product_id", "embedding"],
                consistency_level=consistency,
                timeout=timeout,
            ),
        )
        return {int(row["product_id"]): np.asarray(row["embedding"], np.float32) for row in rows}

    def _lost(self, collection: str, vectors: dict[int, NDArray[np.float32]]) -> list[str]:
        """Which products are not found by their own vector; twins of one picture and text may stand in for each other."""
        if not vectors:
            return []
        answers = self._nearest(collection, list(vectors.values()), 10, "", "Strong")
        lost = []
        for product_id, hits in zip(vectors, answers, strict=True):
            nearest = [_hit(hit) for hit in hits if _hit(hit).similarity > 1 - UNIT_TOLERANCE]
            if product_id not in {hit.product_id for hit in nearest} and len(nearest) < 10:
                lost.append(f"product {product_id} is not its own nearest neighbour")
        return lost

    def _model_version(self, collection: str) -> str | None:
        rows = self._read(
            collection,
            lambda client, timeout: client.query(
                collection, filter="product_id >= 0", output_fields=["model_version"], limit=1, timeout=timeout
            ),
        )
        return str(rows[0]["model_version"]) if rows else None
