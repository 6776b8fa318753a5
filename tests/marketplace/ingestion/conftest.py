"""A seller, a picture, and a catalogue whose pages and scans a test decides."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from marketplace.catalog.products import Price, Seller, SourcedProduct, stable_id
from marketplace.errors import InputRejected, MarketplaceError
from marketplace.ingestion.browser import Chromium
from marketplace.ingestion.fetching import Fetcher
from marketplace.ingestion.politeness import Patience
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.sync import Ingestion
from marketplace.ingestion.visits import Visit
from marketplace.settings import Settings
from marketplace.storage import catalog
from marketplace.storage.images import Images
from marketplace.storage.kept_pages import KeptPages

from .web import Web

NOW = datetime(2026, 11, 21, tzinfo=UTC)
QUICK = Patience(attempts=1)


def picture(colour="red"):
    target = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(target, "JPEG")
    return target.getvalue()


@dataclass
class Shelf:
    """A catalogue on a loopback server, read through the interface that every source has."""

    web: Web
    products: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True
    error: MarketplaceError | None = None
    reader: str = "shelf-1"
    lists_other_pages: bool = False

    def put(self, ref, *, title="Kitenge dress", price=1000, shown=None, **how):
        page = json.dumps({"title": f"{title} {ref}", "price": price} if shown is None else shown)
        tag = {"etag": hashlib.sha256(page.encode()).hexdigest()}
        self.products[ref] = self.web.page(f"/{ref}", page, headers=tag, **how)
        if f"/{ref}.jpg" not in self.web.answers:
            self.draw(ref, picture())

    def draw(self, ref, content, **how):
        self.web.page(f"/{ref}.jpg", content, headers={"etag": hashlib.sha256(content).hexdigest()}, **how)

    def take_down(self, ref):
        self.web.page(f"/{ref}", status=410)

    async def scout(self, web):
        if self.error is not None:
            raise self.error
        return Scan(tuple(ProductRef(ref, url) for ref, url in self.products.items()), self.is_complete)

    def product_of(self, ref, content):
        shown = json.loads(content)
        if "price" not in shown:
            raise InputRejected(shown["reason"])
        return SourcedProduct(
            source_ref=ref.source_ref,
            title=shown["title"],
            price=Price(shown["price"] * 100, "KES"),
            image_url=f"{self.web.url}/{ref.source_ref}.jpg",
        )

    def picture(self, where):
        return None


@pytest.fixture
def web():
    with Web() as served:
        yield served


@pytest.fixture
def shelf(web):
    stocked = Shelf(web)
    for number in range(60):
        stocked.put(f"{number:02d}")
    return stocked


@pytest.fixture
def seller(warehouse):
    kept = Seller(stable_id("seller", "amina"), "amina", "Amina", None, "Nairobi", "KE", "KES", "feed", "/nowhere")
    catalog.add_seller(warehouse, kept)
    return kept


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path / "images")


@pytest.fixture
def settings(tmp_path):
    return Settings(_env_file=None, allow_private_hosts=True, home=tmp_path, vanish_brake_share=0.5)


@pytest.fixture
def ingestion(warehouse, images, settings):
    """Whatever is asked of an ingestion, done in one run of its own at an hour of the day."""

    def run(work, *, hours=0, source=None, **how):
        async def main():
            options = {"source_of": lambda seller, settings: source} if source is not None else {}
            clock = NOW + timedelta(hours=hours)
            options |= {"patience": QUICK, "clock": lambda: clock, **how}
            async with Ingestion(warehouse, images, settings, **options) as opened:
                return await work(opened)

        return asyncio.run(main())

    return run


@dataclass
class FreshWeb:
    """The engine that fetches, with a run of its own for each page."""

    settings: Settings
    folder: Path

    async def page(self, url, *, known=None):
        async with Fetcher(self.settings, QUICK) as fetcher:
            return await self.visit(fetcher).page(url, known=known)

    async def listing(self, url):
        async with Fetcher(self.settings, QUICK) as fetcher:
            return await self.visit(fetcher).listing(url)

    def visit(self, fetcher):
        return Visit(fetcher, Chromium(self.settings), KeptPages(self.folder))


@pytest.fixture
def fresh_web(settings, tmp_path):
    return FreshWeb(settings, tmp_path / "pages")


@pytest.fixture
def scouted(settings, tmp_path):
    """Scouts a source: its scan."""

    def run(source):
        async def main():
            async with Fetcher(settings, QUICK) as fetcher:
                return await source.scout(Visit(fetcher, Chromium(settings), KeptPages(tmp_path / "pages")))

        return asyncio.run(main())

    return run


@pytest.fixture
def read(scouted):
    """Scouts a source and reads what was harvested: by id, each product or why it was refused."""

    def read_all(source):
        outcomes = {}
        for ref in scouted(source).refs:
            try:
                outcomes[ref.source_ref] = source.product_of(ref, None)
            except InputRejected as error:
                outcomes[ref.source_ref] = str(error)
        return outcomes

    return read_all
