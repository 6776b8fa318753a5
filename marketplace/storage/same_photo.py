"""Products found by the very photo they show: what a photo can still find while vectors are away."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BIT

from marketplace.catalog.copies import MOST_BITS
from marketplace.search.asking import Filters
from marketplace.storage.filtering import meeting, on_the_shelf
from marketplace.storage.pictures import signed
from marketplace.storage.tables import pictures, products
from marketplace.storage.warehouse import Warehouse

BITS = 64


def showing(warehouse: Warehouse, phash: int, *, filters: Filters, limit: int) -> dict[int, float]:
    """Products on the shelf that meet the filters and show this photo, by the share of its hash's bits that agree.

    Parameters
    ----------
    phash
        The unsigned perceptual hash of the photo.
    """
    differing = sa.cast(pictures.c.phash.op("#")(sa.cast(signed(phash), sa.BigInteger)), BIT(BITS))
    distance = sa.func.bit_count(differing)
    statement = (
        on_the_shelf(products.c.product_id, distance.label("distance"))
        .join(pictures, pictures.c.image_sha256 == products.c.image_sha256)
        .where(distance <= MOST_BITS)
        .order_by(distance, products.c.product_id)
        .limit(limit)
    )
    with warehouse.reading() as connection:
        rows = connection.execute(meeting(statement, filters)).all()
    return {row.product_id: 1 - row.distance / BITS for row in rows}
