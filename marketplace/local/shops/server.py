"""The shops over HTTP, on one loopback host or several, with what an administrator may change.

`POST /admin/products/<ref>` and `POST /admin/sellers/<handle>` take the changes of `Shelves`, a ref in an address being
quoted; `POST /admin/reset` undoes them. `POST /admin/faults` takes `{"faults": "all"}`, `"none"` or a list of
names, and `GET /admin/faults` tells what there is and what is on.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from marketplace.local.market import SampleMarket
from marketplace.local.network import LOOPBACK, ServerThread, loopback
from marketplace.local.shops.answers import Answer, Delivery, Prepared, json_answer
from marketplace.local.shops.damage import Strike
from marketplace.local.shops.fault_kinds import FAULTS
from marketplace.local.shops.faults import Faults
from marketplace.local.shops.revalidation import has_not_changed
from marketplace.local.shops.routes import Asked, answer_to
from marketplace.local.shops.shelves import Shelves

LARGEST_BODY = 100_000
MOST_KEPT = 20_000
ATTEMPTS = 20


class ShopServer(ServerThread):
    """The shops on a loopback port, for the block of a `with`.

    Parameters
    ----------
    port
        0 for one that the system picks.
    state
        A file that keeps changes and faults.
    hosts
        On how many loopback addresses, from 127.0.0.1 on, the same shops answer at that port.
    """

    def __init__(self, market: SampleMarket, port: int = 0, state: Path | None = None, hosts: int = 1) -> None:
        self.shelves = Shelves(market, state)
        self.hosts = hosts
        super().__init__(*_bound(_Pages(self.shelves, hosts), port, hosts))

    @property
    def requests(self) -> Counter[str]:
        """How often each path was asked for."""
        return self.shelves.requests

    @property
    def faults(self) -> Faults:
        """The faults that are on."""
        return self.shelves.faults

    def switch_faults(self, faults: Faults | Iterable[str] | None = None, *, seed: int = 7) -> Faults:
        """Have these faults on and no others: those given, those named spread over the market, or every one."""
        if not isinstance(faults, Faults):
            faults = Faults.everything(self.shelves.market, seed, hosts=self.hosts, names=faults)
        self.shelves.switch_faults(faults)
        return faults

    def host_of(self, handle: str) -> str:
        """The loopback address at which a seller is at home; with fewer hosts than sellers, some share one."""
        place = [seller.handle for seller in self.shelves.market.sellers].index(handle)
        return loopback(place % self.hosts)

    def source_url(self, handle: str) -> str:
        """Where a reader of the seller begins, at the seller's own host."""
        port = self._server.server_address[1]
        return f"http://{self.host_of(handle)}:{port}{self.shelves.market.source_path(handle)}"

    def set_price(self, ref: str, amount_minor: int) -> None:
        """Change the price of a product."""
        self.shelves.change(ref, {"price": amount_minor})

    def set_title(self, ref: str, title: str) -> None:
        """Change the title of a product."""
        self.shelves.change(ref, {"title": title})

    def remove(self, ref: str) -> None:
        """Take a product down: its page answers 404 and its catalogue no longer shows it."""
        self.shelves.change(ref, {"gone": True})

    def serve(self) -> None:
        """Serve until the process is told to end."""
        for thread in self._threads[1:]:
            thread.start()
        self._server.serve_forever()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a reader that has had enough is no error
            super().handle_error(request, client_address)


class _Pages:
    """The shelves' answers, each prepared once as long as nothing changes."""

    def __init__(self, shelves: Shelves, hosts: int) -> None:
        self.shelves = shelves
        self.hosts = hosts
        self._kept: dict[tuple[str, str], tuple[int, Prepared]] = {}

    def prepared(self, asked: Asked, target: str) -> Prepared:
        """The answer, or what the fault that lies there makes of it."""
        struck = self.shelves.asked(asked.path, target, asked.host)
        good = self._good(asked, target)
        if struck is None:
            return good
        fault, number = struck
        return Prepared(fault.damaged(good.answer, Strike(number, target, fault.seconds, fault.detail)))

    def _good(self, asked: Asked, target: str) -> Prepared:
        version = self.shelves.version
        key = (asked.base + asked.host, target)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        prepared = Prepared(answer_to(self.shelves, asked))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (version, prepared)
        return prepared


def _bound(pages: _Pages, port: int, hosts: int) -> list[_Server]:
    """Servers at one port of every host; where the system picks the port, one that is free on all."""
    for _ in range(ATTEMPTS):
        servers = [_Server((LOOPBACK, port), _handler(pages))]
        try:
            chosen = servers[0].server_address[1]
            servers += [_Server((loopback(number), chosen), _handler(pages)) for number in range(1, hosts)]
        except OSError:
            for server in servers:
                server.server_close()
            if port:
                raise
            continue
        return servers
    raise OSError(f"no port is free on {hosts} loopback addresses")


def _handler(pages: _Pages) -> type[BaseHTTPRequestHandler]:
    shelves = pages.shelves

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a small answer is not to wait for an acknowledgement

        def do_GET(self) -> None:
            if self.path == "/admin/faults":
                on = shelves.faults.names
                self._send(Prepared(json_answer({"on": on, "all": {name: kind.says for name, kind in FAULTS.items()}})))
                return
            path, _, query = self.path.partition("?")
            host = str(self.connection.getsockname()[0])
            base = f"http://{self.headers.get('host', '')}"
            self._send(pages.prepared(Asked(path, query, base, host), self.path))

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            try:
                wanted = json.loads(self.rfile.read(min(length, LARGEST_BODY)) or b"{}")
                said = _administered(pages, self.path, wanted)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                words = str(error.args[0]) if error.args else type(error).__name__
                self._send(Prepared(replace(json_answer({"error": words}), status=HTTPStatus.BAD_REQUEST)))
                return
            self._send(Prepared(json_answer(said)))

        def _send(self, prepared: Prepared) -> None:
            answer = prepared.answer
            accepts = "gzip" in self.headers.get("accept-encoding", "")
            packed = prepared.packed if accepts else None
            if answer.status == HTTPStatus.OK and has_not_changed(prepared, self.headers):
                self.wfile.write(self._head(prepared, HTTPStatus.NOT_MODIFIED, is_packed=packed is not None))
                return
            body = answer.body if packed is None else packed
            head = self._head(prepared, answer.status, body, is_packed=packed is not None)
            if self.command == "HEAD":
                self.wfile.write(head)
            elif answer.delivery is None:
                self.wfile.write(head + body)
            else:
                self._deliver(answer.delivery, head, body)

        def _head(
            self, prepared: Prepared, status: HTTPStatus, body: bytes | None = None, *, is_packed: bool = False
        ) -> bytes:
            answer = prepared.answer
            lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {self.date_time_string()}"]
            if body is not None:
                promised = answer.delivery.promised if answer.delivery else None
                lines.append(f"Content-Type: {answer.kind}")
                lines.append(f"Content-Length: {_promised(promised, answer, body)}")
                encoding = "gzip" if is_packed else answer.encoding
                lines += [f"Content-Encoding: {encoding}"] if encoding else []
            if answer.status == HTTPStatus.OK:
                lines.append(f'ETag: "{prepared.tag}{"-gz" if is_packed else ""}"')
                lines.append("Vary: Accept-Encoding")
                lines += [f"Last-Modified: {prepared.modified}"] if prepared.modified else []
            lines += [f"{name}: {value}" for name, value in answer.headers]
            return "\r\n".join([*lines, "", ""]).encode("latin-1")

        def _deliver(self, delivery: Delivery, head: bytes, body: bytes) -> None:
            try:
                self.wfile.write(head)
                time.sleep(delivery.waits)
                step = -(-len(body) // delivery.pieces) or 1
                for start in range(0, len(body), step):
                    self.wfile.write(body[start : start + step])
                    time.sleep(delivery.seconds / delivery.pieces)
            except OSError:
                self.close_connection = True  # the reader has had enough
                return
            if delivery.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            self.close_connection = delivery.resets or delivery.promised is not None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            return

    return Handler


def _promised(promised: int | None, answer: Answer, body: bytes) -> int:
    return len(body) if promised is None else len(body) + promised - len(answer.body)


def _administered(pages: _Pages, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    shelves = pages.shelves
    _, _, what = path.partition("/admin/")
    noun, _, key = what.partition("/")
    if what == "reset":
        shelves.reset()
    elif what == "faults":
        names = wanted.get("faults", "all")
        chosen = {"all": None, "none": []}[names] if isinstance(names, str) else [str(name) for name in names]
        seed = int(wanted.get("seed", 7))
        shelves.switch_faults(Faults.everything(shelves.market, seed, hosts=pages.hosts, names=chosen))
        return {"on": shelves.faults.names}
    elif noun == "products" and key:
        shelves.change(unquote(key), wanted)
    elif noun == "sellers" and key:
        shelves.change_seller(unquote(key), wanted)
    else:
        raise KeyError(f"nothing can be changed at {path}")
    return {}
