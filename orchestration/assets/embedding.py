"""Embedding: what changed in the catalogue gets a vector."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

import dagster as dg

from marketplace.storage import embeddings
from marketplace.storage.images import Images
from models.embedding.encoder import Encoder
from models.embedding.vectors import Vectors
from orchestration.assets.catalog import ENGINEERS
from orchestration.failures import failing_by_class
from orchestration.resources import EncodersParam, ImagesParam, WarehouseParam

log = logging.getLogger(__name__)
BATCH = 32
T = TypeVar("T")


@dg.asset(
    deps=["product_quality", "products"],
    group_name="embedding",
    kinds={"torch", "postgres"},
    owners=ENGINEERS,
    check_specs=[dg.AssetCheckSpec("embeddings_cover_the_catalog", asset="product_embeddings", blocking=True)],
)
@failing_by_class
def product_embeddings(warehouse: WarehouseParam, images: ImagesParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """A 768-d unit vector of picture and words; only what changed is embedded. One row per product and model."""
    started = time.monotonic()
    encoder = encoders.load()
    pending = embeddings.pending(warehouse, encoder.version)
    embedded = 0
    for batch in _batches(pending, BATCH):
        embeddings.store(warehouse, encoder.version, batch, _embed(encoder, images, batch), now=datetime.now(UTC))
        embedded += len(batch)
        log.info("embedded %d of %d products", embedded, len(pending))
    left = len(embeddings.pending(warehouse, encoder.version))
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "embedded": embedded,
            "without_picture": sum(product.image_sha256 is None for product in pending),
            "model_version": encoder.version,
            "seconds": round(seconds, 1),
            "products_per_second": round(embedded / seconds, 1),
        },
        check_results=[
            dg.AssetCheckResult(check_name="embeddings_cover_the_catalog", passed=left == 0, metadata={"left": left})
        ],
    )


def _embed(encoder: Encoder, images: Images, batch: Sequence[embeddings.PendingProduct]) -> Vectors:
    pictures = [images.read(product.image_sha256) if product.image_sha256 else None for product in batch]
    return encoder.embed_products(pictures, [product.text for product in batch])


def _batches(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
