"""Which settings of each family a search may try, and a draw of them within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from models.collaborative.trials import POPULARITY, Recipe

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = MappingProxyType(
    {
        "als": {"factors": (50, 100, 200), "regularization": (0.5, 2.0, 5.0, 20.0), "alpha": (1.0, 5.0, 20.0)},
        "scaled_als": {
            "factors": (32, 64, 128),
            "regularization": (0.001, 0.003, 0.01),
            "unobserved": (0.01, 0.03, 0.1),
        },
        "item_cosine": {"neighbours": (20, 50, 100, 200, 500)},
        "item_bm25": {"neighbours": (20, 50, 100, 200, 500), "b": (0.25, 0.5, 0.75)},
        "item_tfidf": {"neighbours": (20, 50, 100, 200, 500)},
        "ease": {"regularization": (10.0, 30.0, 100.0, 300.0, 1000.0)},
        "graph_filter": {"touched": (0.5, 0.65, 0.8), "reached": (0.1, 0.25, 0.5), "waves": (64, 256)},
        "bpr": {"factors": (50, 100), "learning_rate": (0.02, 0.05, 0.1), "regularization": (0.001, 0.01, 0.1)},
    }
)


def drawn(recipes: Mapping[str, Recipe], trials: int, *, seed: int) -> dict[str, Recipe]:
    """The recipes, and others of their kinds by name, so that with these no more than `trials` are tried.

    Kinds take turns; each draws from its grid without putting one back.
    """
    found = {name: recipe for name, recipe in recipes.items() if recipe.kind != POPULARITY}
    generator = np.random.default_rng(seed)
    waiting = {recipe.kind: _shuffled(recipe, generator) for recipe in found.values() if recipe.kind in GRIDS}
    number = 0
    while len(found) < trials and any(waiting.values()):
        for kind in [kind for kind, left in waiting.items() if left]:
            recipe = waiting[kind].pop()
            if len(found) < trials and recipe not in found.values():
                number += 1
                found[f"{kind} {number}"] = recipe
    return found


def _shuffled(recipe: Recipe, generator: np.random.Generator) -> list[Recipe]:
    grid = GRIDS[recipe.kind]
    all_of_them = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    order = generator.permutation(len(all_of_them)).tolist()
    return [Recipe(recipe.kind, {**recipe.parameters, **all_of_them[place]}) for place in order]
