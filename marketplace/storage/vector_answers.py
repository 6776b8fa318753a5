"""What a collection of product vectors can be asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.storage.index_types import IndexType, search_params
from marketplace.storage.vector_filters import condition

EMBEDDED = "milvus_lite"
# Upkeep reads back what it wrote with Strong consistency, so searches need not wait for the newest writes:
# on a standalone server that wait is 0.2 s a search.
SETTLED = "Eventually"
Ask = Callable[..., Any]  # a question of pymilvus' client, by its name


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that a search found; `similarity` is the cosine of the two vectors."""

    product_id: int
    similarity: float
    category: str
    seller_id: int


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found, in which collection, of which model: None where it found nothing."""

    hits: list[Hit]
    collection: str
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """Published vectors by product, of which collection and model: None where there are none."""

    vectors: dict[int, NDArray[np.float32]]
    collection: str
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Served:
    """A collection and how it is searched: cells to read of how many, or candidates to keep."""

    collection: str
    index_type: IndexType
    nlist: int
    breadth: int
    layout: int


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """What is served: no collection when nothing is published, no model version when it is empty."""

    server: str
    collection: str | None
    products: int
    model_version: str | None
    index_type: IndexType | None
    nlist: int = 0
    breadth: int = 0

    @property
    def is_embedded(self) -> bool:
        """Whether it is Milvus Lite."""
        return self.server.startswith(EMBEDDED)


def hit_of(found: Mapping[str, Any]) -> Hit:
    """What Milvus found, in our words."""
    entity = found["entity"]
    # Milvus answers L2 with the square of the distance: |a - b|^2 = 2 - 2 cos for unit vectors.
    similarity = min(1.0, max(-1.0, 1 - float(found["distance"]) / 2))
    return Hit(int(found["product_id"]), similarity, str(entity["category"]), int(entity["seller_id"]))


def nearest_in(
    ask: Ask,
    collection: str,
    vectors: Sequence[NDArray[np.float32]],
    limit: int,
    index_type: IndexType,
    breadth: int,
    expression: str,
    consistency: str,
) -> list[Sequence[Mapping[str, Any]]]:
    """What is found for each vector in a collection that is looked through this broadly."""
    return list(
        ask(
            "search",
            collection,
            data=list(vectors),
            anns_field="embedding",
            limit=limit,
            filter=expression,
            search_params=search_params(index_type, breadth, limit),
            output_fields=["product_id", "category", "seller_id", "model_version"],
            consistency_level=consistency,
        )
    )


def rows_of(
    ask: Ask, collection: str, ids: Collection[int], fields: Sequence[str], consistency: str
) -> list[Mapping[str, Any]]:
    """Those of the products that the collection has."""
    wanted = {"filter": condition(only=ids), "output_fields": list(fields), "consistency_level": consistency}
    return list(ask("query", collection, **wanted))


def counted(ask: Ask, collection: str, expression: str) -> int:
    """How many rows meet the expression, as of some moments ago."""
    wanted = {"filter": expression, "output_fields": ["count(*)"], "consistency_level": SETTLED}
    return int(ask("query", collection, **wanted)[0]["count(*)"])
