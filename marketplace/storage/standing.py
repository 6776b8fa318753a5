"""The whole market at once, as a recommender holds it in memory: products, likenesses, popularity, impressions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from marketplace.events.weights import WEIGHTS
from marketplace.storage.tables import (
    exposures,
    interactions,
    popular_products,
    product_quality,
    products,
    recommendations,
    sellers,
)
from marketplace.storage.warehouse import Warehouse

LATELY_DAYS = 30
MOST_CANDIDATES = 200
SEEN_DAYS = 14
GUEST = "guest-"  # how the storefront names who has no account


@dataclass(frozen=True, slots=True)
class Standing:
    """A product and where it stands; `is_offered` while shoppers may buy it."""

    product_id: int
    seller_id: int
    title: str
    category: str
    city: str
    first_seen_at: datetime
    is_offered: bool


@dataclass(frozen=True, slots=True)
class Likenesses:
    """Pairs of products and how alike they are, each array (pairs,)."""

    products: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Popular:
    """A product that is popular in a category and city; empty stands for all of them."""

    category: str
    city: str
    product_id: int
    score: float


def standings(warehouse: Warehouse) -> list[Standing]:
    """Every product that was ever here, by id."""
    quality = sa.func.coalesce(product_quality.c.verdict, "rejected")
    offered = sa.and_(~products.c.is_gone, products.c.in_stock, quality != "rejected", sellers.c.state == "active")
    joined = products.join(sellers, sellers.c.seller_id == products.c.seller_id).outerjoin(
        product_quality, product_quality.c.product_id == products.c.product_id
    )
    statement = (
        sa.select(
            products.c.product_id,
            products.c.seller_id,
            products.c.title,
            products.c.category,
            sa.func.coalesce(sellers.c.city, ""),
            products.c.first_seen_at,
            offered,
        )
        .select_from(joined)
        .order_by(products.c.product_id)
    )
    with warehouse.reading() as connection:
        return [Standing(*row) for row in connection.execute(statement)]


def likenesses(warehouse: Warehouse, version: str, kind: str) -> Likenesses:
    """The published neighbours of a kind, together or alike."""
    with warehouse.begin() as connection:
        cursor: Any = connection.connection.cursor()
        wanted = (
            "select product_id, neighbour_id, score from serving.product_neighbours where version = %s and kind = %s"
        )
        written = io.BytesIO()
        # As text in one piece: a million rows one by one would hold up everyone who is being answered.
        query = cursor.mogrify(wanted, (version, kind)).decode()
        cursor.copy_expert(f"copy ({query}) to stdout with (delimiter ' ')", written)
    numbers = np.fromstring(written.getvalue().replace(b"\n", b" "), sep=" ").reshape(-1, 3)  # ids stay under 2**53
    return Likenesses(numbers[:, 0].astype(np.int64), numbers[:, 1].astype(np.int64), numbers[:, 2].astype(np.float32))


def popularity(warehouse: Warehouse, version: str) -> list[Popular]:
    """The published popularity, best first within each category and city."""
    columns = popular_products.c
    statement = (
        sa.select(columns.category, columns.city, columns.product_id, columns.score)
        .where(columns.version == version, columns.rank <= MOST_CANDIDATES)
        .order_by(columns.category, columns.city, columns.rank)
    )
    with warehouse.reading() as connection:
        return [Popular(*row) for row in connection.execute(statement)]


def popular_lately(warehouse: Warehouse, category: str) -> list[Popular]:
    """What shoppers liked best in the last month, for a market that has not published anything yet."""
    since = sa.func.now() - sa.text(f"interval '{LATELY_DAYS} days'")
    weight = sa.func.sum(sa.case(dict(WEIGHTS), value=interactions.c.kind, else_=0))
    statement = (
        sa.select(interactions.c.product_id, weight)
        # Events may name a product that never came, and must not take the places of those that did.
        .join(products, products.c.product_id == interactions.c.product_id)
        .where(interactions.c.occurred_at > since)
        .group_by(interactions.c.product_id)
        .having(weight > 0)
        .order_by(weight.desc(), interactions.c.product_id)
        .limit(MOST_CANDIDATES)
    )
    if category:
        statement = statement.where(products.c.category == category)
    with warehouse.reading() as connection:
        return [Popular(category, "", row.product_id, float(row[1])) for row in connection.execute(statement)]


def listed_for(warehouse: Warehouse, version: str, user_id: str) -> list[tuple[int, float]]:
    """The products and scores of the list that was published for the shopper, best first."""
    columns = recommendations.c
    statement = (
        sa.select(columns.product_id, columns.score)
        .where(columns.version == version, columns.user_id == user_id)
        .order_by(columns.rank)
    )
    with warehouse.reading() as connection:
        return [(row.product_id, row.score) for row in connection.execute(statement)]


def impressions(warehouse: Warehouse) -> dict[int, int]:
    """How often each product was shown in the last days, new or old: a model may know neither."""
    recently = sa.func.now() - sa.text(f"interval '{SEEN_DAYS} days'")
    statement = (
        sa.select(exposures.c.product_id, sa.func.count())
        .where(exposures.c.served_at > recently)
        .group_by(exposures.c.product_id)
    )
    with warehouse.reading() as connection:
        return dict(connection.execute(statement).tuples().all())


def shoppers_with_recommendations(warehouse: Warehouse, version: str, *, limit: int) -> list[tuple[str, str | None]]:
    """Some shoppers of a published version, each with the category they care for most, None if unknown; no guests."""
    columns = recommendations.c
    first = (
        sa.select(columns.user_id)
        .where(columns.version == version, columns.rank == 1, ~columns.user_id.startswith(GUEST))
        .order_by(columns.user_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [(user_id, _favourite_category(connection, user_id)) for user_id in connection.scalars(first).all()]


def _favourite_category(connection: sa.Connection, user_id: str) -> str | None:
    weight = sa.func.sum(sa.case(dict(WEIGHTS), value=interactions.c.kind, else_=0))
    statement = (
        sa.select(products.c.category)
        .join(interactions, interactions.c.product_id == products.c.product_id)
        .where(interactions.c.user_id == user_id, products.c.category != "")
        .group_by(products.c.category)
        .order_by(weight.desc(), products.c.category)
        .limit(1)
    )
    favourite: str | None = connection.scalar(statement)
    return favourite
