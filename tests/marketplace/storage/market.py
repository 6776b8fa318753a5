"""The sample market carried to Postgres, judged and embedded, its sellers seen one hour after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from marketplace.ingestion.sync import sync_seller
from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.embeddings import pending, store
from marketplace.storage.images import Images
from marketplace.storage.quality import judge_products
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from tests.serving.world import NOW, Catalogue

Draw = Callable[[SampleProduct], bytes]


@dataclass(frozen=True)
class Redrawn(Catalogue):
    """A seller's products with other pictures than the market's own."""

    draw: Draw

    def picture(self, where: str) -> bytes:
        return self.draw(self._by_ref()[where])


def settle(warehouse: Warehouse, images: Images, market: SampleMarket, encoder: Encoder, draw: Draw) -> None:
    """Sellers and products are stored, judged and embedded."""
    settings = Settings(_env_file=None, home=images.folder.parent, vanish_brake_share=1.0)
    for place, seller in enumerate(market.sellers):
        add_seller(warehouse, seller)
        seen, catalogue = NOW + timedelta(hours=place), Redrawn(market.of(seller.handle), draw)
        sync_seller(warehouse, images, settings, seller, source=catalogue, trigger="command", now=seen)
    judge_products(warehouse, NOW)
    waiting = pending(warehouse, encoder.version)
    pictures = [images.read(one.image_sha256) if one.image_sha256 else None for one in waiting]
    vectors = encoder.embed_products(pictures, [one.text for one in waiting])
    store(warehouse, encoder.version, waiting, vectors, now=NOW)
