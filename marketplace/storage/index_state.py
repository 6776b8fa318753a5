"""Whether the published index holds the catalogue as it is now, told from the rows themselves and not from clocks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from marketplace.catalog.quality import RULES_VERSION
from marketplace.storage.embeddings import pending
from marketplace.storage.index_builds import IndexBuild, rebuild_index, roll_back_index
from marketplace.storage.tables import index_builds, product_changes, product_quality, products
from marketplace.storage.vectors import IndexType, Vectors
from marketplace.storage.warehouse import Warehouse


def follow_catalog(
    warehouse: Warehouse, vectors: Vectors, model_version: str, *, index_type: IndexType, now: datetime
) -> IndexBuild:
    """The index of what is judged and embedded, served, with a note of what it holds.

    A product that changes meanwhile is not in the note, so `unindexed_state` names it afterwards.

    Raises
    ------
    PublicationRefused
        If the new collection fails verification; the live one stays.
    """
    held = _settled(warehouse, [product.product_id for product in pending(warehouse, model_version)])
    build = rebuild_index(warehouse, vectors, model_version, index_type=index_type, now=now)
    _note(warehouse, build.collection, held)
    return build


def go_back(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> str:
    """The collection before the live one, served until the catalogue changes again.

    Raises
    ------
    PublicationRefused
        If none is kept.
    """
    live = sa.select(index_builds.c.catalog_hash).where(index_builds.c.status == "live")
    with warehouse.begin() as connection:
        held = connection.execute(live).scalar_one_or_none()
    collection = roll_back_index(warehouse, vectors, now=now)
    _note(warehouse, collection, held)
    return collection


def unindexed_state(warehouse: Warehouse) -> str | None:
    """A name of the catalogue's state that the live index does not hold, None when it holds everything.

    The same state has the same name, so that work which failed for it is not asked for again and again.
    """
    live = sa.select(index_builds.c.catalog_hash).where(index_builds.c.status == "live")
    newest = sa.select(sa.func.coalesce(sa.func.max(product_changes.c.change_id), 0))
    judged = products.outerjoin(product_quality, product_quality.c.product_id == products.c.product_id)
    with warehouse.begin() as connection:
        wanted = connection.execute(sa.select(_digest()).select_from(judged).where(~products.c.is_gone)).scalar_one()
        held = connection.execute(live).scalar_one_or_none()
        if wanted == held or (held is None and wanted == _NOTHING):
            return None
        return f"{connection.execute(newest).scalar_one()}-{wanted[:16]}"


def _note(warehouse: Warehouse, collection: str, held: str | None) -> None:
    note = sa.update(index_builds).where(index_builds.c.collection == collection).values(catalog_hash=held)
    with warehouse.begin() as connection:
        connection.execute(note)


def _settled(warehouse: Warehouse, unembedded: Sequence[int]) -> str:
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    statement = (
        sa.select(_digest())
        .select_from(judged)
        .where(
            ~products.c.is_gone,
            product_quality.c.content_hash == products.c.content_hash,
            product_quality.c.rules_version == RULES_VERSION,
            products.c.product_id != sa.all_(sa.cast(list(unembedded), sa.ARRAY(sa.BigInteger))),
        )
    )
    with warehouse.begin() as connection:
        return str(connection.execute(statement).scalar_one())


def _digest() -> sa.ColumnElement[str]:
    """An MD5 of the products' ids and content, of the rules, and of who is rejected, whatever the order of the rows."""
    rejected = sa.case((product_quality.c.verdict == "rejected", ":rejected"), else_="")
    product = sa.func.concat(products.c.product_id, ":", products.c.content_hash, rejected)
    listed = sa.func.string_agg(product, aggregate_order_by(sa.literal(","), products.c.product_id))
    return sa.func.md5(sa.func.concat(RULES_VERSION, "|", listed))


_NOTHING = hashlib.md5(f"{RULES_VERSION}|".encode(), usedforsecurity=False).hexdigest()
