"""Loopback ports: which are free, and who answers on them."""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
import time
from collections.abc import Callable
from socketserver import TCPServer
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
# Below the ports that systems lend to outgoing connections, which may take one between the look and the server's start.
LASTING_PORTS = range(20_000, 32_000)
TRIES = 100


class ServerThread:
    """A server that answers on its loopback port for the block of a `with`, and others beside it."""

    def __init__(self, server: TCPServer, *beside: TCPServer) -> None:
        self._server = server
        self._servers = (server, *beside)
        self._threads = [threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True) for one in self._servers]

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def loopback(number: int) -> str:
    """The loopback address of that number, counted from 0: 127.0.0.1, 127.0.0.2 ...

    Linux answers on all of 127.0.0.0/8; other systems on the first only.
    """
    return str(ipaddress.IPv4Address(LOOPBACK) + number)


def free_port(preferred: int = 0) -> int:
    """`preferred` if nobody listens on it, otherwise any that no outgoing connection is lent."""
    others = random.SystemRandom().sample(LASTING_PORTS, TRIES)
    for candidate in [preferred, *others] if preferred else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {LOOPBACK} among {TRIES} tried")


def answers(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.1) -> bool:
    """True as soon as the condition holds, False when the seconds are over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return condition()
