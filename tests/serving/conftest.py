"""The app over real stores: one indexed market for reading, fresh databases for writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, Route, sync_playwright

from marketplace.ingestion.browser import FLAGS, chromium
from marketplace.local.market import SampleMarket, draw_market
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import LOOPBACK, answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.publications import RecommendationSet, publish_recommendations
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from serving.app import create_app
from tests.serving import world

SELLERS = 3
PRODUCTS = 10


@dataclass(frozen=True)
class Market:
    """A market in its stores, and the settings under which an app finds them."""

    drawn: SampleMarket
    settings: Settings
    warehouse: Warehouse
    vectors: Vectors

    @property
    def fit(self) -> list[int]:
        """The products that shoppers may buy."""
        return [self.drawn.product_id(one) for one in self.drawn.products if not one.is_junk and one.in_stock]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The default encoder, loaded once."""
    return load_encoder("compact", threads=2, siglip_model="", siglip_pretrained="")


@pytest.fixture(scope="session")
def market(postgres: EmbeddedPostgres, scratch: Path, encoder: Encoder) -> Iterator[Market]:
    """A market of three sellers: judged, indexed, with shoppers and published recommendations; only for reading."""
    folder = scratch / "serving"
    server = EmbeddedMilvus(folder / "milvus", free_port())
    folder.mkdir()
    server.start(folder / "milvus.log")
    settings = Settings(
        _env_file=None,
        auth="open",  # who may ask has tests of its own
        rate_limit_address="",
        rate_limit_leads="",
        rate_limit_links="",
        home=folder,
        database_url=postgres.create_database("serving_market", template="template_soko"),
        milvus_uri=server.uri,
        # Published lists come as they are; what is made of them otherwise has tests of its own.
        recommendation_diversity=0,
        recommendation_exploration=0,
        recommendation_per_seller=100,
    )
    warehouse = Warehouse(settings.database_url.get_secret_value())
    vectors = Vectors(server.uri)
    drawn = draw_market(sellers=SELLERS, products_per_seller=PRODUCTS)
    images = Images(settings.artifacts_folder / "images")
    world.settle(warehouse, images, drawn)
    world.index(warehouse, images, vectors, encoder)
    world.remember(warehouse, drawn, shoppers=24)
    settled = Market(drawn, settings, warehouse, vectors)
    _publish(settled)
    yield settled
    vectors.close()
    warehouse.close()
    server.stop()


@pytest.fixture(scope="session")
def client(market: Market, encoder: Encoder) -> Iterator[TestClient]:
    """The app over the market, its encoder ready."""
    app = create_app(market.settings, load=lambda: encoder)
    with TestClient(app, raise_server_exceptions=False) as opened:
        until_encoder(opened, encoder.version)
        yield opened


@pytest.fixture(scope="session")
def without_index(market: Market, encoder: Encoder) -> Iterator[TestClient]:
    """The app over the same market, but nothing listens where Milvus should be."""
    settings = market.settings.model_copy(update={"milvus_uri": f"http://127.0.0.1:{free_port()}"})
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as opened:
        until_encoder(opened, encoder.version)
        yield opened


@pytest.fixture
def nowhere(tmp_path: Path, database_url: str) -> Settings:
    """Settings with an empty database, and nothing that listens where Milvus should be."""
    milvus = f"http://127.0.0.1:{free_port()}"
    return Settings(_env_file=None, auth="open", home=tmp_path, database_url=database_url, milvus_uri=milvus)


@pytest.fixture
def fresh(nowhere: Settings, encoder: Encoder) -> Iterator[TestClient]:
    """The app over an empty database without Milvus; for tests that write."""
    with TestClient(create_app(nowhere, load=lambda: encoder), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def address(market: Market, encoder: Encoder) -> Iterator[str]:
    """Where the app over the market listens."""
    port = free_port()
    settings = market.settings.model_copy(update={"public_url": f"http://{LOOPBACK}:{port}"})
    app = create_app(settings, load=lambda: encoder)
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: answers(port), 20)
    yield settings.public_url
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(""), args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh shopper's page, on which nothing may go wrong; WhatsApp is answered here, not on the net."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    context.route("https://wa.me/**", _whatsapp)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert wrong == []


def _whatsapp(route: Route) -> None:
    route.fulfill(status=200, content_type="text/html", body="<title>WhatsApp</title>")


def until_encoder(client: TestClient, said: str) -> None:
    """Returns when the app says so of its encoder."""

    def says() -> bool:
        return said in client.get("/health/ready").json()["parts"]["encoder"]["detail"]

    assert wait_until(says, 30), client.get("/health/ready").json()


def _publish(market: Market) -> None:
    ids = market.fit
    personal = [
        {
            "user_id": "shopper-001",
            "rank": rank,
            "product_id": one,
            "score": 1 / rank,
            "cf_score": 0.5,
            "visual_score": 0.5,
        }
        for rank, one in enumerate(ids[:5], 1)
    ]
    neighbours = [{"product_id": one, "rank": 1, "neighbour_id": other, "score": 0.9} for one, other in pairwise(ids)]
    popular = [{"category": "", "rank": rank, "product_id": one, "score": 9.0} for rank, one in enumerate(ids[5:15], 1)]
    publish_recommendations(
        market.warehouse,
        "v1",
        RecommendationSet(personal, neighbours, popular),
        details={"model": "cf_als/1", "index": market.vectors.current()},
        now=world.NOW,
    )
