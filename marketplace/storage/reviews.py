"""What waits for a person to decide, and what people decided: kept, and stronger than any automatic verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from marketplace.catalog.products import Price, Verdict
from marketplace.catalog.quality import JudgedBy
from marketplace.errors import InputRejected, NotFound
from marketplace.storage.priced import PRICE, price_from
from marketplace.storage.quality import judge_these, one_at_a_time, usual_prices, usual_prices_of
from marketplace.storage.tables import (
    interactions,
    product_quality,
    product_reviews,
    products,
    quality_opinions,
    sellers,
)
from marketplace.storage.warehouse import Warehouse

Order = Literal["newest", "most_seen"]
Decision = Literal["approved", "rejected"]
SEEN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class QueuedProduct:
    """A product and its verdict, as a reviewer needs them; `views` are those of the last 30 days."""

    product_id: int
    seller_id: int
    seller_name: str
    title: str
    clean_title: str | None
    description: str
    category: str
    inferred_category: str | None
    category_confidence: float | None
    price: Price | None
    image_sha256: str | None
    url: str | None
    language: str | None
    verdict: Verdict
    reasons: tuple[str, ...]
    confidence: float
    judged_by: JudgedBy
    content_hash: str
    is_gone: bool
    first_seen_at: datetime
    judged_at: datetime
    views: int


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a page of the queue ends: the number it is ordered by, and the product."""

    rank: int
    product_id: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some flagged products in order, how many wait in all, and where the next page begins; None at the end."""

    products: tuple[QueuedProduct, ...]
    waiting: int
    next_place: QueuePlace | None


@dataclass(frozen=True, slots=True)
class PastReview:
    """What a person once decided, and whether the product is still what they saw."""

    verdict: Decision
    reviewer: str
    note: str | None
    reviewed_at: datetime
    is_of_this_content: bool


@dataclass(frozen=True, slots=True)
class PastOpinion:
    """What a model once said of the product as it is now."""

    model: str
    verdict: Verdict
    reasons: tuple[str, ...]
    confidence: float
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class QualityRecord:
    """Everything known about a product's quality; reviews and opinions newest first."""

    product: QueuedProduct
    usual_price: tuple[Price, Price] | None
    reviews: tuple[PastReview, ...]
    opinions: tuple[PastOpinion, ...]


def queue(
    warehouse: Warehouse,
    *,
    now: datetime,
    limit: int,
    order: Order = "newest",
    reason: str | None = None,
    after: QueuePlace | None = None,
) -> QueuePage:
    """A page of the live products that are flagged; a product that people decided on is not among them.

    Parameters
    ----------
    order
        `newest` by the first sight of the product, `most_seen` by views of the last 30 days, then newest id.
    reason
        Only products that were flagged for it.
    """
    views = _views(now)
    rank = _rank(order, views)
    waits = [~products.c.is_gone, product_quality.c.verdict == "flagged"]
    if reason is not None:
        waits.append(product_quality.c.reasons.any(sa.literal(reason)))
    statement = _reviewable(views).add_columns(rank.label("rank")).where(*waits)
    if after is not None:
        here = sa.tuple_(rank, products.c.product_id)
        statement = statement.where(
            here < sa.tuple_(sa.literal(after.rank, sa.BigInteger), sa.literal(after.product_id))
        )
    counted = sa.select(sa.func.count()).select_from(_JUDGED).where(*waits)
    with warehouse.begin() as connection:
        waiting = connection.execute(counted).scalar_one()
        page = statement.order_by(rank.desc(), products.c.product_id.desc()).limit(limit + 1)
        rows = connection.execute(page).all()
    more = QueuePlace(int(rows[limit - 1].rank), rows[limit - 1].product_id) if len(rows) > limit else None
    return QueuePage(tuple(_queued(row) for row in rows[:limit]), waiting, more)


def reasons_waiting(warehouse: Warehouse) -> dict[str, int]:
    """Why live products wait in the queue, the commonest reason first."""
    reason = sa.func.unnest(product_quality.c.reasons).label("reason")
    waits = sa.and_(~products.c.is_gone, product_quality.c.verdict == "flagged")
    unnested = sa.select(reason).select_from(_JUDGED).where(waits).subquery()
    count = sa.func.count()
    statement = (
        sa.select(unnested.c.reason, count).group_by(unnested.c.reason).order_by(count.desc(), unnested.c.reason)
    )
    with warehouse.begin() as connection:
        return dict(connection.execute(statement).tuples().all())


def quality_of(warehouse: Warehouse, product_id: int, *, now: datetime) -> QualityRecord:
    """What is known of one product's quality, whatever its verdict.

    Raises
    ------
    NotFound
        If there is no such product, or it was not judged yet.
    """
    with warehouse.begin() as connection:
        row = connection.execute(_reviewable(_views(now)).where(products.c.product_id == product_id)).one_or_none()
        if row is None:
            raise NotFound(f"product {product_id} is not known, or not judged yet")
        reviews = _reviews_of(connection, product_id, row.content_hash)
        opinions = _opinions_of(connection, product_id, row.content_hash)
    usual = usual_prices_of(warehouse, [product_id]).get(product_id)
    return QualityRecord(_queued(row), usual, reviews, opinions)


def review(
    warehouse: Warehouse,
    product_id: int,
    verdict: Decision,
    *,
    reviewer: str,
    note: str | None = None,
    seen_hash: str | None = None,
    now: datetime,
) -> None:
    """Keep what a person decided, and let it be the product's verdict from now on, in one transaction.

    Parameters
    ----------
    seen_hash
        `content_hash` of the product as the person saw it; None to decide on it as it is now.

    Raises
    ------
    NotFound
        If there is no such product.
    InputRejected
        If the product is not what the person saw any more.
    """
    ranges = usual_prices(warehouse)
    with warehouse.begin() as connection:
        one_at_a_time(connection)
        known = sa.select(products.c.content_hash).where(products.c.product_id == product_id)
        content_hash = connection.execute(known).scalar_one_or_none()
        if content_hash is None:
            raise NotFound(f"product {product_id} is not known")
        if seen_hash is not None and seen_hash != content_hash:
            raise InputRejected(f"product {product_id} changed since it was shown; look at it again")
        row = {"product_id": product_id, "verdict": verdict, "note": note, "reviewer": reviewer}
        connection.execute(sa.insert(product_reviews).values(**row, content_hash=content_hash, reviewed_at=now))
        judge_these(connection, [product_id], ranges, now)


def _reviews_of(connection: sa.Connection, product_id: int, content_hash: str) -> tuple[PastReview, ...]:
    table = product_reviews.c
    statement = (
        sa.select(table.verdict, table.reviewer, table.note, table.reviewed_at, table.content_hash == content_hash)
        .where(table.product_id == product_id)
        .order_by(table.review_id.desc())
    )
    return tuple(PastReview(*row) for row in connection.execute(statement))


def _opinions_of(connection: sa.Connection, product_id: int, content_hash: str) -> tuple[PastOpinion, ...]:
    table = quality_opinions.c
    statement = (
        sa.select(table.model, table.verdict, table.reasons, table.confidence, table.asked_at)
        .where(table.product_id == product_id, table.content_hash == content_hash, table.confidence > 0)
        .order_by(table.asked_at.desc())
    )
    rows = connection.execute(statement)
    return tuple(PastOpinion(row.model, row.verdict, tuple(row.reasons), row.confidence, row.asked_at) for row in rows)


def _views(now: datetime) -> sa.Subquery:
    seen = interactions.c
    return (
        sa.select(seen.product_id, sa.func.count().label("views"))
        .where(seen.kind == "view", seen.occurred_at >= now - SEEN_FOR)
        .group_by(seen.product_id)
        .subquery("views")
    )


def _rank(order: Order, views: sa.Subquery) -> sa.ColumnElement[int]:
    if order == "most_seen":
        return sa.func.coalesce(views.c.views, 0)
    return sa.cast(sa.func.extract("epoch", products.c.first_seen_at) * 1_000_000, sa.BigInteger)


def _reviewable(views: sa.Subquery) -> sa.Select[Any]:
    joined = _JUDGED.join(sellers, sellers.c.seller_id == products.c.seller_id)
    joined = joined.outerjoin(views, views.c.product_id == products.c.product_id)
    seen = sa.func.coalesce(views.c.views, 0).label("views")
    return sa.select(*_SHOWN, sellers.c.name.label("seller_name"), seen).select_from(joined)


def _queued(row: sa.Row[Any]) -> QueuedProduct:
    same = {name: getattr(row, name) for name in _SAME}
    return QueuedProduct(**same, price=price_from(row), reasons=tuple(row.reasons))


_JUDGED = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
_SHOWN = (
    products.c.product_id,
    products.c.seller_id,
    products.c.title,
    products.c.description,
    products.c.category,
    *PRICE,
    products.c.image_sha256,
    products.c.url,
    products.c.content_hash,
    products.c.is_gone,
    products.c.first_seen_at,
    product_quality.c.clean_title,
    product_quality.c.inferred_category,
    product_quality.c.category_confidence,
    product_quality.c.language,
    product_quality.c.verdict,
    product_quality.c.reasons,
    product_quality.c.confidence,
    product_quality.c.judged_by,
    product_quality.c.judged_at,
)
_SAME: Sequence[str] = [name for name in QueuedProduct.__dataclass_fields__ if name not in ("price", "reasons")]
