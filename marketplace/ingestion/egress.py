"""The browser's one way out: a proxy on loopback that connects to what may be read, and to nothing else.

Chromium looks names up by itself, follows redirects and opens WebSockets without asking Playwright's
routes. Behind a proxy each connection is ours to make: the name is looked up once, every address it has
is checked, and that very address is connected to.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from marketplace.errors import SourceRefused, SourceUnavailable
from marketplace.local.network import LOOPBACK, ServerThread

log = logging.getLogger(__name__)
LARGEST_HEAD = 64 * 1024
CHUNK = 64 * 1024
IDLE_SECONDS = 60.0
HOP_BY_HOP = (b"connection:", b"proxy-connection:", b"proxy-authorization:", b"keep-alive:")
Connect = Callable[[str], socket.socket]


class EgressProxy(ServerThread):
    """An HTTP proxy for the block of a `with`.

    Parameters
    ----------
    connect
        A socket to the host of an address, or SourceRefused or SourceUnavailable.
    """

    def __init__(self, connect: Connect) -> None:
        super().__init__(_Server((LOOPBACK, 0), _handler(connect)))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


def _handler(connect: Connect) -> type[BaseRequestHandler]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            browser: socket.socket = self.request
            browser.settimeout(IDLE_SECONDS)
            with contextlib.suppress(OSError):
                head, rest = _head(browser)
                method, _, target = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
                target = target.rpartition(" ")[0]
                try:
                    host = connect(f"https://{target}" if method == "CONNECT" else target)
                except (SourceRefused, SourceUnavailable) as error:
                    log.info("the browser was refused: %s", error)
                    browser.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                with host:
                    host.settimeout(IDLE_SECONDS)
                    if method == "CONNECT":
                        browser.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        host.sendall(_for_host(head, target) + rest)
                    _join(browser, host)

    return Handler


def _head(browser: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, without its empty line, and what came of the body with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = browser.recv(CHUNK)
        if not part or len(received) > LARGEST_HEAD:
            raise ConnectionError("no request")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _for_host(head: bytes, target: str) -> bytes:
    """The request as its host expects it: the path alone, and one request for each connection."""
    first, *headers = head.split(b"\r\n")
    method = first.partition(b" ")[0]
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [line for line in headers if not line.lower().startswith(HOP_BY_HOP)]
    asked = b"%s %s HTTP/1.1" % (method, path.encode("latin-1"))
    return b"\r\n".join([asked, *kept, b"Connection: close", b"", b""])


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    back = threading.Thread(target=_carry, args=(other, one), daemon=True)
    back.start()
    _carry(one, other)
    back.join(IDLE_SECONDS)


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK):
            sink.sendall(part)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
