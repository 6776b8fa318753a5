"""Lists before they are known to be for sale: one way or two at once, with places for what nobody knows yet."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from marketplace.experiments.assignment import Experiment, Variant, variant_of
from marketplace.experiments.interleaving import team_draft
from marketplace.settings import Settings
from marketplace.storage.standing import listed_for
from marketplace.storage.warehouse import Warehouse
from models.collaborative.ranking import explored, with_explored
from serving.recommender.asking import Ask
from serving.recommender.reasons import Reason, reasons_of
from serving.recommender.snapshot import ModelView, Snapshot
from serving.recommender.steps import (
    Evidence,
    Place,
    Tier,
    Ways,
    eligible,
    evidence,
    explorable,
    listed_tier,
    ordered,
    reached,
    tiers,
)
from serving.recommender.tastes import History

UNKNOWN = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """What an experiment asks of one answer."""

    experiment: Experiment | None = None
    variant: Variant | None = None

    @property
    def is_interleaved(self) -> bool:
        """Whether two lists are shown as one."""
        return self.experiment is not None and self.experiment.is_interleaved and len(self.experiment.variants) > 1

    def settings(self) -> dict[str, Any]:
        """What the variant changes."""
        return {} if self.variant is None else dict(self.variant.settings)


@dataclass(frozen=True, slots=True)
class Draft:
    """A list before it is known to be for sale.

    `parts` are the ways in which it was made, one or two, with what they found; `teams` says by column which of them
    put a product there, and `names` how two of them are called.
    """

    places: list[Place]
    propensities: list[float]
    parts: tuple[tuple[Evidence, ModelView | None], ...]
    teams: Mapping[int, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def reasons(self, snapshot: Snapshot, history: History) -> dict[int, Reason]:
        """Why each column stands there, by what put it there."""
        spoken: dict[int, Reason] = {}
        for team, (found, view) in enumerate(self.parts):
            own = [place for place in self.places if self.teams.get(place.column, 0) == team]
            spoken |= reasons_of(snapshot, history, found, view, own)
        return spoken

    def team(self, column: int) -> str | None:
        """The name of who put a product there, None where there is but one."""
        return self.names[self.teams[column]] if self.names else None


class Drafter:
    """Makes drafts as the settings say, and as an experiment changes them."""

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self._warehouse = warehouse
        self._settings = settings

    def draft(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str, dead: frozenset[int]
    ) -> Draft:
        """The list that the answer of this id is to be, without products that are `dead`."""
        allowed = eligible(snapshot, ask, history, dead)
        if trial.is_interleaved:
            return self._interleaved(snapshot, ask, history, trial, answer_id, allowed)
        ways = self._ways(snapshot, ask, trial.settings())
        found = evidence(snapshot, history, allowed, ways)
        places = ordered(snapshot, self._steps(snapshot, ask, history, allowed, found, ways), ask.limit, ways)
        best = Draft(places, [1.0] * len(places), ((found, ways.view),))
        return self._with_unknown(snapshot, ask, history, best, allowed, answer_id)

    def _interleaved(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str, allowed: Any
    ) -> Draft:
        """Both variants' lists as one; nothing is tried out, so that clicks speak for the lists alone."""
        assert trial.experiment is not None
        variants = trial.experiment.variants[:2]
        made = [self._ways(snapshot, ask, dict(variant.settings)) for variant in variants]
        evidences = [evidence(snapshot, history, allowed, ways) for ways in made]
        lists = [
            ordered(snapshot, self._steps(snapshot, ask, history, allowed, found, ways), ask.limit, ways)
            for found, ways in zip(evidences, made, strict=True)
        ]
        columns = [[one.column for one in places] for places in lists]
        whole = team_draft(columns[0], columns[1], 2 * ask.limit, zlib.crc32(answer_id.encode()))
        drafted = _capped(snapshot, whole, made[0].per_seller)[: ask.limit]
        at = [{one.column: one for one in places} for places in lists]
        places = [at[team][column] for column, team in drafted]
        parts = tuple((found, ways.view) for found, ways in zip(evidences, made, strict=True))
        return Draft(places, [1.0] * len(places), parts, dict(drafted), tuple(one.name for one in variants))

    def _steps(
        self, snapshot: Snapshot, ask: Ask, history: History, allowed: Any, found: Evidence, ways: Ways
    ) -> list[Tier]:
        has_model = ways.view is not None and ways.view.loaded is not None
        steps = reached(snapshot, tiers(snapshot, ask, history, allowed, found, is_model=has_model), ask.limit, ways)
        if has_model or ask.user_id is None or snapshot.publication is None:
            return steps
        rows = listed_for(self._warehouse, snapshot.publication.version, ask.user_id)
        listed = listed_tier("personal", snapshot, allowed, rows)
        return [replace(listed, about=("", "listed")), *steps]

    def _with_unknown(
        self, snapshot: Snapshot, ask: Ask, history: History, draft: Draft, allowed: Any, answer_id: str
    ) -> Draft:
        """The list with the places that go to products nobody knows yet, by a draw that the answer's id decides."""
        share = self._settings.recommendation_exploration
        columns = [one.column for one in draft.places]
        if not share or ask.surface != "for_you":
            return draft
        counts = Counter(snapshot.shelf.sellers[columns].tolist())
        # A list of one seller may be theirs altogether, with what is tried out in place of what stood there.
        most = 2 * len(columns) if ask.seller_id is not None else self._settings.recommendation_per_seller
        full = [one for one, places in counts.items() if places >= most]
        free = allowed & ~np.isin(snapshot.shelf.sellers, full)
        pool, weights = explorable(snapshot, history, free, draft.parts[0][0], columns, UNKNOWN)
        sellers = snapshot.shelf.sellers[pool]
        room = {one: most - counts[one] for one in sellers.tolist()}
        draw = np.random.default_rng(int(answer_id, 16))
        drawn = explored(len(columns), weights, share, draw, sellers=sellers, room=room)
        shown = with_explored(columns, drawn, pool.tolist())
        tried = Tier("explored", pool, weights)
        by_column = {one.column: one for one in draft.places}
        places = [by_column.get(column) or Place(column, tried, None) for column, _ in shown]
        return replace(draft, places=places, propensities=[propensity for _, propensity in shown])

    def _ways(self, snapshot: Snapshot, ask: Ask, changed: dict[str, Any]) -> Ways:
        diversity = ask.diversity
        if diversity is None:
            diversity = float(changed.get("diversity", self._settings.recommendation_diversity))
        per_seller = None if ask.seller_id is not None else self._settings.recommendation_per_seller
        return Ways(view_for(snapshot, changed), changed.get("weights") != "documented", diversity, per_seller)


def _capped(snapshot: Snapshot, drafted: list[tuple[int, int]], per_seller: int | None) -> list[tuple[int, int]]:
    """The draft in its order, what is too much of one seller last: each list keeps to the cap, two together may not."""
    if per_seller is None:
        return drafted
    places: Counter[int] = Counter()
    within, beyond = list[tuple[int, int]](), list[tuple[int, int]]()
    for column, team in drafted:
        seller = int(snapshot.shelf.sellers[column])
        places[seller] += 1
        (within if places[seller] <= per_seller else beyond).append((column, team))
    return within + beyond


def trial_of(snapshot: Snapshot, ask: Ask) -> Trial:
    """The experiment's part in this answer.

    Sessions without a record take none, nor does anybody while the challenger that it compares cannot be served: the
    champion under two names would be counted as no difference.
    """
    experiment = snapshot.experiment
    if experiment is None or ask.user_id is None or ask.surface != "for_you":
        return Trial()
    if snapshot.challenger is None and any(_wants_challenger(one.settings) for one in experiment.variants):
        return Trial()
    variant = variant_of(experiment, ask.user_id)
    if variant is None:
        return Trial()
    return Trial(experiment, None if experiment.is_interleaved else variant)


def view_for(snapshot: Snapshot, changed: Mapping[str, Any]) -> ModelView | None:
    """The model that a variant with these settings is answered by."""
    return snapshot.challenger if _wants_challenger(changed) else snapshot.champion


def _wants_challenger(changed: Mapping[str, Any]) -> bool:
    return changed.get("model") == "challenger"
