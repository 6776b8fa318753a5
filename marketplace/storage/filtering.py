"""What shoppers may find, as conditions of a statement; every value is a parameter, none a part of the text."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from marketplace.search.asking import Filters
from marketplace.storage.tables import product_quality, products, sellers


def meeting(statement: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    """The statement's products that shoppers may see and that meet the filters.

    Parameters
    ----------
    statement
        Selects from `products`, `product_quality` and `sellers`, joined.
    """
    return statement.where(
        ~products.c.is_gone,
        product_quality.c.verdict != "rejected",
        sellers.c.state == "active",
        *_conditions(filters),
    )


def on_the_shelf(*columns: sa.ColumnElement[Any] | sa.Column[Any]) -> sa.Select[Any]:
    """The columns of products, their verdicts and sellers, joined; `meeting` says which of them."""
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    return sa.select(*columns).select_from(judged.join(sellers, sellers.c.seller_id == products.c.seller_id))


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.in_stock:
        conditions.append(products.c.in_stock)
    if filters.categories:
        conditions.append(products.c.category.in_(filters.categories))
    if filters.seller_id is not None:
        conditions.append(products.c.seller_id == filters.seller_id)
    if filters.country is not None:
        conditions.append(sellers.c.country == filters.country)
    if filters.city is not None:
        conditions.append(sellers.c.city == filters.city)
    if filters.currency is not None:
        conditions.append(products.c.currency == filters.currency)
    if filters.least_minor is not None:
        conditions.append(products.c.price_minor >= filters.least_minor)
    if filters.most_minor is not None:
        conditions.append(products.c.price_minor <= filters.most_minor)
    return conditions
