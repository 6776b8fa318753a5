"""Products whose category is to be inferred, what it is learnt from, and keeping what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from marketplace.storage.index_source import on_offer
from marketplace.storage.quality import judge_these, usual_prices
from marketplace.storage.tables import product_embeddings, product_quality, products
from marketplace.storage.warehouse import Warehouse

MOST_LEARNT = 20_000  # products; more teach nothing new about a mean
BATCH = 500
# When a source's own category is doubted: it is this unlikely, and another one this likely.
UNLIKELY = 0.02
LIKELY = 0.9
LEAST_LIKELY = 0.5  # an inferred category less likely than this is not named


@dataclass(frozen=True, slots=True)
class Embedded:
    """Products with the category their source names (empty for none) and their vectors, (products, 768)."""

    product_ids: tuple[int, ...]
    categories: tuple[str, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The category a product looks like most, how likely it is, and how likely the named one is; None if not known."""

    product_id: int
    category: str
    confidence: float
    named_confidence: float | None


def uncategorised(warehouse: Warehouse, model_version: str) -> Embedded:
    """Embedded products on offer whose category was not looked at since they changed, by id."""
    columns = (products.c.product_id, products.c.category, product_embeddings.c.vector)
    statement = on_offer(model_version, *columns, is_embedded=True).where(
        product_quality.c.category_confidence.is_(None), product_quality.c.content_hash == products.c.content_hash
    )
    return _embedded(warehouse, statement)


def categorised(warehouse: Warehouse, model_version: str) -> Embedded:
    """Embedded products on offer with a category of their own, at most 20,000, always the same ones."""
    columns = (products.c.product_id, products.c.category, product_embeddings.c.vector)
    statement = on_offer(model_version, *columns, is_embedded=True).where(products.c.category != "")
    mixed = sa.func.md5(sa.cast(products.c.product_id, sa.Text))
    return _embedded(warehouse, statement.order_by(None).order_by(mixed).limit(MOST_LEARNT))


def keep_categories(warehouse: Warehouse, found: Sequence[Likelihood], now: datetime) -> tuple[int, int]:
    """How many products got a category, and how many are doubted now; the source's own category stays as it is.

    A product without a category is given the likeliest one; one whose category is all but impossible is flagged with
    what it looks like instead. Both are judged anew in the same transaction.
    """
    ranges = usual_prices(warehouse)
    given = doubted = 0
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        with warehouse.begin() as connection:
            named = _named(connection, [one.product_id for one in batch])
            inferred = {
                one.product_id: _inferred(one, named[one.product_id]) for one in batch if one.product_id in named
            }
            for one in batch:
                if one.product_id in inferred:
                    _update(connection, one, inferred[one.product_id])
            moved = [product_id for product_id, category in inferred.items() if category is not None]
            judge_these(connection, moved, ranges, now)
        doubted += sum(bool(named[product_id]) for product_id in moved)
        given += sum(not named[product_id] for product_id in moved)
    return given, doubted


def _inferred(one: Likelihood, named: str) -> str | None:
    if not named:
        return one.category if one.confidence >= LEAST_LIKELY else None
    own = one.named_confidence
    is_improbable = own is not None and own <= UNLIKELY and one.confidence >= LIKELY and one.category != named
    return one.category if is_improbable else None


def _update(connection: sa.Connection, one: Likelihood, inferred: str | None) -> None:
    has_own = inferred is None and one.named_confidence is not None
    confidence = one.named_confidence if has_own else one.confidence
    statement = sa.update(product_quality).where(product_quality.c.product_id == one.product_id)
    connection.execute(statement.values(inferred_category=inferred, category_confidence=confidence))


def _named(connection: sa.Connection, product_ids: Sequence[int]) -> dict[int, str]:
    """The sources' categories, of products whose verdict is of their content; others are looked at once judged."""
    statement = (
        sa.select(products.c.product_id, products.c.category)
        .join(product_quality, product_quality.c.product_id == products.c.product_id)
        .where(products.c.product_id.in_(product_ids), product_quality.c.content_hash == products.c.content_hash)
    )
    return dict(connection.execute(statement).tuples().all())


def _embedded(warehouse: Warehouse, statement: sa.Select[tuple[int, str, bytes]]) -> Embedded:
    with warehouse.begin() as connection:
        rows = connection.execute(statement).all()
    vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(len(rows), -1 if rows else 0)
    return Embedded(
        tuple(row.product_id for row in rows), tuple(row.category for row in rows), vectors.astype(np.float32)
    )
