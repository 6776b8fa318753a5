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


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found, in which collection, of which model: None where it was built of no product."""

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
    """A collection, whose vectors it holds, and how it is searched: cells to read of how many, or candidates to keep.

    `model_version` is None for one that was built of no product.
    """

    collection: str
    index_type: IndexType
    nlist: int
    breadth: int
    layout: int
    model_version: str | None


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


def _hit(found: Mapping[str, Any]) -> Hit:
    """What Milvus found, in our words."""
    # Milvus answers L2 with the square of the distance: |a - b|^2 = 2 - 2 cos for unit vectors.
    similarity = min(1.0, max(-1.0, 1 - float(found["distance"]) / 2))
    key = "id" if "id" in found else "product_id"  # servers before 2.4 do not say what their key is called
    return Hit(int(found[key]), similarity)


def nearest_in(
    ask: Ask,
    collection: str,
    vectors: Sequence[NDArray[np.float32]],
    limit: int,
    index_type: IndexType,
    breadth: int,
    expression: str,
    consistency: str,
) -> list[list[Hit]]:
    """What is found for each vector in a collection that is looked through this broadly.

    No field but the key is asked for: reading others takes a server a fifth of its time.
    """
    answers = ask(
        "search",
        collection,
        data=list(vectors),
        anns_field="embedding",
        limit=limit,
        filter=expression,
        search_params=search_params(index_type, breadth, limit),
        consistency_level=consistency,
    )
    return [[_hit(one) for one in found] for found in answers]


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
