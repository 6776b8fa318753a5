"""What this process answers from, for its operator."""

from __future__ import annotations

from models.collaborative.hybrid import CF_WEIGHT
from serving.exposing import Exposing
from serving.kept_answers import KeptAnswers
from serving.recommender.recommender import Recommender
from serving.recommender.snapshot import ModelView, Shelf
from serving.schemas import RecommenderState, ServedModel


def state_of(recommender: Recommender, kept: KeptAnswers, exposing: Exposing) -> RecommenderState | None:
    """The newest snapshot in figures, None while there is none."""
    snapshot = recommender.builder.current
    if snapshot is None:
        return None
    shelf, offered = snapshot.shelf, max(1, int(snapshot.shelf.offered.sum()))
    has_alike = (snapshot.alike.indptr[1:] > snapshot.alike.indptr[:-1]) & shelf.offered
    return RecommenderState(
        model=_model(snapshot.champion, shelf),
        challenger=_model(snapshot.challenger, shelf),
        trouble=snapshot.trouble,
        challenger_trouble=snapshot.challenger_trouble,
        experiment=snapshot.experiment.name if snapshot.experiment else None,
        is_listening=recommender.listener.is_listening,
        snapshot=snapshot.number,
        products_on_offer=int(shelf.offered.sum()),
        products_alike=round(float(has_alike.sum()) / offered, 4),
        products_cold=int(snapshot.cold.sum()),
        kept_answers=len(kept),
        kept_pasts=len(recommender.tastes),
        waiting_exposures=exposing.waiting,
    )


def _model(view: ModelView | None, shelf: Shelf) -> ServedModel | None:
    if view is None or view.loaded is None:
        return None
    loaded = view.loaded
    known = (view.within >= 0) & shelf.offered
    return ServedModel(
        version=loaded.version,
        kind=loaded.kind,
        sha256=loaded.sha256,
        weights={str(depth): weight for depth, weight in zip(loaded.depths, loaded.weights.tolist(), strict=True)},
        is_learned=loaded.is_learned,
        documented=CF_WEIGHT,
        half_life_days=loaded.half_life_days,
        coverage=round(float(known.sum()) / max(1, int(shelf.offered.sum())), 4),
    )
