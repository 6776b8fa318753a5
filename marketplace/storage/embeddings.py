"""Vectors of products in Postgres, and the index that is rebuilt from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.prices import minor_digits
from marketplace.errors import ArtifactUnavailable, PublicationRefused
from marketplace.storage.tables import index_builds, product_embeddings, product_quality, products
from marketplace.storage.vectors import ALIAS, DIMENSION, VectorRow, Vectors, clusters_for
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class PendingProduct:
    """A product whose picture or words have no vector of this model version yet."""

    product_id: int
    text: str
    image_sha256: str | None
    input_hash: str


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """A published index: its collection, what it was built from, and whether this call built it."""

    collection: str
    model_version: str
    products: int
    nlist: int
    rebuilt: bool
    report: dict[str, Any]


def pending(warehouse: Warehouse, model_version: str) -> list[PendingProduct]:
    """Indexable products without a vector of what they now show, by product id."""
    stored = product_embeddings.alias()
    mine = sa.and_(stored.c.product_id == products.c.product_id, stored.c.model_version == model_version)
    statement = (
        _indexable(
            products.c.product_id, products.c.title, products.c.category, products.c.image_sha256, stored.c.input_hash
        )
        .outerjoin(stored, mine)
        .order_by(products.c.product_id)
    )
    with warehouse.begin() as connection:
        rows = connection.execute(statement).all()
    known = {row.product_id: row.input_hash for row in rows}
    candidates = (_pending(row.product_id, row.title, row.category, row.image_sha256) for row in rows)
    return [product for product in candidates if known[product.product_id] != product.input_hash]


def store(
    warehouse: Warehouse,
    model_version: str,
    batch: Sequence[PendingProduct],
    vectors: NDArray[np.float32],
    *,
    now: datetime,
) -> None:
    """Keep the vectors of a batch, one per product, in one transaction.

    Parameters
    ----------
    vectors : (products, 768)
        Unit vectors in the order of the batch.
    """
    rows = [
        {
            "product_id": product.product_id,
            "model_version": model_version,
            "input_hash": product.input_hash,
            "has_image": product.image_sha256 is not None,
            "vector": vector.astype("<f4").tobytes(),
            "embedded_at": now,
        }
        for product, vector in zip(batch, vectors, strict=True)
    ]
    statement = insert(product_embeddings)
    changed = {name: statement.excluded[name] for name in ("input_hash", "has_image", "vector", "embedded_at")}
    with warehouse.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["product_id", "model_version"], set_=changed), rows
        )


def vectors_by_product(warehouse: Warehouse, model_version: str) -> dict[int, NDArray[np.float32]]:
    """The stored vector of every indexable product, (768,) each."""
    return {row.product_id: row.embedding for row in indexable(warehouse, model_version)}


def indexable(warehouse: Warehouse, model_version: str) -> list[VectorRow]:
    """Live products that were not rejected and have a vector, as the index holds them, by product id."""
    mine = sa.and_(
        product_embeddings.c.product_id == products.c.product_id, product_embeddings.c.model_version == model_version
    )
    columns = [column for column in products.c if column.name not in {"words", "description"}]
    statement = (
        _indexable(*columns, product_embeddings.c.vector).join(product_embeddings, mine).order_by(products.c.product_id)
    )
    with warehouse.begin() as connection:
        return [_vector_row(row) for row in connection.execute(statement)]


def rebuild_index(
    warehouse: Warehouse, vectors: Vectors, model_version: str, *, index_type: str, now: datetime
) -> IndexBuild:
    """The live index, built anew if what it holds differs from what it should.

    A new collection is filled beside the live one, verified, and then named by the alias. The one before is
    kept for rollback; older and half-built ones are dropped. Killed at any point, the next call ends the same.

    Raises
    ------
    ArtifactUnavailable
        If no product can be indexed.
    PublicationRefused
        If verification finds a fault; the live index stays.
    """
    rows = indexable(warehouse, model_version)
    if not rows:
        raise ArtifactUnavailable(f"no product has a vector of {model_version}; materialise product_embeddings first")
    wanted = _hash_of(rows, model_version, index_type)
    collection = f"{ALIAS}_{wanted[:16]}"
    nlist = clusters_for(len(rows))
    live = vectors.current()
    if live == collection and (kept := _recorded(warehouse, collection)) is not None:
        return IndexBuild(collection, model_version, len(rows), nlist, rebuilt=False, report=kept)
    build = {"model_version": model_version, "input_hash": wanted, "products": len(rows), "nlist": nlist}
    if live != collection:
        _record(warehouse, collection, {**build, "status": "building", "report": {}, "created_at": now})
        vectors.build(collection, rows, nlist=nlist, index_type=index_type)
    verification = vectors.verify(collection, [row.product_id for row in rows])
    report = {**asdict(verification), "faults": list(verification.faults), "index_type": index_type}
    try:
        vectors.publish(collection, verification)
    except PublicationRefused:
        _record(warehouse, collection, {**build, "status": "refused", "report": report, "created_at": now})
        vectors.drop(collection)
        raise
    _go_live(warehouse, collection, {**build, "report": report, "created_at": now, "published_at": now})
    _drop_older(warehouse, vectors)
    return IndexBuild(collection, model_version, len(rows), nlist, rebuilt=True, report=report)


def roll_back_index(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> str:
    """The collection that is live again: the one before the present one.

    Raises
    ------
    ArtifactUnavailable
        If no earlier collection is kept.
    """
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(index_builds).where(index_builds.c.status == "previous")).one_or_none()
    if row is None:
        raise ArtifactUnavailable("no earlier index is kept, so there is nothing to go back to")
    vectors.point_to(row.collection)
    _go_live(warehouse, row.collection, {"published_at": now})
    return str(row.collection)


def _indexable(*columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(products)
        .join(product_quality, product_quality.c.product_id == products.c.product_id)
        .where(~products.c.is_gone, product_quality.c.verdict != "rejected")
    )


def _pending(product_id: int, title: str, category: str, image_sha256: str | None) -> PendingProduct:
    text = f"{title} {category}".strip()
    digest = hashlib.sha256(f"{text}\x1f{image_sha256 or ''}".encode()).hexdigest()
    return PendingProduct(product_id, text, image_sha256, digest)


def _vector_row(row: sa.Row[Any]) -> VectorRow:
    vector = np.frombuffer(row.vector, dtype="<f4").astype(np.float32)
    if vector.shape != (DIMENSION,):
        raise ArtifactUnavailable(f"the stored vector of product {row.product_id} has shape {vector.shape}")
    price = row.price_minor / 10 ** minor_digits(row.currency) if row.price_minor is not None else 0.0
    return VectorRow(
        product_id=row.product_id,
        embedding=vector,
        product_name=row.title,
        category=row.category,
        price=price,
        currency=row.currency or "",
        seller_id=row.seller_id,
        image_url=row.image_url or "",
        created_at=int(row.first_seen_at.timestamp()),
        last_hydrated_at=int(row.last_hydrated_at.timestamp()),
    )


def _hash_of(rows: Sequence[VectorRow], model_version: str, index_type: str) -> str:
    digest = hashlib.sha256(f"{model_version}\x1f{index_type}".encode())
    for row in rows:
        shown = (row.product_id, row.product_name, row.category, row.price, row.currency, row.seller_id, row.image_url)
        digest.update(repr(shown).encode())
        digest.update(row.embedding.tobytes())
    return digest.hexdigest()


def _recorded(warehouse: Warehouse, collection: str) -> dict[str, Any] | None:
    statement = sa.select(index_builds.c.report).where(
        index_builds.c.collection == collection, index_builds.c.status == "live"
    )
    with warehouse.begin() as connection:
        report: dict[str, Any] | None = connection.execute(statement).scalar_one_or_none()
    return report


def _record(warehouse: Warehouse, collection: str, values: dict[str, Any]) -> None:
    with warehouse.begin() as connection:
        _upsert(connection, collection, values)


def _upsert(connection: sa.Connection, collection: str, values: dict[str, Any]) -> None:
    statement = insert(index_builds).values(collection=collection, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["collection"], set_=values))


def _go_live(warehouse: Warehouse, collection: str, values: dict[str, Any]) -> None:
    table = index_builds
    with warehouse.begin() as connection:
        was = connection.execute(
            sa.select(table.c.collection).where(table.c.status == "live", table.c.collection != collection)
        ).scalar_one_or_none()
        if was is not None:
            connection.execute(sa.update(table).where(table.c.status == "previous").values(status="dropped"))
            connection.execute(sa.update(table).where(table.c.collection == was).values(status="previous"))
        if "report" in values:
            _upsert(connection, collection, {**values, "status": "live"})
        else:
            connection.execute(sa.update(table).where(table.c.collection == collection).values(status="live", **values))


def _drop_older(warehouse: Warehouse, vectors: Vectors) -> None:
    with warehouse.begin() as connection:
        kept = set(
            connection.execute(
                sa.select(index_builds.c.collection).where(index_builds.c.status.in_(["live", "previous"]))
            ).scalars()
        )
    for collection in vectors.collections():
        if collection not in kept:
            vectors.drop(collection)
