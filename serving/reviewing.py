"""Verdicts, reasons and reviews in the shape that reviewers receive."""

from __future__ import annotations

from typing import Any

from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price
from marketplace.catalog.quality import known_reason
from marketplace.storage.reviews import QualityRecord, QueuedProduct, QueuePage
from serving.presenting import seller_page, shown_price
from serving.schemas import (
    OpinionShown,
    QualityRecordShown,
    ReasonShown,
    ReviewQueue,
    ReviewShown,
    ToReview,
    UsualPrice,
)


def queue_shown(page: QueuePage, next_cursor: str | None) -> ReviewQueue:
    """A page of the queue."""
    items = [ToReview(**_fields(product)) for product in page.products]
    return ReviewQueue(items=items, waiting=page.waiting, next_cursor=next_cursor)


def quality_record(record: QualityRecord) -> QualityRecordShown:
    """Everything known about one product's quality."""
    return QualityRecordShown(
        **_fields(record.product),
        is_gone=record.product.is_gone,
        usual_price=None if record.usual_price is None else _usual(*record.usual_price),
        reviews=[ReviewShown.model_validate(one, from_attributes=True) for one in record.reviews],
        opinions=[OpinionShown.model_validate(one, from_attributes=True) for one in record.opinions],
    )


def in_words(reason: str) -> str:
    """The reason as a sentence."""
    return known_reason(reason).sentence


def _fields(product: QueuedProduct) -> dict[str, Any]:
    same = (
        *("product_id", "seller_id", "seller_name", "title", "clean_title", "description", "category", "language"),
        *("inferred_category", "category_confidence", "verdict", "confidence", "judged_by", "judged_at"),
        *("content_hash", "first_seen_at", "views"),
    )
    return {name: getattr(product, name) for name in same} | {
        "price": shown_price(product.price),
        "image_url": f"/media/{product.image_sha256}.jpg" if product.image_sha256 else None,
        "url": seller_page(product.url),
        "reasons": [ReasonShown(reason=reason, sentence=in_words(reason)) for reason in product.reasons],
    }


def _usual(lowest: Price, highest: Price) -> UsualPrice:
    both = Price(lowest.amount_minor, lowest.currency, highest.amount_minor)
    return UsualPrice(
        lowest_minor=lowest.amount_minor,
        highest_minor=highest.amount_minor,
        currency=lowest.currency,
        formatted=format_price(both),
    )
