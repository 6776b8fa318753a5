"""Reading what dbt built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.tables import product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse


def read_offered(warehouse: Warehouse) -> list[tuple[int, str]]:
    """Id and category of every product that may be recommended: live, in stock, not rejected; by id."""
    statement = (
        sa.select(products.c.product_id, products.c.category)
        .join(product_quality, product_quality.c.product_id == products.c.product_id)
        .where(~products.c.is_gone, products.c.in_stock, product_quality.c.verdict != "rejected")
        .order_by(products.c.product_id)
    )
    with warehouse.begin() as connection:
        return [(row.product_id, row.category) for row in connection.execute(statement)]


@contextmanager
def built(warehouse: Warehouse, mart: str) -> Iterator[sa.Connection]:
    """A connection whose missing table means that the mart was not built.

    Raises
    ------
    ArtifactUnavailable
        Naming the mart and the command that builds it.
    """
    try:
        with warehouse.begin() as connection:
            yield connection
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "pgcode", "") not in {"42P01", "3F000"}:  # no such table, no such schema
            raise
        raise ArtifactUnavailable(f"{mart} was not built yet; run soko run refresh_market") from error


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What is known of a product, on the shelf or not, beside who took interest in it."""

    product_id: int
    seller_id: int
    category: str
    city: str
    country: str
    language: str


def read_events(warehouse: Warehouse) -> list[tuple[str, int, str, float, str | None, datetime]]:
    """User, product, kind, weight, surface and instant of every interaction, oldest first.

    Events of one instant are ordered by what they say and not by their id: of two equal ones either may have been kept.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet.
    """
    statement = sa.text(
        "select user_id, product_id, kind, weight, surface, occurred_at from marts.fct_interactions "
        """order by occurred_at, user_id collate "C", product_id, kind collate "C", surface collate "C", weight"""
    )
    with built(warehouse, "marts.fct_interactions") as connection:
        return [(str(u), int(p), str(k), float(w), s, at) for u, p, k, w, s, at in connection.execute(statement)]


def read_facts(warehouse: Warehouse) -> list[ProductFacts]:
    """The facts of every product, gone ones included, by id; what is not known is empty."""
    statement = (
        sa.select(
            products.c.product_id,
            products.c.seller_id,
            products.c.category,
            sa.func.coalesce(sellers.c.city, ""),
            sellers.c.country,
            sa.func.coalesce(product_quality.c.language, ""),
        )
        .join(sellers, sellers.c.seller_id == products.c.seller_id)
        .outerjoin(product_quality, product_quality.c.product_id == products.c.product_id)
        .order_by(products.c.product_id)
    )
    with warehouse.begin() as connection:
        return [ProductFacts(*row) for row in connection.execute(statement)]
