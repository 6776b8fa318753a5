"""A round of training: every recipe on the same past, one chosen on the end of it, all judged on the same future."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from marketplace.errors import InputRejected
from models.collaborative.blending import HybridWeights, learn_blend, learn_hybrid
from models.collaborative.evaluation import Examination, Judged, examination, judge
from models.collaborative.evidence import Contender, hashed, rounded
from models.collaborative.features import Feedback, Interactions, split_by_time
from models.collaborative.hybrid import CF_WEIGHT
from models.collaborative.model import BlendModel, Recommender, top_items
from models.collaborative.serving_rows import alike_matrix, alike_rows
from models.collaborative.training import fit, parameters_of
from models.collaborative.trials import POPULARITY, Recipe, Trials

log = logging.getLogger(__name__)
FUTURE_DAYS = 14
PARTS = 4  # the future is at most this part of all days, so that the past can be divided once more
MOST_WEIGHED = 2_000  # shoppers that weights are learned from, since their scores are held at once
MOST_BLENDED = 4  # of the best, each of its own kind
TIMED = 100  # shoppers whose scores are timed one by one
CHAMPION, BLEND = "champion", "blend"
UNKNOWN = "unknown"
Pictures = Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What recipes are tried on.

    Parameters
    ----------
    events
        Columns user_id, product_id, kind, weight, occurred_at.
    facts
        Columns seller_id, country and language, by product_id.
    pictures
        Unit vectors by product id.
    """

    events: pd.DataFrame
    facts: pd.DataFrame
    pictures: Pictures
    feedback: Feedback | None
    data_version: str

    def examination(self, events: pd.DataFrame) -> Examination:
        """Questions about the last days of some of the events."""
        sellers = {int(number): int(seller) for number, seller in self.facts["seller_id"].items()}
        labels = {
            "market": mostly(events, self.facts["country"]),
            "language": mostly(events, self.facts["language"]),
        }
        days = days_of_the_future(events)
        return examination(events, future_days=days, feedback=self.feedback, sellers=sellers, labels=labels)


@dataclass(frozen=True, slots=True)
class Round:
    """The trials, and of every contender its mean recall at cuts 1 to 20."""

    trials: Trials
    curves: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The recipes that are worth judging, what each gave on the end of the past, the best, and its hybrid weights."""

    recipes: Mapping[str, Recipe]
    validation: Mapping[str, float]
    chosen: str
    hybrid: HybridWeights


def compete(
    ground: Ground, recipes: Mapping[str, Recipe], *, champion: Recipe | None, hybrid: HybridWeights | None = None
) -> Round:
    """What every recipe is worth; the one that was best on the end of the past is the chosen one.

    Parameters
    ----------
    recipes
        By name. Where there is only one and `hybrid` is given, nothing is chosen.
    champion
        Judged beside the others.
    hybrid
        Weights that the champion has.

    Raises
    ------
    InputRejected
        If the events cannot be split by time, or hold nothing to learn from.
    """
    exam = ground.examination(ground.events)
    if len(recipes) == 1 and hybrid is not None:
        choice = Choice(recipes, {}, next(iter(recipes)), hybrid)
    else:
        choice = chosen_among(ground, recipes)
    held = named(choice.recipes, champion)
    judged = {name: _judged(name, recipe, exam) for name, recipe in held.items()}
    trials = Trials(
        held,
        {name: one for name, (one, _) in judged.items()},
        choice.validation,
        choice.chosen,
        None if champion is None else next(name for name, one in held.items() if one == champion),
        hashed(exam.users.tolist()),
        labels_of(exam),
        ground.data_version,
        exam.split_at,
        choice.hybrid,
    )
    return Round(trials, {name: curve for name, (_, curve) in judged.items()})


def chosen_among(ground: Ground, recipes: Mapping[str, Recipe]) -> Choice:
    """The best recipe of each kind and a blend of them, by their nDCG@20 on the end of the past.

    Raises
    ------
    InputRejected
        If there is no recipe but popularity.
    """
    tried = {name: recipe for name, recipe in recipes.items() if recipe.kind != POPULARITY}
    if not tried:
        raise InputRejected("there is no recipe to try but popularity")
    exam = sampled(ground.examination(_past(ground.events)))
    validation: dict[str, float] = {}
    best: dict[str, tuple[str, Recommender]] = {}  # of each kind
    for name, recipe in tried.items():
        model = fitted(recipe, exam.past)
        validation[name] = judge(model, exam).means()["ndcg_at_20"]
        log.info("%s has nDCG@20 %.4f on the end of the past", name, validation[name])
        if recipe.kind not in best or validation[name] > validation[best[recipe.kind][0]]:
            best[recipe.kind] = (name, model)
    finalists = {name: tried[name] for name, _ in best.values()}
    models = dict(best.values())
    if len(models) > 1:
        finalists[BLEND], models[BLEND] = _blend(models, validation, tried, exam)
        validation[BLEND] = judge(models[BLEND], exam).means()["ndcg_at_20"]
    chosen = max(finalists, key=lambda name: validation[name])
    return Choice(finalists, validation, chosen, _hybrid(models[chosen], ground.pictures, exam))


def fitted(recipe: Recipe, interactions: Interactions, *, warm: Recommender | None = None) -> Recommender:
    """A model made by the recipe; a blend of models made by the recipes of its parts.

    Raises
    ------
    InputRejected
        If there is nothing to learn from, or the recipe names what is not known.
    """
    if recipe.kind != BLEND:
        return fit(interactions, parameters_of(recipe.kind, recipe.parameters), warm=warm)
    begun = warm.parts if isinstance(warm, BlendModel) else ()
    parts = [Recipe.from_json(part) for part in recipe.parameters["parts"]]
    from_what = begun if len(begun) == len(parts) else (None,) * len(parts)
    models = [fitted(part, interactions, warm=model) for part, model in zip(parts, from_what, strict=True)]
    return BlendModel(tuple(models), tuple(recipe.parameters["weights"]))


def named(recipes: Mapping[str, Recipe], champion: Recipe | None) -> dict[str, Recipe]:
    """All that are judged: the recipes, the champion's unless it is among them, and popularity."""
    held = {name: recipe for name, recipe in recipes.items() if recipe.kind != POPULARITY}
    if champion is not None and champion not in held.values():
        held[CHAMPION] = champion
    return held | {POPULARITY: Recipe(POPULARITY, {})}


def days_of_the_future(events: pd.DataFrame) -> int:
    """How many days are judged: two weeks, or a quarter of a shorter history; at least one."""
    span = (events["occurred_at"].max() - events["occurred_at"].min()).days if len(events) else 0
    return max(1, min(FUTURE_DAYS, span // PARTS))


def mostly(events: pd.DataFrame, labels: pd.Series[str]) -> dict[str, str]:
    """The label that most of the products have that each shopper turned to; of equally many the first by name."""
    found = events["product_id"].map(labels).fillna(UNKNOWN).replace("", UNKNOWN)
    counted = events.groupby([events["user_id"], found.rename("label")]).size().rename("events").reset_index()
    ordered = counted.sort_values(["user_id", "events", "label"], ascending=[True, False, True])
    first = ordered.drop_duplicates("user_id")
    return dict(zip(first["user_id"].astype(str), first["label"].astype(str), strict=True))


def labels_of(exam: Examination) -> dict[str, tuple[str, ...]]:
    """Of every dimension the segment of each shopper."""
    found: dict[str, NDArray[np.object_]] = {}
    for name, mask in exam.segments.items():
        dimension, _, label = name.partition(": ")
        found.setdefault(dimension, np.full(len(exam.users), UNKNOWN, dtype=object))[mask] = label
    return {dimension: tuple(map(str, labels)) for dimension, labels in found.items()}


def sampled(exam: Examination, most: int = MOST_WEIGHED) -> Examination:
    """The examination of at most so many shoppers: those of the least hash."""
    if len(exam.users) <= most:
        return exam
    names = [hashlib.sha256(user.encode()).digest() for user in exam.users.tolist()]
    rows = np.sort(np.array(sorted(range(len(names)), key=names.__getitem__)[:most], dtype=np.intp))
    return replace(
        exam,
        users=exam.users[rows],
        histories=sp.csr_matrix(exam.histories[rows]),
        truth=sp.csr_matrix(exam.truth[rows]),
        segments={name: mask[rows] for name, mask in exam.segments.items()},
    )


def _past(events: pd.DataFrame) -> pd.DataFrame:
    return split_by_time(events, future_days=days_of_the_future(events)).past


def _judged(name: str, recipe: Recipe, exam: Examination) -> tuple[Contender, tuple[float, ...]]:
    model = fitted(recipe, exam.past)
    found = judge(model, exam)
    made = Contender(
        name,
        recipe.kind,
        found.means(),
        rounded(found.ndcg_at_20),
        rounded(found.recall_at_20),
        _latency_p99_ms(model, exam),
    )
    return made, _curve(found, exam)


def _curve(found: Judged, exam: Examination) -> tuple[float, ...]:
    """Mean recall at cuts 1 to 20."""
    rows = np.arange(len(found.lists))[:, None]
    hits = np.asarray(exam.truth[rows, np.maximum(found.lists, 0)].todense()) * (found.lists >= 0)
    wanted = np.maximum(np.diff(exam.truth.indptr), 1)[:, None]
    return tuple((np.cumsum(hits, axis=1) / wanted).mean(axis=0).tolist()) if len(found.lists) else ()


def _latency_p99_ms(model: Recommender, exam: Examination) -> float:
    seconds = []
    for row in range(min(TIMED, len(exam.users))):
        history = sp.csr_matrix(exam.histories[row])
        started = time.perf_counter()
        top_items(model.scores(history), 20)
        seconds.append(time.perf_counter() - started)
    return round(float(np.percentile(seconds, 99)) * 1000, 3) if seconds else 0.0


def _blend(
    models: Mapping[str, Recommender], validation: Mapping[str, float], recipes: Mapping[str, Recipe], exam: Examination
) -> tuple[Recipe, Recommender]:
    best = sorted(models, key=lambda name: -validation[name])[:MOST_BLENDED]
    blend = learn_blend([models[name] for name in best], exam)
    of_part = {id(models[name]): recipes[name] for name in best}
    parts = [of_part[id(part)].as_json() for part in blend.parts]
    return Recipe(BLEND, {"parts": parts, "weights": list(blend.weights)}), blend


def _hybrid(model: Recommender, pictures: Pictures, exam: Examination) -> HybridWeights:
    """Learned where anything is known of what looks alike, else the documented ones."""
    near = alike_matrix(list(alike_rows(pictures)), exam.past.items)
    if near.nnz == 0:
        return HybridWeights(np.array([0], dtype=np.int64), np.array([CF_WEIGHT]), {})
    return learn_hybrid(model, near, exam)
