"""A small web server whose every answer a test decides."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marketplace.local.network import LOOPBACK, ServerThread


@dataclass
class Answer:
    """One answer; `first` are statuses that come before it, and a slow one drips a byte at a time."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    seconds: float = 0
    drips: bool = False
    promised: int | None = None


class Web(ServerThread):
    """Pages on a loopback port, for the block of a `with`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        super().__init__(ThreadingHTTPServer((LOOPBACK, 0), _handler(self)))

    def page(self, path: str, body: str | bytes = "", **how: object) -> str:
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = Answer(content, **how)
        return f"{self.url}{path}"

    def came(self, change: int) -> None:
        with self._lock:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests[self.path] += 1
            answer = web.answers.get(self.path) or web.answers.get(self.path.partition("?")[0], Answer(status=404))
            web.came(+1)
            time.sleep(answer.seconds)
            web.came(-1)
            status = answer.first.pop(0) if answer.first else answer.status
            tag = answer.headers.get("etag")
            if status == 200 and tag and self.headers.get("if-none-match") == tag:
                self._send(replace(answer, body=b"", promised=None), 304)
            else:
                self._send(answer, status)

        def _send(self, answer: Answer, status: int) -> None:
            self.send_response(status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(answer.promised or len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            pieces: Iterable[bytes] = (
                (answer.body[at : at + 1] for at in range(len(answer.body))) if answer.drips else [answer.body]
            )
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    if answer.drips:
                        time.sleep(0.05)
            except OSError:
                return  # the reader has had enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            return

    return Handler
