"""Recommendations, and the interactions they learn from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Body, Response

from marketplace.events.interactions import Interaction, occurred
from marketplace.events.weights import WEIGHTS
from marketplace.storage.events import record_interaction, record_interactions
from marketplace.storage.ladder import shoppers_with_recommendations, suggest
from marketplace.storage.publications import published
from marketplace.storage.reports import recommendation_counts
from marketplace.storage.requests import WorkRequest, ask_for
from serving.dependencies import Limit, NowDep, Shop, ShopDep, UserId
from serving.presenting import recommendations
from serving.schemas import (
    BatchRecorded,
    DemoShopper,
    InteractionSent,
    Problem,
    Recommendations,
    RecommendationStats,
    Recorded,
    WorkAccepted,
)

router = APIRouter(prefix="/api/recommendations", tags=["recommendations"])
DEMO_SHOPPERS = 12
MOST_EVENTS = 1_000


@router.get("/personalized/{user_id}")
def read_personalized(user_id: UserId, shop: ShopDep, limit: Limit = 20) -> Recommendations:
    """Products for this shopper, best first: personal, else like what they saw, else popular, else newest."""
    answer = recommendations(user_id, suggest(shop.warehouse, user_id, limit=limit))
    if answer.degraded:
        shop.metrics.degraded.labels("recommendations").inc()
    return answer


@router.post("/interaction", status_code=201, responses={404: {"model": Problem}, 409: {"model": Problem}})
def record_one(sent: InteractionSent, shop: ShopDep, now: NowDep, response: Response) -> Recorded:
    """Record what a shopper did; the same event again answers 200 and changes nothing, another under its id 409."""
    event = _interaction(sent, now)
    is_new = record_interaction(shop.warehouse, event)
    shop.metrics.events.labels("interaction").inc(is_new)
    response.status_code = 201 if is_new else 200
    return Recorded(event_id=event.event_id, recorded=is_new)


@router.post("/interactions", responses={409: {"model": Problem}})
def record_several(
    sent: Annotated[list[InteractionSent], Body(min_length=1, max_length=MOST_EVENTS)], shop: ShopDep, now: NowDep
) -> BatchRecorded:
    """Record several events at once; those with a product that is not known yet wait for it and are named."""
    done = record_interactions(shop.warehouse, [_interaction(one, now) for one in sent])
    shop.metrics.events.labels("interaction").inc(done.new)
    return BatchRecorded(received=len(sent), recorded=done.new, quarantined=list(done.quarantined))


@router.post("/train", status_code=202)
def request_training(shop: ShopDep) -> WorkAccepted:
    """Ask the orchestrator to train the model anew; it is served once it passed its checks."""
    asked = ask_for(shop.warehouse, WorkRequest(uuid4().hex, "train", None))
    return WorkAccepted(request_id=asked.request_id, kind=asked.kind, seller_id=None)


@router.get("/stats")
def read_stats(shop: ShopDep) -> RecommendationStats:
    """What is published: versions, when, what it was made from, and how many shoppers and products it covers."""
    publication = published(shop.warehouse)
    return RecommendationStats(
        published=publication is not None,
        version=publication.version if publication else None,
        previous_version=publication.previous_version if publication else None,
        published_at=publication.published_at if publication else None,
        counts=recommendation_counts(shop.warehouse, publication.version) if publication else {},
        details=dict(publication.details) if publication else {},
        weights=dict(WEIGHTS),
    )


@router.get("/shoppers")
def read_demo_shoppers(shop: ShopDep) -> list[DemoShopper]:
    """Shoppers of the sample market to look through the eyes of; empty in production, where shoppers are people."""
    return demo_shoppers(shop)


def demo_shoppers(shop: Shop) -> list[DemoShopper]:
    """As the route says."""
    if shop.settings.environment == "production":
        return []
    found = shoppers_with_recommendations(shop.warehouse, limit=DEMO_SHOPPERS)
    return [DemoShopper(user_id=user_id, taste=taste) for user_id, taste in found]


def _interaction(sent: InteractionSent, now: datetime) -> Interaction:
    values = sent.model_dump(exclude={"event_id", "occurred_at"})
    return Interaction(
        event_id=sent.event_id or str(uuid4()),
        occurred_at=occurred(sent.occurred_at, now),
        has_own_time=sent.occurred_at is not None,
        **values,
    )
