"""What the index must hold, read from Postgres: all of it in pieces, or the products that changed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa

from marketplace.catalog.prices import minor_digits
from marketplace.storage.golden import QUERIES, ExactNeighbours, Truth, golden_queries
from marketplace.storage.index_types import IndexType
from marketplace.storage.tables import index_outbox, product_embeddings, product_quality, products, sellers
from marketplace.storage.vector_rows import DIMENSIONS, LAYOUT, VectorRow, fits
from marketplace.storage.warehouse import Warehouse

PIECE = 1000
CHECKSUM_BITS = 63


def on_offer(model_version: str, *columns: Any, is_embedded: bool) -> sa.Select[Any]:
    """Products that are neither gone, rejected nor still to be judged, beside their vector of the model, by id.

    With `is_embedded` only those that have such a vector.
    """
    known = sa.and_(
        product_embeddings.c.product_id == products.c.product_id,
        product_embeddings.c.model_version == model_version,
    )
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    return (
        sa.select(*columns)
        .select_from(judged.join(product_embeddings, known, isouter=not is_embedded))
        .where(~products.c.is_gone, product_quality.c.verdict != "rejected")
        .order_by(products.c.product_id)
    )


@dataclass(frozen=True, slots=True)
class Survey:
    """What an index of this moment must hold and find.

    `fingerprints` is by product id, in its order; `fullest` the most rows of one category; `handled` the numbers of
    the changes that are in it.
    """

    fingerprints: Mapping[int, int]
    fullest: int
    handled: Sequence[int]
    truth: Truth

    @property
    def checksum(self) -> int:
        """One number of all rows, whatever their order."""
        return checksum_of(self.fingerprints.values())


class Source:
    """The products of one moment, which stays the same however long they are read."""

    def __init__(self, connection: sa.Connection, model_version: str) -> None:
        self._connection = connection
        self.model_version = model_version

    def rows(self) -> Iterator[VectorRow]:
        """Every product that the index must hold, by id.

        A product that changed since it was embedded keeps its old vector until the new one is there.
        """
        streamed = self._connection.execution_options(stream_results=True, yield_per=PIECE)
        with streamed.execute(_rows(self.model_version)) as found:
            for row in found:
                yield _vector_row(row, self.model_version)

    def survey(self, seen: Callable[[int], None] = lambda _: None) -> Survey:
        """What the rows are, and what golden queries must find among them; `seen` is told how many were read."""
        handled = self._connection.execute(sa.select(index_outbox.c.number)).scalars().all()
        exact = ExactNeighbours(golden_queries(self._sample()))
        fingerprints: dict[int, int] = {}
        categories: Counter[str] = Counter()
        rows = self.rows()
        while piece := list(islice(rows, PIECE)):
            exact.see([row.product_id for row in piece], np.array([row.embedding for row in piece]))
            fingerprints |= {row.product_id: row.unchecked()["fingerprint"] for row in piece}
            categories.update(row.category for row in piece)
            seen(len(fingerprints))
        return Survey(fingerprints, max(categories.values(), default=0), handled, exact.truth())

    def _sample(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        ids = self._connection.execute(_rows(self.model_version, products.c.product_id)).scalars().all()
        places = np.unique(np.linspace(0, max(0, len(ids) - 1), min(QUERIES, len(ids))).astype(int))
        wanted = [ids[place] for place in places]
        statement = _rows(self.model_version, product_embeddings.c.vector).where(products.c.product_id.in_(wanted))
        vectors = [np.frombuffer(one, "<f4") for one in self._connection.execute(statement).scalars()]
        return np.array(vectors, np.float32).reshape(-1, DIMENSIONS)


@contextmanager
def source_of(warehouse: Warehouse, model_version: str) -> Iterator[Source]:
    """The products as they are now, to the end of the block."""
    with warehouse.begin() as connection:
        connection.execute(sa.text("set transaction isolation level repeatable read, read only"))
        yield Source(connection, model_version)


def indexable(warehouse: Warehouse, model_version: str, only: Collection[int] | None = None) -> list[VectorRow]:
    """What the index must hold, or what of these products, by id."""
    statement = _rows(model_version)
    if only is not None:
        statement = statement.where(products.c.product_id == sa.any_(sa.cast(list(only), sa.ARRAY(sa.BigInteger))))
    with warehouse.begin() as connection:
        return [_vector_row(row, model_version) for row in connection.execute(statement)]


def without_vector(warehouse: Warehouse, model_version: str) -> int:
    """How many products on offer the model has no vector of yet."""
    statement = on_offer(model_version, products.c.product_id, is_embedded=False).where(
        product_embeddings.c.product_id.is_(None)
    )
    with warehouse.begin() as connection:
        return len(connection.execute(statement).all())


def checksum_of(fingerprints: Collection[int]) -> int:
    """The sum of the fingerprints in 63 bits: the same whatever their order, and mended by what is added and taken."""
    return sum(fingerprints) % (1 << CHECKSUM_BITS)


def input_hash_of(model_version: str, index_type: IndexType, products: int, checksum: int) -> str:
    """Sixty-four hex digits of all that makes an index."""
    return hashlib.sha256(json.dumps([LAYOUT, model_version, index_type, products, checksum]).encode()).hexdigest()


def _rows(model_version: str, *columns: Any) -> sa.Select[Any]:
    statement = on_offer(model_version, *(columns or _COLUMNS), is_embedded=True)
    return statement.join(sellers, sellers.c.seller_id == products.c.seller_id).where(sellers.c.state == "active")


_COLUMNS = (
    products.c.product_id,
    products.c.title,
    products.c.category,
    products.c.price_minor,
    products.c.currency,
    products.c.in_stock,
    products.c.seller_id,
    products.c.image_sha256,
    products.c.image_url,
    products.c.first_seen_at,
    products.c.last_hydrated_at,
    sellers.c.city,
    sellers.c.country,
    product_embeddings.c.vector,
)


def _vector_row(row: sa.Row[Any], model_version: str) -> VectorRow:
    price = None if row.price_minor is None else row.price_minor / 10 ** minor_digits(row.currency)
    return VectorRow(
        product_id=row.product_id,
        embedding=np.frombuffer(row.vector, "<f4"),
        product_name=row.title,
        category=row.category,
        price=price,
        currency=row.currency,
        in_stock=row.in_stock,
        seller_id=row.seller_id,
        city=row.city,
        country=row.country,
        image_url=row.image_sha256 and _picture_of(row),
        created_at=int(row.first_seen_at.timestamp()),
        last_hydrated_at=int(row.last_hydrated_at.timestamp()),
        model_version=model_version,
    )


def _picture_of(row: sa.Row[Any]) -> str:
    """Where the picture is: at its seller's, or at our own where that address is missing or does not fit."""
    return row.image_url if row.image_url and fits(row.image_url, "image_url") else f"/media/{row.image_sha256}.jpg"
