"""What one seller may ask of us in an hour, counted where every process of the API sees it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.products import Seller
from marketplace.errors import QuotaSpent
from marketplace.storage.tables import feed_uploads
from marketplace.storage.warehouse import Warehouse

HOUR = timedelta(hours=1)


def count_upload(warehouse: Warehouse, seller: Seller, *, per_hour: int, now: datetime) -> None:
    """Count one more feed of a seller in the hour that began with their first; a refused one is not counted.

    Raises
    ------
    QuotaSpent
        If they had all of that hour's; nobody else's count matters.
    """
    columns = feed_uploads.c
    is_over = columns.hour_began_at <= now - HOUR
    counted = {
        "hour_began_at": sa.case((is_over, now), else_=columns.hour_began_at),
        "uploads": sa.case((is_over, 1), else_=columns.uploads + 1),
    }
    first = insert(feed_uploads).values(seller_id=seller.seller_id, hour_began_at=now, uploads=1)
    statement = first.on_conflict_do_update(
        index_elements=["seller_id"], set_=counted, where=is_over | (columns.uploads < per_hour)
    ).returning(columns.uploads)
    hour = sa.select(columns.hour_began_at).where(columns.seller_id == seller.seller_id)
    with warehouse.begin() as connection:
        if connection.execute(statement).one_or_none() is not None:
            return
        again = connection.execute(hour).scalar_one() + HOUR
    wait = max(1, math.ceil((again - now).total_seconds()))
    raise QuotaSpent(
        f"seller {seller.handle} may hand over {per_hour} feeds in an hour, and did; try again later", wait
    )
