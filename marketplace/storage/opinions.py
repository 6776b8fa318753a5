"""What a vision-language judge was asked and said, kept so that it is paid for once and within a day's budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.opinions import Answered, Question
from marketplace.catalog.prices import format_price
from marketplace.catalog.quality import FACTS
from marketplace.storage.priced import price_from
from marketplace.storage.quality import Ranges, judge_these
from marketplace.storage.tables import product_quality, products, quality_opinions
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls and tokens of one day, answered or not."""

    calls: int
    tokens: int


def spent_on(warehouse: Warehouse, now: datetime) -> Spent:
    """What was spent on the UTC day of this instant."""
    asked = quality_opinions.c
    statement = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(asked.tokens), 0)).where(
        asked.asked_at >= _midnight(now)
    )
    with warehouse.begin() as connection:
        return Spent(*connection.execute(statement).one())


def to_ask(warehouse: Warehouse, model: str, *, now: datetime, limit: int) -> list[tuple[Question, str]]:
    """Flagged live products with a picture of which this model has no opinion, newest first, with their picture's name.

    One that got no readable answer is asked about again on another day. One that merely lacks a price is none: no
    opinion finds it one.
    """
    asked = quality_opinions.c
    is_known = sa.exists().where(
        asked.product_id == products.c.product_id,
        asked.content_hash == products.c.content_hash,
        asked.model == model,
        sa.or_(asked.confidence > 0, asked.asked_at >= _midnight(now)),
    )
    only_facts = product_quality.c.reasons.contained_by(sorted(FACTS))
    statement = (
        sa.select(products, product_quality.c.reasons)
        .join(product_quality, product_quality.c.product_id == products.c.product_id)
        .where(
            ~products.c.is_gone,
            products.c.image_sha256.is_not(None),
            product_quality.c.verdict == "flagged",
            product_quality.c.content_hash == products.c.content_hash,
            ~only_facts,
            ~is_known,
        )
        .order_by(products.c.first_seen_at.desc(), products.c.product_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [(_question(row), row.image_sha256) for row in connection.execute(statement)]


def keep(
    warehouse: Warehouse, question: Question, model: str, answered: Answered, ranges: Ranges, now: datetime
) -> None:
    """Store the answer with its cost and judge the product anew, in one transaction.

    An answer that could not be read is kept without confidence: it counts towards the budget and says nothing.
    """
    opinion = answered.opinion
    values = {
        "verdict": opinion.verdict if opinion else "flagged",
        "reasons": list(opinion.reasons) if opinion else ["no_opinion"],
        "confidence": opinion.confidence if opinion else 0.0,
        "tokens": answered.tokens,
        "asked_at": now,
    }
    key = {"product_id": question.product_id, "content_hash": question.content_hash, "model": model}
    statement = insert(quality_opinions).values(**key, **values)
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
        judge_these(connection, [question.product_id], ranges, now)


def _question(row: sa.Row[Any]) -> Question:
    price = price_from(row)
    return Question(
        product_id=row.product_id,
        content_hash=row.content_hash,
        title=row.title,
        description=row.description,
        category=row.category,
        price=format_price(price) if price else "",
        reasons=tuple(row.reasons),
        picture=None,
    )


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
