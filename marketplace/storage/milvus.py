"""One Milvus: a connection made when it is needed, bounded waits, and errors said in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from marketplace.errors import ArtifactUnavailable, ConfigurationError, MarketplaceError, StoreUnreachable

CONNECT_SECONDS = 3.0
# Left alone, gRPC waits up to two minutes before it looks for a server again, and pymilvus pings
# every ten seconds: Milvus Lite hangs up, in the middle of a call, on who pings more than once in five minutes.
CHANNEL = {
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.keepalive_time_ms": 330_000,
    "grpc.keepalive_permit_without_calls": 0,
    "grpc.http2.bdp_probe": 0,
}
SLOW_SECONDS = 1800.0  # to insert, flush, index or load a whole collection
_NOT_LOADED = 101
# A standalone server says so while its query node lets go of what the alias stood for a moment ago.
_JUST_RELEASED = ("collection not found[collection=", "channel not found[channel=")
_NOT_FOUND = (100, 1600)  # collection, alias
_CONNECTION_FAILED = 2
_AWAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")
_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class Milvus:
    """A Milvus server, Lite or standalone; when it was away, it is found again within a second.

    Every question raises StoreUnreachable when the server does not answer within
    `timeout` seconds, at once when nothing listens there.
    """

    def __init__(self, uri: str, token: str = "", timeout: float = 10.0) -> None:
        if urlsplit(uri).scheme not in ("http", "https", "tcp"):
            raise ConfigurationError(f"SOKO_MILVUS_URI must be http://host:port or https://host:port, not {uri!r}")
        self.where = uri.rpartition("@")[2] if "@" in uri else uri
        self.uri = uri
        self._token = token
        self._timeout = timeout
        self._connected: Any = None
        self._lock = Lock()

    def ask(self, question: str, *arguments: Any, seconds: float | None = None, **named: Any) -> Any:
        """The answer of the pymilvus client's method of that name.

        Raises
        ------
        StoreUnreachable
            If the server does not answer in time, or cannot do what it is asked.
        ArtifactUnavailable
            If it knows no such collection or alias.
        ConfigurationError
            If it does not take the token.
        """
        return self._said(
            lambda: getattr(self._client(), question)(*arguments, timeout=seconds or self._timeout, **named)
        )

    def _said(self, question: Callable[[], Any]) -> Any:
        """The answer, or what went wrong in our words."""
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            return question()
        except (MilvusException, RpcError) as error:
            # Where connecting failed, pymilvus says so, and only the cause says why.
            cause = error if isinstance(error, RpcError) else error.__cause__
            if isinstance(cause, RpcError):
                raise self._translated(cause.code(), cause.details()) from error
            raise self._translated(error.code, error.message) from error

    def read(self, question: str, collection: str, **named: Any) -> Any:
        """The answer of a collection, which is loaded first where a restart left it unloaded."""
        try:
            return self.ask(question, collection, **named)
        except _NotLoaded:
            self.load(collection)
            return self.ask(question, collection, **named)

    def pages(self, collection: str, fields: list[str], expression: str, size: int = 1000) -> Iterator[Any]:
        """All rows of a collection that meet the expression, a page at a time, newest writes included."""
        wanted = {"filter": expression, "output_fields": fields, "consistency_level": "Strong"}
        pages = self.read("query_iterator", collection, batch_size=size, **wanted)
        try:
            while page := self._said(pages.next):
                yield page
        finally:
            pages.close()

    def load(self, collection: str) -> None:
        """The collection can be read afterwards."""
        self.ask("load_collection", collection, seconds=SLOW_SECONDS)

    def close(self) -> None:
        """Let the connection go; the next question connects again."""
        with self._lock:
            client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _client(self) -> Any:
        if self._connected is not None:
            return self._connected
        wait = min(self._timeout, CONNECT_SECONDS)
        if not self._lock.acquire(timeout=wait):  # else all who wait would try in turn, each as long as the first
            raise StoreUnreachable(f"Milvus at {self.where} is still being connected to")
        try:
            if self._connected is None:
                self._connected = self._connect(wait)
            return self._connected
        finally:
            self._lock.release()

    def _connect(self, seconds: float) -> Any:
        from pymilvus import MilvusClient

        # It logs a traceback for every error that it also raises to us.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        return MilvusClient(self.uri, token=self._token, timeout=seconds, dedicated=True, grpc_options=CHANNEL)

    def _translated(self, code: Any, message: object) -> MarketplaceError:
        reason = str(message).strip().splitlines()[0] if str(message).strip() else str(code)
        if getattr(code, "name", "") in _REFUSED:
            return ConfigurationError(f"Milvus at {self.where} does not take SOKO_MILVUS_TOKEN: {reason}")
        if code == _NOT_LOADED or any(said in reason for said in _JUST_RELEASED):
            return _NotLoaded(f"Milvus at {self.where}: {reason}")
        if code in _NOT_FOUND:
            return ArtifactUnavailable(f"Milvus at {self.where}: {reason}")
        if code == _CONNECTION_FAILED or getattr(code, "name", "") in _AWAY:
            return StoreUnreachable(f"Milvus at {self.where}: {reason}")
        return AnsweredAmiss(f"Milvus at {self.where}: {reason}")


class AnsweredAmiss(StoreUnreachable):
    """Milvus answered, with an error of its own."""


class _NotLoaded(ArtifactUnavailable):
    """The collection is there, but not in memory."""
