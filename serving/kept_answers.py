"""Answers as bytes, given again while nothing changed, before the request reaches any route."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from types import SimpleNamespace

from starlette.types import ASGIApp, Receive, Scope, Send

from marketplace.storage.repeated_exposures import Repeat
from serving.exposing import Exposing
from serving.identities import new_id
from serving.metrics import Metrics
from serving.recommender.asking import Answer

PREFIX = "/api/recommendations/personalized/"
ROUTE = SimpleNamespace(path=f"{PREFIX}{{user_id}}")
ID_LENGTH = 32
KEPT_SECONDS = 30.0  # what is popular and new moves on by itself
MOST = 4096
MOST_BYTES = 64_000_000
PRIVATE = {"Cache-Control": "private, no-store"}
CREDENTIALS = (b"authorization", b"x-soko-key")  # whose they are, and whether they are good, the route looks at
Key = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Kept:
    """A rendered answer around its id, and until when it may be given again."""

    before: bytes
    after: bytes
    headers: list[tuple[bytes, bytes]]
    user_id: str
    first_id: str
    until: float
    is_degraded: bool


class KeptAnswers:
    """The answers that may be given again: until the market changes, or the shopper does something."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Key, Kept] = OrderedDict()
        self._of_users: dict[str, set[Key]] = {}
        self._bytes = 0
        self._mark = 0
        self._acted: dict[str, int] = {}
        self._lock = Lock()

    def mark(self, user_id: str) -> tuple[int, int]:
        """A moment: what is computed from now on may be kept only if nothing that concerns the shopper changes."""
        return self._mark, self._acted.get(user_id, 0)

    def hear(self, said: str) -> None:
        """Something changed: "user:ID", or anything else for everything."""
        kind, _, user_id = said.partition(":")
        with self._lock:
            if kind != "user":
                self._mark += 1
                self._answers.clear()
                self._bytes = 0
                self._of_users.clear()
                return
            if len(self._acted) > MOST:
                self._acted.clear()
                self._mark += 1
            self._acted[user_id] = self._acted.get(user_id, 0) + 1
            for key in list(self._of_users.get(user_id, ())):
                self._drop(key)

    def get(self, key: Key) -> Kept | None:
        """The answer, None where there is none that is still good."""
        kept = self._answers.get(key)
        return kept if kept is not None and kept.until > time.monotonic() else None

    def keep(self, key: Key, answer: Answer, body: bytes, mark: tuple[int, int]) -> None:
        """The answer is given again from now on, unless something changed since the mark."""
        before, _, after = body.partition(answer.answer_id.encode())
        user_id = answer.ask.user_id or ""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in PRIVATE.items()),
        ]
        kept = Kept(
            before,
            after,
            headers,
            user_id,
            answer.answer_id,
            time.monotonic() + KEPT_SECONDS,
            answer.lacking is not None,
        )
        with self._lock:
            if mark != self.mark(user_id):
                return
            self._drop(key)
            self._answers[key] = kept
            self._bytes += len(body)
            self._of_users.setdefault(user_id, set()).add(key)
            while len(self._answers) > MOST or self._bytes > MOST_BYTES:
                self._drop(next(iter(self._answers)))

    def _drop(self, key: Key) -> None:
        gone = self._answers.pop(key, None)
        if gone is None:
            return
        self._bytes -= len(gone.before) + len(gone.after) + ID_LENGTH
        of_user = self._of_users[gone.user_id]
        of_user.discard(key)
        if not of_user:
            del self._of_users[gone.user_id]

    def __len__(self) -> int:
        return len(self._answers)


class FromMemory:
    """Gives kept answers, each under an id of its own, and passes every other request on."""

    def __init__(self, app: ASGIApp, kept: KeptAnswers, exposing: Exposing, metrics: Metrics) -> None:
        self.app = app
        self.kept = kept
        self.exposing = exposing
        self.given = metrics.recommended.labels("kept")
        self.degraded = metrics.degraded.labels("recommendations")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX) and scope["method"] == "GET":
            began = time.perf_counter()
            kept = self.kept.get(key_of(scope))
            if kept is not None and not any(name in CREDENTIALS for name, _ in scope["headers"]):
                scope["route"] = ROUTE
                answer_id = new_id()
                body = b"".join((kept.before, answer_id.encode(), kept.after))
                await send({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
                await send({"type": "http.response.body", "body": body})
                self.given.inc()
                self.degraded.inc(kept.is_degraded)
                seconds = time.perf_counter() - began
                self.exposing.add(Repeat(answer_id, kept.first_id, seconds, datetime.now(UTC)))
                return
        await self.app(scope, receive, send)


def key_of(scope: Scope) -> Key:
    """What two requests have in common that ask for the same."""
    return scope["path"].encode(), scope["query_string"]
