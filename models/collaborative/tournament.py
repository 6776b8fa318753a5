"""A round of training: every recipe on the same past, one chosen on the end of it, all judged on the same future."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.features import Feedback, Interactions, depths, split_by_time
from models.collaborative.field import Field, field_of, judge, scores_on
from models.collaborative.hybrid import visual_scores
from models.collaborative.hybrid_weights import HybridWeights, learned_weights
from models.collaborative.likeness import alike
from models.collaborative.model import Recommender
from models.collaborative.training import fit, parameters_of
from models.collaborative.trials import POPULARITY, Recipe, Trials

log = logging.getLogger(__name__)
FUTURE_DAYS = 14
PARTS = 4  # the future is at most this part of all days, so that the past can be divided once more
MOST_WEIGHED = 2_000  # shoppers that hybrid weights are learned from
CHAMPION = "champion"
Pictures = Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Round:
    """The trials, and of every contender its mean recall at cuts 1 to 20."""

    trials: Trials
    curves: Mapping[str, tuple[float, ...]]


def compete(
    events: pd.DataFrame,
    facts: pd.DataFrame,
    recipes: Mapping[str, Recipe],
    *,
    champion: Recipe | None,
    hybrid: HybridWeights | None,
    pictures: Pictures,
    data_version: str,
    feedback: Feedback | None = None,
) -> Round:
    """What every recipe is worth; the one that was best on the end of the past is the chosen one.

    Parameters
    ----------
    events
        Columns user_id, product_id, kind, weight, occurred_at.
    facts
        Columns seller_id, country and language, by product_id.
    champion
        Judged beside the others; chosen without a comparison where there are no recipes but it.
    hybrid
        Weights that hold already; learned on the end of the past where there are none.
    pictures
        Unit vectors by product id.

    Raises
    ------
    InputRejected
        If the events cannot be split by time, or hold nothing to learn from.
    """
    held = named(recipes, champion)
    of_champion = None if champion is None else next(name for name, one in held.items() if one == champion)
    split = split_by_time(events, future_days=days_of_the_future(events))
    contestants = [name for name in held if name != POPULARITY]
    if not contestants:
        raise InputRejected("there is no recipe to try but popularity")
    validation: dict[str, float] = {}
    weights: dict[str, HybridWeights] = {}
    if len(contestants) > 1 or hybrid is None:
        validation, weights = _validated(
            split.past, facts, {name: held[name] for name in contestants}, pictures, feedback
        )
    chosen = max(contestants, key=lambda name: validation.get(name, 0.0))
    field = field_of(split, facts, feedback)
    judged = {name: judge(name, recipe.kind, fitted(recipe, field.past), field) for name, recipe in held.items()}
    trials = Trials(
        held,
        {name: one for name, (one, _) in judged.items()},
        validation if len(contestants) > 1 else {},
        chosen,
        of_champion,
        field.shoppers,
        field.segments,
        data_version,
        field.split_at,
        hybrid if hybrid is not None and not validation else weights[chosen],
    )
    return Round(trials, {name: tuple(curve.tolist()) for name, (_, curve) in judged.items()})


def fitted(recipe: Recipe, interactions: Interactions, *, warm: Recommender | None = None) -> Recommender:
    """A model made by the recipe."""
    return fit(interactions, parameters_of(recipe.kind, recipe.parameters), warm=warm)


def named(recipes: Mapping[str, Recipe], champion: Recipe | None) -> dict[str, Recipe]:
    """All that are judged: the recipes, the champion's unless it is among them, and popularity."""
    held = dict(recipes)
    if champion is not None and champion not in held.values():
        held[CHAMPION] = champion
    return held | {POPULARITY: Recipe(POPULARITY, {})}


def days_of_the_future(events: pd.DataFrame) -> int:
    """How many days are judged: two weeks, or a quarter of a shorter history; at least one."""
    span = (events["occurred_at"].max() - events["occurred_at"].min()).days if len(events) else 0
    return max(1, min(FUTURE_DAYS, span // PARTS))


def _validated(
    past: pd.DataFrame,
    facts: pd.DataFrame,
    recipes: Mapping[str, Recipe],
    pictures: Pictures,
    feedback: Feedback | None,
) -> tuple[dict[str, float], dict[str, HybridWeights]]:
    """The mean nDCG@20 of every recipe on the end of the past, and the hybrid weights of the best."""
    field = field_of(split_by_time(past, future_days=days_of_the_future(past)), facts, feedback)
    near = alike(field.past.items, pictures)
    found: dict[str, float] = {}
    best: dict[str, HybridWeights] = {}
    for name, recipe in recipes.items():
        model = fitted(recipe, field.past)
        worth = judge(name, recipe.kind, model, field)[0].means["ndcg_at_20"]
        log.info("%s has nDCG@20 %.4f on the end of the past", name, worth)
        if worth > max(found.values(), default=-1.0):
            best = {name: _weighed(model, field, near)}
        found[name] = worth
    return found, best


def _weighed(model: Recommender, field: Field, near: sp.csr_matrix) -> HybridWeights:
    """The hybrid weights of a model; the documented ones where nothing is known of what looks alike."""
    rows = slice(0, min(MOST_WEIGHED, len(field.shoppers)))
    if rows.stop == 0 or near.nnz == 0:
        return HybridWeights.documented()
    cf = scores_on(model, field, rows)
    visual = np.where(np.isneginf(cf), -np.inf, visual_scores(field.histories[rows], near)).astype(np.float32)
    return learned_weights(cf, visual, field.truth[rows], depths(field.histories[rows]))
