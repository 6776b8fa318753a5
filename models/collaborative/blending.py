"""Weights learned on a validation split: of several models in a blend, and of interest beside likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.evaluation import Examination, judged, listed
from models.collaborative.features import depths
from models.collaborative.hybrid import CF_WEIGHT, blended, visual_scores
from models.collaborative.model import BlendModel, Floats, Recommender, spread

STEPS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
ROUNDS = 2
BUCKETS = (0, 3, 10, 20)  # products touched, where each bucket of depth begins
SHARES = tuple(np.round(np.arange(0, 1.01, 0.1), 1).tolist())
LEAST_SHOPPERS = 30  # in a bucket; with fewer it takes the weight of all


@dataclass(frozen=True, slots=True)
class HybridWeights:
    """The collaborative weight by depth: `depths` say where each bucket begins; `measured` is nDCG at 20 by name."""

    depths: NDArray[np.int64]
    weights: NDArray[np.float64]
    measured: dict[str, float]

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """What is kept with the model."""
        return {"hybrid_depths": self.depths, "hybrid_weights": self.weights}


def learn_blend(models: Sequence[Recommender], exam: Examination) -> BlendModel:
    """The blend whose weights give the highest nDCG at 20, by coordinate search from the best model alone.

    Parameters
    ----------
    models
        Fitted on the past of the examination.
    """
    parts = [_even(model.scores(exam.histories)) for model in models]
    alone = [_worth(scores, exam) for scores in parts]
    weights = np.zeros(len(models))
    weights[int(np.argmax(alone))] = 1.0
    best = max(alone)
    for _, place in product(range(ROUNDS), range(len(models))):
        for step in STEPS:
            tried = weights.copy()
            tried[place] = step
            if not tried.any():
                continue
            worth = _worth(_mixed(parts, tried), exam)
            if worth > best + 1e-9:
                best, weights = worth, tried
    kept = np.flatnonzero(weights)
    return BlendModel(tuple(models[place] for place in kept.tolist()), tuple(weights[kept].tolist()))


def learn_hybrid(model: Recommender, alike: sp.csr_matrix, exam: Examination) -> HybridWeights:
    """The weight of interest beside likeness by depth of history, each chosen for the highest nDCG at 20.

    Parameters
    ----------
    alike : (items, items)
        Cosines of each item with its nearest ones.
    """
    cf, visual = model.scores(exam.histories), visual_scores(exam.histories, alike)
    by_share = np.stack([_gains(blended(cf, visual, share), exam) for share in SHARES])  # (shares, shoppers)
    overall = int(np.argmax(by_share.mean(axis=1)))
    bucket = np.searchsorted(BUCKETS, depths(exam.histories), side="right") - 1
    chosen = []
    for place in range(len(BUCKETS)):
        inside = bucket == place
        chosen.append(int(np.argmax(by_share[:, inside].mean(axis=1))) if inside.sum() >= LEAST_SHOPPERS else overall)
    shares = np.array(SHARES)[chosen]
    learned = by_share[np.array(chosen)[bucket], np.arange(len(bucket))]
    measured = {
        "documented": float(by_share[SHARES.index(CF_WEIGHT)].mean()),
        "learned": float(learned.mean()),
        "collaborative": float(by_share[-1].mean()),
        "visual": float(by_share[0].mean()),
    }
    return HybridWeights(np.array(BUCKETS, dtype=np.int64), shares, measured)


def _mixed(parts: Sequence[Floats], weights: NDArray[np.float64]) -> Floats:
    total = np.zeros_like(parts[0])
    for scores, weight in zip(parts, weights.tolist(), strict=True):
        if weight:
            total += np.float32(weight) * scores
    return total


def _even(scores: Floats) -> Floats:
    return np.asarray(scores / spread(scores), dtype=np.float32)


def _gains(scores: Floats, exam: Examination) -> NDArray[np.float64]:
    popular = np.asarray(exam.past.matrix.sum(axis=0), dtype=np.float32).ravel()
    return judged("tried", listed(scores, exam.histories, popular), exam).ndcg_at_20


def _worth(scores: Floats, exam: Examination) -> float:
    return float(_gains(scores, exam).mean())
