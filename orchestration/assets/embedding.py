"""Embedding: what changed in the catalogue gets a vector."""

import time

import dagster as dg
from pydantic import Field

from marketplace.storage import embeddings
from models.embedding.distributed import Cluster
from orchestration.assets.catalog import ENGINEERS
from orchestration.embedding import embed_pending
from orchestration.failures import failing_by_class
from orchestration.pictures import table
from orchestration.resources import EncodersParam, ImagesParam, WarehouseParam

SHOWN = 20


class Distributed(dg.Config):
    """A Ray cluster that makes the parts of a backlog."""

    address: str = Field("local", description="local, auto, or the address of a cluster that is there")
    workers: int = Field(2, ge=1, description="encoders at once, each loaded by a worker of its own")
    cpus: float = Field(1.0, gt=0, description="cores that each worker reserves, and threads that it has")
    gpus: float = Field(0.0, ge=0, description="share of a GPU that each worker reserves")


class EmbeddingConfig(dg.Config):
    """Where vectors are made."""

    distributed: Distributed | None = Field(None, description="a Ray cluster; this process unless given")


@dg.asset(
    deps=["product_quality", "products"],
    group_name="embedding",
    kinds={"onnx", "postgres"},
    owners=ENGINEERS,
    check_specs=[
        dg.AssetCheckSpec("embeddings_cover_the_catalog", asset="product_embeddings", blocking=True),
        dg.AssetCheckSpec("embedded_pictures_were_read", asset="product_embeddings"),
    ],
)
@failing_by_class
def product_embeddings(
    config: EmbeddingConfig, warehouse: WarehouseParam, images: ImagesParam, encoders: EncodersParam
) -> dg.MaterializeResult:
    """A 768-d unit vector of picture and words; only what changed is embedded. One row per product and model."""
    started = time.monotonic()
    encoder = encoders.load()
    cluster = None if config.distributed is None else Cluster(**config.distributed.model_dump())
    done = embed_pending(
        warehouse,
        images,
        encoder,
        decoders=encoders.settings.encoder_decoders,
        cluster=cluster,
        load=None if cluster is None else encoders.loading(threads=cluster.threads),
    )
    left = len(embeddings.pending(warehouse, encoder.version))
    seconds = time.monotonic() - started
    unread = [{"picture": one.key, "reason": one.reason} for one in done.unread[:SHOWN]]
    return dg.MaterializeResult(
        metadata={
            "embedded": done.products,
            "pictures_encoded": done.pictures_made,
            "pictures_known": done.pictures_kept,
            "texts_encoded": done.words_made,
            "texts_known": done.words_kept,
            "pictures_unread": len(done.unread),
            "decode_wait_share": round(done.clock.waiting_share, 3),
            "model_version": encoder.version,
            "seconds": round(seconds, 1),
            "products_per_second": round(done.products / seconds, 1),
            **({"unread": table(unread)} if unread else {}),
        },
        check_results=[
            dg.AssetCheckResult(check_name="embeddings_cover_the_catalog", passed=left == 0, metadata={"left": left}),
            dg.AssetCheckResult(
                check_name="embedded_pictures_were_read",
                passed=not done.unread,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"unread": len(done.unread)},
            ),
        ],
    )
