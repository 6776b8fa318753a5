"""How the index is, in one look: what is served, what waits, and when it was last checked and backed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from marketplace.errors import ArtifactUnavailable, ConfigurationError, NotFound, StoreUnreachable
from marketplace.storage.index_records import IndexBuild, build_of, builds_by_status
from marketplace.storage.index_snapshots import last_snapshot
from marketplace.storage.outbox import Backlog, backlog
from marketplace.storage.tables import product_embeddings
from marketplace.storage.vectors import IndexHealth, Vectors
from marketplace.storage.warehouse import Warehouse

# Beyond this many products a search of the embedded Milvus takes longer than 100 ms at the 99th percentile.
EMBEDDED_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What Milvus and Postgres say of the index; `away` says why Milvus said nothing, `health` is None then."""

    health: IndexHealth | None
    away: str | None
    live: IndexBuild | None
    previous: IndexBuild | None
    waiting: Backlog
    snapshot: tuple[str, datetime] | None

    @property
    def outgrown(self) -> bool:
        """Whether the embedded Milvus holds more products than it is good for."""
        return self.health is not None and is_outgrown(self.health)

    def as_json(self) -> dict[str, Any]:
        """The status, for programs."""
        health, live, waiting = self.health, self.live, self.waiting
        return {
            "server": health and health.server,
            "away": self.away,
            "collection": health and health.collection,
            "products": health and health.products,
            "model_version": health and health.model_version,
            "index_type": health and health.index_type,
            "nlist": health and health.nlist,
            "breadth": health and health.breadth,
            "outgrown": self.outgrown,
            "recall": live and (live.checked or live.report).get("recall"),
            "published_at": live and _text(live.published_at),
            "changed_since_build": live and live.changed,
            "previous": self.previous and self.previous.collection,
            "waiting": {**asdict(waiting), "oldest": _text(waiting.oldest)},
            "last_verified_at": live and _text(live.checked_at),
            "last_verification_passed": live.checked.get("passed") if live and live.checked else None,
            "last_snapshot": self.snapshot and {"file": self.snapshot[0], "taken_at": _text(self.snapshot[1])},
        }


def index_status(warehouse: Warehouse, vectors: Vectors) -> IndexStatus:
    """How the index is; Milvus being away is said, not raised."""
    health, away = None, None
    try:
        health = vectors.health()
    except (StoreUnreachable, ArtifactUnavailable, ConfigurationError) as error:
        away = str(error).splitlines()[0]
    live = builds_by_status(warehouse, "live")
    served = build_of(warehouse, health.collection) if health else (live[0] if live else None)
    previous = builds_by_status(warehouse, "previous")
    return IndexStatus(
        health, away, served, previous[0] if previous else None, backlog(warehouse), last_snapshot(warehouse)
    )


def is_outgrown(health: IndexHealth) -> bool:
    """Whether the embedded Milvus holds more products than it is good for."""
    return health.is_embedded and health.products > EMBEDDED_LIMIT


def embedded_models(warehouse: Warehouse) -> Sequence[str]:
    """Every model of which there are vectors."""
    with warehouse.begin() as connection:
        return (
            connection.execute(
                sa.select(product_embeddings.c.model_version).distinct().order_by(product_embeddings.c.model_version)
            )
            .scalars()
            .all()
        )


def model_to_build(warehouse: Warehouse, live: IndexBuild | None, named: str) -> str:
    """The model whose vectors a rebuild takes: the one named, else the one served, else the only one there is.

    Raises
    ------
    NotFound
        If the model has no vectors, or none is named where there are several or none.
    """
    known = embedded_models(warehouse)
    if named or live is not None:
        wanted = named or (live.model_version if live else "")
        if wanted not in known:
            raise NotFound(f"no product has a vector of {wanted}; known are {', '.join(known) or 'none'}")
        return wanted
    if len(known) != 1:
        raise NotFound(f"name the model with --model, one of: {', '.join(known) or 'none has vectors yet'}")
    return known[0]


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
