"""The API and the storefront as one app."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from marketplace.crm.codes import Codes
from marketplace.crm.masking import mask_logs
from marketplace.errors import MarketplaceError
from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.people import seal_of
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from serving.access import answer_refusals, guard
from serving.business import Business
from serving.chats import Chats
from serving.credentials import Credentials
from serving.dependencies import Shop, State
from serving.encoder import WarmEncoder
from serving.exposing import Exposing
from serving.finder import Finder
from serving.kept_answers import FromMemory, KeptAnswers
from serving.likeness import ALONE_SECONDS
from serving.metrics import Metrics
from serving.middleware import BodyLimit, Surround
from serving.pictures import Pictures
from serving.problems import answer_with_problems
from serving.rate_limits import LimitByAddress, RateLimits, SayOpen
from serving.recommender.recommender import Recommender
from serving.rendering import STATIC, Files, error_page
from serving.routes import (
    alerts,
    analytics,
    auth,
    crm,
    dashboards_page,
    experiments,
    experiments_page,
    exposure,
    health,
    heartbeat,
    heartbeat_page,
    history,
    leads,
    links,
    matches,
    media,
    people,
    products,
    quality,
    recommendations,
    review_page,
    search,
    search_page,
    seller_orders,
    sellers,
    storefront,
    suggestions,
)

log = logging.getLogger(__name__)
GUARDED = [Depends(guard)]
THREADS = 16
CONNECTIONS = 8
DESCRIPTION = """Search by words and photo, recommendations, leads and figures of a marketplace of small sellers.

Errors are problems as RFC 9457 has them, each with the `request_id` that stands in the `X-Request-ID` header.
Answers that had to do without a part say `degraded` and why."""


def create_app(settings: Settings, *, load: Callable[[], Encoder] | None = None) -> FastAPI:
    """The app; it answers at once, and loads its encoder beside.

    Parameters
    ----------
    load
        Gives the encoder, if not the one that the settings name.

    Raises
    ------
    ConfigurationError
        If a store's address is none.
    """
    metrics = Metrics()
    shop = _shop(settings, load or _named_encoder(settings), metrics)
    metrics.of_the_market.register(Business(shop.warehouse))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[State]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        shop.encoder.start()
        shop.exposing.start()
        shop.recommender.start()
        shop.chats.start()
        if settings.auth == "open":
            log.warning("SOKO_AUTH is open: everybody who reaches this API may read and steer everything")
        yield {"shop": shop}
        shop.recommender.close()
        shop.chats.close()
        shop.exposing.close()
        shop.finder.close()
        shop.vectors.close()
        shop.warehouse.close()

    mask_logs()
    app = FastAPI(
        title="Soko",
        summary="A marketplace of small African sellers.",
        description=DESCRIPTION,
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # Prometheus is told all of it at /metrics
        lifespan=lifespan,
        middleware=[
            Middleware(Surround, metrics=metrics),
            Middleware(FromMemory, kept=shop.kept, exposing=shop.exposing, metrics=metrics),
            *([Middleware(SayOpen)] if settings.auth == "open" else []),
            *([_cross_origin(settings.allowed_origins)] if settings.allowed_origins else []),
            Middleware(LimitByAddress, limits=shop.limits),
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(
                BodyLimit, upload_max_bytes=settings.upload_max_bytes, feed_max_bytes=settings.feed_upload_max_bytes
            ),
        ],
    )
    for noun in (
        products,
        history,
        matches,
        search,
        suggestions,
        recommendations,
        sellers,
        crm,
        heartbeat,
        heartbeat_page,
        quality,
        analytics,
        alerts,
        dashboards_page,
        exposure,
        experiments,
        experiments_page,
        health,
        media,
        storefront,
        search_page,
        review_page,
        auth,
        leads,
        links,
        people,
        seller_orders,
    ):
        app.include_router(noun.router, dependencies=GUARDED)
    app.include_router(recommendations.beside, dependencies=GUARDED)
    app.include_router(analytics.beside, dependencies=GUARDED)
    app.mount("/static", Files(directory=STATIC), name="static")
    answer_with_problems(app, error_page)
    answer_refusals(app, error_page)
    return app


def app_from_environment() -> FastAPI:
    """The app as `SOKO_*` variables describe it; a wrong one ends the process with a sentence."""
    try:
        return create_app(Settings())
    except MarketplaceError as error:
        raise SystemExit(f"soko api: {error}") from error


def _shop(settings: Settings, load: Callable[[], Encoder], metrics: Metrics) -> Shop:
    warehouse = Warehouse(
        settings.database_url.get_secret_value(),
        pool_size=CONNECTIONS,
        statement_seconds=settings.statement_seconds,
    )
    token = settings.milvus_token.get_secret_value()
    # Nobody who shops waits longer, and a thread that waits is missed by others.
    vectors = Vectors(settings.milvus_uri, token, min(settings.milvus_timeout_seconds, ALONE_SECONDS))
    encoder = WarmEncoder(load)
    images = Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels)
    finder = Finder(
        warehouse,
        vectors,
        encoder,
        images,
        seconds=settings.search_seconds,
        # Read when the first cursor is made, so that the app starts while Postgres is away.
        cursor_key=partial(shared_secret, warehouse, "cursors"),
    )
    recommender, kept = Recommender(warehouse, vectors, settings), KeptAnswers()
    recommender.on_change(kept.hear)
    exposing = Exposing(warehouse, metrics, settings.recommendation_exposures)
    return Shop(
        settings,
        warehouse,
        vectors,
        encoder,
        finder,
        Pictures(images),
        metrics,
        recommender,
        exposing,
        kept,
        Credentials(warehouse, token_seconds=settings.token_seconds),
        RateLimits(settings),
        Chats(warehouse, Codes(partial(shared_secret, warehouse, "links")), metrics),
        seal_of(settings, warehouse),
    )


def _cross_origin(origins: list[str]) -> Middleware:
    """Scripts of these sites may call with a key; cookies are never taken from them."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["authorization", "content-type", "x-soko-key"],
        expose_headers=["x-request-id", "retry-after"],
        max_age=600,
    )


def _named_encoder(settings: Settings) -> Callable[[], Encoder]:
    return lambda: load_encoder(
        settings.encoder,
        threads=settings.encoder_threads,
        siglip_model=settings.siglip_model,
        siglip_pretrained=settings.siglip_pretrained,
        runtime=settings.encoder_runtime,
        cache=settings.encoders_folder,
        batch=settings.encoder_batch,
    )
