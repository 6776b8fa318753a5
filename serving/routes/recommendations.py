"""Recommendations, and the interactions they learn from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Body, Query, Request, Response

from marketplace.events.interactions import Interaction, occurred
from marketplace.events.traffic import Device, device_of, source_of
from marketplace.events.weights import WEIGHTS
from marketplace.storage.events import record_interaction, record_interactions
from marketplace.storage.publications import published
from marketplace.storage.reports import recommendation_counts
from marketplace.storage.requests import WorkRequest, ask_for
from marketplace.storage.shelf import product_of
from marketplace.storage.standing import shoppers_with_recommendations
from serving.dependencies import (
    LARGEST_ID,
    TEXT,
    CategoryFilter,
    Limit,
    NowDep,
    OperatorDep,
    ProductId,
    SellerFilter,
    Shop,
    ShopDep,
    UserId,
)
from serving.kept_answers import PRIVATE, key_of
from serving.recommended import rendered
from serving.recommender.asking import Answer, Ask
from serving.recommender_stats import state_of
from serving.schemas import (
    CAME_FROM,
    BatchRecorded,
    DemoShopper,
    InteractionSent,
    Problem,
    Recommendations,
    RecommendationStats,
    Recorded,
    SessionDeed,
    SessionSent,
    WorkAccepted,
)

router = APIRouter(prefix="/api/recommendations", tags=["recommendations"])
beside = APIRouter(prefix="/api/products", tags=["recommendations"])
DEMO_SHOPPERS = 12
MOST_EVENTS = 1_000
_STEERING: dict[int | str, dict[str, type[Problem]]] = {status: {"model": Problem} for status in (401, 403)}


Excluded = Annotated[
    list[Annotated[int, Query(ge=0, le=LARGEST_ID)]],
    Query(max_length=500, description="products that are not wanted; may be given several times"),
]
City = Annotated[
    str | None, Query(max_length=200, pattern=TEXT, description="where the shopper is: what is popular there is first")
]


@router.get("/personalized/{user_id}", response_model=Recommendations, responses={503: {"model": Problem}})
def read_personalized(
    request: Request,
    user_id: UserId,
    shop: ShopDep,
    limit: Limit = 20,
    category: CategoryFilter = None,
    exclude: Excluded = [],  # noqa: B006
    context_product: Annotated[
        int | None, Query(ge=0, le=LARGEST_ID, description="what the shopper is looking at")
    ] = None,
    diversity: Annotated[
        float | None, Query(ge=0, le=1, description="how much variety counts against relevance; the setting's if unset")
    ] = None,
    seller_id: SellerFilter = None,
    city: City = None,
) -> Response:
    """Products for this shopper, best first: from what they did, else popular, else newest; each says why.

    What is sold out, gone, rejected, bought, hidden or reported never stands in it.
    """
    mark = shop.kept.mark(user_id)
    answer = shop.recommender.answer(
        Ask(
            limit,
            user_id=user_id,
            context=context_product,
            category=category,
            city=city,
            seller_id=seller_id,
            exclude=frozenset(exclude),
            diversity=diversity,
            device=_device(request),
        )
    )
    body = rendered(answer)
    if answer.is_lasting:
        shop.kept.keep(key_of(request.scope), answer, body, mark)
    return _given(shop, answer, body)


@router.post("/session", response_model=Recommendations, responses={503: {"model": Problem}})
def recommend_for_session(request: Request, sent: SessionSent, shop: ShopDep) -> Response:
    """Products that go with what was just looked at, for somebody without a record."""
    told = [SessionDeed(product_id=one) if isinstance(one, int) else one for one in sent.products]
    deeds = tuple((one.product_id, one.kind) for one in told)
    ask = Ask(
        sent.limit,
        "session",
        deeds=deeds,
        category=sent.category,
        city=sent.city,
        exclude=frozenset(sent.exclude),
        diversity=sent.diversity,
        device=_device(request),
    )
    return _answered(shop, ask)


@router.post("/interaction", status_code=201, responses={404: {"model": Problem}, 409: {"model": Problem}})
def record_one(request: Request, sent: InteractionSent, shop: ShopDep, now: NowDep, response: Response) -> Recorded:
    """Record what a shopper did; the same event again answers 200 and changes nothing, another under its id 409."""
    event = _interaction(sent, now, _device(request), _own_host(shop))
    is_new = record_interaction(shop.warehouse, event)
    shop.metrics.events.labels("interaction").inc(is_new)
    # Word from Postgres takes a moment; the next answer of this process may come sooner.
    shop.recommender.forget([event.user_id])
    response.status_code = 201 if is_new else 200
    return Recorded(event_id=event.event_id, recorded=is_new)


@router.post("/interactions", responses={409: {"model": Problem}})
def record_several(
    request: Request,
    sent: Annotated[list[InteractionSent], Body(min_length=1, max_length=MOST_EVENTS)],
    shop: ShopDep,
    now: NowDep,
) -> BatchRecorded:
    """Record several events at once; those with a product that is not known yet wait for it and are named."""
    device, own_host = _device(request), _own_host(shop)
    events = [_interaction(one, now, device, own_host) for one in sent]
    done = record_interactions(shop.warehouse, events)
    shop.metrics.erased.labels("interaction").inc(done.erased)
    shop.metrics.events.labels("interaction").inc(done.new)
    shop.recommender.forget(event.user_id for event in events)
    return BatchRecorded(received=len(sent), recorded=done.new, quarantined=list(done.quarantined))


@router.post("/train", status_code=202, dependencies=[OperatorDep], responses=_STEERING)
def request_training(shop: ShopDep) -> WorkAccepted:
    """Ask the orchestrator to train the model anew; it is served once it passed its checks.

    Needs the operator's token or an admin's key.
    """
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
        serving=state_of(shop.recommender, shop.kept, shop.exposing),
    )


@beside.get(
    "/{product_id}/also-bought",
    response_model=Recommendations,
    responses={404: {"model": Problem}, 503: {"model": Problem}},
)
def read_also_bought(request: Request, product_id: ProductId, shop: ShopDep, limit: Limit = 12) -> Response:
    """Products that are chosen together with this one, else those that look like it; `source` of each says which."""
    product_of(shop.warehouse, product_id)
    return _answered(shop, Ask(limit, "also_bought", context=product_id, device=_device(request)))


@router.get("/shoppers")
def read_demo_shoppers(shop: ShopDep) -> list[DemoShopper]:
    """Shoppers of the sample market to look through the eyes of; empty in production, where shoppers are people."""
    return demo_shoppers(shop)


def demo_shoppers(shop: Shop) -> list[DemoShopper]:
    """As the route says."""
    if shop.settings.environment == "production":
        return []
    publication = published(shop.warehouse)
    if publication is None:
        return []
    found = shoppers_with_recommendations(shop.warehouse, publication.version, limit=DEMO_SHOPPERS)
    return [DemoShopper(user_id=user_id, taste=taste) for user_id, taste in found]


def _interaction(sent: InteractionSent, now: datetime, device: Device | None, own_host: str) -> Interaction:
    told = sent.model_dump(exclude={"event_id", "occurred_at", "device", "source", *CAME_FROM})
    return Interaction(
        event_id=sent.event_id or str(uuid4()),
        occurred_at=occurred(sent.occurred_at, now),
        has_own_time=sent.occurred_at is not None,
        device=sent.device or device,
        source=sent.source or source_of(sent.referrer, sent.utm_source, sent.utm_medium, own_host),
        **told,
    )


def _device(request: Request) -> Device | None:
    return device_of(request.headers.get("user-agent", ""))


def _own_host(shop: Shop) -> str:
    return urlsplit(shop.settings.public_url).hostname or ""


def _answered(shop: Shop, ask: Ask) -> Response:
    answer = shop.recommender.answer(ask)
    return _given(shop, answer, rendered(answer))


def _given(shop: Shop, answer: Answer, body: bytes) -> Response:
    shop.metrics.recommended.labels("fresh").inc()
    if answer.lacking is not None:
        shop.metrics.degraded.labels("recommendations").inc()
    shop.exposing.add(answer)
    return Response(body, media_type="application/json", headers=PRIVATE)
