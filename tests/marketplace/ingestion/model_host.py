"""A host of models that speaks the chat-completions protocol and answers what a test decides."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from marketplace.local.network import LOOPBACK, ServerThread

Say = Callable[[dict[str, Any]], str]


def opinion(verdict="approved", confidence=0.9, reasons=()):
    return json.dumps({"verdict": verdict, "confidence": confidence, "reasons": list(reasons)})


class ModelHost(ServerThread):
    """A host for the block of a `with`.

    `say` makes the text of an answer from the request; `tokens` is what it claims to have cost. A host that `hangs`
    drips one byte at a time and never ends; `raw` is sent in place of a completion.
    """

    def __init__(self, say: Say | None = None) -> None:
        self.say: Say = say or (lambda asked: opinion())
        self.tokens: Any = 900
        self.status = 200
        self.headers: dict[str, str] = {}
        self.raw: bytes | None = None
        self.hangs = False
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        super().__init__(ThreadingHTTPServer((LOOPBACK, 0), _handler(self)))

    def titles(self) -> list[str]:
        """The titles of the products that were asked about."""
        return [json.loads(one["messages"][1]["content"][0]["text"])["title"] for one in self.asked]


def _handler(host: ModelHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            host.asked.append(asked)
            host.authorizations.append(self.headers["authorization"])
            body = host.raw
            if body is None:
                message = {"role": "assistant", "content": host.say(asked)}
                answer = {"choices": [{"message": message}], "usage": {"total_tokens": host.tokens}}
                body = json.dumps(answer).encode()
            self.send_response(host.status)
            self.send_header("Connection", "close")
            for name, value in host.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._drip() if host.hangs else self.wfile.write(body)

        def _drip(self) -> None:
            try:
                for _ in range(200):
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                return  # the reader has had enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            return

    return Handler
