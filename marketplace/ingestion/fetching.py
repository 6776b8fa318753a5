"""Fetching what came from outside: bounded in bytes and time, polite, and never into private networks.

Every address a host name leads to is checked before each request; redirects are
followed by hand so that every hop is checked the same way.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from protego import Protego
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.settings import Settings

log = logging.getLogger(__name__)
ATTEMPTS = 4
LARGEST_PAGE = 5_000_000
LARGEST_IMAGE = 15_000_000
LARGEST_ROBOTS = 512_000
MOST_REDIRECTS = 5
LONGEST_PAUSE = 30.0
REDIRECTS = {301, 302, 303, 307, 308}
BUSY = {429, 500, 502, 503, 504}


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


class Fetcher:
    """A pooled client for one run: robots.txt, limits per host, retries, caps.

    Parameters
    ----------
    settings
        Concurrency, timeout, name, and whether private addresses may be read (development only).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session = requests.Session()
        self._session.headers["User-Agent"] = settings.user_agent
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=16, pool_maxsize=settings.hydrate_concurrency)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._places: dict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(settings.per_host_concurrency)
        )
        self._robots: dict[str, Protego] = {}
        self._lock = threading.Lock()

    def page(self, url: str) -> Fetched:
        """A page, if robots.txt allows it; 404 and 410 are answers, not errors.

        Raises
        ------
        SourceRefused
            If robots, scheme or address forbid it, or the page answers 401, 403 or another refusal.
        SourceUnavailable
            If it did not answer within the retries.
        """
        if not self.robots(url).can_fetch(url, self.settings.user_agent):
            raise SourceRefused(f"robots.txt forbids {url}")
        return self._patiently(lambda: self._get(url, LARGEST_PAGE))

    def image(self, url: str) -> bytes:
        """The bytes of a picture.

        Raises
        ------
        SourceRefused, SourceUnavailable
            As `page`; a missing picture is refused too.
        """
        answer = self._patiently(lambda: self._get(url, LARGEST_IMAGE))
        if answer.status != 200:
            raise SourceRefused(f"the picture {url} answered {answer.status}")
        return answer.content

    def robots(self, url: str) -> Protego:
        """The host's robots.txt, read once per run; one that cannot be read forbids everything.

        Source: RFC 9309, section 2.3.1.
        """
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            known = self._robots.get(host)
        if known is None:
            known = self._read_robots(host)
            with self._lock:
                self._robots[host] = known
        return known

    def close(self) -> None:
        """Give every connection back."""
        self._session.close()

    def _read_robots(self, host: str) -> Protego:
        answer = self._patiently(lambda: self._get(f"{host}/robots.txt", LARGEST_ROBOTS))
        if answer.status == 200:
            return Protego.parse(answer.content.decode("utf-8", errors="replace"))
        return Protego.parse("")

    def _patiently(self, fetch: Callable[[], Fetched]) -> Fetched:
        retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_pause,
            reraise=True,
        )
        return retrying(fetch)

    def _get(self, url: str, cap: int) -> Fetched:
        with self._places[urlsplit(url).netloc]:
            for _ in range(MOST_REDIRECTS + 1):
                refuse_unsafe(url, allow_private=self.settings.allow_private_hosts)
                answer, onward = self._one_hop(url, cap)
                if onward is None:
                    return answer
                url = urljoin(url, onward)
        raise SourceRefused(f"{url} redirects more than {MOST_REDIRECTS} times")

    def _one_hop(self, url: str, cap: int) -> tuple[Fetched, str | None]:
        limit = self.settings.fetch_timeout_seconds
        deadline = time.monotonic() + 2 * limit
        try:
            with self._session.get(url, stream=True, timeout=limit, allow_redirects=False) as answer:
                if answer.status_code in BUSY:
                    raise Busy(f"{url} answered {answer.status_code}", _retry_after(answer))
                if answer.status_code in REDIRECTS and "location" in answer.headers:
                    return Fetched(answer.status_code, b"", url), answer.headers["location"]
                if answer.status_code >= 400 and answer.status_code not in {404, 410}:
                    raise SourceRefused(f"{url} answered {answer.status_code}")
                return Fetched(answer.status_code, _body(answer, url, cap, deadline), url), None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise SourceUnavailable(f"{url} did not answer: {type(error).__name__}") from error
        except requests.RequestException as error:
            raise SourceRefused(f"{url} cannot be read: {error}") from error


def refuse_unsafe(url: str, *, allow_private: bool) -> None:
    """Returns for an address that may be read.

    Raises
    ------
    SourceRefused
        For another scheme than http(s), credentials, odd ports, or a host with any address that is not public.
    SourceUnavailable
        If the host has no address now.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SourceRefused(f"{url!r} is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SourceRefused(f"{url!r} is not http or https")
    if parts.username or parts.password:
        raise SourceRefused(f"{parts.scheme}://{parts.hostname} carries a user name, which no catalogue needs")
    if allow_private:
        return
    if port not in {None, 80, 443}:
        raise SourceRefused(f"{url!r} names port {port}; only 80 and 443 are read")
    try:
        found = socket.getaddrinfo(parts.hostname, port or 443, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise SourceUnavailable(f"{parts.hostname} has no address: {error}") from error
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if not _is_public(ip):
            raise SourceRefused(f"{parts.hostname} leads to {ip}, which is not a public address")


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


def _body(answer: requests.Response, url: str, cap: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_content(65_536):
        size += len(part)
        if size > cap:
            raise SourceRefused(f"{url} is larger than {cap} bytes")
        if time.monotonic() > deadline:
            raise SourceUnavailable(f"{url} is too slow")
        parts.append(part)
    return b"".join(parts)


def _retry_after(answer: requests.Response) -> float | None:
    named = answer.headers.get("retry-after", "")
    return min(float(named), LONGEST_PAUSE) if named.isdigit() else None


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.pause is not None:
        return error.pause
    return wait_exponential_jitter(initial=0.3, max=5)(state)
