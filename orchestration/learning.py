"""What training reads, and the champion as it was published: frames in, models out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.marts import ProductFacts, read_events, read_facts
from marketplace.storage.model_files import ModelCache, model_arrays
from marketplace.storage.publications import MODEL, published
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.collaborative.blending import HybridWeights
from models.collaborative.features import Feedback
from models.collaborative.model import Recommender, read_model
from models.collaborative.selection import Recipe
from models.collaborative.tournament import Pictures
from orchestration.model_arrays import Arrays
from orchestration.registry import CF_MODEL, ModelRegistry

FEEDBACK = Feedback()
MOST_EVENTS = 500  # of a shopper, the newest, as serving looks back on by default: a robot weighs no more


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that is served, how it was made, and the run that keeps what explains it."""

    version: str
    recipe: Recipe
    run_id: str
    model: Recommender
    hybrid: HybridWeights


def events_of(warehouse: Warehouse) -> pd.DataFrame:
    """Interactions: user_id, product_id, kind, weight, surface, occurred_at, and the country of the seller.

    Of each shopper the newest, in an order that depends on what they say alone.

    Raises
    ------
    ArtifactUnavailable
        If the mart was not built yet, or is empty.
    """
    columns = ["user_id", "product_id", "kind", "weight", "surface", "occurred_at"]
    frame = pd.DataFrame(read_events(warehouse), columns=columns)
    if frame.empty:
        raise ArtifactUnavailable("marts.fct_interactions holds no interaction, so there is nothing to learn from")
    frame = frame.groupby("user_id").tail(MOST_EVENTS).reset_index(drop=True)
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    frame["country"] = frame["product_id"].map(facts_of(read_facts(warehouse))["country"])
    return frame


def facts_of(facts: Iterable[ProductFacts]) -> pd.DataFrame:
    """seller_id, country and language, by product_id."""
    rows = [(one.product_id, one.seller_id, one.country, one.language) for one in facts]
    frame = pd.DataFrame(rows, columns=["product_id", "seller_id", "country", "language"])
    return frame.set_index("product_id")


def version_of(events: pd.DataFrame) -> str:
    """Twelve hex digits that name exactly these events."""
    hashes = pd.util.hash_pandas_object(events.drop(columns="country"), index=False)
    return hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest()[:12]


def champion_of(warehouse: Warehouse, registry: ModelRegistry, cache: ModelCache) -> Champion | None:
    """The champion from its file, fetched from the register where this machine has none; None before the first.

    Raises
    ------
    ArtifactUnavailable
        If no file is the one that was published.
    """
    served = published(warehouse, MODEL)
    if served is None:
        return None
    digest = str(served.details["sha256"])
    if not cache.holds(digest) and cache.keep(registry.content(CF_MODEL, served.version)) != digest:
        raise ArtifactUnavailable(f"the arrays of version {served.version} are not those that were published")
    arrays = model_arrays(cache.folder, digest)
    recipe = Recipe.from_dict(served.details["recipe"])
    return Champion(served.version, recipe, str(served.details["run_id"]), read_model(arrays), hybrid_of(arrays))


def hybrid_of(arrays: Arrays) -> HybridWeights:
    """The weights that were learned with a model.

    Raises
    ------
    ArtifactUnavailable
        If none are kept with it.
    """
    try:
        depths, weights = arrays["hybrid_depths"], arrays["hybrid_weights"]
    except KeyError as error:
        raise ArtifactUnavailable(f"the model lacks {error.args[0]}") from error
    return HybridWeights(np.asarray(depths, dtype=np.int64), np.asarray(weights, dtype=np.float64), {})


def pictures_of(vectors: Vectors, products: Iterable[int]) -> Pictures:
    """The unit vectors of the products that the published index holds; none while nothing is published."""
    return vectors.vectors_of(list(products)) if vectors.current() is not None else {}
