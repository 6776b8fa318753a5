"""A price and the columns of the products table that hold it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import Price
from marketplace.storage.tables import products

PRICE = (
    products.c.price_minor,
    products.c.price_up_to_minor,
    products.c.currency,
    products.c.price_kind,
    products.c.price_quantity,
    products.c.price_unit,
)


def price_from(row: sa.Row[Any]) -> Price | None:
    """The price in a row that has the columns of `PRICE`, None without one."""
    if row.price_minor is None:
        return None
    return Price(
        row.price_minor,
        row.currency,
        row.price_up_to_minor,
        kind=row.price_kind or "single",
        quantity=row.price_quantity or Decimal(1),
        unit=row.price_unit,
    )


def price_values(price: Price | None) -> dict[str, Any]:
    """The columns that hold the price; all null without one."""
    return {
        "price_minor": price.amount_minor if price else None,
        "price_up_to_minor": price.up_to_minor if price else None,
        "currency": price.currency if price else None,
        "price_kind": price.kind if price else None,
        "price_quantity": price.quantity if price and price.quantity != 1 else None,
        "price_unit": price.unit if price else None,
    }
