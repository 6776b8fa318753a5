"""Parts of pictures from their files: decoded ahead on threads of their own, encoded a batch at a time."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from marketplace.errors import ImageRejected, NotFound
from models.embedding.encoder import Encoder
from models.embedding.vectors import Vectors

log = logging.getLogger(__name__)
AHEAD = 2  # batches that are decoded before they are asked for; what more would hold is memory


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that has no part, and why; a missing file may be back, a damaged one stays damaged."""

    key: str
    reason: str
    is_missing: bool


@dataclass(slots=True)
class Clock:
    """Where the time of the encoding thread went, in seconds."""

    waiting: float = 0.0
    encoding: float = 0.0

    @property
    def waiting_share(self) -> float:
        """The share of the time that the encoder waited for decoded pictures."""
        return self.waiting / max(1e-9, self.waiting + self.encoding)


@dataclass(frozen=True, slots=True, eq=False)
class ReadBatch:
    """Some pictures' parts in the order of `keys`, and the pictures that have none."""

    keys: list[str]
    parts: Vectors
    unreadable: list[Unreadable]


def read_pictures(
    encoder: Encoder, read: Callable[[str], bytes], keys: Iterable[str], *, decoders: int, clock: Clock | None = None
) -> Iterator[ReadBatch]:
    """Parts of the pictures of some keys, batch by batch in their order; one that cannot be read stops no other.

    Parameters
    ----------
    read
        The bytes of the picture of a key.
    decoders
        Threads that read and decode, beside the one that encodes.
    clock
        Is told where the time goes.
    """
    clock = clock or Clock()
    waiting = iter(keys)
    with ThreadPoolExecutor(decoders, thread_name_prefix="decoder") as pool:
        ahead: deque[tuple[str, Future[Any]]] = deque()
        try:
            while True:
                wanted = (1 + AHEAD) * encoder.batch - len(ahead)
                ahead.extend((key, pool.submit(_prepared, encoder, read, key)) for key in islice(waiting, wanted))
                if not ahead:
                    return
                batch = [ahead.popleft() for _ in range(min(encoder.batch, len(ahead)))]
                yield _encoded(encoder, batch, clock)
        finally:
            for _, future in ahead:
                future.cancel()


def _prepared(encoder: Encoder, read: Callable[[str], bytes], key: str) -> Any:
    try:
        return encoder.prepared(read(key))
    except (ImageRejected, NotFound) as error:
        return Unreadable(key, str(error), isinstance(error, NotFound))


def _encoded(encoder: Encoder, batch: list[tuple[str, Future[Any]]], clock: Clock) -> ReadBatch:
    began = time.perf_counter()
    found = [(key, future.result()) for key, future in batch]
    ready = time.perf_counter()
    sound = [(key, prepared) for key, prepared in found if not isinstance(prepared, Unreadable)]
    parts = encoder.picture_parts([prepared for _, prepared in sound])
    clock.waiting += ready - began
    clock.encoding += time.perf_counter() - ready
    unreadable = [one for _, one in found if isinstance(one, Unreadable)]
    for one in unreadable:
        log.warning("picture %s is left out: %s", one.key, one.reason)
    return ReadBatch([key for key, _ in sound], parts, unreadable)
