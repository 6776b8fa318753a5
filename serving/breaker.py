"""Bounded waits for a store that may be away, and a rest for it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from threading import Lock
from typing import TypeVar

from marketplace.errors import StoreUnreachable

T = TypeVar("T")


class Breaker:
    """Asks in threads of its own, so that nobody waits longer than they can.

    After a failure or a late answer nobody asks for `rest_seconds`; then one does, and the others once that one was
    answered. A late answer that comes after all ends the rest.
    """

    def __init__(self, *, rest_seconds: float, threads: int) -> None:
        self._rest_seconds = rest_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._lock = Lock()
        self._is_open = False
        self._is_probed = False
        self._resting_until = 0.0

    def begin(self, question: Callable[[], T]) -> Future[T]:
        """The answer to come.

        Raises
        ------
        StoreUnreachable
            While the store rests.
        """
        with self._lock:
            if self._is_open:
                if self._is_probed or time.monotonic() < self._resting_until:
                    raise StoreUnreachable("the store did not answer a moment ago")
                self._is_probed = True
        return self._pool.submit(self._asked, question)

    def end(self, answer: Future[T], deadline: float) -> T:
        """The answer, if it comes before the deadline on the monotonic clock.

        Raises
        ------
        StoreUnreachable
            If it does not.
        """
        try:
            return answer.result(max(0.0, deadline - time.monotonic()))
        except Late as error:
            self._failed()
            raise StoreUnreachable("the store did not answer in time") from error

    def close(self) -> None:
        """Wait for nobody any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            answer = question()
        except StoreUnreachable:
            self._failed()
            raise
        finally:
            with self._lock:
                self._is_probed = False
        with self._lock:
            self._is_open = False
        return answer

    def _failed(self) -> None:
        with self._lock:
            self._is_open, self._is_probed = True, False
            self._resting_until = time.monotonic() + self._rest_seconds
