"""Choosing what to train: settings tried within a budget on a validation split, and the recipe that won."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from marketplace.errors import InputRejected
from models.collaborative.blending import learn_blend
from models.collaborative.evaluation import Examination, Judged, judge
from models.collaborative.factors import AlsParameters, BprParameters, ScaledAlsParameters
from models.collaborative.features import Interactions
from models.collaborative.graph import GraphParameters
from models.collaborative.linear import EaseParameters, ItemParameters
from models.collaborative.model import BlendModel, Recommender
from models.collaborative.training import FLOOR, LOCAL, Als, Parameters, begins_from, fit, parameters_of, possible

BLENDED = 4  # of the best kinds, one of each, go into the blend
Report = Callable[["Trial"], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: one part, or several with their weights in a blend."""

    kinds: tuple[str, ...]
    parts: tuple[Parameters, ...]
    weights: tuple[float, ...]

    @property
    def kind(self) -> str:
        """The kind of what it makes."""
        return self.kinds[0] if len(self.kinds) == 1 else "blend"

    def as_dict(self) -> dict[str, Any]:
        """The recipe in words and numbers, for the record."""
        parts = [part.as_dict() for part in self.parts]
        return {"kinds": list(self.kinds), "parameters": parts, "weights": list(self.weights)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """The recipe that `as_dict` wrote down.

        Raises
        ------
        InputRejected
            If it names a kind or parameter that is not known.
        """
        kinds = tuple(kept["kinds"])
        parts = tuple(parameters_of(kind, values) for kind, values in zip(kinds, kept["parameters"], strict=True))
        return cls(kinds, parts, tuple(kept["weights"]))


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that was tried: what it was, the model, and how it was judged on the validation split."""

    kind: str
    parameters: Parameters
    model: Recommender
    judged: Judged

    @property
    def worth(self) -> float:
        """What trials are ranked by: nDCG at 20."""
        return float(self.judged.ndcg_at_20.mean())


def search(
    exam: Examination,
    *,
    trials: int = 0,
    seed: int = 7,
    only: Collection[str] = (),
    report: Report | None = None,
    als: Als = LOCAL,
) -> list[Trial]:
    """Every candidate at its usual settings, and so many more of the kinds that did best; best first.

    Parameters
    ----------
    exam
        The validation split; nothing of it may be judged on later.
    trials
        How many settings to try beyond the usual ones.
    only
        The kinds that are tried; empty for all.
    report
        Told of each trial when it is judged.
    als
        What fits the documented ALS.
    """
    done: list[Trial] = []

    def tried(kind: str, parameters: Parameters) -> None:
        model = fit(exam.past, parameters, als=als)
        done.append(Trial(kind, parameters, model, judge(model, exam)))
        if report is not None:
            report(done[-1])

    for kind, parameters in possible(exam.past, only).items():
        tried(kind, parameters)
    generator = np.random.default_rng(seed)
    for _ in range(trials):
        ranked = _best_of_each(done)
        # Two of three trials vary the leader, the third one of those behind it.
        choice = ranked[0] if generator.random() < 2 / 3 else ranked[int(generator.integers(min(3, len(ranked))))]
        if choice.kind != FLOOR:
            tried(choice.kind, varied(choice.parameters, generator))
    return sorted(done, key=lambda trial: -trial.worth)


def choose(trials: Sequence[Trial], exam: Examination) -> tuple[Recipe, float]:
    """The recipe with the highest nDCG at 20 on the validation split, a blend where it is higher; and that nDCG."""
    if not trials:
        raise InputRejected("no setting was tried, so there is nothing to choose from")
    best = _best_of_each(trials)
    blend = learn_blend([trial.model for trial in best[:BLENDED]], exam)
    worth = float(judge(blend, exam).ndcg_at_20.mean())
    if len(blend.parts) == 1 or worth <= best[0].worth:
        return Recipe((best[0].kind,), (best[0].parameters,), (1.0,)), best[0].worth
    of = {id(trial.model): trial for trial in best}
    chosen = [of[id(part)] for part in blend.parts]
    kinds, parts = tuple(trial.kind for trial in chosen), tuple(trial.parameters for trial in chosen)
    return Recipe(kinds, parts, blend.weights), worth


def cook(
    recipe: Recipe, interactions: Interactions, *, warm: Recommender | None = None, als: Als = LOCAL
) -> Recommender:
    """A model made by the recipe.

    Parameters
    ----------
    warm
        A model of the same recipe to begin from.
    als
        What fits the documented ALS.
    """
    pairs = zip(recipe.parts, _before(recipe, warm), strict=True)
    made = [fit(interactions, part, warm=begin, als=als) for part, begin in pairs]
    return made[0] if len(made) == 1 else BlendModel(tuple(made), recipe.weights)


def is_warm(recipe: Recipe, warm: Recommender | None, als: Als = LOCAL) -> bool:
    """Whether any part of the recipe begins from that model."""
    return any(begins_from(part, begin, als) for part, begin in zip(recipe.parts, _before(recipe, warm), strict=True))


def varied(parameters: Parameters, generator: np.random.Generator) -> Parameters:
    """The parameters with one or two of them moved, at random."""
    moves = dict(_moves(parameters, generator))
    names = sorted(moves)
    chosen = generator.choice(names, size=min(len(names), 1 + int(generator.integers(2))), replace=False)
    return replace(parameters, **{name: moves[name] for name in chosen.tolist()})


def _before(recipe: Recipe, warm: Recommender | None) -> Sequence[Recommender | None]:
    """What each part of the recipe may begin from."""
    before: Sequence[Recommender | None] = warm.parts if isinstance(warm, BlendModel) else (warm,)
    return before if len(before) == len(recipe.parts) else (None,) * len(recipe.parts)


def _best_of_each(trials: Sequence[Trial]) -> list[Trial]:
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.kind not in best or trial.worth > best[trial.kind].worth:
            best[trial.kind] = trial
    return sorted(best.values(), key=lambda trial: -trial.worth)


def _moves(parameters: Parameters, generator: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """A new value for each parameter that is worth moving."""

    def scaled(value: float) -> float:
        return float(value * 2 ** generator.uniform(-1.5, 1.5))

    def shifted(value: float, low: float, high: float) -> float:
        return float(np.clip(value + generator.uniform(-0.2, 0.2), low, high))

    match parameters:
        case AlsParameters():  # the number of factors is the documented one
            yield "regularization", scaled(parameters.regularization)
            yield "alpha", scaled(parameters.alpha)
        case ScaledAlsParameters():
            yield "regularization", scaled(parameters.regularization)
            yield "unobserved", scaled(parameters.unobserved)
            yield "frequency", shifted(parameters.frequency, 0.2, 1.2)
        case BprParameters():
            yield "learning_rate", scaled(parameters.learning_rate)
            yield "regularization", scaled(parameters.regularization)
        case ItemParameters():
            yield "neighbours", int(np.clip(scaled(parameters.neighbours), 10, 1000))
            if parameters.by == "bm25":
                yield "k1", scaled(parameters.k1)
                yield "b", shifted(parameters.b, 0.0, 1.0)
        case EaseParameters():
            yield "regularization", scaled(parameters.regularization)
        case GraphParameters():
            yield "touched", shifted(parameters.touched, 0.0, 1.2)
            yield "shoppers", shifted(parameters.shoppers, 0.0, 1.5)
            yield "reached", shifted(parameters.reached, 0.0, 1.0)
            yield "sharpen", float(generator.choice([0.0, 0.1, 0.15, 0.25, 0.4]))
            yield "low_pass", float(generator.choice([0.0, 0.05, 0.1, 0.2, 0.3]))
