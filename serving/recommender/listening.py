"""The thread beside the answers that hears of changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from marketplace.errors import StoreUnreachable
from marketplace.storage.notices import Notices
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
CHECK_SECONDS = 5.0  # a connection that is half gone looks like one on which nothing is said
SLICE_SECONDS = 0.2


class Listener:
    """Hears of changes in Postgres and tells `on_change` at once; `is_listening` while nothing can be missed."""

    def __init__(self, warehouse: Warehouse, on_change: Callable[[str], None]) -> None:
        self._warehouse = warehouse
        self._on_change = on_change
        self._stop = Event()
        self._thread = Thread(target=self._run, name="soko-listener", daemon=True)
        self.is_listening = False

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Notices(self._warehouse) as notices:
                    self._on_change("everything")
                    self.is_listening = True
                    self._hear(notices)
            except StoreUnreachable as error:
                log.warning("changes are not heard of: %s", error)
            finally:
                self.is_listening = False
            self._stop.wait(1.0)

    def _hear(self, notices: Notices) -> None:
        checked = time.monotonic()
        while not self._stop.is_set():
            for said in notices.wait(SLICE_SECONDS):
                self._on_change(said)
            if time.monotonic() > checked + CHECK_SECONDS:
                notices.check()
                checked = time.monotonic()
