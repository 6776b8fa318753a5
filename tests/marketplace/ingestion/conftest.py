"""A seller, a picture, and a scripted source whose outcomes a test decides."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from PIL import Image

from marketplace.catalog.products import Price, Seller, SourcedProduct, stable_id
from marketplace.errors import MarketplaceError
from marketplace.ingestion.sources import Hydration, ProductRef, Scan
from marketplace.storage import catalog
from marketplace.storage.images import Images

from .web import Web

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def picture(colour="red"):
    target = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(target, "JPEG")
    return target.getvalue()


@dataclass
class Shelf:
    """A catalogue in memory, read through the interface that every source has."""

    products: dict[str, SourcedProduct] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    is_complete: bool = True
    dies_after: int | None = None
    refused: set[str] = field(default_factory=set)
    pictures: dict[str, bytes | None] = field(default_factory=dict)
    error: MarketplaceError | None = None

    def put(self, ref, *, title="Kitenge dress", price=1000):
        self.products[ref] = SourcedProduct(
            source_ref=ref, title=f"{title} {ref}", price=Price(price * 100, "KES"), image_url=f"http://shop/{ref}.jpg"
        )

    def scout(self):
        if self.error is not None:
            raise self.error
        return Scan(tuple(ProductRef(ref) for ref in self.products), self.is_complete)

    def hydrate(self, refs):
        for number, ref in enumerate(refs):
            if number == self.dies_after:
                raise KeyboardInterrupt
            if ref.source_ref in self.gone:
                yield Hydration(ref, None, is_gone=True)
            elif ref.source_ref in self.refused:
                yield Hydration(ref, None, refusal="'abc' is no price")
            else:
                image = self.pictures.get(ref.source_ref, picture())
                yield Hydration(
                    ref, self.products[ref.source_ref], image=image, image_refusal="" if image else "no answer"
                )


@pytest.fixture
def shelf():
    stocked = Shelf()
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
def web():
    with Web() as served:
        yield served
