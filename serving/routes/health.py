"""Whether the service lives, whether it is ready, and its metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from marketplace.errors import ArtifactUnavailable, ConfigurationError, MarketplaceError, StoreUnreachable
from marketplace.storage.index_status import EMBEDDED_LIMIT, index_status, is_outgrown
from marketplace.storage.publications import published
from serving.access import sees_market
from serving.dependencies import Shop, ShopDep
from serving.problems import said
from serving.schemas import Health, IndexBacklog, IndexHealth, Part

router = APIRouter(tags=["operation"])
NOT_REACHED = "Milvus does not answer; is SOKO_MILVUS_URI right?"


@router.get("/health/live")
async def read_live() -> dict[str, str]:
    """Answers while the process lives, whatever its stores do."""
    return {"status": "live"}


@router.get("/health/ready", responses={503: {"model": Health}})
def read_ready(shop: ShopDep, response: Response) -> Health:
    """The state of every part: `degraded` while shoppers must do without one of them, 503 without Postgres."""
    parts = {"postgres": _postgres(shop)}
    if parts["postgres"].state == "ready":
        parts |= {"encoder": _encoder(shop), "index": _index(shop), "recommendations": _recommendations(shop)}
    states = {part.state for part in parts.values()}
    if parts["postgres"].state == "down":
        response.status_code = 503
        return Health(status="down", parts=parts)
    return Health(status="ready" if states == {"ready"} else "degraded", parts=parts)


@router.get("/api/health", responses={503: {"model": Health}})
def read_health(shop: ShopDep, response: Response) -> Health:
    """As `/health/ready`, with what the vector index serves, how it is searched, and what waits to be carried to it."""
    health = read_ready(shop, response)
    if health.status == "down":
        return health
    return health.model_copy(update={"index": _index_health(shop)})


@router.get("/metrics", include_in_schema=False)
def read_prometheus(request: Request, shop: ShopDep) -> Response:
    """Metrics in Prometheus' text format; the market's own figures only for who may see them."""
    shop.metrics.encoder_ready.set(shop.encoder.state == "ready")
    return Response(shop.metrics.text(with_market=sees_market(request)), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _postgres(shop: Shop) -> Part:
    try:
        is_migrated = shop.warehouse.is_migrated()
    except StoreUnreachable:
        return Part(state="down", detail="Postgres does not answer; is SOKO_DATABASE_URL right?")
    if not is_migrated:
        return Part(state="down", detail="the schema is not at the newest revision; run `soko migrate`")
    return Part(state="ready", detail="answers, schema is current")


def _encoder(shop: Shop) -> Part:
    details = {
        "ready": f"{shop.encoder.version}",
        "loading": "loading; until then words find by keywords only, photos only themselves",
        "failed": "cannot be loaded, the log says why; words find by keywords only, photos only themselves",
    }
    state = shop.encoder.state
    return Part(state="ready" if state == "ready" else "degraded", detail=details[state])


def _index(shop: Shop) -> Part:
    try:
        health = shop.vectors.health()
    except (StoreUnreachable, ConfigurationError, ArtifactUnavailable) as error:
        return Part(state="degraded", detail=f"words are searched by keywords only: {_short(error)}")
    if health.collection is None:
        return Part(state="degraded", detail="nothing is published; materialise product_index")
    detail = f"{health.products} products, {health.index_type}, {health.model_version}"
    if is_outgrown(health):
        return Part(state="degraded", detail=f"{detail}; more than the {EMBEDDED_LIMIT:,} that Milvus Lite is good for")
    return Part(state="ready", detail=detail)


def _index_health(shop: Shop) -> IndexHealth:
    found = index_status(shop.warehouse, shop.vectors).as_json()
    waiting = found.pop("waiting")
    oldest = waiting["oldest"]
    age = (datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds() if oldest else None
    backlog = IndexBacklog(changes=waiting["changes"], products=waiting["products"], oldest_seconds=age)
    snapshot = found.pop("last_snapshot")
    told = {**found, "away": found["away"] and NOT_REACHED, "last_snapshot_at": snapshot and snapshot["taken_at"]}
    return IndexHealth(**told, waiting=backlog)


def _recommendations(shop: Shop) -> Part:
    loaded, trouble = shop.recommender.loaded, shop.recommender.trouble
    shop.metrics.model_served.set(loaded is not None and trouble is None)
    if trouble is not None:
        return Part(state="degraded", detail=trouble)
    publication = published(shop.warehouse)
    if publication is None:
        return Part(state="degraded", detail="nothing is published; materialise recommendations")
    model = f", model {loaded.version} ({loaded.kind})" if loaded else ", lists and neighbours without a model"
    return Part(state="ready", detail=f"version {publication.version}{model}")


def _short(error: MarketplaceError) -> str:
    return NOT_REACHED if isinstance(error, StoreUnreachable) else said(error)
