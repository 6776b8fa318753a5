"""Which addresses may be read: public ones, by http(s), without credentials.

A host name is checked before a request, and the peer again once connected, so that a name
that leads elsewhere the second time it is asked leads nowhere.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from marketplace.errors import SourceRefused, SourceUnavailable

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


class CheckedAdapter(HTTPAdapter):
    """Connects to public addresses only, whatever a name leads to."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools whose connections look at their peer before they send anything."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedSecurePool}


class _CheckedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _to_public(self, super()._new_conn())


class _CheckedSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _to_public(self, super()._new_conn())


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _CheckedSecureConnection


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
    for address in _addresses_of(parts.hostname, port or 443):
        if not is_public(address):
            raise SourceRefused(f"{parts.hostname} leads to {address}, which is not a public address")


def connected(url: str, *, allow_private: bool, seconds: float = 15.0) -> socket.socket:
    """A socket to the host of an address that may be read; the name is looked up once, and what was checked is dialled.

    Raises
    ------
    SourceRefused
        As `refuse_unsafe`.
    SourceUnavailable
        If the host has no address now, or does not answer.
    """
    refuse_unsafe(url, allow_private=True)  # all but the addresses, which are checked below as they are dialled
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if not allow_private and port not in {80, 443}:
        raise SourceRefused(f"{url!r} names port {port}; only 80 and 443 are read")
    addresses = _addresses_of(host, port)
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise SourceRefused(f"{host} leads to {private[0]}, which is not a public address")
    for address in dict.fromkeys(addresses):
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout=seconds)
    raise SourceUnavailable(f"{host} does not answer on port {port}")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; an IPv4 address carried inside IPv6 is judged as itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or _behind_nat64(ip) or ip
    return ip.is_global and not ip.is_multicast


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


def _to_public(connection: HTTPConnection, opened: socket.socket) -> socket.socket:
    address = str(opened.getpeername()[0])
    if is_public(address):
        return opened
    opened.close()
    raise NewConnectionError(connection, f"{connection.host} leads to {address}, which is not a public address")
