"""Verdicts on products in Postgres: which are due, and judging them in batches.

A verdict is due when its product, its rules, its picture's measures or its category's price range say otherwise than
when it was given; so a product of which nothing changed is read, and not judged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.cleaning import clean_title
from marketplace.catalog.languages import language_of
from marketplace.catalog.price_ranges import PriceGroup, PriceRange, robust_ranges
from marketplace.catalog.prices import minor_digits
from marketplace.catalog.products import Price
from marketplace.catalog.quality import (
    RULES_VERSION,
    Judged,
    Judgement,
    Opinion,
    Review,
    confidence_of_sound,
    judge,
    weighed,
)
from marketplace.storage.priced import PRICE, price_from
from marketplace.storage.tables import (
    pictures,
    product_quality,
    product_reviews,
    products,
    quality_opinions,
    sellers,
)
from marketplace.storage.warehouse import Warehouse

BATCH = 500
LONGEST_DESCRIBED = 1_000  # characters of a description that tell its language
Ranges = Mapping[PriceGroup, PriceRange]


def judge_products(warehouse: Warehouse, now: datetime) -> int:
    """How many products were judged: those whose verdict is due. Killed anywhere, it goes on where it stopped."""
    ranges = usual_prices(warehouse)
    due = _due(warehouse, ranges)
    for start in range(0, len(due), BATCH):
        with warehouse.begin() as connection:
            judge_these(connection, due[start : start + BATCH], ranges, now)
    return len(due)


def judge_these(connection: sa.Connection, product_ids: Sequence[int], ranges: Ranges, now: datetime) -> None:
    """Judge the products now, in the caller's transaction; nobody else judges or decides meanwhile."""
    one_at_a_time(connection)
    rows = [_verdict(row, ranges, now) for row in connection.execute(_looked_at(product_ids))]
    if rows:
        statement = insert(product_quality)
        changed = {name: statement.excluded[name] for name in rows[0] if name != "product_id"}
        connection.execute(statement.on_conflict_do_update(index_elements=["product_id"], set_=changed), rows)


def one_at_a_time(connection: sa.Connection) -> None:
    """Waits until nobody else judges, and keeps others waiting to the end of the transaction."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("soko.product_quality"))))


def usual_prices(warehouse: Warehouse) -> Ranges:
    """The usual price range of each category, currency and unit, from every live product that names a price."""
    statement = (
        sa.select(*_PRICED).select_from(_QUALIFIED).where(~products.c.is_gone, products.c.price_minor.is_not(None))
    )
    with warehouse.begin() as connection:
        return robust_ranges((_group(row), _amount(row)) for row in connection.execute(statement))


def usual_prices_of(warehouse: Warehouse, product_ids: Sequence[int]) -> dict[int, tuple[Price, Price]]:
    """The lowest and highest usual price of what each product is compared with, where enough others tell it."""
    statement = sa.select(*_PRICED).select_from(_QUALIFIED).where(products.c.product_id.in_(product_ids))
    with warehouse.begin() as connection:
        rows = connection.execute(statement).all()
    ranges = usual_prices(warehouse) if rows else {}
    found = {}
    for row in rows:
        if usual := ranges.get(_group(row)):
            quantity = float(row.price_quantity or 1)
            ends = (usual.lower_minor * quantity, usual.upper_minor * quantity)
            found[row.product_id] = (Price(round(ends[0]), row.currency), Price(round(ends[1]), row.currency))
    return found


def _due(warehouse: Warehouse, ranges: Ranges) -> list[int]:
    reviews = _newest_reviews()
    is_old = sa.or_(
        product_quality.c.product_id.is_(None),
        product_quality.c.content_hash != products.c.content_hash,
        product_quality.c.rules_version != RULES_VERSION,
        sa.and_(
            reviews.c.verdict.is_not(None),
            sa.or_(product_quality.c.judged_by != "reviewer", reviews.c.verdict != product_quality.c.verdict),
        ),
    )
    columns = (product_quality.c.reasons, product_quality.c.confidence, product_quality.c.judged_by)
    statement = (
        sa.select(*_PRICED, products.c.title, products.c.is_gone, product_quality.c.verdict, *columns)
        .add_columns(products.c.image_sha256, pictures.c.flaws, is_old.label("is_old"))
        .select_from(_WITH_PICTURES.outerjoin(reviews, reviews.c.product_id == products.c.product_id))
        .where(sa.or_(is_old, ~products.c.is_gone))
        .order_by(products.c.product_id)
    )
    with warehouse.begin() as connection:
        return [row.product_id for row in connection.execute(statement) if row.is_old or _has_moved(row, ranges)]


def _has_moved(row: sa.Row[Any], ranges: Ranges) -> bool:
    """Whether price range or picture measures say something else than they did at the verdict."""
    usual = ranges.get(_group(row))
    is_unusual = usual is not None and row.price_minor is not None and not usual.holds(_amount(row))
    flaws = {f"picture_{flaw}" for flaw in row.flaws or ()}
    known = {reason for reason in row.reasons if reason.startswith("picture_") and reason != "picture_missing"}
    if flaws != known or is_unusual != ("price_unusual" in row.reasons):
        return True
    seen = Judged(
        row.title, price_from(row), 0, row.image_sha256 is not None, usual_price=usual, picture_flaws=_flaws(row)
    )
    is_sound = row.verdict == "approved" and row.judged_by == "rules"
    return bool(is_sound and row.confidence != confidence_of_sound(seen))


def _verdict(row: sa.Row[Any], ranges: Ranges, now: datetime) -> dict[str, Any]:
    is_same = row.judged_hash == row.content_hash and row.judged_version == RULES_VERSION
    inferred = row.inferred_category if is_same else None
    judgement = _weighed(row, judge(_judged(row, ranges, is_doubtful=bool(row.category and inferred))))
    title = clean_title(row.title).text
    return {
        "product_id": row.product_id,
        "content_hash": row.content_hash,
        "verdict": judgement.verdict,
        "reasons": list(judgement.reasons),
        "rules_version": RULES_VERSION,
        "judged_at": now,
        "confidence": judgement.confidence,
        "judged_by": judgement.judged_by,
        "clean_title": title or None,
        "language": language_of(f"{title}\n{row.description[:LONGEST_DESCRIBED]}").code,
        "inferred_category": inferred,
        "category_confidence": row.category_confidence if is_same else None,
    }


def _judged(row: sa.Row[Any], ranges: Ranges, *, is_doubtful: bool) -> Judged:
    return Judged(
        title=row.title,
        price=price_from(row),
        minor_digits=minor_digits(row.currency),
        has_picture=row.image_sha256 is not None,
        description=row.description,
        market_currency=row.market_currency,
        usual_price=ranges.get(_group(row)),
        picture_flaws=_flaws(row),
        is_category_doubtful=is_doubtful,
        price_quantity=float(row.price_quantity or 1),
    )


def _weighed(row: sa.Row[Any], judgement: Judgement) -> Judgement:
    review = Review(row.review_verdict, row.review_hash == row.content_hash) if row.review_verdict else None
    opinion = None
    if row.opinion_verdict:
        opinion = Opinion(row.opinion_verdict, tuple(row.opinion_reasons), row.opinion_confidence)
    return weighed(judgement, review, opinion)


def _flaws(row: sa.Row[Any]) -> tuple[str, ...] | None:
    """The flaws of the picture; none of a missing one, None of one that was not measured."""
    if row.image_sha256 is None:
        return ()
    return None if row.flaws is None else tuple(row.flaws)


def _group(row: sa.Row[Any]) -> PriceGroup:
    category = row.category or row.inferred_category or ""
    return PriceGroup(category.strip().casefold(), row.currency or "", row.price_unit or "")


def _amount(row: sa.Row[Any]) -> float:
    return float(row.price_minor) / float(row.price_quantity or 1)


def _newest_reviews() -> sa.Subquery:
    return (
        sa.select(product_reviews.c.product_id, product_reviews.c.verdict, product_reviews.c.content_hash)
        .distinct(product_reviews.c.product_id)
        .order_by(product_reviews.c.product_id, product_reviews.c.review_id.desc())
        .subquery("reviews")
    )


def _newest_opinions() -> sa.Subquery:
    """What a model said of each content; an answer that could not be read has no confidence and is none."""
    return (
        sa.select(quality_opinions)
        .distinct(quality_opinions.c.product_id, quality_opinions.c.content_hash)
        .where(quality_opinions.c.confidence > 0)
        .order_by(quality_opinions.c.product_id, quality_opinions.c.content_hash, quality_opinions.c.asked_at.desc())
        .subquery("opinions")
    )


def _looked_at(product_ids: Sequence[int]) -> sa.Select[Any]:
    reviews, opinions = _newest_reviews(), _newest_opinions()
    of_this = sa.and_(
        opinions.c.product_id == products.c.product_id, opinions.c.content_hash == products.c.content_hash
    )
    joined = (
        _WITH_PICTURES.join(sellers, sellers.c.seller_id == products.c.seller_id)
        .outerjoin(reviews, reviews.c.product_id == products.c.product_id)
        .outerjoin(opinions, of_this)
    )
    return (
        sa.select(*_PRICED, products.c.title, products.c.description, products.c.content_hash, products.c.image_sha256)
        .add_columns(
            sellers.c.currency.label("market_currency"),
            pictures.c.flaws,
            product_quality.c.content_hash.label("judged_hash"),
            product_quality.c.rules_version.label("judged_version"),
            product_quality.c.category_confidence,
            reviews.c.verdict.label("review_verdict"),
            reviews.c.content_hash.label("review_hash"),
            opinions.c.verdict.label("opinion_verdict"),
            opinions.c.reasons.label("opinion_reasons"),
            opinions.c.confidence.label("opinion_confidence"),
        )
        .select_from(joined)
        .where(products.c.product_id.in_(product_ids))
    )


_QUALIFIED = products.outerjoin(product_quality, product_quality.c.product_id == products.c.product_id)
_WITH_PICTURES = _QUALIFIED.outerjoin(pictures, pictures.c.image_sha256 == products.c.image_sha256)
_PRICED = (
    products.c.product_id,
    products.c.category,
    product_quality.c.inferred_category,
    *PRICE,
)
