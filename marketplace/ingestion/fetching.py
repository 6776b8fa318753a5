"""Fetching what came from outside: bounded in bytes and time, polite, and never into private networks.

One pooled client serves a whole run, so that what one host bears is counted over all its sellers. Redirects are
followed by hand, and the address of every hop is checked the same way. Bodies are unpacked by us: a client that
unpacks what a host sends has done so before anyone could count.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from multidict import CIMultiDictProxy
from protego import Protego
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import CheckedResolver, refuse_malformed
from marketplace.ingestion.politeness import Host, LeftToNextRun, Patience, Tally, Turn
from marketplace.ingestion.web import GONE, Answer, Validators
from marketplace.settings import Settings

log = logging.getLogger(__name__)
LARGEST_PAGE = 5_000_000
LARGEST_LISTING = 50_000_000
LARGEST_IMAGE = 15_000_000
LARGEST_ROBOTS = 512_000  # what lies beyond is not read, RFC 9309 section 2.5
MOST_REDIRECTS = 5
CHUNK = 256 * 1024
REDIRECTS = {301, 302, 303, 307, 308}
BUSY = {408, 429}
SERVER_ERROR = 500  # and above, those of intermediaries such as 522 included
OVERLOADED = {429, 503}
KEPT_HEADERS = ("content-type", "link", "x-wp-total", "x-wp-totalpages", "last-modified", "etag")


class Busy(SourceUnavailable):
    """The host asks for patience; `pause` is the seconds it named, if it did."""

    def __init__(self, url: str, status: int, pause: float | None) -> None:
        super().__init__(f"{url} answered {status}")
        self.pause = pause
        self.is_overloaded = status in OVERLOADED


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked for: the address, the largest body, what is known of it, and whom the cost is counted for."""

    url: str
    cap: int
    tally: Tally
    known: Validators | None = None
    asks_leave: bool = True
    is_onward: bool = False  # behind a redirect another page is asked for than the one that is known
    may_be_cut: bool = False


class Fetcher:
    """A pooled client for one run, open for the block of an `async with`.

    Parameters
    ----------
    settings
        Concurrency, timeout, name, and whether private addresses may be read (development only).
    patience
        How often is asked again, and how long a host may take.
    """

    def __init__(self, settings: Settings, patience: Patience | None = None) -> None:
        self.settings = settings
        self.patience = patience or Patience(host_seconds=settings.host_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._hosts: dict[str, Host] = {}

    async def __aenter__(self) -> Self:
        limit = self.settings.fetch_timeout_seconds
        resolver = None if self.settings.allow_private_hosts else CheckedResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=2 * limit, sock_connect=limit, sock_read=limit),
            headers={"User-Agent": self.settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def host(self, url: str) -> Host:
        """The host of an address, as this run knows it."""
        origin = _origin(url)
        if origin not in self._hosts:
            self._hosts[origin] = Host(origin, self.patience, self.settings.per_host_concurrency)
        return self._hosts[origin]

    async def get(self, errand: Errand) -> Answer:
        """The answer to an errand: 200, 404, 410 or unchanged.

        Raises
        ------
        SourceRefused
            If robots, scheme or address forbid it, or it answers 401, 403 or another refusal.
        SourceUnavailable
            If it did not answer within the retries, or its host is left alone for now.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_be_tried_again),
            stop=stop_after_attempt(self.patience.attempts),
            wait=self._pause,
            sleep=partial(self._wait, errand.tally),
            reraise=True,
        )
        answer: Answer = await retrying(self._follow, errand)
        if answer.status not in {200, *GONE}:
            raise SourceRefused(f"{errand.url} answered {answer.status}")
        return answer

    async def refuse_forbidden(self, url: str, tally: Tally) -> None:
        """Returns for an address that the host's robots.txt lets us read.

        Raises
        ------
        SourceRefused
            If it does not.
        SourceUnavailable
            If robots.txt does not answer: what cannot be asked for leave is not read.

        Source: RFC 9309, section 2.3.1.
        """
        host = self.host(url)
        if host.robots is None:
            async with host.reading_robots:
                if host.robots is None:
                    host.obey(await self._read_robots(host.origin, tally), self.settings.user_agent)
        if host.robots is not None and not host.robots.can_fetch(url, self.settings.user_agent):
            raise SourceRefused(f"robots.txt forbids {url}")

    async def _read_robots(self, origin: str, tally: Tally) -> Protego:
        errand = Errand(f"{origin}/robots.txt", LARGEST_ROBOTS, tally, asks_leave=False, may_be_cut=True)
        try:
            answer = await self.get(errand)
        except SourceRefused:
            return Protego.parse("")
        return Protego.parse(answer.content.decode("utf-8", errors="replace") if answer.status == 200 else "")

    async def _follow(self, errand: Errand) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            refuse_malformed(errand.url, allow_private=self.settings.allow_private_hosts)
            if errand.asks_leave:
                await self.refuse_forbidden(errand.url, errand.tally)
            async with self.host(errand.url).turn(errand.tally) as turn:
                answer, onward = await self._hop(errand, turn)
            if onward is None:
                return answer
            errand = replace(errand, url=_joined(errand.url, onward), is_onward=True)
        raise SourceRefused(f"{errand.url} redirects more than {MOST_REDIRECTS} times")

    async def _hop(self, errand: Errand, turn: Turn) -> tuple[Answer, str | None]:
        host = self.host(errand.url)
        errand.tally.requests += 1
        try:
            async with self._opened().get(errand.url, allow_redirects=False, headers=_conditions(errand)) as sent:
                if sent.status in BUSY or sent.status >= SERVER_ERROR:
                    raise Busy(errand.url, sent.status, _retry_after(sent.headers))
                answer = await _answer(sent, errand)
                host.answered(turn)
                onward = sent.headers.get("location") if sent.status in REDIRECTS else None
                return answer, onward
        except Busy as error:
            host.failed(turn, error.pause, is_overloaded=error.is_overloaded)
            raise
        except aiohttp.InvalidURL as error:
            raise SourceRefused(f"{errand.url} cannot be read: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            host.failed(turn)
            reason = "too slow" if isinstance(error, TimeoutError) else type(error).__name__
            raise SourceUnavailable(f"{errand.url} did not answer: {reason}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the fetcher is used outside its `async with`")
        return self._session

    async def _wait(self, tally: Tally, seconds: float) -> None:
        tally.polite_seconds += seconds
        await self.patience.sleep(seconds)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Busy) and error.pause is not None:
            return 0.0  # the host's turn waits for it
        first = self.patience.first_pause
        return wait_exponential_jitter(multiplier=first, max=5, jitter=first)(state)


def _may_be_tried_again(error: BaseException) -> bool:
    return isinstance(error, SourceUnavailable) and not isinstance(error, LeftToNextRun)


def _conditions(errand: Errand) -> dict[str, str]:
    known, conditions = errand.known, {}
    if known is not None and known.etag and not errand.is_onward:
        conditions["If-None-Match"] = known.etag
    if known is not None and known.last_modified and not errand.is_onward:
        conditions["If-Modified-Since"] = known.last_modified
    return conditions


async def _answer(sent: aiohttp.ClientResponse, errand: Errand) -> Answer:
    headers = {name: value for name in KEPT_HEADERS if _is_plain(value := sent.headers.get(name, ""))}
    if sent.status == 304 and errand.known is not None and not errand.is_onward:
        errand.tally.not_modified += 1
        return Answer(200, b"", errand.url, headers, errand.known, is_unchanged=True)
    if sent.status != 200:
        return Answer(sent.status, b"", errand.url, headers)
    content = await _body(sent, errand)
    read = Validators(headers.get("etag"), headers.get("last-modified"), hashlib.sha256(content).hexdigest())
    if errand.known is not None and errand.known.content_sha256 == read.content_sha256:
        errand.tally.not_modified += 1
        return Answer(200, b"", errand.url, headers, read, is_unchanged=True)
    return Answer(200, content, errand.url, headers, read)


def _is_plain(value: str) -> bool:
    """Whether a header's value is text that can be kept and sent back."""
    return bool(value) and value.isascii() and value.isprintable()


async def _body(sent: aiohttp.ClientResponse, errand: Errand) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in _unpacked(sent, errand):
        size += len(part)
        parts.append(part)
        if size > errand.cap:
            sent.close()  # the rest is not worth reading to keep the connection
            if errand.may_be_cut:
                return b"".join(parts)[: errand.cap]
            raise SourceRefused(f"{errand.url} is larger than {errand.cap} bytes")
    return b"".join(parts)


async def _unpacked(sent: aiohttp.ClientResponse, errand: Errand) -> AsyncIterator[bytes]:
    window = _window(sent.headers.get("content-encoding", ""), errand.url)
    stream = zlib.decompressobj(window) if window else None
    is_whole = True
    async for chunk in sent.content.iter_any():
        errand.tally.bytes_received += len(chunk)
        if stream is None:
            yield chunk
            continue
        packed = chunk
        while packed:
            if stream.eof:
                stream = zlib.decompressobj(window)  # packed in several members, one behind the other
            try:
                yield stream.decompress(packed, CHUNK)
            except zlib.error as error:
                raise SourceRefused(f"{errand.url} cannot be unpacked: {error}") from error
            packed = stream.unused_data if stream.eof else stream.unconsumed_tail
        is_whole = stream.eof
    if not is_whole and not errand.may_be_cut:
        raise SourceUnavailable(f"{errand.url} was cut short")


def _window(encoding: str, url: str) -> int:
    """How zlib is to unpack a body, 0 for one that is not packed."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return 0
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise SourceRefused(f"{url} is packed as {encoding[:80]!r}, which was not asked for")
    return 47 if "gzip" in encoding else 15


def _joined(url: str, onward: str) -> str:
    try:
        return urljoin(url, onward)
    except ValueError as error:
        raise SourceRefused(f"{url} redirects to {onward!r}, which is no address") from error


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SourceRefused(f"{url!r} is no address: {error}") from error
    return f"{parts.scheme}://{parts.netloc}"


def _retry_after(headers: CIMultiDictProxy[str]) -> float | None:
    named = headers.get("retry-after", "")
    if named.isdecimal():
        return float(named)
    try:
        return max(0.0, (parsedate_to_datetime(named) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
