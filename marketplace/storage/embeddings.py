"""Vectors of products in Postgres, and the parts they are joined from: which are missing, and keeping them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import InputRejected
from marketplace.storage.index_source import on_offer
from marketplace.storage.tables import embedding_parts, index_builds, product_embeddings, products
from marketplace.storage.vector_rows import unit_vector
from marketplace.storage.warehouse import Warehouse

DESCRIPTION_LETTERS = 500  # what encoders read of a description; the rest is beyond their reach
MOST_HASHES = 1000  # in one statement
Kind = Literal["picture", "words"]
Part = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PendingProduct:
    """A product whose picture or words have no vector of this model yet.

    `is_repeat` tells that it has a vector of its words, and only its picture could not be read.
    """

    product_id: int
    image_sha256: str | None
    text: str
    input_hash: str
    is_repeat: bool = False

    @property
    def words_hash(self) -> str:
        """The name of its text among the parts."""
        return hashlib.sha256(self.text.encode("utf-8", errors="surrogatepass")).hexdigest()


def product_text(title: str, category: str, description: str) -> str:
    """The words of a product that are embedded."""
    parts = (title, category, description[:DESCRIPTION_LETTERS])
    return "\n".join(part.strip() for part in parts if part.strip())


def pending(warehouse: Warehouse, model_version: str, *, repeat_unread: bool = False) -> list[PendingProduct]:
    """Products on offer and not rejected whose vector of this model is missing or of other input, by id.

    With `repeat_unread` also those that were embedded without their picture, since it could not be read.
    """
    words = (products.c.title, products.c.category, products.c.description)
    known = (product_embeddings.c.input_hash, product_embeddings.c.has_image)
    seen = (products.c.product_id, products.c.image_sha256, *words, *known)
    with warehouse.begin() as connection:
        rows = connection.execute(on_offer(model_version, *seen, is_embedded=False)).all()
    found = []
    for row in rows:
        text = product_text(row.title, row.category, row.description)
        input_hash = _input_hash(row.image_sha256, text)
        is_known = input_hash == row.input_hash
        is_repeat = is_known and row.image_sha256 is not None and not row.has_image
        if not is_known or (is_repeat and repeat_unread):
            found.append(PendingProduct(row.product_id, row.image_sha256, text, input_hash, is_repeat))
    return found


def store(
    warehouse: Warehouse,
    model_version: str,
    embedded: Sequence[PendingProduct],
    vectors: NDArray[np.float32],
    *,
    now: datetime,
    unread: Collection[str] = (),
) -> None:
    """Keep the vectors of the products, in one transaction, in place of older ones of the same model.

    Parameters
    ----------
    vectors : (products, 768)
        Unit vectors, in the order of `embedded`.
    unread
        Hashes of pictures that could not be read, so that the vectors of their products hold words alone.

    Raises
    ------
    InputRejected
        If there are more or fewer vectors than products, or one is not a finite unit vector; nothing is kept then.
    """
    if len(embedded) != len(vectors):
        raise InputRejected(f"{len(embedded)} products came with {len(vectors)} vectors")
    rows = [
        {
            "product_id": product.product_id,
            "model_version": model_version,
            "input_hash": product.input_hash,
            "has_image": product.image_sha256 is not None and product.image_sha256 not in unread,
            "vector": unit_vector(vector, f"product {product.product_id}").astype("<f4").tobytes(),
            "embedded_at": now,
        }
        for product, vector in zip(embedded, vectors, strict=True)
    ]
    if not rows:
        return
    statement = insert(product_embeddings)
    fresh = {name: statement.excluded[name] for name in ("input_hash", "has_image", "vector", "embedded_at")}
    with warehouse.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["product_id", "model_version"], set_=fresh), rows
        )


def known_parts(warehouse: Warehouse, model_version: str, kind: Kind, hashes: Collection[str]) -> dict[str, Part]:
    """The parts of this model that are kept, by content hash."""
    wanted = sorted(set(hashes))
    found: dict[str, Part] = {}
    with warehouse.begin() as connection:
        for start in range(0, len(wanted), MOST_HASHES):
            statement = sa.select(embedding_parts.c.content_hash, embedding_parts.c.vector).where(
                embedding_parts.c.model_version == model_version,
                embedding_parts.c.kind == kind,
                embedding_parts.c.content_hash.in_(wanted[start : start + MOST_HASHES]),
            )
            found |= {row.content_hash: np.frombuffer(row.vector, "<f4") for row in connection.execute(statement)}
    return found


def known_hashes(warehouse: Warehouse, model_version: str, kind: Kind, hashes: Collection[str]) -> set[str]:
    """Which contents have a part of this model that is kept."""
    wanted = sorted(set(hashes))
    found: set[str] = set()
    with warehouse.begin() as connection:
        for start in range(0, len(wanted), MOST_HASHES):
            statement = sa.select(embedding_parts.c.content_hash).where(
                embedding_parts.c.model_version == model_version,
                embedding_parts.c.kind == kind,
                embedding_parts.c.content_hash.in_(wanted[start : start + MOST_HASHES]),
            )
            found |= set(connection.scalars(statement))
    return found


def keep_parts(
    warehouse: Warehouse, model_version: str, kind: Kind, parts: Mapping[str, Part], *, now: datetime
) -> None:
    """Keep the parts by content hash; what is kept already stays as it is.

    Raises
    ------
    InputRejected
        If a part holds what is no finite number; nothing is kept then.
    """
    for name, part in parts.items():
        if not np.isfinite(part).all():
            raise InputRejected(f"the {kind} part of {name} is not finite")
    rows = [
        {
            "model_version": model_version,
            "kind": kind,
            "content_hash": name,
            "vector": part.astype("<f4").tobytes(),
            "made_at": now,
        }
        for name, part in sorted(parts.items())  # in one order, so that two runs never wait for each other in a ring
    ]
    if rows:
        with warehouse.begin() as connection:
            connection.execute(insert(embedding_parts).on_conflict_do_nothing(), rows)


def drop_old_parts(warehouse: Warehouse, model_version: str) -> int:
    """How many parts were dropped: those of encoders that are neither this one nor that of a kept index."""
    kept = sa.select(index_builds.c.model_version).where(index_builds.c.status.in_(("live", "previous")))
    version = embedding_parts.c.model_version
    with warehouse.begin() as connection:
        gone = connection.execute(sa.delete(embedding_parts).where(version != model_version, version.not_in(kept)))
        return int(gone.rowcount)


def _input_hash(image_sha256: str | None, text: str) -> str:
    return hashlib.sha256(json.dumps([image_sha256, text], ensure_ascii=False).encode()).hexdigest()
