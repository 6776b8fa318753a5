"""Copied photos in Postgres: what the witnesses say now replaces what they said before."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.copies import (
    COSINE_PER_BIT,
    LEAST_COSINE,
    MOST_BITS,
    SURE_BITS,
    Candidate,
    PhotoCopy,
    ShownPhoto,
    Vector,
    candidates,
    confirmed,
    picture_part,
)
from marketplace.catalog.overlay import Pixels, are_one, views
from marketplace.errors import ImageRejected, NotFound
from marketplace.storage.images import Images
from marketplace.storage.index_source import on_offer
from marketplace.storage.pictures import unsigned
from marketplace.storage.tables import photo_copies, pictures, product_embeddings, products, sellers
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
MOST_IDS = 10_000  # in one statement


@dataclass(frozen=True, slots=True)
class CopyEvidence:
    """A photo that was taken, as a person judges it: both products, both sellers, both witnesses."""

    product_id: int
    title: str
    seller: str
    image_sha256: str
    original_id: int
    original_title: str
    original_seller: str
    original_sha256: str
    phash_distance: int
    cosine: float
    found_at: datetime


def find_copies(
    warehouse: Warehouse, images: Images, model_version: str, *, has_shared_space: bool, now: datetime
) -> tuple[int, list[PhotoCopy]]:
    """How many pairs the hashes named, and the copies that the vectors confirmed, which the table holds now.

    Compared are the photos of products on offer that are not blank, measured, and embedded by this model. What both
    witnesses name is laid over each other before it is believed.
    """
    with warehouse.begin() as connection:
        shown = _shown(connection, model_version)
        suspected = candidates(shown)
        wanted = {product_id for one in suspected for product_id in (one.product_id, one.original_id)}
        vectors = vectors_of(connection, model_version, wanted)
        seen = {key: picture_part(vector, has_shared_space=has_shared_space) for key, vector in vectors.items()}
        found = confirmed(suspected, shown, seen, _Overlay(images, shown).are_one)
        _replace(connection, found, now)
    return len(suspected), found


class _Overlay:
    """The pictures of a run, each decoded once."""

    def __init__(self, images: Images, shown: Sequence[ShownPhoto]) -> None:
        self._images = images
        self._name_of = {photo.product_id: photo.image_sha256 for photo in shown}
        self._views = lru_cache(maxsize=64)(self._decoded)  # 640 kB each

    def are_one(self, pair: Candidate) -> bool:
        """Whether the pictures of the pair are one; a picture that is missing or damaged is like no other."""
        mine, theirs = self._name_of[pair.product_id], self._name_of[pair.original_id]
        if mine == theirs:
            return True
        try:
            return are_one(self._views(mine), self._views(theirs))
        except (NotFound, ImageRejected) as error:
            log.warning("products %d and %d are not compared: %s", pair.product_id, pair.original_id, error)
            return False

    def _decoded(self, name: str) -> list[Pixels]:
        return views(self._images.read(name))


def vectors_of(connection: sa.Connection, model_version: str, product_ids: Collection[int]) -> dict[int, Vector]:
    """The vectors of those of the products that have one of the model and a picture in it."""
    ids = sorted(product_ids)
    found: dict[int, Vector] = {}
    for start in range(0, len(ids), MOST_IDS):
        statement = sa.select(product_embeddings.c.product_id, product_embeddings.c.vector).where(
            product_embeddings.c.model_version == model_version,
            product_embeddings.c.has_image,
            product_embeddings.c.product_id.in_(ids[start : start + MOST_IDS]),
        )
        found |= {row.product_id: np.frombuffer(row.vector, "<f4") for row in connection.execute(statement)}
    return found


def copies_of(warehouse: Warehouse, product_id: int) -> list[CopyEvidence]:
    """What is known of copying to or from a product, nearest first."""
    return _evidence(
        warehouse, sa.or_(photo_copies.c.product_id == product_id, photo_copies.c.original_id == product_id)
    )


def latest_copies(warehouse: Warehouse, *, limit: int) -> list[CopyEvidence]:
    """The copies found last, and among them the nearest first."""
    return _evidence(warehouse, sa.true(), limit)


def copies_lacking_a_witness(warehouse: Warehouse) -> int:
    """How many rows of the table are of one seller, or lack a measured hash or a vector that allows them."""
    allowed = LEAST_COSINE + COSINE_PER_BIT * sa.func.greatest(0, photo_copies.c.phash_distance - SURE_BITS)
    is_sound = sa.and_(
        _COPY.c.seller_id != _ORIGINAL.c.seller_id,
        photo_copies.c.phash_distance.between(0, MOST_BITS),
        photo_copies.c.cosine.between(allowed, 1.0001),
        *(_is_measured(one) & _is_embedded(one) for one in (_COPY, _ORIGINAL)),
    )
    with warehouse.begin() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(_PAIRS).where(~is_sound)).scalar_one())


_COPY, _ORIGINAL = products.alias("copy"), products.alias("original")
_TAKER, _OWNER = sellers.alias("taker"), sellers.alias("owner")
_PAIRS = (
    photo_copies.join(_COPY, _COPY.c.product_id == photo_copies.c.product_id)
    .join(_ORIGINAL, _ORIGINAL.c.product_id == photo_copies.c.original_id)
    .join(_TAKER, _TAKER.c.seller_id == _COPY.c.seller_id)
    .join(_OWNER, _OWNER.c.seller_id == _ORIGINAL.c.seller_id)
)


def _is_measured(product: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.exists().where(pictures.c.image_sha256 == product.c.image_sha256)


def _is_embedded(product: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.exists().where(product_embeddings.c.product_id == product.c.product_id, product_embeddings.c.has_image)


def _evidence(warehouse: Warehouse, which: sa.ColumnElement[bool], limit: int | None = None) -> list[CopyEvidence]:
    statement = (
        sa.select(
            photo_copies.c.product_id,
            _COPY.c.title,
            _TAKER.c.name.label("seller"),
            _COPY.c.image_sha256,
            photo_copies.c.original_id,
            _ORIGINAL.c.title.label("original_title"),
            _OWNER.c.name.label("original_seller"),
            _ORIGINAL.c.image_sha256.label("original_sha256"),
            photo_copies.c.phash_distance,
            photo_copies.c.cosine,
            photo_copies.c.found_at,
        )
        .select_from(_PAIRS)
        .where(which)
        .order_by(
            photo_copies.c.found_at.desc(),
            photo_copies.c.phash_distance,
            photo_copies.c.cosine.desc(),
            photo_copies.c.product_id,
        )
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [CopyEvidence(**row) for row in connection.execute(statement).mappings()]


def _shown(connection: sa.Connection, model_version: str) -> list[ShownPhoto]:
    columns = (
        *(products.c.product_id, products.c.seller_id, products.c.first_seen_at),
        *(products.c.image_sha256, pictures.c.phash),
    )
    statement = (
        on_offer(model_version, *columns, is_embedded=True)
        .join(pictures, pictures.c.image_sha256 == products.c.image_sha256)
        .where(product_embeddings.c.has_image, ~pictures.c.flaws.contains(["blank"]))
    )
    return [
        ShownPhoto(row.product_id, row.seller_id, unsigned(row.phash), row.first_seen_at, row.image_sha256)
        for row in connection.execute(statement)
    ]


def _replace(connection: sa.Connection, found: Sequence[PhotoCopy], now: datetime) -> None:
    """The table holds what was found and nothing else; what it held already keeps the time it was first found."""
    rows: list[dict[str, Any]] = [
        {
            "product_id": copy.product_id,
            "original_id": copy.original_id,
            "phash_distance": copy.distance,
            "cosine": copy.cosine,
            "found_at": now,
        }
        for copy in found
    ]
    connection.execute(sa.text("lock table catalog.photo_copies in share row exclusive mode"))
    held = connection.execute(sa.select(photo_copies.c.product_id, photo_copies.c.original_id)).all()
    for product_id, original_id in {(row.product_id, row.original_id) for row in held} - {
        (copy.product_id, copy.original_id) for copy in found
    }:
        connection.execute(
            sa.delete(photo_copies).where(
                photo_copies.c.product_id == product_id, photo_copies.c.original_id == original_id
            )
        )
    if rows:
        statement = insert(photo_copies)
        moved = {name: statement.excluded[name] for name in ("phash_distance", "cosine")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["product_id", "original_id"], set_=moved), rows
        )
