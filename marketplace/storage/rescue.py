"""A live collection that can no longer be read: told from a Milvus that is away, and replaced by the one before it."""

from __future__ import annotations

import logging
import time
from datetime import datetime

import numpy as np

from marketplace.errors import ArtifactUnavailable, PublicationRefused
from marketplace.storage.index_builds import discard, restored, switch
from marketplace.storage.index_records import IndexBuild, builds_by_status
from marketplace.storage.milvus import AnsweredAmiss
from marketplace.storage.vector_rows import DIMENSIONS, LAYOUT
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
LEAST_LEFT = 0.5
LOOKS = 3
SECONDS_BETWEEN = 1.0


def ailment(vectors: Vectors, build: IndexBuild) -> str | None:
    """What is wrong with the collection, None when it can be read and searched.

    A few rows more or less than recorded are no ailment: a process died between a write and its record, and upkeep
    mends that. Nor is an error that passes within seconds.

    Raises
    ------
    StoreUnreachable
        If Milvus itself does not answer.
    """
    wrong = _look(vectors, build)
    for _ in range(LOOKS - 1):
        if wrong is not None:
            time.sleep(SECONDS_BETWEEN)
            wrong = _look(vectors, build)
    return wrong


def rescue(warehouse: Warehouse, vectors: Vectors, broken: IndexBuild, now: datetime) -> IndexBuild | None:
    """What serves instead of a broken collection: the one before, brought up to date; None where none can.

    The broken one is dropped once another serves: a file of it that cannot be read keeps Lite from listing any.
    """
    instead = _one_before(warehouse, vectors, now)
    if instead is None:
        log.warning("no earlier index can serve, so searches go by words until a new one is built")
    else:
        discard(warehouse, vectors, broken.collection)
    return instead


def _look(vectors: Vectors, build: IndexBuild) -> str | None:
    try:
        found = vectors.count(build.collection)
        if found < LEAST_LEFT * build.products:
            return f"{build.collection} holds {found} of its {build.products} products"
        somewhere = np.eye(1, DIMENSIONS, dtype=np.float32)[0]
        served = vectors.described(build.collection)
        answer = vectors.nearest(build.collection, [somewhere], 1, served.index_type, served.breadth)
    except (AnsweredAmiss, ArtifactUnavailable) as error:
        return f"{build.collection} cannot be read: {error}"
    return f"{build.collection} finds nothing" if build.products and not answer[0] else None


def _one_before(warehouse: Warehouse, vectors: Vectors, now: datetime) -> IndexBuild | None:
    """The kept collection, serving: verified where it passes, and as it is where it does not but can be read."""
    try:
        return restored(warehouse, vectors, now)
    except PublicationRefused as error:
        log.warning("%s", error)
    kept = builds_by_status(warehouse, "previous")
    if not kept or kept[0].layout != LAYOUT or ailment(vectors, kept[0]) is not None:
        return None
    switch(warehouse, vectors, kept[0], now)
    return kept[0]
