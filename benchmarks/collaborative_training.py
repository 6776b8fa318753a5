"""How fast models are trained and asked, each beside its peer in one run, as ratios.

`python -m benchmarks.collaborative_training [--interactions 8000000] [--factors 64] [--no-spark]`, on interactions
drawn with the shape of MovieLens 20M: 136,677 shoppers and 20,108 items, popularity by a power law, twenty tastes.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from models.collaborative.evaluation import DEPTH
from models.collaborative.factors import AlsParameters, fit_als
from models.collaborative.features import Interactions, settled
from models.collaborative.model import BLOCK, FactorModel, FoldIn, top_items

SHOPPERS, ITEMS, TASTES = 136_677, 20_108, 20
ROUNDS = 3
ASKED = 20_000


def main() -> None:
    """Print a line per figure."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--interactions", type=int, default=8_000_000)
    asked.add_argument("--factors", type=int, default=64)
    asked.add_argument("--no-spark", action="store_true", help="leave out the peer that takes minutes")
    options = asked.parse_args()
    interactions = drawn(options.interactions)
    print(f"{platform.machine()}, {os.cpu_count()} cores; {SHOPPERS} x {ITEMS}, {interactions.matrix.nnz} interactions")
    batch(interactions, options.factors)
    warm(interactions, options.factors)
    if not options.no_spark:
        spark(interactions, options.factors)


def drawn(count: int, *, seed: int = 7) -> Interactions:
    """Interactions of shoppers with tastes, the same for the same arguments."""
    generator = np.random.default_rng(seed)
    busy = generator.lognormal(0, 1.2, SHOPPERS)
    users = generator.choice(SHOPPERS, int(count * 1.35), p=busy / busy.sum())
    appeal = 1 / np.arange(1, ITEMS + 1) ** 0.8
    ranks = np.searchsorted(np.cumsum(appeal) / appeal.sum(), generator.random(len(users)))
    liked = users % TASTES
    own = generator.random(len(users)) < 0.6  # of a shopper's interactions are within their taste
    items = np.where(own, ranks // TASTES * TASTES + liked, ranks)
    places = np.minimum(items, ITEMS - 1)
    matrix = settled(sp.csr_matrix((np.ones(len(users)), (users, places)), shape=(SHOPPERS, ITEMS)))
    matrix.data[:] = 1
    spare = matrix.nnz - count
    if spare > 0:
        matrix.data[generator.choice(matrix.nnz, spare, replace=False)] = 0
        matrix.eliminate_zeros()
    return Interactions(matrix, np.arange(SHOPPERS).astype(np.str_), np.arange(ITEMS))


def batch(interactions: Interactions, factors: int) -> None:
    """Top 20 of many shoppers, what they touched left out: ours beside `implicit.recommend`, factors given to both."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        als = AlternatingLeastSquares(factors=factors, iterations=3, random_state=7, num_threads=2)
        als.fit(interactions.matrix, show_progress=False)
    users = np.arange(ASKED)
    histories = interactions.matrix[:ASKED]

    def theirs() -> np.ndarray:
        with threadpool_limits(1, user_api="blas"):
            return als.recommend(users, histories, N=DEPTH, filter_already_liked_items=True)[0]

    def ours() -> np.ndarray:
        return best(als.user_factors[:ASKED], als.item_factors, histories)

    seconds = interleaved({"ours": ours, "implicit": theirs})
    same = np.mean([len(np.intersect1d(a, b)) / DEPTH for a, b in zip(ours(), theirs(), strict=True)])
    print(
        f"batch top {DEPTH}: ours {ASKED / seconds['ours']:.0f} shoppers/s, implicit.recommend "
        f"{ASKED / seconds['implicit']:.0f}; {seconds['implicit'] / seconds['ours']:.1f}x; the same products {same:.4f}"
    )
    model = FactorModel(als.item_factors, interactions.items, fit_fold())
    began = time.perf_counter()
    top_items(model.scores(histories[:2000]), DEPTH)
    print(f"  with fold-in from raw interactions: {2000 / (time.perf_counter() - began):.0f} shoppers/s on one thread")


def best(users: np.ndarray, items: np.ndarray, histories: sp.csr_matrix) -> np.ndarray:
    """The best items of each shopper, two blocks at once."""

    def block(start: int) -> np.ndarray:
        touched = histories[start : start + BLOCK]
        scores = users[start : start + BLOCK] @ items.T
        scores[np.repeat(np.arange(len(scores)), np.diff(touched.indptr)), touched.indices] = -np.inf
        return top_items(scores, DEPTH)

    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(block, range(0, len(users), BLOCK))))


def fit_fold() -> FoldIn:
    """The fold-in of plain ALS."""
    return FoldIn(0.01, 1.0)


def warm(interactions: Interactions, factors: int) -> None:
    """A retrain after 2 % more interactions, from scratch and from the last model."""
    generator = np.random.default_rng(1)
    late = generator.random(interactions.matrix.nnz) < 0.02
    before = interactions.matrix.copy()
    before.data[late] = 0
    before.eliminate_zeros()
    held, known = _held_out(interactions.matrix)
    parameters = AlsParameters(factors, regularization=2.0, alpha=10.0, iterations=15)
    last = fit_als(Interactions(before, interactions.users, interactions.items), parameters)
    now = Interactions(known, interactions.users, interactions.items)
    began = time.perf_counter()
    cold = fit_als(now, parameters)
    cold_seconds = time.perf_counter() - began
    for iterations in (1, 2, 3):
        began = time.perf_counter()
        again = fit_als(now, AlsParameters(factors, 2.0, 10.0, iterations), warm=last)
        seconds = time.perf_counter() - began
        kept = _recall(again, known, held) / _recall(cold, known, held)
        print(
            f"retrain, {iterations} warm iterations {seconds:.1f} s, {parameters.iterations} cold {cold_seconds:.1f} s:"
            f" {cold_seconds / seconds:.1f}x cheaper at {kept:.4f} of its recall"
        )


def spark(interactions: Interactions, factors: int) -> None:
    """Seconds for one iteration of ALS, what starting and reading cost taken out, ours and MLlib's in turn."""
    import tempfile
    from pathlib import Path

    from models.collaborative.distributed import _fitted, _written, session

    few, more = 1, 3

    def ours(iterations: int) -> float:
        began = time.perf_counter()
        fit_als(interactions, AlsParameters(factors, 0.1, 10.0, iterations))
        return time.perf_counter() - began

    with session("local[2]", "10g") as found, tempfile.TemporaryDirectory() as folder:
        file = _written(interactions.matrix, Path(folder))

        def theirs(iterations: int) -> float:
            began = time.perf_counter()
            _fitted(found, file, AlsParameters(factors, 0.01, 10.0, iterations))
            return time.perf_counter() - began

        theirs(1)  # the first run compiles
        pairs = [
            ((ours(more) - ours(few)) / (more - few), (theirs(more) - theirs(few)) / (more - few)) for _ in range(2)
        ]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"ALS of {factors} factors: ours {mine:.2f} s an iteration, Spark local[2] {other:.1f} s; {other / mine:.0f}x"
    )


def interleaved(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median seconds of each, run in turn."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _held_out(matrix: sp.csr_matrix) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """One interaction of each of some shoppers, and the rest."""
    generator = np.random.default_rng(2)
    rows = np.flatnonzero(np.diff(matrix.indptr) > 10)[:5000]
    places = matrix.indptr[rows] + (generator.random(len(rows)) * np.diff(matrix.indptr)[rows]).astype(int)
    known = matrix.copy()
    known.data[places] = 0
    known.eliminate_zeros()
    shape = matrix.shape
    return sp.csr_matrix((np.ones(len(rows)), (rows, matrix.indices[places])), shape=shape), known


def _recall(model: FactorModel, known: sp.csr_matrix, held: sp.csr_matrix) -> float:
    rows = np.flatnonzero(np.diff(held.indptr))
    lists = best(model.factors_of(known[rows]), model.item_factors, known[rows])
    return float(np.mean([wanted in row for wanted, row in zip(held[rows].indices, lists, strict=True)]))


if __name__ == "__main__":
    main()
