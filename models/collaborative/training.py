"""Fitting a recommender of any family, and the families that are tried."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np

from marketplace.errors import InputRejected
from models.collaborative.factors import (
    AlsParameters,
    BprParameters,
    ScaledAlsParameters,
    fit_als,
    fit_bpr,
    fit_scaled_als,
)
from models.collaborative.features import Interactions
from models.collaborative.graph import GraphParameters, fit_graph
from models.collaborative.linear import EASE_MOST, EaseParameters, ItemParameters, fit_ease, fit_items
from models.collaborative.model import FactorModel, Floats, PopularModel, Recommender


@dataclass(frozen=True, slots=True)
class PopularParameters:
    """What is popular has nothing to choose."""

    def as_dict(self) -> dict[str, float]:
        """Nothing."""
        return {}


Parameters = (
    AlsParameters
    | ScaledAlsParameters
    | BprParameters
    | ItemParameters
    | EaseParameters
    | GraphParameters
    | PopularParameters
)

AlsOrScaled = TypeVar("AlsOrScaled", AlsParameters, ScaledAlsParameters)


class Als(Protocol):
    """Where the documented ALS is fitted."""

    @property
    def begins_warm(self) -> bool:
        """Whether it can begin from an earlier model."""
        ...

    def __call__(
        self, interactions: Interactions, parameters: AlsParameters, *, warm: FactorModel | None = None
    ) -> FactorModel:
        """The fitted model."""
        ...


@dataclass(frozen=True, slots=True)
class LocalAls:
    """ALS on this machine."""

    begins_warm: bool = True

    def __call__(
        self, interactions: Interactions, parameters: AlsParameters, *, warm: FactorModel | None = None
    ) -> FactorModel:
        """As `fit_als`."""
        return fit_als(interactions, parameters, warm=warm)


LOCAL = LocalAls()
WARM_ITERATIONS = 3  # of ALS that begins from the factors of an earlier model: from there it needs no more
DEFAULT = "als"  # the documented one, 50 factors; always trained
FLOOR = "popular"
CANDIDATES: Mapping[str, Parameters] = MappingProxyType(
    {
        DEFAULT: AlsParameters(),
        "scaled_als": ScaledAlsParameters(),
        "item_cosine": ItemParameters("cosine"),
        "item_bm25": ItemParameters("bm25"),
        "item_tfidf": ItemParameters("tfidf"),
        "ease": EaseParameters(),
        "graph_filter": GraphParameters(),
        "bpr": BprParameters(),
        FLOOR: PopularParameters(),
    }
)


def possible(interactions: Interactions, only: Collection[str] = ()) -> dict[str, Parameters]:
    """The candidates that this many items allow, by kind; none but those of `only` unless it is empty.

    Raises
    ------
    InputRejected
        If a kind is not known.
    """
    if strange := set(only) - set(CANDIDATES):
        raise InputRejected(f"models of kind {min(strange)} are not known; there are {', '.join(CANDIDATES)}")
    return {
        kind: parameters
        for kind, parameters in CANDIDATES.items()
        if kind in (only or CANDIDATES)
        and not (isinstance(parameters, EaseParameters) and len(interactions.items) > EASE_MOST)
    }


def fit(
    interactions: Interactions, parameters: Parameters, *, warm: Recommender | None = None, als: Als = LOCAL
) -> Recommender:
    """A model of the family that the parameters belong to.

    Parameters
    ----------
    warm
        A model of the same family to begin from, where the family can; few iterations do then.
    als
        What fits the documented ALS.

    Raises
    ------
    InputRejected
        If there is nothing to learn from, or the family cannot take so many items.
    """
    factors = warm if isinstance(warm, FactorModel) and begins_from(parameters, warm, als) else None
    match parameters:
        case AlsParameters():
            return als(interactions, _fewer(parameters, factors), warm=factors)
        case ScaledAlsParameters():
            return fit_scaled_als(interactions, _fewer(parameters, factors), warm=factors)
        case BprParameters():
            return fit_bpr(interactions, parameters)
        case ItemParameters():
            return fit_items(interactions, parameters)
        case EaseParameters():
            return fit_ease(interactions, parameters)
        case GraphParameters():
            return fit_graph(interactions, parameters)
        case PopularParameters():
            return PopularModel(interactions.items, popularity(interactions))


def begins_from(parameters: Parameters, warm: Recommender | None, als: Als = LOCAL) -> bool:
    """Whether a fit with these parameters begins from that model, rather than from nothing."""
    if not isinstance(parameters, AlsParameters | ScaledAlsParameters) or not isinstance(warm, FactorModel):
        return False
    can_begin = als.begins_warm or isinstance(parameters, ScaledAlsParameters)
    return can_begin and warm.item_factors.shape[1] == parameters.factors


def parameters_of(kind: str, values: Mapping[str, Any]) -> Parameters:
    """The parameters of a kind with some values changed, as kept with a run.

    Raises
    ------
    InputRejected
        If the kind or a name is not known.
    """
    if kind not in CANDIDATES:
        raise InputRejected(f"models of kind {kind} are not known; there are {', '.join(CANDIDATES)}")
    known = {field.name for field in fields(CANDIDATES[kind])}
    if strange := set(values) - known:
        raise InputRejected(f"{kind} has no parameter {min(strange)}")
    return replace(CANDIDATES[kind], **values)


def popularity(interactions: Interactions) -> Floats:
    """The summed interest in each item, (items,)."""
    return np.asarray(interactions.matrix.sum(axis=0), dtype=np.float32).ravel()


def _fewer(parameters: AlsOrScaled, warm: FactorModel | None) -> AlsOrScaled:
    if warm is None:
        return parameters
    return replace(parameters, iterations=min(parameters.iterations, WARM_ITERATIONS))
