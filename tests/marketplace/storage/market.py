"""The sample market carried to Postgres, judged and embedded, its sellers seen one hour after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from marketplace.ingestion.sources import Hydration, ProductRef
from marketplace.ingestion.sync import sync_seller
from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.storage.catalog import add_seller, judge_products
from marketplace.storage.embeddings import pending, store
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from tests.serving.world import NOW, Catalogue

Draw = Callable[[SampleProduct], bytes]


@dataclass(frozen=True)
class Redrawn(Catalogue):
    """A seller's products with other pictures than the market's own."""

    draw: Draw

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        by_ref = {product.ref: product for product in self.products}
        for hydrated in super().hydrate(refs):
            product = by_ref[hydrated.ref.source_ref]
            yield replace(hydrated, image=self.draw(product) if product.has_picture else None)


def settle(warehouse: Warehouse, images: Images, market: SampleMarket, encoder: Encoder, draw: Draw) -> None:
    """Sellers and products are stored, judged and embedded."""
    for place, seller in enumerate(market.sellers):
        add_seller(warehouse, seller)
        seen, catalogue = NOW + timedelta(hours=place), Redrawn(market.of(seller.handle), draw)
        sync_seller(warehouse, images, catalogue, seller, trigger="command", now=seen, brake_share=1.0)
    judge_products(warehouse, NOW)
    waiting = pending(warehouse, encoder.version)
    pictures = [images.read(one.image_sha256) if one.image_sha256 else None for one in waiting]
    vectors = encoder.embed_products(pictures, [one.text for one in waiting])
    store(warehouse, encoder.version, waiting, vectors, now=NOW)
