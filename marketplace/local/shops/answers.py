"""An answer of the shop server, and how it goes over the wire."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

HTML = "text/html; charset=utf-8"
JSON = "application/json"
DRAWN = 1_767_225_600  # seconds: when everything was last changed that never was
SMALLEST_PACKED = 256
PACKED_KINDS = ("text/", "application/json", "application/xml", "application/rss+xml")
STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#ece5dd;color:#1f2937}
header{background:#075e54;color:#fff;padding:1rem 1.25rem}main{max-width:46rem;margin:1rem auto;padding:0 1rem}
.p{display:flex;gap:1rem;background:#fff;border-radius:.6rem;padding:.75rem;margin:.6rem 0}
.p{text-decoration:none;color:inherit}
.p img{width:88px;height:88px;object-fit:cover;border-radius:.4rem}h1{font-size:1.2rem;margin:0}b{display:block}"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the bytes of an answer are sent when not at once.

    Parameters
    ----------
    waits
        Seconds before the first byte of the body.
    pieces, seconds
        The body comes in that many pieces over that many seconds.
    promised
        The content-length that is named, where it is not the body's.
    resets
        The connection is reset where the body ends.
    """

    waits: float = 0.0
    pieces: int = 1
    seconds: float = 0.0
    promised: int | None = None
    resets: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its headers; `modified` is None where the answer has no last change."""

    body: bytes
    kind: str = HTML
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    modified: int | None = None
    encoding: str = ""  # the body is already packed this way
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer with what is sent of it every time: its tag, its date, and its body packed."""

    answer: Answer
    tag: str = field(init=False)
    modified: str = field(init=False)
    packed: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        answer = self.answer
        is_text = answer.kind.startswith(PACKED_KINDS) and not answer.encoding
        packed = gzip.compress(answer.body, 6, mtime=0) if is_text and len(answer.body) >= SMALLEST_PACKED else None
        object.__setattr__(self, "tag", hashlib.sha256(answer.body).hexdigest()[:16])
        object.__setattr__(self, "modified", formatdate(answer.modified, usegmt=True) if answer.modified else "")
        object.__setattr__(self, "packed", packed)


def json_answer(data: Any, *, headers: tuple[tuple[str, str], ...] = (), modified: int | None = None) -> Answer:
    """The data as JSON."""
    return Answer(json.dumps(data, ensure_ascii=False).encode(), JSON, headers=headers, modified=modified)


def redirect(location: str, status: HTTPStatus = HTTPStatus.MOVED_PERMANENTLY) -> Answer:
    """The way to another address."""
    return Answer(b"", HTML, status, (("location", location),))


def html_page(title: str, content: str, head: str = "", *, modified: int | None = None) -> Answer:
    """A page of the market in its usual dress."""
    name = html.escape(title)
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width">{head}<style>{STYLE}</style></head>'
        f"<body><header><h1>{name}</h1></header>{content}</body></html>"
    )
    return Answer(body.encode(), HTML, modified=modified)


def missing() -> Answer:
    """The page that answers where there is none."""
    page = html_page("Not found", "<main><p>This page does not exist.</p></main>")
    return Answer(page.body, page.kind, HTTPStatus.NOT_FOUND)
