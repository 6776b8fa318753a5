"""Milvus: collections of product vectors, built aside, kept up to date, and served under one alias."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable, ConfigurationError, InputRejected, NotFound, StoreUnreachable
from marketplace.search.asking import Filters
from marketplace.storage.index_types import (
    INDEX_TYPES,
    IndexType,
    deepened,
    index_of,
    nlist_for,
    search_params,
    widened,
    widest,
)
from marketplace.storage.milvus import SLOW_SECONDS, Milvus
from marketplace.storage.vector_filters import EVERYTHING, condition
from marketplace.storage.vector_rows import DIMENSIONS, LAYOUT, TOLD_BY, VectorRow, schema, unit_vector

__all__ = [
    "DIMENSIONS",
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

log = logging.getLogger(__name__)
T = TypeVar("T")
Ask = Callable[..., Any]

BATCH = 500
MOST_HITS = 1000
PARTITIONS = 16
DIGITS = 16
SUFFIXES = ("", "_b", "_c")  # one for what serves, one for what is kept, one for what is being built
FIRST_BREADTH = 64  # before the right one was measured
BROAD_SHARE = 0.5  # taken for conditions that most products meet, where counting costs more than it saves
SERVED_SECONDS = 2.0
GRACE_SECONDS = SERVED_SECONDS + 2.0  # for a search that began while the old one was still believed to serve
SHARE_SECONDS = 60.0
MOST_SHARES = 256
# Upkeep reads back what it wrote with Strong consistency, so searches need not wait for the newest writes:
# on a standalone server that wait is 0.2 s a search.
SETTLED = "Eventually"
# For many reads after one with Strong consistency by who writes alone: each would wait as long for nothing new.
CAUGHT_UP = "Session"
TRIES = 10
EMBEDDED = "milvus_lite"


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that a search found; `similarity` is the cosine of the two vectors."""

    product_id: int
    similarity: float
    category: str
    seller_id: int


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found, in which collection, of which model: None where it found nothing."""

    hits: list[Hit]
    collection: str
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """Published vectors by product, of which collection and model: None where there are none."""

    vectors: dict[int, NDArray[np.float32]]
    collection: str
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Served:
    """A collection and how it is searched: cells to read of how many, or candidates to keep."""

    collection: str
    index_type: IndexType
    nlist: int
    breadth: int
    layout: int


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """What is served: no collection when nothing is published, no model version when it is empty."""

    server: str
    collection: str | None
    products: int
    model_version: str | None
    index_type: IndexType | None
    nlist: int = 0
    breadth: int = 0

    @property
    def is_embedded(self) -> bool:
        """Whether it is Milvus Lite."""
        return self.server.startswith(EMBEDDED)


class Vectors:
    """The product vectors of one Milvus, Lite or server alike.

    Connects when first used; when the server was away, it is found again within a second.
    Every method raises StoreUnreachable when Milvus does not answer within
    `timeout` seconds, at once when nothing listens there.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0, *, alias: str = "product_embeddings") -> None:
        self.milvus = Milvus(uri, token, timeout)
        self.alias = alias
        self._served: tuple[float, Served] | None = None
        self._shares: dict[tuple[str, str], tuple[float, float]] = {}
        self._server = ""

    def build(
        self,
        collection: str,
        rows: Iterable[VectorRow],
        *,
        nlist: int,
        index_type: IndexType = "IVF_FLAT",
        inserted: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make the collection from the rows and load it, in place of any unfinished one of that name.

        `inserted` is told how many rows are in, again and again.

        Raises
        ------
        InputRejected
            If the collection is being served, or a vector is not a finite unit vector.
        ConfigurationError
            If the server has no such kind of index.
        """
        self.drop(collection)
        self.milvus.ask(
            "create_collection", collection, schema=schema(), num_partitions=PARTITIONS, seconds=SLOW_SECONDS
        )
        count = 0
        for batch in _batches(rows, BATCH):
            self.milvus.ask("insert", collection, [row.entity() for row in batch], seconds=SLOW_SECONDS)
            count += len(batch)
            inserted(count)
        self.milvus.ask("flush", collection, seconds=SLOW_SECONDS)
        self._index(collection, nlist, index_type)
        self._describe(collection, {"nlist": nlist, "index_type": index_type, "layout": LAYOUT})
        self.milvus.load(collection)
        log.info("built %s from %d products, %s, nlist %d", collection, count, index_type, nlist)

    def set_breadth(self, collection: str, breadth: int) -> None:
        """Searches of the collection look this far from now on."""
        self._describe(collection, {"breadth": breadth})

    def described(self, collection: str) -> Served:
        """How the collection is built and searched.

        Raises
        ------
        ArtifactUnavailable
            If there is no such collection.
        """
        found = self.milvus.ask("describe_collection", collection)
        said = {name.removeprefix("soko."): value for name, value in dict(found.get("properties") or {}).items()}
        index_type = said.get("index_type", "IVF_FLAT")
        if index_type not in INDEX_TYPES:
            raise ArtifactUnavailable(f"{found['collection_name']} says it is of an unknown kind, {index_type!r:.40}")
        return Served(
            str(found["collection_name"]),
            cast("IndexType", index_type),
            int(said.get("nlist", 0)),
            int(said.get("breadth", FIRST_BREADTH)),
            int(said.get("layout", 1)),
        )

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
        self._served = None
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
        """Free the memory of a collection that is kept but not served; publishing loads it again.

        Searches that began before a switch still read the old one, and a server answers them in part while it lets
        go of it, so it is given a moment first.
        """
        if not self.server().startswith(EMBEDDED):
            time.sleep(GRACE_SECONDS)
        self.milvus.ask("release_collection", collection, seconds=SLOW_SECONDS)

    def collections(self) -> list[str]:
        """Every collection that was built for the alias, served or not, in order of name."""
        ours = re.compile(rf"{re.escape(self.alias)}_[0-9a-f]{{{DIGITS}}}({'|'.join(SUFFIXES)})")
        return sorted(name for name in self.milvus.ask("list_collections") if ours.fullmatch(name))

    def names(self, digest: str) -> list[str]:
        """What collections of this input may be called, more than are ever kept at once."""
        return [f"{self.alias}_{digest[:DIGITS]}{suffix}" for suffix in SUFFIXES]

    def has(self, collection: str) -> bool:
        """Whether the collection is there."""
        return bool(self.milvus.ask("has_collection", collection))

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

    def put(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """The rows are in the collection, in place of older ones of the same products.

        Deleted and inserted, not upserted: a server of 2.3 upserts into another partition than that of the row's
        category, where a search by category does not look.
        """
        for batch in _batches([row.entity() for row in rows], BATCH):
            self.remove(collection, [entity["product_id"] for entity in batch])
            self.milvus.ask("insert", collection, batch, seconds=SLOW_SECONDS)

    def remove(self, collection: str, product_ids: Collection[int]) -> None:
        """The products are not in the collection, whether or not they were."""
        for ids in _batches(product_ids, BATCH):
            self.milvus.ask("delete", collection, filter=condition(only=ids), seconds=SLOW_SECONDS)

    def settle(self, collection: str) -> None:
        """What was written is on disk. A server sees to that by itself; Lite does when asked."""
        if self.server().startswith(EMBEDDED):
            self.milvus.ask("flush", collection, seconds=SLOW_SECONDS)

    def kept(self, collection: str, product_ids: Collection[int], *, is_caught_up: bool = False) -> dict[int, int]:
        """The fingerprints of those products that the collection has, newest writes included.

        With `is_caught_up`, for whoever counted the rows a moment ago and writes alone, without waiting for them.
        """
        found: dict[int, int] = {}
        for ids in _batches(product_ids, BATCH):
            for row in self._query(collection, ids, ["fingerprint"], CAUGHT_UP if is_caught_up else "Strong"):
                found[int(row["product_id"])] = int(row["fingerprint"])
        return found

    def entities(self, collection: str, product_ids: Sequence[int]) -> list[Mapping[str, Any]]:
        """Whole rows as they are stored, vectors included, for whoever counted the rows a moment ago."""
        return self._query(
            collection, product_ids, [*TOLD_BY, "embedding", "last_hydrated_at", "fingerprint"], CAUGHT_UP
        )

    def strangers(self, collection: str, known: Container[int], count: int) -> list[int]:
        """So many products of the collection that are not among the known ones, by id.

        Raises
        ------
        StoreUnreachable
            If they do not show themselves: a server of 2.3 goes through a collection as it was some moments ago.
        """
        for _ in range(TRIES):
            pages = self.milvus.pages(collection, ["product_id"], "product_id >= 0")
            found = {int(row["product_id"]) for page in pages for row in page}
            if len(unknown := sorted(one for one in found if one not in known)) == count:
                return unknown
            time.sleep(1)
        raise StoreUnreachable(f"{collection} holds {count} products too many, but does not say which")

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        filters: Filters = EVERYTHING,
        exclude: Collection[int] = (),
        pictured: bool | None = None,
        model_version: str | None = None,
    ) -> list[Hit]:
        """What `searched` finds."""
        return self.searched(
            vector,
            limit=limit,
            filters=filters,
            exclude=exclude,
            pictured=pictured,
            model_version=model_version,
        ).hits

    def searched(
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

        def search(served: Served, ask: Ask) -> Sequence[Mapping[str, Any]]:
            if served.layout != LAYOUT:
                lacking = f"{served.collection} lacks fields that searches need; materialise product_index"
                raise ArtifactUnavailable(lacking)
            breadth = deepened(served.index_type, self._breadth(served, narrow, ask, is_broad=is_broad), limit)
            look = partial(_nearest, ask, served.collection, [wanted], limit, served.index_type)
            hits = look(breadth, expression, SETTLED)[0]
            if len(hits) < limit and breadth < widest(served.index_type):  # the cells that were read hold too few
                hits = look(widest(served.index_type), expression, SETTLED)[0]
            return hits

        served, hits = self._asked_of_what_serves(search)
        models = {str(hit["entity"]["model_version"]) for hit in hits}
        if model_version is not None and models - {model_version}:
            others = ", ".join(sorted(models - {model_version}))
            raise ArtifactUnavailable(f"the index holds vectors of {others}, the query is of {model_version}")
        return Searched([hit_of(hit) for hit in hits], served.collection, next(iter(models), None))

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
            pages = (_rows_of(ask, served.collection, ids, fields, SETTLED) for ids in _batches(product_ids, BATCH))
            return [row for page in pages for row in page]

        served, rows = self._asked_of_what_serves(read)
        vectors = {int(row["product_id"]): np.asarray(row["embedding"], np.float32) for row in rows}
        return Published(vectors, served.collection, str(rows[0]["model_version"]) if rows else None)

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

    def server(self) -> str:
        """The name and version of the server."""
        return str(self.milvus.ask("get_server_version"))

    def served(self) -> Served:
        """What the alias stands for, as it was at most two seconds ago.

        Raises
        ------
        ArtifactUnavailable
            If nothing is published.
        """
        now, believed = time.monotonic(), self._served
        if believed is None or now > believed[0] + SERVED_SECONDS:
            collection = self.current()
            if collection is None:
                raise ArtifactUnavailable(f"nothing is published under {self.alias}; materialise product_index")
            self._served = believed = (now, self.described(collection))
        return believed[1]

    def nearest(
        self,
        collection: str,
        vectors: Sequence[NDArray[np.float32]],
        limit: int,
        index_type: IndexType,
        breadth: int,
        expression: str = "",
        consistency: str = "Strong",
    ) -> list[Sequence[Mapping[str, Any]]]:
        """What Milvus finds for each vector in a collection that is looked through this broadly, as it answers."""
        return _nearest(self.milvus.read, collection, vectors, limit, index_type, breadth, expression, consistency)

    def close(self) -> None:
        """Let the connection go; the next call connects again."""
        self.milvus.close()

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
            rows = [_counted(ask, collection, wanted) for wanted in (expression, "")]
            known = self._shares[key] = (now, rows[0] / max(1, rows[1]))
        return known[1]

    def _index(self, collection: str, nlist: int, index_type: IndexType) -> None:
        try:
            self.milvus.ask("create_index", collection, index_of(nlist, index_type), seconds=SLOW_SECONDS)
        except StoreUnreachable as error:
            if "index type" in str(error) or "index_type" in str(error):
                server = f"Milvus {self.server()} at {self.milvus.where}"
                raise ConfigurationError(
                    f"{server} has no index of type {index_type}; choose another SOKO_INDEX_TYPE"
                ) from error
            raise

    def _describe(self, collection: str, facts: Mapping[str, object]) -> None:
        properties = {f"soko.{name}": str(value) for name, value in facts.items()}
        self.milvus.ask("alter_collection_properties", collection, properties=properties)
        self._served = None

    def _query(
        self, collection: str, ids: Collection[int], fields: Sequence[str], consistency: str
    ) -> list[Mapping[str, Any]]:
        return _rows_of(self.milvus.read, collection, ids, fields, consistency) if ids else []


def hit_of(found: Mapping[str, Any]) -> Hit:
    """What Milvus found, in our words."""
    entity = found["entity"]
    # Milvus answers L2 with the square of the distance: |a - b|^2 = 2 - 2 cos for unit vectors.
    similarity = min(1.0, max(-1.0, 1 - float(found["distance"]) / 2))
    return Hit(int(found["product_id"]), similarity, str(entity["category"]), int(entity["seller_id"]))


def _nearest(
    ask: Ask,
    collection: str,
    vectors: Sequence[NDArray[np.float32]],
    limit: int,
    index_type: IndexType,
    breadth: int,
    expression: str,
    consistency: str,
) -> list[Sequence[Mapping[str, Any]]]:
    return list(
        ask(
            "search",
            collection,
            data=list(vectors),
            anns_field="embedding",
            limit=limit,
            filter=expression,
            search_params=search_params(index_type, breadth, limit),
            output_fields=["product_id", "category", "seller_id", "model_version"],
            consistency_level=consistency,
        )
    )


def _rows_of(
    ask: Ask, collection: str, ids: Collection[int], fields: Sequence[str], consistency: str
) -> list[Mapping[str, Any]]:
    wanted = {"filter": condition(only=ids), "output_fields": list(fields), "consistency_level": consistency}
    return list(ask("query", collection, **wanted))


def _counted(ask: Ask, collection: str, expression: str) -> int:
    counted = {"filter": expression, "output_fields": ["count(*)"], "consistency_level": SETTLED}
    return int(ask("query", collection, **counted)[0]["count(*)"])


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
