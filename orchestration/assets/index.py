"""Embedding and index: what changed gets a vector, and a verified collection replaces the old one."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

import dagster as dg

from marketplace.storage import embeddings
from marketplace.storage.images import Images
from marketplace.storage.index_state import follow_catalog
from models.embedding.encoder import Encoder
from models.embedding.vectors import Vectors
from orchestration.assets.catalog import ENGINEERS, EVERY_SIX_HOURS
from orchestration.failures import failing_by_class
from orchestration.resources import EncodersParam, ImagesParam, VectorsParam, WarehouseParam

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


@dg.asset(
    deps=[product_embeddings],
    group_name="index",
    kinds={"milvus"},
    owners=ENGINEERS,
    freshness_policy=EVERY_SIX_HOURS,
    pool="index",
    check_specs=[dg.AssetCheckSpec("the_index_is_whole", asset="product_index", blocking=True)],
)
@failing_by_class
def product_index(warehouse: WarehouseParam, vectors: VectorsParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """The Milvus collection that searches read, built aside and switched by alias. One row per indexed product."""
    started = time.monotonic()
    build = follow_catalog(
        warehouse,
        vectors,
        encoders.load().version,
        index_type=encoders.settings.index_type,
        now=datetime.now(UTC),
    )
    return dg.MaterializeResult(
        metadata={
            "collection": build.collection,
            "dagster/row_count": build.products,
            "nlist": build.nlist,
            "rebuilt": build.rebuilt,
            "model_version": build.model_version,
            "verification": dg.MetadataValue.json(dict(build.report)),
            "seconds": round(time.monotonic() - started, 1),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="the_index_is_whole",
                passed=True,
                metadata={"verification": dg.MetadataValue.json(dict(build.report))},
            )
        ],
    )


def _embed(encoder: Encoder, images: Images, batch: Sequence[embeddings.PendingProduct]) -> Vectors:
    pictures = [images.read(product.image_sha256) if product.image_sha256 else None for product in batch]
    return encoder.embed_products(pictures, [product.text for product in batch])


def _batches(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
