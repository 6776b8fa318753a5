"""The recommender of one running app: a list for whoever asks, from the newest snapshot and what they just did."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketplace.errors import NotReady
from marketplace.experiments.assignment import Experiment, Variant, variant_of
from marketplace.experiments.interleaving import team_draft
from marketplace.settings import Settings
from marketplace.storage.shelf import ShelfProduct, still_on_shelf
from marketplace.storage.standing import listed_for, popular_lately
from marketplace.storage.tastes import Past
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.collaborative.ranking import explored, with_explored
from serving.identities import new_id
from serving.recommender.asking import Answer, Ask, Recommended, Step
from serving.recommender.loading import HALF_LIFE_DAYS, LoadedModel
from serving.recommender.reasons import Reason, reasons_of, summary
from serving.recommender.snapshot import ModelView, Snapshot, popular_columns
from serving.recommender.steps import (
    Evidence,
    Place,
    Tier,
    Ways,
    abouts,
    eligible,
    evidence,
    explorable,
    favourite,
    listed_tier,
    ordered,
    reached,
    tiers,
)
from serving.recommender.tastes import History, TasteBook, history_of
from serving.recommender.watching import Builder, Listener

START_SECONDS = 5.0
UNKNOWN = 50
TURNS = 3  # a product that left the shelf a moment ago is replaced, this often at most


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
class _Draft:
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


class Recommender:
    """Answers from memory, checks what it shows against Postgres, and follows every change by itself."""

    def __init__(self, warehouse: Warehouse, vectors: Vectors, settings: Settings) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._watchers: list[Callable[[str], None]] = []
        self.tastes = TasteBook(warehouse, settings.recommendation_events)
        self.builder = Builder(warehouse, vectors, settings, self._built)
        self.listener = Listener(warehouse, self._hear)

    def start(self) -> None:
        """Begin to follow the market."""
        self.listener.start()
        self.builder.start()

    def close(self) -> None:
        """Follow it no more."""
        self.listener.close()
        self.builder.close()

    def on_change(self, watcher: Callable[[str], None]) -> None:
        """Tell of everything that may change an answer: "user:ID", or anything else for all of them."""
        self._watchers.append(watcher)

    def forget(self, user_ids: Iterable[str]) -> None:
        """What these shoppers did counts anew in their next answers."""
        for user_id in set(user_ids):
            self._hear(f"user:{user_id}")

    @property
    def trouble(self) -> str | None:
        """Why the model that answers is not the one that is published, None where all is well."""
        current = self.builder.current
        return None if current is None else current.trouble

    @property
    def loaded(self) -> LoadedModel | None:
        """The model that answers, None while there is none."""
        current = self.builder.current
        return None if current is None or current.champion is None else current.champion.loaded

    def snapshot(self) -> Snapshot:
        """The newest moment of the market.

        Raises
        ------
        NotReady
            While the first is still being read.
        """
        if self.builder.current is None:
            self._warehouse.ping()
            self.builder.first.wait(START_SECONDS)
        if self.builder.current is None:
            raise NotReady("the market is still being read; try again in a few seconds")
        return self.builder.current

    def answer(self, ask: Ask) -> Answer:
        """The list that is asked for.

        Raises
        ------
        NotReady
            While the market is read for the first time.
        StoreUnreachable
            If Postgres does not answer.
        """
        began, now, answer_id = time.perf_counter(), datetime.now(UTC), new_id()
        snapshot = self.snapshot()
        past = self.tastes.past(ask.user_id) if ask.user_id is not None else Past()
        trial = _trial(snapshot, ask)
        view = _view(snapshot, trial.settings())
        loaded = view.loaded if view else None
        history = history_of(ask, past, snapshot.shelf, now, loaded.half_life_days if loaded else HALF_LIFE_DAYS)
        if snapshot.publication is None:
            snapshot = self._with_popular_lately(snapshot, ask, history)
        items = self._items(snapshot, ask, history, trial, answer_id)
        source: Step = next((item.source for item in items if item.source != "explored"), "newest")
        return Answer(
            answer_id=answer_id,
            ask=ask,
            items=items,
            source=source,
            model_version=_version(snapshot, loaded),
            index_version=snapshot.index_version,
            lists_version=snapshot.publication.version if snapshot.publication else None,
            lacking=_lacking(snapshot, ask, source),
            experiment=trial.experiment.name if trial.experiment and (trial.variant or trial.is_interleaved) else None,
            variant=trial.variant.name if trial.variant else None,
            seconds=time.perf_counter() - began,
            is_lasting=snapshot.publication is not None and self.listener.is_listening,
        )

    def _items(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str
    ) -> tuple[Recommended, ...]:
        dead: frozenset[int] = frozenset()
        for _ in range(TURNS):
            draft = self._draft(snapshot, ask, history, trial, answer_id, dead)
            ids = [int(snapshot.shelf.items[one.column]) for one in draft.places]
            sold = still_on_shelf(self._warehouse, ids)
            sold = {one: product for one, product in sold.items() if _is_wanted(product, ask)}
            if len(sold) == len(ids):
                break
            dead |= set(ids) - set(sold)
        reasons = draft.reasons(snapshot, history)
        return tuple(
            Recommended(
                sold[product_id],
                one.tier.source,
                one.score,
                *reasons[one.column],
                propensity=propensity,
                team=draft.team(one.column),
            )
            for product_id, one, propensity in zip(ids, draft.places, draft.propensities, strict=True)
            if product_id in sold
        )

    def _draft(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str, dead: frozenset[int]
    ) -> _Draft:
        allowed = eligible(snapshot, ask, history, dead)
        if trial.is_interleaved:
            return self._interleaved(snapshot, ask, history, trial, answer_id, allowed)
        ways = self._ways(snapshot, ask, trial.settings())
        found = evidence(snapshot, history, allowed, ways)
        places = ordered(snapshot, self._steps(snapshot, ask, history, allowed, found, ways), ask.limit, ways)
        best = _Draft(places, [1.0] * len(places), ((found, ways.view),))
        return self._with_unknown(snapshot, ask, history, best, allowed, answer_id)

    def _interleaved(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str, allowed: Any
    ) -> _Draft:
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
        drafted = team_draft(columns[0], columns[1], ask.limit, zlib.crc32(answer_id.encode()))
        at = [{one.column: one for one in places} for places in lists]
        places = [at[team][column] for column, team in drafted]
        parts = tuple((found, ways.view) for found, ways in zip(evidences, made, strict=True))
        return _Draft(places, [1.0] * len(places), parts, dict(drafted), tuple(one.name for one in variants))

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
        self, snapshot: Snapshot, ask: Ask, history: History, draft: _Draft, allowed: Any, answer_id: str
    ) -> _Draft:
        """The list with the places that go to products nobody knows yet, by a draw that the answer's id decides."""
        share = self._settings.recommendation_exploration
        columns = [one.column for one in draft.places]
        if not share or ask.surface != "for_you":
            return draft
        room = allowed.copy()
        if ask.seller_id is None:
            counts = Counter(snapshot.shelf.sellers[columns].tolist())
            full = [one for one, places in counts.items() if places >= self._settings.recommendation_per_seller]
            room &= ~np.isin(snapshot.shelf.sellers, full)
        pool, weights = explorable(snapshot, history, room, draft.parts[0][0], columns, UNKNOWN)
        draw = np.random.default_rng(int(answer_id, 16))
        drawn = explored(len(columns), weights, share, draw)
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
        return Ways(_view(snapshot, changed), changed.get("weights") != "documented", diversity, per_seller)

    def _with_popular_lately(self, snapshot: Snapshot, ask: Ask, history: History) -> Snapshot:
        """What is popular is counted as it is asked for while nothing is published."""
        names = dict.fromkeys(category for category, _ in abouts(ask, favourite(snapshot, history)))
        rows = [row for name in names for row in popular_lately(self._warehouse, name)]
        return replace(snapshot, popular=popular_columns(rows, snapshot.shelf))

    def _built(self, _: Snapshot) -> None:
        self._tell("snapshot")

    def _hear(self, said: str) -> None:
        kind, _, user_id = said.partition(":")
        if kind == "user":
            self.tastes.forget([user_id])
        elif kind == "users":
            self.tastes.forget_all()
        elif said == "everything":
            self.tastes.forget_all()
            self.builder.tell(said)
        else:
            self.builder.tell(said)
        self._tell(said)

    def _tell(self, said: str) -> None:
        for watcher in self._watchers:
            watcher(said)


def _trial(snapshot: Snapshot, ask: Ask) -> Trial:
    """The experiment's part in this answer; sessions without a record take none."""
    experiment = snapshot.experiment
    if experiment is None or ask.user_id is None or ask.surface != "for_you":
        return Trial()
    variant = variant_of(experiment, ask.user_id)
    if variant is None:
        return Trial()
    return Trial(experiment, None if experiment.is_interleaved else variant)


def _view(snapshot: Snapshot, changed: dict[str, Any]) -> ModelView | None:
    wants_challenger = changed.get("model") == "challenger"
    return snapshot.challenger if wants_challenger and snapshot.challenger is not None else snapshot.champion


def _version(snapshot: Snapshot, loaded: LoadedModel | None) -> str | None:
    if loaded is not None:
        return loaded.version
    named = snapshot.publication.details.get("model") if snapshot.publication else None
    return None if named is None else str(named)


def _lacking(snapshot: Snapshot, ask: Ask, source: Step) -> str | None:
    missing = summary(source).get("lacking") if ask.user_id is not None else None
    return "; ".join(why for why in (snapshot.trouble, missing) if why) or None


def _is_wanted(product: ShelfProduct, ask: Ask) -> bool:
    """Whether Postgres still says of the product what was asked for."""
    return ask.category in (None, product.category) and ask.seller_id in (None, product.seller.seller_id)
