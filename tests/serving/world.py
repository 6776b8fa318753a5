"""The sample market, carried to the stores that serving reads, by the same functions as the graph's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import SourcedProduct
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.sync import sync_seller
from marketplace.ingestion.visits import Visit
from marketplace.local.history import draw_history
from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.local.pictures import draw_picture
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.embeddings import pending, store
from marketplace.storage.images import Images
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.pictures import measure_pictures
from marketplace.storage.quality import judge_products
from marketplace.storage.suggestions import refresh_suggestions
from marketplace.storage.tables import interactions, leads
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.word_index import refresh_terms
from models.embedding.encoder import Encoder

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Catalogue:
    """A seller's products, as a source that is always awake."""

    products: Sequence[SampleProduct]

    reader = "catalogue-1"
    lists_other_pages = False

    async def scout(self, web: Visit) -> Scan:
        refs = (ProductRef(product.ref, harvest={"title": product.title}) for product in self.products)
        return Scan(tuple(refs), is_complete=True)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        product = self._by_ref()[ref.source_ref]
        return SourcedProduct(
            source_ref=product.ref,
            title=product.title,
            url=f"https://shop.example/p/{product.ref}",
            description=product.description,
            category=product.category,
            price=product.price,
            image_url=product.ref if product.has_picture else None,
            in_stock=product.in_stock,
        )

    def picture(self, where: str) -> bytes:
        return draw_picture(self._by_ref()[where])

    def _by_ref(self) -> dict[str, SampleProduct]:
        return {product.ref: product for product in self.products}


def settle(warehouse: Warehouse, images: Images, market: SampleMarket, *, now: datetime = NOW) -> None:
    """The market's sellers and products are stored and judged."""
    settings = Settings(_env_file=None, home=images.folder.parent)
    for seller in market.sellers:
        add_seller(warehouse, seller)
        catalogue = Catalogue(market.of(seller.handle))
        sync_seller(warehouse, images, settings, seller, source=catalogue, trigger="command", now=now, brake_share=1.0)
    measure_pictures(warehouse, images, now=now)
    judge_products(warehouse, now)
    refresh_terms(warehouse)
    refresh_suggestions(warehouse)


def index(warehouse: Warehouse, images: Images, vectors: Vectors, encoder: Encoder, *, now: datetime = NOW) -> None:
    """Every product on offer is embedded and served by Milvus."""
    waiting = pending(warehouse, encoder.version)
    pictures = [images.read(product.image_sha256) if product.image_sha256 else None for product in waiting]
    embedded = encoder.embed_products(pictures, [product.text for product in waiting])
    store(warehouse, encoder.version, waiting, embedded, now=now)
    rebuild_index(warehouse, vectors, encoder.version, index_type="FLAT", now=now)


def remember(warehouse: Warehouse, market: SampleMarket, *, shoppers: int, days: int = 30) -> None:
    """What shoppers did, is stored."""
    history = draw_history(market, until=NOW, days=days, shoppers=shoppers)
    rows: list[tuple[sa.Table, list[dict[str, Any]]]] = [(interactions, history.interactions), (leads, history.leads)]
    with warehouse.begin() as connection:
        for table, events in rows:
            connection.execute(sa.insert(table), events)
