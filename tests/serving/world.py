"""The sample market, carried to the stores that serving reads, by the same functions as the graph's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from marketplace.catalog.products import SourcedProduct
from marketplace.ingestion.sources import Hydration, ProductRef, Scan
from marketplace.ingestion.sync import sync_seller
from marketplace.local.history import draw_history
from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.local.pictures import draw_picture
from marketplace.storage.catalog import add_seller, judge_products
from marketplace.storage.embeddings import pending, store
from marketplace.storage.images import Images
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.tables import interactions, leads
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Catalogue:
    """A seller's products, as a source that is always awake."""

    products: Sequence[SampleProduct]

    def scout(self) -> Scan:
        return Scan(tuple(ProductRef(product.ref) for product in self.products), is_complete=True)

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        by_ref = {product.ref: product for product in self.products}
        for ref in refs:
            product = by_ref[ref.source_ref]
            sourced = SourcedProduct(
                source_ref=product.ref,
                title=product.title,
                url=f"https://shop.example/p/{product.ref}",
                description=product.description,
                category=product.category,
                price=product.price,
                in_stock=product.in_stock,
            )
            yield Hydration(ref, sourced, draw_picture(product) if product.has_picture else None)


def settle(warehouse: Warehouse, images: Images, market: SampleMarket, *, now: datetime = NOW) -> None:
    """The market's sellers and products are stored and judged."""
    for seller in market.sellers:
        add_seller(warehouse, seller)
        catalogue = Catalogue(market.of(seller.handle))
        sync_seller(warehouse, images, catalogue, seller, trigger="command", now=now, brake_share=1.0)
    judge_products(warehouse, now)


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
