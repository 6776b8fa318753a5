"""The vector index: recall and latency beside exact numpy, narrowed searches, and what building costs beside FAISS.

`python -m benchmarks.vector_index --products 10000 50000` measures the embedded Milvus, started for it in a folder of
its own; with `--uri http://host:port` a server. Vectors are synthetic and deterministic: 3,000 clusters in 48 latent
dimensions, turned into 768 and disturbed, of unit length. They are easier than real embeddings. They are drawn in
pieces, so that a million needs the memory of one piece and of the exact peer's matrix (3.1 GB as float32, kept in a
file that is mapped). A collection that an earlier run built whole is used again with `--keep`, so that a long run that
was stopped goes on with its measurements.

Exact numpy and the index answer the same query one after the other, so that a noisy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port
from marketplace.search.asking import Filters
from marketplace.storage.golden import ExactNeighbours, Truth, golden_queries
from marketplace.storage.index_types import INDEX_TYPES, IndexType, has_cells, nlist_for
from marketplace.storage.vector_rows import DIMENSIONS, VectorRow
from marketplace.storage.vectors import Vectors
from marketplace.storage.verification import calibrated

CLUSTERS, LATENT, SEED = 3000, 48, 7
SPREAD, NOISE = 0.35, 0.15
PIECE = 5000
DEPTH = 10
CATEGORIES = 24
# Sellers by the share of products they have, so that a filter by seller is a filter of known selectivity.
SHARES = {1: 0.01, 2: 0.10, 3: 0.50}
FILTERS = {"none": Filters(in_stock=False)} | {
    f"{share:.0%}": Filters(seller_id=seller, in_stock=False) for seller, share in SHARES.items()
}
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answered:
    """How one kind of search did."""

    products: int
    narrowed: str
    recall: float
    p50_ms: float
    p99_ms: float
    numpy_p50_ms: float

    @property
    def ratio(self) -> float:
        """How many times quicker than the exact scan, at the median."""
        return self.numpy_p50_ms / self.p50_ms


@dataclass(frozen=True, slots=True)
class Built:
    """What building cost, in vectors a second and bytes a vector; None where it cannot be told from here."""

    products: int
    what: str
    vectors_per_second: float
    bytes_per_vector: float | None
    recall: float
    searched: str


def vectors_from(start: int, stop: int) -> Matrix:
    """Rows start to stop of the endless synthetic catalogue: (stop - start, 768), unit length."""
    once = np.random.default_rng(SEED)
    centres = once.standard_normal((CLUSTERS, LATENT)).astype(np.float32)
    turn = once.standard_normal((LATENT, DIMENSIONS)).astype(np.float32) / np.sqrt(LATENT)
    pieces = []
    for number in range(start // PIECE, -(-stop // PIECE)):
        drawn = np.random.default_rng((SEED, number))
        latent = centres[drawn.integers(0, CLUSTERS, PIECE)]
        latent = latent + SPREAD * drawn.standard_normal((PIECE, LATENT), np.float32)
        piece = latent @ turn + NOISE * drawn.standard_normal((PIECE, DIMENSIONS), np.float32)
        pieces.append(piece / np.linalg.norm(piece, axis=1, keepdims=True))
    offset = start - start // PIECE * PIECE
    return np.concatenate(pieces)[offset : offset + stop - start].astype(np.float32)


def sellers_from(start: int, stop: int) -> NDArray[np.int64]:
    """The seller of each row: 1, 2 and 3 have 1, 10 and 50 in a hundred, 4 the rest, spread over the catalogue."""
    places = (np.arange(start, stop) * 2654435761 % 2**32) / 2**32
    return np.searchsorted(np.cumsum(list(SHARES.values())), places, side="right") + 1


def rows_from(start: int, stop: int) -> Iterator[VectorRow]:
    """The rows as the index holds them; categories follow the vectors' clusters only by chance."""
    sellers = sellers_from(start, stop)
    for number, vector in enumerate(vectors_from(start, stop), start):
        yield VectorRow(
            product_id=number + 1,
            embedding=vector,
            product_name=f"Product {number}",
            category=f"category {number * 40503 % CATEGORIES}",
            price=float(number % 5000),
            currency="KES",
            in_stock=True,
            seller_id=int(sellers[number - start]),
            city="Nairobi",
            country="KE",
            image_url=f"/media/{number}.jpg",
            created_at=1_763_683_200,
            last_hydrated_at=1_763_683_200,
            model_version="synthetic",
        )


def matrix_of(products: int, folder: Path, advance: Callable[[int], None]) -> Matrix:
    """All vectors as one mapped matrix, written once."""
    file = folder / f"vectors-{products}.npy"
    if not file.exists():
        partial = file.with_suffix(".partial")
        written = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=(products, DIMENSIONS))
        for start in range(0, products, PIECE):
            stop = min(products, start + PIECE)
            written[start:stop] = vectors_from(start, stop)
            advance(stop)
        written.flush()
        partial.replace(file)
    return np.load(file, mmap_mode="r")


def truth_of(matrix: Matrix, queries: Matrix, allowed: NDArray[np.bool_]) -> Truth:
    """What must be found among the allowed rows."""
    exact = ExactNeighbours(queries)
    for start in range(0, len(matrix), PIECE):
        places = start + np.flatnonzero(allowed[start : start + PIECE])
        exact.see((places + 1).tolist(), np.asarray(matrix[places], np.float32))
    return exact.truth(DEPTH)


def measured(vectors: Vectors, matrix: Matrix, truth: Truth, filters: Filters, narrowed: str, rounds: int) -> Answered:
    """Each query asked of the index and of exact numpy in turn."""
    found, ours, theirs = [], [], []
    for query in truth.queries[:3]:
        vectors.search(query, limit=DEPTH, filters=filters)
    for turn in range(rounds):
        for place, query in enumerate(truth.queries):
            started = time.perf_counter()
            hits = vectors.search(query, limit=DEPTH, filters=filters).hits
            ours.append(time.perf_counter() - started)
            if turn == 0:
                found.append({hit.product_id: hit.similarity for hit in hits})
            if turn == 0 and place % 4 == 0:
                started = time.perf_counter()
                scores = matrix @ query
                np.argpartition(-scores, DEPTH)[:DEPTH]
                theirs.append(time.perf_counter() - started)
    p50, p99 = np.percentile(ours, [50, 99]) * 1e3
    return Answered(len(matrix), narrowed, truth.recall(found), p50, p99, float(np.median(theirs)) * 1e3)


def build(
    vectors: Vectors, products: int, index_type: IndexType, truth: Truth, *, keep: bool, advance: Callable[[int], None]
) -> Built:
    """The collection, built through the same code as the market's; one that is there whole may be used again."""
    kind = f"{INDEX_TYPES.index(index_type):x}"
    collection = f"{vectors.alias}_{products:015x}{kind}"
    nlist = nlist_for(products // CATEGORIES) if has_cells(index_type) else 0
    rate = float("nan")
    if not (keep and vectors.has(collection) and vectors.count(collection) == products):
        if vectors.current() == collection:
            vectors.milvus.ask("drop_alias", vectors.alias)
        started = time.perf_counter()
        rows = (row for start in range(0, products, PIECE) for row in rows_from(start, min(products, start + PIECE)))
        vectors.build(collection, rows, nlist=nlist, index_type=index_type, inserted=advance)
        rate = products / (time.perf_counter() - started)
    vectors.publish(collection)
    breadth = calibrated(vectors, collection, truth)
    searched = f"breadth {breadth}" + (f" of {nlist} cells" if nlist else "")
    return Built(products, f"ours, {index_type}", rate, None, float("nan"), searched)


def faiss_hnsw(matrix: Matrix, truth: Truth) -> Built:
    """FAISS HNSW (M 16, efConstruction 200) at the least breadth that finds 0.985."""
    import faiss

    index = faiss.IndexHNSWFlat(DIMENSIONS, 16)
    index.hnsw.efConstruction = 200
    started = time.perf_counter()
    for start in range(0, len(matrix), PIECE):
        index.add(np.asarray(matrix[start : start + PIECE], np.float32))
    rate = len(matrix) / (time.perf_counter() - started)
    recall = 0.0
    for breadth in (16, 32, 64, 128, 256, 512):
        index.hnsw.efSearch = breadth
        distances, places = index.search(truth.queries, DEPTH)
        likeness = 1 - distances / 2
        recall = truth.recall(
            [dict(zip((row + 1).tolist(), near, strict=True)) for row, near in zip(places, likeness, strict=True)]
        )
        if recall >= 0.985:
            break
    size = len(faiss.serialize_index(index)) / len(matrix)
    return Built(len(matrix), "FAISS HNSW", rate, size, recall, f"ef {breadth}")


def folder_bytes(folder: Path, collection: str) -> int:
    """Bytes that the embedded Milvus keeps of a collection."""
    return sum(file.stat().st_size for file in (folder / "collections" / collection).rglob("*") if file.is_file())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print one table of searches and one of builds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[10_000])
    parser.add_argument("--index-type", choices=INDEX_TYPES, nargs="+", default=["IVF_FLAT"])
    parser.add_argument("--uri", default="", help="a Milvus server; the embedded one unless given")
    parser.add_argument("--folder", type=Path, help="where vectors and the embedded Milvus are kept between runs")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="use collections that an earlier run built whole")
    parser.add_argument(
        "--no-peer", action="store_true", help="build no FAISS HNSW, which takes minutes from 100,000 on"
    )
    parser.add_argument("--json", type=Path, help="also write the figures there, after every size")
    asked = parser.parse_args(arguments)
    console = Console()
    answered: list[Answered] = []
    builds: list[Built] = []
    with ExitStack() as stack, Progress(console=Console(stderr=True)) as bars:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soko-index-")))
        folder.mkdir(parents=True, exist_ok=True)
        uri, data = asked.uri, None
        if not uri:
            server = EmbeddedMilvus(folder / "milvus", free_port())
            server.start(folder / "milvus.log")
            stack.callback(server.stop)
            uri, data = server.uri, server.data
        vectors = Vectors(uri, timeout=600, alias="benchmark")
        for products in asked.products:
            drawing = bars.add_task(f"{products:,}: vectors", total=products)
            matrix = matrix_of(products, folder, lambda done, task=drawing: bars.update(task, completed=done))
            bars.update(drawing, completed=products)
            sellers = sellers_from(0, products)
            queries = golden_queries(np.asarray(matrix[:: max(1, products // asked.queries)]), asked.queries)
            choosing = golden_queries(np.asarray(matrix[1 :: max(1, products // asked.queries)]), asked.queries, SEED)
            everything = np.ones(products, bool)
            chosen = truth_of(matrix, choosing, everything)
            wanted = {
                name: truth_of(matrix, queries, everything if one.seller_id is None else sellers == one.seller_id)
                for name, one in FILTERS.items()
            }
            for index_type in asked.index_type:
                inserting = bars.add_task(f"{products:,}: {index_type}", total=products)
                built = build(
                    vectors,
                    products,
                    index_type,
                    chosen,
                    keep=asked.keep,
                    advance=lambda done, task=inserting: bars.update(task, completed=done),
                )
                bars.update(inserting, completed=products)
                here = [
                    measured(vectors, matrix, wanted[name], one, name, asked.rounds) for name, one in FILTERS.items()
                ]
                answered += here
                size = folder_bytes(data, str(vectors.current())) / products if data else None
                builds.append(
                    Built(products, built.what, built.vectors_per_second, size, here[0].recall, built.searched)
                )
            if not asked.no_peer:
                builds.append(faiss_hnsw(matrix, chosen))
            if asked.json:
                figures = {"server": vectors.server(), "searches": answered, "builds": builds}
                asked.json.write_text(json.dumps(figures, default=asdict, indent=2))
        console.print(f"{vectors.server()} at {asked.uri or 'a folder of its own'}")
        vectors.close()
    console.print(_searches(answered))
    console.print(_builds(builds))


def _searches(answered: Sequence[Answered]) -> Table:
    table = Table("products", "meet the filter", "recall@10", "p50 ms", "p99 ms", "exact numpy p50 ms", "numpy / ours")
    for one in answered:
        times = (f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.numpy_p50_ms:.1f}", f"{one.ratio:.1f}")
        table.add_row(f"{one.products:,}", one.narrowed, f"{one.recall:.3f}", *times)
    return table


def _builds(builds: Sequence[Built]) -> Table:
    table = Table("products", "index", "vectors / s", "bytes / vector", "recall@10", "searched with")
    for one in builds:
        size = "-" if one.bytes_per_vector is None else f"{one.bytes_per_vector:,.0f}"
        rate = "kept" if np.isnan(one.vectors_per_second) else f"{one.vectors_per_second:,.0f}"
        table.add_row(f"{one.products:,}", one.what, rate, size, f"{one.recall:.3f}", one.searched)
    return table


if __name__ == "__main__":
    main()
