"""The recommender of one running app: a list for whoever asks, from the newest snapshot and what they just did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from marketplace.errors import NotReady
from marketplace.settings import Settings
from marketplace.storage.shelf import ShelfProduct, still_on_shelf
from marketplace.storage.standing import popular_lately
from marketplace.storage.tastes import Past
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.identities import new_id
from serving.recommender.asking import Answer, Ask, Recommended, Step
from serving.recommender.drafting import Drafter, Trial, trial_of, view_for
from serving.recommender.listening import Listener
from serving.recommender.loading import HALF_LIFE_DAYS, LoadedModel
from serving.recommender.reasons import summary
from serving.recommender.snapshot import Snapshot, popular_columns
from serving.recommender.steps import abouts, favourite
from serving.recommender.tastes import History, TasteBook, history_of
from serving.recommender.watching import Builder

START_SECONDS = 5.0
TURNS = 3  # a product that left the shelf a moment ago is replaced, this often at most


class Recommender:
    """Answers from memory, checks what it shows against Postgres, and follows every change by itself."""

    def __init__(self, warehouse: Warehouse, vectors: Vectors, settings: Settings) -> None:
        self._warehouse = warehouse
        self._drafter = Drafter(warehouse, settings)
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
        past = self._past(ask.user_id) if ask.user_id is not None else Past()
        trial = trial_of(snapshot, ask)
        view = view_for(snapshot, trial.settings())
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

    def _past(self, user_id: str) -> Past:
        if not self.listener.is_listening:
            self.tastes.forget([user_id])  # what was kept may be of yesterday, and nobody would say so
        return self.tastes.past(user_id)

    def _items(
        self, snapshot: Snapshot, ask: Ask, history: History, trial: Trial, answer_id: str
    ) -> tuple[Recommended, ...]:
        dead: frozenset[int] = frozenset()
        for _ in range(TURNS):
            draft = self._drafter.draft(snapshot, ask, history, trial, answer_id, dead)
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
