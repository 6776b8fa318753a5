"""Fitting a recommender of any family, and the families that are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

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


def possible(interactions: Interactions) -> dict[str, Parameters]:
    """The candidates that this many items allow, by kind."""
    return {
        kind: parameters
        for kind, parameters in CANDIDATES.items()
        if not (isinstance(parameters, EaseParameters) and len(interactions.items) > EASE_MOST)
    }


def fit(interactions: Interactions, parameters: Parameters, *, warm: Recommender | None = None) -> Recommender:
    """A model of the family that the parameters belong to.

    Parameters
    ----------
    warm
        A model of the same family to begin from, where the family can.

    Raises
    ------
    InputRejected
        If there is nothing to learn from, or the family cannot take so many items.
    """
    factors = warm if isinstance(warm, FactorModel) else None
    match parameters:
        case AlsParameters():
            return fit_als(interactions, parameters, warm=factors)
        case ScaledAlsParameters():
            return fit_scaled_als(interactions, parameters, warm=factors)
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


def parameters_of(kind: str, values: Mapping[str, Any]) -> Parameters:
    """The parameters of a kind with some values changed, as kept with a run.

    Raises
    ------
    InputRejected
        If the kind or a name is not known.
    """
    from dataclasses import fields, replace

    from marketplace.errors import InputRejected

    if kind not in CANDIDATES:
        raise InputRejected(f"models of kind {kind} are not known; there are {', '.join(CANDIDATES)}")
    known = {field.name for field in fields(CANDIDATES[kind])}
    if strange := set(values) - known:
        raise InputRejected(f"{kind} has no parameter {min(strange)}")
    return replace(CANDIDATES[kind], **values)


def popularity(interactions: Interactions) -> Floats:
    """The summed interest in each item, (items,)."""
    import numpy as np

    return np.asarray(interactions.matrix.sum(axis=0), dtype=np.float32).ravel()
