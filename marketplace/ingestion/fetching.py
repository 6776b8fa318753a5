"""Fetching what came from outside: bounded in bytes and time, polite, and never into private networks.

Redirects are followed by hand, so that the address of every hop is checked the same way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests
from protego import Protego
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import HTTPError

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import CheckedAdapter, refuse_unsafe
from marketplace.settings import Settings

log = logging.getLogger(__name__)
LARGEST_PAGE = 5_000_000
LARGEST_IMAGE = 15_000_000
LARGEST_ROBOTS = 512_000
MOST_REDIRECTS = 5
GONE = {404, 410}
REDIRECTS = {301, 302, 303, 307, 308}
BUSY = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one address is asked, and how long is waited in between.

    A host that names a pause gets it, up to `longest_pause` seconds; one that wants more is left to the next run.
    A host that did not answer `give_up_after` times in a row is not asked again in this run.
    """

    attempts: int = 4
    first_pause: float = 0.3
    longest_pause: float = 30.0
    give_up_after: int = 5
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its status, its whole body, and the address it came from after redirects."""

    status: int
    content: bytes
    url: str


class Busy(SourceUnavailable):
    """The host asks for patience; `pause` is the seconds it named, if it did."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(slots=True)
class _Host:
    places: threading.Semaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    robots: Protego | None = None
    unanswered: int = 0
    quiet_until: float = 0.0  # on the monotonic clock


class _OneHop(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: requests would read the whole body of a redirect before it tells us where it leads."""
        return None


class Fetcher:
    """A pooled client for one run: robots.txt, limits per host, retries, caps.

    Parameters
    ----------
    settings
        Concurrency, timeout, name, and whether private addresses may be read (development only).
    patience
        How often is asked again.
    """

    def __init__(self, settings: Settings, patience: Patience = Patience()) -> None:
        self.settings = settings
        self.patience = patience
        self._session = _OneHop()
        self._session.headers["User-Agent"] = settings.user_agent
        self._session.trust_env = False
        kind = HTTPAdapter if settings.allow_private_hosts else CheckedAdapter
        adapter = kind(pool_connections=16, pool_maxsize=settings.hydrate_concurrency)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def page(self, url: str) -> Fetched:
        """A page, if robots.txt allows it; 404 and 410 are answers, not errors.

        Raises
        ------
        SourceRefused
            If robots, scheme or address forbid it, or the page answers 401, 403 or another refusal.
        SourceUnavailable
            If it did not answer within the retries, or its host has not for several pages in a row.
        """
        answer = self._patiently(url, LARGEST_PAGE)
        if answer.status not in {200, *GONE}:
            raise SourceRefused(f"{url} answered {answer.status}")
        return answer

    def image(self, url: str) -> bytes:
        """The bytes of a picture, if robots.txt allows it.

        Raises
        ------
        SourceRefused, SourceUnavailable
            As `page`; a missing picture is refused too.
        """
        answer = self._patiently(url, LARGEST_IMAGE)
        if answer.status != 200:
            raise SourceRefused(f"the picture {url} answered {answer.status}")
        return answer.content

    def refuse_forbidden(self, url: str) -> None:
        """Returns for an address that the host's robots.txt lets us read.

        Raises
        ------
        SourceRefused
            If it does not.
        SourceUnavailable
            As `robots`.
        """
        if not self.robots(url).can_fetch(url, self.settings.user_agent):
            raise SourceRefused(f"robots.txt forbids {url}")

    def robots(self, url: str) -> Protego:
        """The host's robots.txt, read once per run; all is allowed where there is none.

        Raises
        ------
        SourceUnavailable
            If it does not answer: what cannot be asked for leave is not read.

        Source: RFC 9309, section 2.3.1.
        """
        host = self._host(url)
        with host.lock:
            if host.robots is None:
                host.robots = self._read_robots(url)
            return host.robots

    def close(self) -> None:
        """Give every connection back."""
        self._session.close()

    def _host(self, url: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(_origin(url), _Host(threading.Semaphore(self.settings.per_host_concurrency)))

    def _read_robots(self, url: str) -> Protego:
        answer = self._patiently(f"{_origin(url)}/robots.txt", LARGEST_ROBOTS, ask_leave=False)
        return Protego.parse(answer.content.decode("utf-8", errors="replace") if answer.status == 200 else "")

    def _patiently(self, url: str, cap: int, *, ask_leave: bool = True) -> Fetched:
        host = self._host(url)
        if host.unanswered >= self.patience.give_up_after:
            raise SourceUnavailable(f"{_origin(url)} has not answered {host.unanswered} times in a row")
        retrying = Retrying(
            retry=retry_if_exception(self._may_be_tried_again),
            stop=stop_after_attempt(self.patience.attempts),
            wait=self._pause,
            sleep=self.patience.sleep,
            reraise=True,
        )
        try:
            answer = retrying(self._get, url, cap, ask_leave)
        except SourceUnavailable:
            host.unanswered += 1
            raise
        host.unanswered = 0
        return answer

    def _get(self, url: str, cap: int, ask_leave: bool) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            refuse_unsafe(url, allow_private=self.settings.allow_private_hosts)
            if ask_leave:
                self.refuse_forbidden(url)
            host = self._host(url)
            with host.places:
                if (quiet := host.quiet_until - time.monotonic()) > 0:
                    self.patience.sleep(quiet)
                answer, onward = self._one_hop(url, cap)
            if onward is None:
                return answer
            url = _joined(url, onward)
        raise SourceRefused(f"{url} redirects more than {MOST_REDIRECTS} times")

    def _one_hop(self, url: str, cap: int) -> tuple[Fetched, str | None]:
        limit = self.settings.fetch_timeout_seconds
        deadline = time.monotonic() + 2 * limit
        try:
            with self._session.get(url, stream=True, timeout=limit, allow_redirects=False) as answer:
                if answer.status_code in BUSY:
                    raise self._busy(url, answer)
                if answer.status_code in REDIRECTS and "location" in answer.headers:
                    return Fetched(answer.status_code, b"", url), answer.headers["location"]
                return Fetched(answer.status_code, _body(answer, url, cap, deadline), url), None
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise SourceUnavailable(f"{url} did not answer: {type(error).__name__}") from error
        except (requests.RequestException, ValueError) as error:
            raise SourceRefused(f"{url} cannot be read: {error}") from error

    def _busy(self, url: str, answer: requests.Response) -> Busy:
        pause = _retry_after(answer)
        if pause is not None and pause <= self.patience.longest_pause:
            self._host(url).quiet_until = time.monotonic() + pause  # for every thread that reads this host
        return Busy(f"{url} answered {answer.status_code}", pause)

    def _may_be_tried_again(self, error: BaseException) -> bool:
        longest = self.patience.longest_pause
        wants_longer = isinstance(error, Busy) and error.pause is not None and error.pause > longest
        return isinstance(error, SourceUnavailable) and not wants_longer

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Busy) and error.pause is not None:
            return error.pause
        return wait_exponential_jitter(multiplier=self.patience.first_pause, max=5)(state)


def _body(answer: requests.Response, url: str, cap: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := answer.raw.read1(65_536, decode_content=True):  # returns what has come, so a drip meets the deadline
        size += len(part)
        if size > cap:
            raise SourceRefused(f"{url} is larger than {cap} bytes")
        if time.monotonic() > deadline:
            raise SourceUnavailable(f"{url} is too slow")
        parts.append(part)
    return b"".join(parts)


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


def _retry_after(answer: requests.Response) -> float | None:
    named = answer.headers.get("retry-after", "")
    if named.isdecimal():
        return float(named)
    try:
        return max(0.0, (parsedate_to_datetime(named) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
