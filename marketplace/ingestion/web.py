"""What sources ask of the network: pages, politely and safely fetched, and what a host said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a conditional request of the next one: what the host said, and the hash of what it sent."""

    etag: str | None
    last_modified: str | None
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A host's answer: status, whole body, the address it came from after redirects, headers in lower case.

    `is_unchanged` says that the body is the one that `known` describes; it is then not sent again, and `content`
    is empty.
    """

    status: int
    content: bytes
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    validators: Validators | None = None
    is_unchanged: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether the host says that there is nothing here any more."""
        return self.status in GONE


class Web(Protocol):
    """Fetches what robots.txt, address rules and politeness allow."""

    async def page(self, url: str, *, known: Validators | None = None) -> Answer:
        """A page: status 200, 404 or 410, or unchanged; capped in bytes and time, redirects followed safely.

        Raises
        ------
        SourceRefused
            If robots, scheme or address forbid it, or it answers 401, 403 or another refusal.
        SourceUnavailable
            If it did not answer within the retries, or its host is left alone for now.
        """
        ...

    async def listing(self, url: str) -> Answer:
        """A page that lists products, whole even when the host says it is unchanged: the last body is kept.

        Raises
        ------
        SourceRefused, SourceUnavailable
            As `page`.
        """
        ...
