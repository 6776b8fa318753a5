"""Turns at what few may do at once, with a short queue, so that those who wait never hold every thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from marketplace.errors import NotReady


class Turns:
    """So many at once, and so many more who wait for their turn.

    Parameters
    ----------
    refusal
        Said to who comes when the queue is full, or waits in vain.
    """

    def __init__(self, at_once: int, *, waiting: int, refusal: str) -> None:
        self._turns = BoundedSemaphore(at_once)
        self._most = at_once + waiting
        self._refusal = refusal
        self._here = 0
        self._lock = Lock()

    @contextmanager
    def one(self, patience: float) -> Iterator[None]:
        """A turn, within so many seconds.

        Raises
        ------
        NotReady
            If the queue is full, or no turn comes in time.
        """
        with self._lock:
            if self._here >= self._most:
                raise NotReady(self._refusal)
            self._here += 1
        try:
            if not self._turns.acquire(timeout=patience):
                raise NotReady(self._refusal)
            try:
                yield
            finally:
                self._turns.release()
        finally:
            with self._lock:
                self._here -= 1
