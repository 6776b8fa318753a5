"""A round of training: every recipe on the same past, one chosen on the end of it, all judged on the same future."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.collaborative.blending import HybridWeights, learn_hybrid
from models.collaborative.evaluation import Examination, Judged, examination, judge
from models.collaborative.evidence import Contender, hashed, rounded
from models.collaborative.features import Feedback, split_by_time
from models.collaborative.hybrid import CF_WEIGHT
from models.collaborative.model import Recommender, top_items
from models.collaborative.selection import Recipe, Trial, choose, cook, search
from models.collaborative.serving_rows import alike_matrix, alike_rows
from models.collaborative.training import CANDIDATES, LOCAL, Als
from models.collaborative.trials import POPULARITY, Trials

log = logging.getLogger(__name__)
FUTURE_DAYS = 14
PARTS = 4  # the future is at most this part of all days, so that the past can be divided once more
MOST_WEIGHED = 2_000  # shoppers that weights are learned from, since their scores are held at once
TIMED = 100  # shoppers whose scores are timed one by one
CHAMPION = "champion"
UNKNOWN = "unknown"
Pictures = Mapping[int, NDArray[np.float32]]
Clock = Callable[[], float]  # seconds since some instant


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
        sellers = dict(zip(self.facts.index.tolist(), self.facts["seller_id"].tolist(), strict=True))
        labels = {
            "market": mostly(events, self.facts["country"]),
            "language": mostly(events, self.facts["language"]),
        }
        days = days_of_the_future(events)
        return examination(events, future_days=days, feedback=self.feedback, sellers=sellers, labels=labels)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a round is done with: a clock that times answers, and what fits the documented ALS."""

    clock: Clock
    als: Als = LOCAL


@dataclass(frozen=True, slots=True)
class Tried:
    """A recipe that was tried on the end of the past, and its nDCG@20 there."""

    name: str
    recipe: Recipe
    worth: float


@dataclass(frozen=True, slots=True)
class Round:
    """The trials, of every contender its mean recall at cuts 1 to 20, and all that was tried before."""

    trials: Trials
    curves: Mapping[str, tuple[float, ...]]
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The recipes that are worth judging, the best of them, its hybrid weights, and all that was tried for it."""

    recipes: Mapping[str, Recipe]
    chosen: str
    hybrid: HybridWeights
    tried: tuple[Tried, ...] = ()


def compete(
    ground: Ground,
    tools: Tools,
    *,
    champion: Recipe | None,
    trials: int = 0,
    seed: int = 7,
    only: Collection[str] = (),
) -> Round:
    """What the best recipe of every family is worth; the one that was best on the end of the past is the chosen one.

    Parameters
    ----------
    champion
        Judged beside the others.
    trials
        How many settings are tried beyond the usual ones.
    only
        The kinds that compete; empty for all.

    Raises
    ------
    InputRejected
        If the events cannot be split by time, or hold nothing to learn from.
    """
    with threadpool_limits(1, user_api="blas"):  # the families bring their own threads; two pools slow both down
        choice = chosen_among(ground, tools.als, trials=trials, seed=seed, only=only)
        return _judged_all(ground, tools, choice, champion)


def defend(ground: Ground, tools: Tools, *, champion: Recipe, hybrid: HybridWeights) -> Round:
    """What the champion's recipe is worth on what happened since; it is the chosen one, with the weights it has.

    Raises
    ------
    InputRejected
        If the events cannot be split by time, or hold nothing to learn from.
    """
    with threadpool_limits(1, user_api="blas"):
        return _judged_all(ground, tools, Choice({champion.kind: champion}, champion.kind, hybrid), champion)


def chosen_among(ground: Ground, als: Als = LOCAL, *, trials: int, seed: int, only: Collection[str] = ()) -> Choice:
    """The best recipe of each family and a blend of them, by their nDCG@20 on the end of the past."""
    exam = sampled(ground.examination(_past(ground.events)))
    found = search(exam, trials=trials, seed=seed, only=only, report=_logged, als=als)
    recipe, worth = choose([trial for trial in found if trial.kind != POPULARITY], exam)
    best: dict[str, Recipe] = {}
    for trial in found:  # best first
        best.setdefault(trial.kind, recipe_of(trial))
    best[recipe.kind] = recipe
    counted = Counter[str]()
    tried = [Tried(f"{trial.kind} {_next(counted, trial.kind)}", recipe_of(trial), trial.worth) for trial in found]
    if recipe.kind not in counted:
        tried.append(Tried(recipe.kind, recipe, worth))
    hybrid = _hybrid(cook(recipe, exam.past, als=als), ground.pictures, exam)
    return Choice(best, recipe.kind, hybrid, tuple(tried))


def recipe_of(trial: Trial) -> Recipe:
    """The recipe of one setting."""
    return Recipe((trial.kind,), (trial.parameters,), (1.0,))


def named(recipes: Mapping[str, Recipe], champion: Recipe | None) -> dict[str, Recipe]:
    """All that are judged: the recipes, the champion's unless it is among them, and popularity."""
    held = dict(recipes)
    if champion is not None and champion not in held.values():
        held[CHAMPION] = champion
    return held | {POPULARITY: Recipe((POPULARITY,), (CANDIDATES[POPULARITY],), (1.0,))}


def days_of_the_future(events: pd.DataFrame) -> int:
    """How many days are judged: two weeks, or a quarter of a shorter history; at least one."""
    span = (events["occurred_at"].max() - events["occurred_at"].min()).days if len(events) else 0
    return max(1, min(FUTURE_DAYS, span // PARTS))


def mostly(events: pd.DataFrame, labels: pd.Series[str]) -> dict[str, str]:
    """The label that most of the products have that each shopper turned to; of equally many the first by name.

    What a shopper refused says as much of where they are as what they liked.
    """
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


def _judged_all(ground: Ground, tools: Tools, choice: Choice, champion: Recipe | None) -> Round:
    exam = ground.examination(ground.events)
    held = named(choice.recipes, champion)
    judged = {name: _judged(name, recipe, exam, tools) for name, recipe in held.items()}
    worth = {name: max((one.worth for one in choice.tried if one.recipe == held[name]), default=None) for name in held}
    trials = Trials(
        held,
        {name: one for name, (one, _) in judged.items()},
        {name: value for name, value in worth.items() if value is not None},
        choice.chosen,
        None if champion is None else next(name for name, one in held.items() if one == champion),
        hashed(exam.users.tolist()),
        labels_of(exam),
        ground.data_version,
        exam.split_at,
        choice.hybrid,
    )
    return Round(trials, {name: curve for name, (_, curve) in judged.items()}, choice.tried)


def _logged(trial: Trial) -> None:
    log.info("%s has nDCG@20 %.4f on the end of the past", trial.kind, trial.worth)


def _next(counted: Counter[str], kind: str) -> int:
    counted[kind] += 1
    return counted[kind]


def _judged(name: str, recipe: Recipe, exam: Examination, tools: Tools) -> tuple[Contender, tuple[float, ...]]:
    model = cook(recipe, exam.past, als=tools.als)
    found = judge(model, exam)
    made = Contender(
        name,
        recipe.kind,
        found.means(),
        rounded(found.ndcg_at_20),
        rounded(found.recall_at_20),
        _latency_p99_ms(model, exam, tools.clock),
    )
    return made, _curve(found, exam)


def _curve(found: Judged, exam: Examination) -> tuple[float, ...]:
    """Mean recall at cuts 1 to 20."""
    rows = np.arange(len(found.lists))[:, None]
    hits = np.asarray(exam.truth[rows, np.maximum(found.lists, 0)].todense()) * (found.lists >= 0)
    wanted = np.maximum(np.diff(exam.truth.indptr), 1)[:, None]
    return tuple((np.cumsum(hits, axis=1) / wanted).mean(axis=0).tolist()) if len(found.lists) else ()


def _latency_p99_ms(model: Recommender, exam: Examination, clock: Clock) -> float:
    seconds = []
    for row in range(min(TIMED, len(exam.users))):
        history = sp.csr_matrix(exam.histories[row])
        started = clock()
        top_items(model.scores(history), 20)
        seconds.append(clock() - started)
    return round(float(np.percentile(seconds, 99)) * 1000, 3) if seconds else 0.0


def _hybrid(model: Recommender, pictures: Pictures, exam: Examination) -> HybridWeights:
    """Learned where anything is known of what looks alike, else the documented ones."""
    near = alike_matrix(list(alike_rows(pictures)), exam.past.items)
    if near.nnz == 0:
        return HybridWeights(np.array([0], dtype=np.int64), np.array([CF_WEIGHT]), {})
    return learn_hybrid(model, near, exam)
