"""What a search found, looked up in Postgres: which of it may be shown, and what decides its order and company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from marketplace.search.asking import Filters
from marketplace.search.candidates import Candidate
from marketplace.storage.filtering import meeting, on_the_shelf
from marketplace.storage.pictures import unsigned
from marketplace.storage.tables import photo_copies, pictures, product_matches, products, sellers
from marketplace.storage.warehouse import Warehouse

_COLUMNS = (
    products.c.product_id,
    products.c.title,
    products.c.category,
    products.c.price_minor,
    products.c.currency,
    products.c.in_stock,
    products.c.first_seen_at,
    products.c.image_sha256,
    sellers.c.seller_id,
    sellers.c.name,
    sellers.c.city,
    sellers.c.country,
    pictures.c.phash,
    product_matches.c.match_id,
    sa.select(sa.func.min(photo_copies.c.original_id))
    .where(photo_copies.c.product_id == products.c.product_id)
    .scalar_subquery()
    .label("original_id"),
)


def candidates_of(warehouse: Warehouse, product_ids: Sequence[int], filters: Filters) -> list[Candidate]:
    """Those of the products that shoppers may find under the filters, in the order given."""
    if not product_ids:
        return []
    statement = (
        on_the_shelf(*_COLUMNS)
        .outerjoin(pictures, pictures.c.image_sha256 == products.c.image_sha256)
        .outerjoin(product_matches, product_matches.c.product_id == products.c.product_id)
        .where(products.c.product_id == sa.any_(_listed(product_ids)))
    )
    with warehouse.reading() as connection:
        found = {row.product_id: _candidate(row) for row in connection.execute(meeting(statement, filters))}
    return [found[product_id] for product_id in dict.fromkeys(product_ids) if product_id in found]


def _listed(product_ids: Sequence[int]) -> sa.ColumnElement[Any]:
    """The ids as one parameter, so that the statement is the same for any number of them."""
    return sa.cast(list(product_ids), sa.ARRAY(sa.BigInteger))


def _candidate(row: sa.Row[Any]) -> Candidate:
    found = Candidate(*row)
    return found if found.phash is None else found._replace(phash=unsigned(found.phash))
