"""What surrounds every request: an id, a measured time, headers that keep browsers safe, and a bounded body."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.identities import new_id
from serving.metrics import Metrics
from serving.problems import problem

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
CONTENT_SECURITY = "; ".join(
    [
        "default-src 'none'",
        "img-src 'self' data: blob:",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
_SAFE = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
FEED_PATH = re.compile(r"/api/sellers/\d+/feed")
EVENTS_PATH = "/api/recommendations/interactions"
EVENTS_MAX_BYTES = 524_288  # a thousand events and room
MULTIPART_ROOM = 65_536  # for what stands around the file


class Surround:
    """Gives each request an id, safe headers in its answer, and a place in the metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope["soko.request_id"] = _request_id(scope)
        began = time.perf_counter()
        status = 500

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _safe(message.get("headers", ()), request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_safely)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self.metrics.answered(scope["method"], route, status, time.perf_counter() - began)


def _request_id(scope: Scope) -> str:
    """The id that the asker gave, if it is one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return new_id()


def _safe(given: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those that it lacks; as bytes, since every answer passes here."""
    headers = [header for header in given if header[0] != b"x-request-id"]
    named = {name for name, _ in headers}
    headers.append((b"x-request-id", request_id.encode()))
    headers.extend(header for header in _SAFE if header[0] not in named)
    return headers


class BodyLimit:
    """Refuses a body that is too large: from its announced length at once, otherwise at the byte too many."""

    def __init__(self, app: ASGIApp, upload_max_bytes: int, feed_max_bytes: int, other_max_bytes: int = 65_536) -> None:
        self.app = app
        self.upload_max_bytes = upload_max_bytes
        self.feed_max_bytes = feed_max_bytes
        self.other_max_bytes = other_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body is small enough."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most, refusal = self._limit(scope)
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > most:
            await problem(Request(scope), 413, refusal)(scope, receive, send)
            return
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, receive_bounded, send)

    def _limit(self, scope: Scope) -> tuple[int, str]:
        """The most bytes that the body may have, and what is said of one that has more."""
        if scope["method"] == "PUT" and FEED_PATH.fullmatch(scope["path"]):
            return self.feed_max_bytes, f"The feed is larger than {self.feed_max_bytes:,} bytes."
        if Headers(scope=scope).get("content-type", "").startswith("multipart/"):
            most = self.upload_max_bytes + MULTIPART_ROOM
            return most, f"The upload is larger than a photo may be: {self.upload_max_bytes:,} bytes."
        most = EVENTS_MAX_BYTES if scope["path"] == EVENTS_PATH else self.other_max_bytes
        return most, f"The body is larger than {most:,} bytes."
