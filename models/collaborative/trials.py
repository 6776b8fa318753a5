"""What a round of training gave: recipes, how each did on the same future, and the one that was chosen before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from marketplace.errors import InputRejected
from models.collaborative.blending import HybridWeights
from models.collaborative.evidence import Contender, Evidence
from models.collaborative.selection import Recipe

POPULARITY = "popular"


@dataclass(frozen=True, slots=True)
class Trials:
    """Contenders that were judged on the same shoppers.

    Parameters
    ----------
    recipes, contenders
        By name; popularity is among both.
    validation
        The nDCG@20 by which one was chosen, before anyone looked at the future; empty where there was no choice.
    champion
        The name of the champion's recipe, None before the first.
    hybrid
        What the chosen one is worth beside likeness, per depth.
    """

    recipes: Mapping[str, Recipe]
    contenders: Mapping[str, Contender]
    validation: Mapping[str, float]
    chosen: str
    champion: str | None
    shoppers: tuple[str, ...]
    segments: Mapping[str, tuple[str, ...]]
    data_version: str
    split_at: str
    hybrid: HybridWeights

    @property
    def champion_recipe(self) -> Recipe | None:
        """The recipe of the champion that the others were judged beside, None before the first."""
        return None if self.champion is None else self.recipes[self.champion]

    def evidence(self, version: str, champion_version: str | None) -> Evidence:
        """What the gate is given about the chosen one, as that version of the registry."""
        champion = None
        if self.champion is not None:
            champion = replace(self.contenders[self.champion], name=f"champion {champion_version}")
        return Evidence(
            replace(self.contenders[self.chosen], name=f"version {version}"),
            champion,
            self.contenders[POPULARITY],
            self.shoppers,
            self.segments,
            self.data_version,
            self.split_at,
        )

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        told = {name: getattr(self, name) for name in PLAIN}
        weights = {"depths": self.hybrid.depths.tolist(), "weights": self.hybrid.weights.tolist()}
        return told | {
            "recipes": {name: recipe.as_dict() for name, recipe in self.recipes.items()},
            "contenders": {name: asdict(one) for name, one in self.contenders.items()},
            "hybrid": weights | {"measured": dict(self.hybrid.measured)},
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Trials:
        """The trials that `as_json` took apart.

        Raises
        ------
        InputRejected
            If a part is missing.
        """
        try:
            weights = kept["hybrid"]
            hybrid = HybridWeights(
                np.array(weights["depths"], dtype=np.int64),
                np.array(weights["weights"], dtype=np.float64),
                dict(weights["measured"]),
            )
            told = {name: kept[name] for name in PLAIN}
            told["shoppers"] = tuple(told["shoppers"])
            told["segments"] = {name: tuple(labels) for name, labels in told["segments"].items()}
            recipes = {name: Recipe.from_dict(recipe) for name, recipe in kept["recipes"].items()}
            contenders = {name: Contender.from_json(one) for name, one in kept["contenders"].items()}
            return cls(**told, recipes=recipes, contenders=contenders, hybrid=hybrid)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputRejected(f"the trials cannot be read: {error!r}") from error


PLAIN = ("validation", "chosen", "champion", "shoppers", "segments", "data_version", "split_at")
