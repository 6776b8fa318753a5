"""Fitting: implicit ALS, and the popularity that it must beat."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.features import Interactions
from models.collaborative.model import FactorModel, Floats


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


def train_als(interactions: Interactions, parameters: AlsParameters, *, threads: int = 2) -> FactorModel:
    """Factors of shoppers and products that explain who took interest in what.

    The same whatever the number of threads, since each row is solved by one of them.

    Raises
    ------
    InputRejected
        If there is nothing to learn from.

    Source: Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """
    if interactions.matrix.nnz == 0:
        raise InputRejected("there are no interactions to train on")
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
        als.fit(interactions.matrix, show_progress=False)
    return FactorModel(
        np.asarray(als.user_factors, dtype=np.float32),
        np.asarray(als.item_factors, dtype=np.float32),
        interactions.users,
        interactions.items,
    )


def popularity(interactions: Interactions) -> Floats:
    """The summed interest in each item, (items,)."""
    return np.asarray(interactions.matrix.sum(axis=0), dtype=np.float32).ravel()


def seen(interactions: Interactions, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which items each of some users has touched, (rows, items)."""
    return np.asarray(interactions.matrix[rows].toarray() > 0)
