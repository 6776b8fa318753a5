"""A live collection that can no longer be read: told from a Milvus that is away, and replaced by the one before it."""

from __future__ import annotations

import logging
from datetime import datetime

import numpy as np

from marketplace.errors import ArtifactUnavailable, MarketplaceError, StoreUnreachable
from marketplace.storage.index_builds import live_build, restored
from marketplace.storage.index_records import IndexBuild, record_status
from marketplace.storage.vector_rows import DIMENSIONS
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
LEAST_LEFT = 0.5


def ailment(vectors: Vectors, build: IndexBuild) -> str | None:
    """What is wrong with the collection, None when it can be read and searched.

    A few rows more or less than recorded are no ailment: a process died between a write and its record, and upkeep
    mends that.

    Raises
    ------
    StoreUnreachable
        If Milvus itself does not answer.
    """
    vectors.server()
    try:
        found = vectors.count(build.collection)
        if found < LEAST_LEFT * build.products:
            return f"{build.collection} holds {found} of its {build.products} products"
        somewhere = np.eye(1, DIMENSIONS, dtype=np.float32)[0]
        served = vectors.described(build.collection)
        answer = vectors.nearest(build.collection, [somewhere], 1, served.index_type, served.breadth)
    except (StoreUnreachable, ArtifactUnavailable) as error:
        vectors.server()  # it answers, so what fails is the collection
        return f"{build.collection} cannot be read: {error}"
    return f"{build.collection} finds nothing" if build.products and not answer[0] else None


def rescue(warehouse: Warehouse, vectors: Vectors, broken: IndexBuild, now: datetime) -> IndexBuild | None:
    """What serves instead of a broken collection: the one before, brought up to date; None where none can.

    The broken one is dropped: a file of it that cannot be read keeps Lite from listing any collection.
    """
    try:
        instead = restored(warehouse, vectors, now)
    except MarketplaceError as error:
        log.warning("no earlier index can serve, so searches go by words until a new one is built: %s", error)
        vectors.milvus.ask("drop_alias", vectors.alias)
        instead = None
    vectors.drop(broken.collection)
    record_status(warehouse, broken.collection, "dropped")
    return instead if instead is not None else live_build(warehouse, vectors, now)
