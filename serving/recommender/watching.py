"""The thread beside the answers that makes the next snapshot of the market."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread

import numpy as np

from marketplace.errors import ArtifactUnavailable, ConfigurationError, MarketplaceError, StoreUnreachable
from marketplace.settings import Settings
from marketplace.storage.experiments import running_experiment
from marketplace.storage.publications import CHALLENGER, Publication, published
from marketplace.storage.standing import (
    Likenesses,
    Popular,
    impressions,
    likenesses,
    popularity,
    standings,
)
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from serving.recommender.loading import ModelKeeper
from serving.recommender.snapshot import (
    Snapshot,
    cold_products,
    likeness_matrix,
    popular_columns,
    shelf_of,
    view_of,
    view_of_neighbours,
)

log = logging.getLogger(__name__)
POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0
IMPRESSION_SECONDS = 300.0
RELOAD_SECONDS = 600.0  # the shelf is read again this often even where nothing was said
REST = 5.0  # times as long as reading it took, before the shelf is read again
NEIGHBOURS = 20
FILLED_AT_ONCE = 128
NONE = Likenesses(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


class Builder:
    """Makes snapshots: `current` is the newest one, None before the first."""

    def __init__(
        self, warehouse: Warehouse, vectors: Vectors, settings: Settings, on_built: Callable[[Snapshot], None]
    ) -> None:
        self._warehouse = warehouse
        self._vectors = vectors
        self._on_built = on_built
        folder = settings.model_files_folder
        self._champion = ModelKeeper(warehouse, folder, settings.mlflow_tracking_uri)
        self._challenger = ModelKeeper(warehouse, folder, settings.mlflow_tracking_uri, CHALLENGER)
        self._wake, self._stop = Event(), Event()
        # How often each was said to have changed, and how much of that was heard when it was read last.
        self._shelf_said = self._lists_said = 1
        self._shelf_heard = self._lists_heard = 0
        self._is_snapshot_old = True  # something was read that no snapshot shows yet
        self._shelf_at = self._shelf_took = self._impressions_at = 0.0
        self._shelf = shelf_of([])
        self._publication: Publication | None = None
        self._alike = self._together = NONE
        self._popular: list[Popular] = []
        self._shown: dict[int, int] = {}
        self._filled: dict[int, list[tuple[int, float]]] = {}
        self._tries: dict[int, int] = {}
        self._number = 0
        self._thread = Thread(target=self._run, name="soko-snapshots", daemon=True)
        self.current: Snapshot | None = None
        self.first = Event()

    def start(self) -> None:
        """Begin to build."""
        self._thread.start()

    def close(self) -> None:
        """Build no more."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def tell(self, said: str) -> None:
        """Something changed: "shelf", "publication" or "everything"."""
        self._shelf_said += said in ("shelf", "everything")
        self._lists_said += said in ("publication", "everything")
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = RETRY_SECONDS
            try:
                self._turn()
                pause = self._pause()
            except MarketplaceError as error:
                log.warning("the market was not read: %s", error)
            except Exception:
                # Whatever it is, those who are answered keep the snapshot they have, and the next turn tries again.
                log.exception("the market was not read")
            self._wake.wait(pause)
            self._wake.clear()

    def _pause(self) -> float:
        """Seconds until the next turn, if nothing is said before."""
        if self._shelf_said == self._shelf_heard:
            return POLL_SECONDS
        rested = self._shelf_at + REST * self._shelf_took - time.monotonic()
        return min(POLL_SECONDS, max(0.02, rested))

    def _turn(self) -> None:
        if self.current is None:
            self._is_snapshot_old |= self._read_models(may_fetch=False)
        for read in (self._read_lists, self._read_shelf):
            self._is_snapshot_old |= read()
        self._build()
        for read in (self._follow_models, self._fill, self._read_impressions):
            self._is_snapshot_old |= read()
        self._build()

    def _follow_models(self) -> bool:
        return self._read_models(may_fetch=True)

    def _read_models(self, *, may_fetch: bool) -> bool:
        return self._champion.follow(may_fetch=may_fetch) | self._challenger.follow(may_fetch=may_fetch)

    def _read_lists(self) -> bool:
        said, publication = self._lists_said, published(self._warehouse)
        is_same = publication == self._publication
        if is_same and said == self._lists_heard:
            return False
        if not is_same:
            self._take_lists(publication)
        self._lists_heard = said
        return True  # an experiment may have begun or ended, even where the lists are the same

    def _take_lists(self, publication: Publication | None) -> None:
        """All of a publication, or nothing: the next turn tries again."""
        alike, together, popular = NONE, NONE, list[Popular]()
        if publication is not None:
            alike = likenesses(self._warehouse, publication.version, "alike")
            together = likenesses(self._warehouse, publication.version, "together")
            popular = popularity(self._warehouse, publication.version)
        for product_id in np.unique(alike.products).tolist():
            self._filled.pop(product_id, None)
        self._alike, self._together, self._popular, self._publication = alike, together, popular, publication

    def _read_shelf(self) -> bool:
        said, now = self._shelf_said, time.monotonic()
        if now < self._shelf_at + REST * self._shelf_took:
            return False
        if said == self._shelf_heard and now < self._shelf_at + RELOAD_SECONDS:
            return False
        self._shelf = shelf_of(standings(self._warehouse))
        self._shelf_heard = said
        self._shelf_at = time.monotonic()
        self._shelf_took = self._shelf_at - now
        return True

    def _read_impressions(self) -> bool:
        if self._impressions_at and time.monotonic() < self._impressions_at + IMPRESSION_SECONDS:
            return False
        self._impressions_at = time.monotonic()
        shown = impressions(self._warehouse)
        is_other = shown != self._shown
        self._shown = shown
        return is_other

    def _fill(self) -> bool:
        """Ask the index about products that nothing published is alike to, the newest first, a few at a time."""
        lacking = self._lacking()
        if not lacking:
            return False
        for product_id in lacking:
            self._tries[product_id] = self._tries.get(product_id, 0) + 1
        try:
            near = nearest_products(self._vectors, lacking)
        except (StoreUnreachable, ArtifactUnavailable, ConfigurationError) as error:
            log.info("new products are not looked up in the index: %s", error)
            return False
        self._filled |= near
        if len(near) == FILLED_AT_ONCE:
            self._wake.set()  # there may be more
        return bool(near)

    def _lacking(self) -> list[int]:
        shelf = self._shelf
        known = np.isin(shelf.items[shelf.newest], self._alike.products)
        waiting = [one for one in shelf.items[shelf.newest][~known].tolist() if one not in self._filled]
        return sorted(waiting, key=lambda one: self._tries.get(one, 0))[:FILLED_AT_ONCE]

    def _build(self) -> None:
        """Make the next snapshot, if something was read that the newest does not show."""
        if not self._is_snapshot_old:
            return
        shelf, loaded = self._shelf, self._champion.loaded
        champion = view_of_neighbours(self._together, shelf) if loaded is None else view_of(loaded, shelf)
        challenger = self._challenger.loaded
        self._number += 1
        now = datetime.now(UTC)
        built = Snapshot(
            self._number,
            shelf,
            likeness_matrix(shelf, self._alike, self._filled),
            cold_products(shelf, self._shown, now, champion),
            popular_columns(self._popular, shelf),
            self._publication,
            champion,
            None if challenger is None else view_of(challenger, shelf),
            self._champion.trouble,
            self._challenger.trouble,
            running_experiment(self._warehouse),
            len(self._filled),
        )
        self._is_snapshot_old = False
        self.current = built
        self._on_built(built)
        self.first.set()


def nearest_products(vectors: Vectors, product_ids: list[int]) -> dict[int, list[tuple[int, float]]]:
    """The nearest neighbours of those of the products that are in the index, with their cosines.

    Raises
    ------
    StoreUnreachable
        If the index does not answer.
    ArtifactUnavailable
        If nothing is published.
    """
    found = vectors.vectors_of(product_ids)
    if not found:
        return {}
    served = vectors.served()
    ids = list(found)
    answers = vectors.nearest(
        served.collection, [found[one] for one in ids], NEIGHBOURS + 1, served.index_type, served.breadth
    )
    return {
        product_id: [(hit.product_id, hit.similarity) for hit in hits if hit.product_id != product_id]
        for product_id, hits in zip(ids, answers, strict=True)
    }
