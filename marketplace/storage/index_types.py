"""The kinds of index over the vectors: how each is sized to the data, and how widely each is searched."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

IndexType = Literal["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW", "HNSW_SQ"]
INDEX_TYPES: tuple[IndexType, ...] = get_args(IndexType)
CELLS_MOST = 1024
ROWS_PER_CELL = 2048
CELLS_LIMIT = 8192
# A breadth that reads every cell of an IVF, and the widest candidate list that Milvus allows an HNSW.
EVERY_CELL = 65536
WIDEST_LIST = 32768
# Rows that meet a condition seldom lie evenly around a query: a narrowed search looks twice as far as their share asks.
SPARE = 2
MEASURED_HITS = 10
_LADDER = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
_SHORTEST_LIST = 16


def has_cells(index_type: IndexType) -> bool:
    """Whether the index is made of cells, of which a search reads some."""
    return index_type in ("IVF_FLAT", "IVF_SQ8")


def nlist_for(rows: int) -> int:
    """How many cells an index of so many rows has.

    Four times the root, as FAISS advises; 1,024 from 65,536 rows on, as the Milvus guide has it;
    one for every 2,048 rows from two million on, at most 8,192.
    """
    if rows <= (CELLS_MOST // 4) ** 2:
        return max(1, min(round(4 * math.sqrt(rows)), rows))
    return max(CELLS_MOST, min(rows // ROWS_PER_CELL, CELLS_LIMIT))


def index_of(nlist: int, index_type: IndexType) -> Any:
    """The index over the vectors, as pymilvus says it; only IVF has `nlist` cells."""
    from pymilvus import MilvusClient

    graph = {"M": 16, "efConstruction": 200}
    shapes: dict[IndexType, dict[str, Any]] = {
        "FLAT": {},
        "IVF_FLAT": {"nlist": max(1, nlist)},
        "IVF_SQ8": {"nlist": max(1, nlist)},
        "HNSW": graph,
        "HNSW_SQ": {**graph, "sq_type": "SQ8"},
    }
    params = MilvusClient.prepare_index_params()
    params.add_index("embedding", index_type=index_type, metric_type="L2", params=shapes[index_type])
    return params


def breadths(index_type: IndexType, nlist: int) -> list[int]:
    """What may be tried to find enough, from the quickest to the widest: cells to read, or candidates to keep."""
    if index_type == "FLAT":
        return [0]
    if has_cells(index_type):
        return [*(step for step in _LADDER if step < nlist), nlist]
    return [step for step in _LADDER if step >= _SHORTEST_LIST]


def widened(index_type: IndexType, breadth: int, share: float) -> int:
    """The breadth for a search among the share of rows that meet a condition."""
    if share <= 0:
        return widest(index_type)
    return min(widest(index_type), math.ceil(SPARE * breadth / share)) if share < 1 else breadth


def deepened(index_type: IndexType, breadth: int, limit: int) -> int:
    """The breadth for more hits than it was measured with: neighbours further away lie in more cells."""
    return min(widest(index_type), math.ceil(breadth * max(1.0, math.sqrt(limit / MEASURED_HITS))))


def widest(index_type: IndexType) -> int:
    """The breadth of a search that misses nothing, as far as the index can."""
    if index_type == "FLAT":
        return 0
    return EVERY_CELL if has_cells(index_type) else WIDEST_LIST


def search_params(index_type: IndexType, breadth: int, limit: int) -> dict[str, Any]:
    """How a search is asked for, as Milvus says it."""
    if index_type == "FLAT":
        return {"metric_type": "L2", "params": {}}
    if has_cells(index_type):
        return {"metric_type": "L2", "params": {"nprobe": max(1, breadth)}}
    return {"metric_type": "L2", "params": {"ef": max(breadth, limit)}}
