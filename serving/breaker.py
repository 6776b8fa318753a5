"""Bounded waits for a store that may be away, and a rest for it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from marketplace.errors import StoreUnreachable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """An answer to come, and the instant on the monotonic clock at which it was asked for."""

    answer: Future[T]
    begun: float


class Breaker:
    """Asks in threads of its own, so that nobody waits longer than they can.

    After a failure or a late answer nobody asks for `rest_seconds`; then one does, and the others once that one was
    answered. A late answer that comes after all ends the rest. Late is what takes `patience` from when it was asked:
    who comes with little time left is told that there is no answer yet, and the store is not blamed for it.
    """

    def __init__(self, *, rest_seconds: float, threads: int, patience: float = 0.0) -> None:
        self._rest_seconds = rest_seconds
        self._patience = patience
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._lock = Lock()
        self._is_open = False
        self._is_probed = False
        self._resting_until = 0.0

    def begin(self, question: Callable[[], T]) -> Pending[T]:
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
        return Pending(self._pool.submit(self._asked, question), time.monotonic())

    def end(self, pending: Pending[T], deadline: float, *, is_spare: bool = False) -> T:
        """The answer, if it comes before the deadline on the monotonic clock; for a spare one the store is not blamed.

        Raises
        ------
        StoreUnreachable
            If it does not.
        """
        try:
            return pending.answer.result(max(0.0, deadline - time.monotonic()))
        except Late as error:
            if not is_spare and time.monotonic() - pending.begun >= self._patience:
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
