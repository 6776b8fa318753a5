"""Milvus: collections of product vectors, built aside, kept up to date, and served under one alias."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

from marketplace.errors import ArtifactUnavailable, ConfigurationError, InputRejected, StoreUnreachable
from marketplace.storage.index_types import INDEX_TYPES, IndexType, index_of
from marketplace.storage.milvus import SLOW_SECONDS, Milvus
from marketplace.storage.vector_answers import EMBEDDED, Served, rows_of
from marketplace.storage.vector_filters import condition
from marketplace.storage.vector_rows import LAYOUT, TOLD_BY, VectorRow, schema

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH = 500
PARTITIONS = 16
DIGITS = 16
SUFFIXES = ("", "_b", "_c")  # one for what serves, one for what is kept, one for what is being built
FIRST_BREADTH = 64  # before the right one was measured
SERVED_SECONDS = 2.0
GRACE_SECONDS = SERVED_SECONDS + 2.0  # for a search that began while the old one was still believed to serve
# For many reads after one with Strong consistency by who writes alone: each would wait as long for nothing new.
CAUGHT_UP = "Session"
TRIES = 10


class Collections:
    """The collections of one alias in one Milvus, Lite or server alike.

    Connects when first used; when the server was away, it is found again within a second.
    Every method raises StoreUnreachable when Milvus does not answer within
    `timeout` seconds, at once when nothing listens there.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0, *, alias: str = "product_embeddings") -> None:
        self.milvus = Milvus(uri, token, timeout)
        self.alias = alias
        self._served: tuple[float, Served] | None = None

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
        count, model = 0, None
        for batch in batches(rows, BATCH):
            model = batch[0].model_version
            self.milvus.ask("insert", collection, [row.entity() for row in batch], seconds=SLOW_SECONDS)
            count += len(batch)
            inserted(count)
        self.milvus.ask("flush", collection, seconds=SLOW_SECONDS)
        self._index(collection, nlist, index_type)
        facts: dict[str, object] = {"nlist": nlist, "index_type": index_type, "layout": LAYOUT}
        self._describe(collection, facts if model is None else {**facts, "model": model})
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
            said.get("model"),
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
        for batch in batches([row.entity() for row in rows], BATCH):
            self.remove(collection, [entity["product_id"] for entity in batch])
            self.milvus.ask("insert", collection, batch, seconds=SLOW_SECONDS)

    def remove(self, collection: str, product_ids: Collection[int]) -> None:
        """The products are not in the collection, whether or not they were."""
        for ids in batches(product_ids, BATCH):
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
        for ids in batches(product_ids, BATCH):
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

    def close(self) -> None:
        """Let the connection go; the next call connects again."""
        self.milvus.close()

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
        return rows_of(self.milvus.read, collection, ids, fields, consistency) if ids else []


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows, so many at once."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
