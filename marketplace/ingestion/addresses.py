"""Which addresses may be read: public ones, by http(s), without credentials.

A name is looked up once, every address it has is checked, and one of those very addresses is
connected to, so that a name that leads elsewhere the second time it is asked leads nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from marketplace.catalog.products import LONGEST
from marketplace.errors import SourceRefused, SourceUnavailable

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
READ_PORTS = frozenset({None, 80, 443})
_CONTROLS = re.compile(r"[\x00-\x20\x7f]")
_NUMBERS = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)(?:\.(?:0[xX][0-9a-fA-F]*|\d+))*")  # no name ends in a number


class CheckedResolver(AbstractResolver):
    """Looks a name up once and gives the client the addresses that were checked, and no others.

    The connection is made to one of them, with the name in Host and SNI as the page's address has it.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the host.

        Raises
        ------
        SourceRefused
            If any is not public.
        SourceUnavailable
            If there is none now.
        """
        addresses = await asyncio.to_thread(_addresses_of, host, port)
        _refuse_private(host, addresses)
        return [_resolved(host, address, port) for address in dict.fromkeys(addresses)]

    async def close(self) -> None:
        """Nothing is held."""


def refuse_malformed(url: str, *, allow_private: bool) -> None:
    """Returns for an address whose form may be read; a name's addresses are checked as it is connected to.

    Raises
    ------
    SourceRefused
        For another scheme than http(s), credentials, control characters, odd ports, or an IP address that is not
        public, however it is written.
    """
    if _CONTROLS.search(url):
        raise SourceRefused(f"{url[:200]!r} holds control characters or spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = URL(url).raw_host  # as the client will read it
    except ValueError as error:
        raise SourceRefused(f"{url[:200]!r} is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not host:
        raise SourceRefused(f"{url[:200]!r} is not http or https")
    if parts.username or parts.password or "\\" in url:
        raise SourceRefused(f"{parts.scheme}://{parts.hostname} carries a user name, which no catalogue needs")
    if allow_private:
        return
    if port not in READ_PORTS:
        raise SourceRefused(f"{url!r} names port {port}; only 80 and 443 are read")
    if "%" in host or "%" in parts.netloc:
        raise SourceRefused(f"{url[:200]!r} names a network of its own, which no page needs")
    literal = _literal(host)
    if literal is not None:
        _refuse_private(host, [literal])


def refuse_unsafe(url: str, *, allow_private: bool) -> None:
    """Returns for an address that may be read; the host's name is looked up.

    Raises
    ------
    SourceRefused
        As `refuse_malformed`, and for a host with any address that is not public.
    SourceUnavailable
        If the host has no address now.
    """
    refuse_malformed(url, allow_private=allow_private)
    if not allow_private:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _refuse_private(host, _addresses_of(host, parts.port or 443))


def refuse_unfit(url: str, *, allow_private: bool) -> None:
    """Returns for an address that may be kept; its host is to be checked again when it is read.

    Raises
    ------
    SourceRefused
        As `refuse_malformed`, and for more characters than addresses have, or a host of this network.
    """
    if len(url) > LONGEST["url"]:
        raise SourceRefused(f"{url[:80]!r} is no address: it is longer than {LONGEST['url']} characters")
    refuse_malformed(url, allow_private=allow_private)
    host = urlsplit(url).hostname or ""
    if not allow_private and "." not in host.strip(".") and ":" not in host:
        raise SourceRefused(f"{host} is not a public address")


def connected(url: str, *, allow_private: bool, seconds: float = 15.0) -> socket.socket:
    """A socket to the host of an address that may be read; the name is looked up once, and what was checked is dialled.

    Raises
    ------
    SourceRefused
        As `refuse_unsafe`.
    SourceUnavailable
        If the host has no address now, or does not answer.
    """
    refuse_malformed(url, allow_private=allow_private)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _addresses_of(host, port)
    if not allow_private:
        _refuse_private(host, addresses)
    for address in dict.fromkeys(addresses):
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout=seconds)
    raise SourceUnavailable(f"{host} does not answer on port {port}")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; an IPv4 address carried inside IPv6 is judged as itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in LOCAL_NAT64:
            return False
        ip = ip.ipv4_mapped or ip.sixtofour or _behind_nat64(ip) or ip
    return ip.is_global and not ip.is_multicast


def _literal(host: str) -> str | None:
    """The IP address that the host is, however it is written; None for a name, which is looked up as it is dialled."""
    bare = host.strip("[]").rstrip(".")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(bare))
    if not _NUMBERS.fullmatch(bare):
        return None
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(bare))  # 127.1, 0x7f000001 and the like, as the system reads them
    raise SourceRefused(f"{host[:80]!r} is neither a name nor an address")


def _behind_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None


def _addresses_of(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:
        raise SourceRefused(f"{host[:80]!r} is no host name: {error}") from error
    except OSError as error:
        raise SourceUnavailable(f"{host} has no address: {error}") from error
    return [str(address[0]) for *_, address in found]


def _refuse_private(host: str, addresses: list[str]) -> None:
    private = next((address for address in addresses if not is_public(address)), None)
    if private is not None:
        raise SourceRefused(f"{host} leads to {private}, which is not a public address")


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=numeric)
