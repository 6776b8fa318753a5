"""Vectors of products in Postgres: which are missing, and keeping them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import InputRejected
from marketplace.storage.index_builds import on_offer
from marketplace.storage.tables import product_embeddings, products
from marketplace.storage.vector_rows import unit_vector
from marketplace.storage.warehouse import Warehouse

DESCRIPTION_LETTERS = 500  # what encoders read of a description; the rest is beyond their reach


@dataclass(frozen=True, slots=True)
class PendingProduct:
    """A product whose picture or words have no vector of this model yet."""

    product_id: int
    image_sha256: str | None
    text: str
    input_hash: str


def product_text(title: str, category: str, description: str) -> str:
    """The words of a product that are embedded."""
    parts = (title, category, description[:DESCRIPTION_LETTERS])
    return "\n".join(part.strip() for part in parts if part.strip())


def pending(warehouse: Warehouse, model_version: str) -> list[PendingProduct]:
    """Products on offer and not rejected whose vector of this model is missing or of other input, by id."""
    words = (products.c.title, products.c.category, products.c.description)
    seen = (products.c.product_id, products.c.image_sha256, *words, product_embeddings.c.input_hash)
    with warehouse.begin() as connection:
        rows = connection.execute(on_offer(model_version, *seen, is_embedded=False)).all()
    found = []
    for row in rows:
        text = product_text(row.title, row.category, row.description)
        input_hash = _input_hash(row.image_sha256, text)
        if input_hash != row.input_hash:
            found.append(PendingProduct(row.product_id, row.image_sha256, text, input_hash))
    return found


def store(
    warehouse: Warehouse,
    model_version: str,
    embedded: Sequence[PendingProduct],
    vectors: NDArray[np.float32],
    *,
    now: datetime,
) -> None:
    """Keep the vectors of the products, in one transaction, in place of older ones of the same model.

    Parameters
    ----------
    vectors : (products, 768)
        Unit vectors, in the order of `embedded`.

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
            "has_image": product.image_sha256 is not None,
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


def _input_hash(image_sha256: str | None, text: str) -> str:
    return hashlib.sha256(json.dumps([image_sha256, text], ensure_ascii=False).encode()).hexdigest()
