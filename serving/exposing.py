"""What was shown, recorded beside the answers: a bounded queue that never makes anybody wait."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event, Thread

from marketplace.errors import MarketplaceError
from marketplace.storage.exposures import Exposure, record_exposures
from marketplace.storage.repeated_exposures import Repeat, repeat_exposures
from marketplace.storage.warehouse import Warehouse
from serving.metrics import Metrics
from serving.recommender.asking import Answer

log = logging.getLogger(__name__)
AT_ONCE = 500
PAUSE_SECONDS = 0.1
REST = 4.0  # times as long as recording took: those who are answered come first


class Exposing:
    """Records answers in the order in which they were given; what does not fit the queue is lost, and counted."""

    def __init__(self, warehouse: Warehouse, metrics: Metrics, most: int) -> None:
        self._warehouse = warehouse
        self._recorded = metrics.exposed.labels("recorded")
        self._lost = metrics.exposed.labels("lost")
        self._most = most
        self._waiting: deque[Answer | Repeat] = deque()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="soko-exposures", daemon=True)

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def close(self) -> None:
        """Record what waits, then no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def add(self, answer: Answer | Repeat) -> bool:
        """Whether the answer will be recorded."""
        if len(self._waiting) >= self._most:
            self._lost.inc()
            return False
        self._waiting.append(answer)
        return True

    @property
    def waiting(self) -> int:
        """Answers that are not recorded yet."""
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            is_last = self._stop.is_set()
            while self._waiting:
                began = time.monotonic()
                self._record([self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))])
                self._stop.wait(REST * (time.monotonic() - began))
            if is_last:
                return
            self._stop.wait(PAUSE_SECONDS)

    def _record(self, answers: Sequence[Answer | Repeat]) -> None:
        fresh = [row for answer in answers if isinstance(answer, Answer) for row in exposures_of(answer)]
        repeats = [answer for answer in answers if isinstance(answer, Repeat)]
        try:
            record_exposures(self._warehouse, fresh)
            repeat_exposures(self._warehouse, repeats)
            self._recorded.inc(len(answers))
        except MarketplaceError as error:
            log.warning("%d answers were not recorded: %s", len(answers), error)
            self._lost.inc(len(answers))
            self._stop.wait(1.0)
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with these, the thread lives on for those that come after them. What Postgres says of a
            # row quotes it, and who was shown what is nothing for a log.
            log.error("%d answers were not recorded: %s", len(answers), type(error).__name__)
            self._lost.inc(len(answers))


def exposures_of(answer: Answer) -> list[Exposure]:
    """The products of an answer, each at its place."""
    served_at = datetime.now(UTC)
    return [
        Exposure(
            answer.answer_id,
            rank,
            answer.ask.user_id,
            item.product.product_id,
            item.product.seller.seller_id,
            answer.ask.surface,
            item.source,
            item.propensity,
            answer.model_version,
            answer.experiment,
            answer.variant,
            item.team,
            answer.seconds,
            served_at,
            answer.ask.device,
        )
        for rank, item in enumerate(answer.items, 1)
    ]
