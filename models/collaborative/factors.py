"""Factors of items by implicit ALS, by its frequency-scaled form, and by BPR."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import scipy.sparse as sp

from marketplace.errors import InputRejected
from models.collaborative.features import Interactions, positive_part
from models.collaborative.model import FactorModel, Floats, FoldIn

ROWS = 256  # solved at once


@dataclass(frozen=True, slots=True)
class AlsParameters:
    """How the factors are fitted; `alpha` is the confidence that one unit of weight adds."""

    factors: int = 50
    regularization: float = 5.0
    alpha: float = 1.0
    iterations: int = 20
    seed: int = 7

    def as_dict(self) -> dict[str, float]:
        """Parameter names and values, for the record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ScaledAlsParameters:
    """ALS whose penalty grows with how often a row was observed: `unobserved` is the weight of what was not."""

    factors: int = 64
    regularization: float = 0.003
    unobserved: float = 0.03
    frequency: float = 1.0
    alpha: float = 1.0
    iterations: int = 12
    is_binary: bool = True
    seed: int = 7

    def as_dict(self) -> dict[str, float]:
        """Parameter names and values, for the record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BprParameters:
    """How pairs of a touched and an untouched item are told apart."""

    factors: int = 50
    learning_rate: float = 0.05
    regularization: float = 0.01
    iterations: int = 100
    seed: int = 7

    def as_dict(self) -> dict[str, float]:
        """Parameter names and values, for the record."""
        return asdict(self)


def fit_als(
    interactions: Interactions, parameters: AlsParameters, *, warm: FactorModel | None = None, threads: int = 2
) -> FactorModel:
    """Factors of products that explain who took interest in what.

    The same whatever the number of threads, since each row is solved by one of them.

    Parameters
    ----------
    warm
        A model to begin from; items that it does not know begin at random, and a few iterations do.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.

    Source: Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """
    _require_some(interactions)
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # implicit brings its own threads; a second pool slows both down
        als = AlternatingLeastSquares(
            factors=parameters.factors,
            regularization=parameters.regularization,
            alpha=parameters.alpha,
            iterations=parameters.iterations,
            random_state=parameters.seed,
            num_threads=threads,
        )
        if warm is not None:
            als.item_factors = begun(interactions, warm, parameters.factors, parameters.seed)
        als.fit(interactions.matrix, show_progress=False)
    fold = FoldIn(parameters.regularization, parameters.alpha)
    return FactorModel(np.asarray(als.item_factors, dtype=np.float32), interactions.items, fold, "als")


def fit_scaled_als(
    interactions: Interactions, parameters: ScaledAlsParameters, *, warm: FactorModel | None = None, threads: int = 2
) -> FactorModel:
    """Factors of products by ALS with a penalty scaled by frequency.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.

    Source: Rendle, Krichene, Zhang, Koren, "Revisiting the performance of iALS on item recommendation benchmarks",
    RecSys 2022, equations 3 to 6.
    """
    _require_some(interactions)
    from threadpoolctl import threadpool_limits

    fold = FoldIn(
        parameters.regularization,
        parameters.alpha,
        unobserved=parameters.unobserved,
        base=0.0,
        frequency=parameters.frequency,
        counted=parameters.unobserved,
        is_binary=parameters.is_binary,
    )
    by_user = interactions.matrix
    by_item = sp.csr_matrix(by_user.T)
    items = begun(interactions, warm, parameters.factors, parameters.seed)
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for _ in range(parameters.iterations):
            users = _solved(by_user, items, fold, pool)
            items = _solved(by_item, users, fold, pool)
    return FactorModel(items, interactions.items, fold, "scaled_als")


def fit_bpr(interactions: Interactions, parameters: BprParameters, *, threads: int = 2) -> FactorModel:
    """Factors of products that put what each shopper touched before what they did not.

    BPR has no closed form for a new history; it is folded in by least squares against the factors.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.

    Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
    """
    _require_some(interactions)
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        bpr = BayesianPersonalizedRanking(
            factors=parameters.factors,
            learning_rate=parameters.learning_rate,
            regularization=parameters.regularization,
            iterations=parameters.iterations,
            random_state=parameters.seed,
            num_threads=1,  # with more the updates race, and equal data gives other factors
        )
        bpr.fit(positive_part(interactions.matrix), show_progress=False)
    items = np.asarray(bpr.item_factors, dtype=np.float32)
    scale = float(np.square(items).sum(axis=1).mean()) or 1.0
    return FactorModel(items, interactions.items, FoldIn(scale, 10.0), "bpr")


def begun(interactions: Interactions, warm: FactorModel | None, factors: int, seed: int) -> Floats:
    """Where the factors of items begin, (items, factors): small and random, or those of an earlier model."""
    generator = np.random.default_rng(seed)
    start = (generator.standard_normal((len(interactions.items), factors)) * 0.1 / np.sqrt(factors)).astype(np.float32)
    if warm is not None and warm.item_factors.shape[1] == factors:
        places = np.searchsorted(warm.items, interactions.items)
        inside = np.minimum(places, max(len(warm.items) - 1, 0))
        known = warm.items[inside] == interactions.items
        start[known] = warm.item_factors[inside[known]]
    return np.asarray(start, dtype=np.float32)


def _require_some(interactions: Interactions) -> None:
    if not (interactions.matrix.data > 0).any():
        raise InputRejected("there are no interactions to train on")


def _solved(rows: sp.csr_matrix, other: Floats, fold: FoldIn, pool: ThreadPoolExecutor) -> Floats:
    """The factors of every row against those of the other side, (rows, factors)."""
    gram = np.asarray(fold.unobserved * (other.T @ other), dtype=np.float32)
    solved = np.zeros((rows.shape[0], other.shape[1]), dtype=np.float32)

    def solve(start: int) -> None:
        end = min(start + ROWS, rows.shape[0])
        systems = np.empty((end - start, *gram.shape), dtype=np.float32)
        targets = np.zeros((end - start, len(gram), 1), dtype=np.float32)
        for place in range(end - start):
            _one_system(rows, start + place, other, fold, systems[place], targets[place])
        solved[start:end] = np.linalg.solve(systems + gram, targets)[:, :, 0]

    list(pool.map(solve, range(0, rows.shape[0], ROWS)))
    return solved


def _one_system(rows: sp.csr_matrix, row: int, other: Floats, fold: FoldIn, system: Floats, target: Floats) -> None:
    """Fills the squares and the targets of one row in place."""
    start, end = rows.indptr[row], rows.indptr[row + 1]
    touched = other[rows.indices[start:end]]
    added, wanted = fold.weights(rows.data[start:end])
    np.matmul((touched * added[:, None]).T, touched, out=system)
    np.matmul(touched.T, wanted[:, None], out=target)
    system[np.diag_indices(len(system))] += fold.penalty(int(end - start), len(other))
