"""What may be found, said to Postgres: every value is a parameter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from marketplace.search.asking import Filters
from marketplace.storage.tables import products, sellers


def meeting(statement: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    """The statement, which reads products and sellers, for products that meet the filters."""
    return statement.where(*_conditions(filters))


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.categories:
        conditions.append(products.c.category == sa.any_(sa.cast(list(filters.categories), sa.ARRAY(sa.Text))))
    if filters.in_stock:
        conditions.append(products.c.in_stock)
    named = (
        (products.c.seller_id, filters.seller_id),
        (products.c.currency, filters.currency),
        (sellers.c.country, filters.country),
        (sellers.c.city, filters.city),
    )
    conditions += [column == value for column, value in named if value is not None]
    if filters.least_minor is not None:
        conditions.append(products.c.price_minor >= filters.least_minor)
    if filters.most_minor is not None:
        conditions.append(products.c.price_minor <= filters.most_minor)
    return conditions
