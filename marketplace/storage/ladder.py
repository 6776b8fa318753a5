"""What to recommend to whom, step by step: personal, then items alike, then what is popular, then what is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.events.weights import WEIGHTS
from marketplace.storage.publications import Publication, published
from marketplace.storage.shelf import ShelfProduct, newest, on_shelf
from marketplace.storage.tables import (
    interactions,
    popular_products,
    product_neighbours,
    products,
    recommendations,
)
from marketplace.storage.warehouse import Warehouse

Step = Literal["personal", "item_to_item", "popular_in_category", "newest"]
RECENT = 20
MOST_CANDIDATES = 200
LATELY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product, the step that named it, and that step's score; newest products have none."""

    product: ShelfProduct
    source: Step
    score: float | None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Products for one shopper, and the publication they come from; None while nothing is published."""

    items: tuple[Suggestion, ...]
    publication: Publication | None

    @property
    def source(self) -> Step:
        """The highest step that could answer."""
        return self.items[0].source if self.items else "newest"


def suggest(warehouse: Warehouse, user_id: str, *, limit: int) -> Suggestions:
    """Up to `limit` products on the shelf: every step fills the places that those above it left free."""
    publication = published(warehouse)
    chosen: dict[int, Suggestion] = {}
    for source, scores in _steps(warehouse, publication, user_id, limit):
        fresh = [product_id for product_id in scores if product_id not in chosen]
        for product in on_shelf(warehouse, fresh):
            chosen[product.product_id] = Suggestion(product, source, scores[product.product_id])
        if len(chosen) >= limit:
            break
    return Suggestions(tuple(islice(chosen.values(), limit)), publication)


def shoppers_with_recommendations(warehouse: Warehouse, *, limit: int) -> list[tuple[str, str | None]]:
    """Some shoppers of the published version, each with the category they care for most, None if unknown."""
    publication = published(warehouse)
    if publication is None:
        return []
    columns = recommendations.c
    first = (
        sa.select(columns.user_id)
        .where(columns.version == publication.version, columns.rank == 1)
        .order_by(columns.user_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        user_ids = list(connection.scalars(first))
        return [(user_id, _favourite_category(connection, user_id)) for user_id in user_ids]


def _steps(
    warehouse: Warehouse, publication: Publication | None, user_id: str, limit: int
) -> Iterator[tuple[Step, Mapping[int, float | None]]]:
    if publication is not None:
        version = publication.version
        with warehouse.begin() as connection:
            personal = _personal(connection, version, user_id)
        yield "personal", personal
        with warehouse.begin() as connection:
            seen = _recently_seen(connection, user_id)
            alike = _alike(connection, version, seen)
        yield "item_to_item", alike
        with warehouse.begin() as connection:
            category = _favourite_category(connection, user_id)
            popular = [_popular(connection, version, name) for name in (category, "") if name is not None]
        yield "popular_in_category", {key: score for part in popular for key, score in part.items()}
    else:
        with warehouse.begin() as connection:
            category = _favourite_category(connection, user_id)
            popular = [_popular_lately(connection, name) for name in (category, "") if name is not None]
        yield "popular_in_category", {key: score for part in popular for key, score in part.items()}
    yield "newest", dict.fromkeys(newest(warehouse, limit=2 * limit))


def _personal(connection: sa.Connection, version: str, user_id: str) -> dict[int, float | None]:
    columns = recommendations.c
    statement = (
        sa.select(columns.product_id, columns.score)
        .where(columns.version == version, columns.user_id == user_id)
        .order_by(columns.rank)
    )
    return dict(connection.execute(statement).tuples().all())


def _recently_seen(connection: sa.Connection, user_id: str) -> dict[int, float]:
    """The products of the shopper's last events, each with the greatest weight it was given."""
    columns = interactions.c
    statement = (
        sa.select(columns.product_id, columns.kind)
        .where(columns.user_id == user_id, columns.kind.in_(WEIGHTS))
        .order_by(columns.occurred_at.desc(), columns.event_id)
        .limit(RECENT)
    )
    seen: dict[int, float] = {}
    for product_id, kind in connection.execute(statement):
        seen[product_id] = max(WEIGHTS[kind], seen.get(product_id, 0))
    return seen


def _alike(connection: sa.Connection, version: str, seen: Mapping[int, float]) -> dict[int, float | None]:
    if not seen:
        return {}
    columns = product_neighbours.c
    statement = sa.select(columns.product_id, columns.neighbour_id, columns.score).where(
        columns.version == version, columns.product_id.in_(list(seen)), columns.neighbour_id.not_in(list(seen))
    )
    totals: dict[int, float] = {}
    for product_id, neighbour_id, score in connection.execute(statement):
        totals[neighbour_id] = totals.get(neighbour_id, 0) + score * seen[product_id]
    best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return dict(best[:MOST_CANDIDATES])


def _favourite_category(connection: sa.Connection, user_id: str) -> str | None:
    weight = sa.func.sum(sa.case(dict(WEIGHTS), value=interactions.c.kind))
    statement = (
        sa.select(products.c.category)
        .join(interactions, interactions.c.product_id == products.c.product_id)
        .where(interactions.c.user_id == user_id, interactions.c.kind.in_(WEIGHTS), products.c.category != "")
        .group_by(products.c.category)
        .order_by(weight.desc(), products.c.category)
        .limit(1)
    )
    favourite: str | None = connection.scalar(statement)
    return favourite


def _popular_lately(connection: sa.Connection, category: str) -> dict[int, Any]:
    """What shoppers liked best in the last month, for a market that has not published anything yet."""
    since = sa.func.now() - sa.text(f"interval '{LATELY_DAYS} days'")
    weight = sa.func.sum(sa.case(dict(WEIGHTS), value=interactions.c.kind))
    statement = (
        sa.select(interactions.c.product_id, weight)
        .where(interactions.c.occurred_at > since, interactions.c.kind.in_(WEIGHTS))
        .group_by(interactions.c.product_id)
        .order_by(weight.desc(), interactions.c.product_id)
        .limit(MOST_CANDIDATES)
    )
    if category:
        mine = sa.select(products.c.product_id).where(products.c.category == category)
        statement = statement.where(interactions.c.product_id.in_(mine))
    return {product_id: float(score) for product_id, score in connection.execute(statement)}


def _popular(connection: sa.Connection, version: str, category: str) -> dict[int, Any]:
    columns = popular_products.c
    statement = (
        sa.select(columns.product_id, columns.score)
        .where(columns.version == version, columns.category == category)
        .order_by(columns.rank)
        .limit(MOST_CANDIDATES)
    )
    return dict(connection.execute(statement).tuples().all())
