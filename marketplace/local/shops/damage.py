"""What a fault makes of a good answer."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from marketplace.catalog.products import stable_id
from marketplace.errors import ConfigurationError
from marketplace.local.shops.answers import HTML, Answer, Delivery, html_page, redirect
from marketplace.local.shops.bombs import PIXELS, deep_body, flat_png, gzip_bomb_body, huge_page_body, png

SCRIPT = re.compile(r'(<script type="application/ld\+json">)(.*?)(</script>)', re.DOTALL)
GRAPH = re.compile(r'<meta property="(?:og|product):[^>]*>')
PRIVATE = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://10.0.0.7/admin",
    "http://[::1]:5432/",
    "http://192.168.1.1/",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
)
SCHEMES = ("file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "ftp://127.0.0.1/", "http://root:pass@127.0.0.1/")
MOVES = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
BOILERPLATE = '<meta property="og:type" content="website"><meta property="og:site_name" content="Shop">'


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault as it strikes: how often it has by now, what was asked for, and its own particulars."""

    number: int
    target: str
    seconds: float = 1.0
    detail: str = ""

    def one_of(self, choices: tuple[str, ...]) -> str:
        """The detail, or a choice that is the same for the same target."""
        return self.detail or choices[stable_id("choice", self.target) % len(choices)]


Damage = Callable[[Answer, Strike], Answer]


def too_many_requests(answer: Answer, strike: Strike) -> Answer:
    """429, with the seconds to wait."""
    return _refusal(HTTPStatus.TOO_MANY_REQUESTS, ("retry-after", str(max(1, round(strike.seconds)))))


def too_many_requests_until(answer: Answer, strike: Strike) -> Answer:
    """429, with the date to wait for."""
    until = formatdate(time.time() + 1 + strike.seconds, usegmt=True)
    return _refusal(HTTPStatus.TOO_MANY_REQUESTS, ("retry-after", until))


def flapping(answer: Answer, strike: Strike) -> Answer:
    """500 and 503 in turn."""
    return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR if strike.number % 2 else HTTPStatus.SERVICE_UNAVAILABLE)


def unavailable(answer: Answer, strike: Strike) -> Answer:
    """503, every time."""
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE)


def slow_body(answer: Answer, strike: Strike) -> Answer:
    """The answer, dripping."""
    return replace(answer, delivery=Delivery(pieces=20, seconds=strike.seconds))


def stalled(answer: Answer, strike: Strike) -> Answer:
    """The head of the answer, and then nothing for long."""
    return replace(answer, delivery=Delivery(waits=strike.seconds))


def connection_reset(answer: Answer, strike: Strike) -> Answer:
    """Half of the answer, and a reset."""
    half = len(answer.body) // 2
    return replace(answer, body=answer.body[:half], delivery=Delivery(promised=len(answer.body), resets=True))


def wrong_length(answer: Answer, strike: Strike) -> Answer:
    """The answer, which says that it is longer than it is."""
    return replace(answer, delivery=Delivery(promised=len(answer.body) + 1_000))


def moved_page(answer: Answer, strike: Strike) -> Answer:
    """A redirect to where the same page answers now."""
    status = HTTPStatus(int(strike.one_of(tuple(str(int(move)) for move in MOVES))))
    return redirect(f"/moved{strike.target}", status)


def redirect_loop(answer: Answer, strike: Strike) -> Answer:
    """A redirect to itself, for ever."""
    return redirect(f"{strike.target.partition('?')[0]}?again={strike.number}", HTTPStatus.FOUND)


def redirect_private(answer: Answer, strike: Strike) -> Answer:
    """A redirect into a private network."""
    return redirect(strike.one_of(PRIVATE), HTTPStatus.FOUND)


def redirect_scheme(answer: Answer, strike: Strike) -> Answer:
    """A redirect to what is no web page."""
    return redirect(strike.one_of(SCHEMES), HTTPStatus.FOUND)


def login_redirect(answer: Answer, strike: Strike) -> Answer:
    """A redirect to the login page."""
    return redirect(f"/login?next={strike.target.partition('?')[0]}", HTTPStatus.FOUND)


def login_wall(answer: Answer, strike: Strike) -> Answer:
    """200, with a login page."""
    return login_page()


def login_page() -> Answer:
    """A page that wants a password."""
    form = (
        '<form method="post"><input name="user"><input name="password" type="password"><button>Log in</button></form>'
    )
    return html_page("Log in", f"<main>{form}</main>", f'{BOILERPLATE}<meta property="og:title" content="Log in">')


def soft_404(answer: Answer, strike: Strike) -> Answer:
    """200, with a page that says there is none."""
    words = "<main><p>Sorry, the page you are looking for was not found.</p></main>"
    return html_page("Page not found", words, f'{BOILERPLATE}<meta property="og:title" content="Page not found">')


def truncated(answer: Answer, strike: Strike) -> Answer:
    """The answer up to the middle of its JSON-LD, or of itself, as if it were whole."""
    script = SCRIPT.search(answer.body.decode(errors="replace")) if answer.kind == HTML else None
    if script is None:
        return replace(answer, body=answer.body[: len(answer.body) * 2 // 5], modified=None)
    text = answer.body.decode()[: (script.start(2) + script.end(2)) // 2]
    return replace(answer, body=text.encode(), modified=None)


def trailing_commas(answer: Answer, strike: Strike) -> Answer:
    """JSON-LD with a comma before every closing brace."""
    return _rewritten(answer, lambda text: re.sub(r"([}\]])", r",\1", text))


def commented_json(answer: Answer, strike: Strike) -> Answer:
    """JSON-LD with comments."""
    return _rewritten(answer, lambda text: f"// the product\n{text.replace(', ', ', /* next */ ', 1)}")


def raw_newlines(answer: Answer, strike: Strike) -> Answer:
    """JSON-LD with line breaks inside a text."""
    return _rewritten(answer, lambda text: text.replace("Made by hand;", "Made by\n\thand;"))


def html_entities(answer: Answer, strike: Strike) -> Answer:
    """JSON-LD whose texts are written with HTML entities; no Open Graph."""

    def encoded(text: str) -> str:
        data = json.loads(text)
        named = {name: "".join(map(_entity, data[name])) for name in ("name", "description")}
        return json.dumps({**data, **named})

    return _without_graph(_rewritten(answer, encoded))


def bad_script_beside(answer: Answer, strike: Strike) -> Answer:
    """A script that does not parse before the one that does; no Open Graph."""
    broken = '{"@context": "https://schema.org", "@type": "Organization", "name": }'
    return _without_graph(
        _rewritten(answer, lambda text: f'{broken}</script><script type="application/ld+json">{text}')
    )


def at_graph(answer: Answer, strike: Strike) -> Answer:
    """The product as one node of an @graph; no Open Graph."""

    def grown(text: str) -> str:
        product: dict[str, Any] = json.loads(text)
        context = product.pop("@context")
        site = {"@type": "WebSite", "@id": "/#website", "name": "The sample market", "url": "/"}
        crumbs = {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "position": 1, "name": "Home"}]}
        return json.dumps({"@context": context, "@graph": [site, crumbs, product]}, ensure_ascii=False)

    return _without_graph(_rewritten(answer, grown))


def wrong_charset(answer: Answer, strike: Strike) -> Answer:
    """UTF-8 that the header calls Latin-1."""
    return replace(answer, kind="text/html; charset=iso-8859-1", modified=None)


def mixed_encodings(answer: Answer, strike: Strike) -> Answer:
    """A line of Latin-1 in a page of UTF-8."""
    return _with_line(answer, "<p>Café crème, bébé</p>".encode("latin-1"))


def nul_bytes(answer: Answer, strike: Strike) -> Answer:
    """A line with NUL bytes in it."""
    return _with_line(answer, b"<p>ka\x00nga\x00</p>")


def huge_page(answer: Answer, strike: Strike) -> Answer:
    """A page of thirty million bytes without a product."""
    return Answer(huge_page_body())


def deep_nesting(answer: Answer, strike: Strike) -> Answer:
    """A million elements, each inside the other, without a product."""
    return Answer(deep_body())


def gzip_bomb(answer: Answer, strike: Strike) -> Answer:
    """A body that unpacks to a gigabyte."""
    return Answer(gzip_bomb_body(), encoding="gzip")


def xml_bomb(answer: Answer, strike: Strike) -> Answer:
    """Entities that grow a billionfold, and one that reads a file."""
    entities = "".join(f'<!ENTITY l{level + 1} "{f"&l{level};" * 10}">' for level in range(9))
    text = (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">{entities}<!ENTITY file SYSTEM "file:///etc/passwd">]>'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>&file;</title>'
        "<item><g:id>bomb</g:id><g:title>&l9;</g:title><g:price>1.00 KES</g:price></item></channel></rss>"
    )
    return replace(answer, body=text.encode(), modified=None)


def missing_picture(answer: Answer, strike: Strike) -> Answer:
    """404."""
    return _refusal(HTTPStatus.NOT_FOUND)


def html_as_picture(answer: Answer, strike: Strike) -> Answer:
    """A page that is called a JPEG."""
    return Answer(b"<!doctype html><html><body><script>alert(1)</script></body></html>", "image/jpeg")


def svg_as_picture(answer: Answer, strike: Strike) -> Answer:
    """A scripted SVG that is called a JPEG."""
    return Answer(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "image/jpeg")


def gif_polyglot(answer: Answer, strike: Strike) -> Answer:
    """A script that begins like a GIF and is called a JPEG."""
    return Answer(b"GIF89a/*" + b"\x00" * 6 + b"*/=1;alert(document.domain)//;", "image/jpeg")


def picture_bomb(answer: Answer, strike: Strike) -> Answer:
    """A flat PNG of 13,000 by 13,000 pixels."""
    return Answer(flat_png(PIXELS["picture_bomb"]), "image/png")


def picture_header_bomb(answer: Answer, strike: Strike) -> Answer:
    """A PNG that says it has 50,000 by 50,000 pixels."""
    return Answer(png(PIXELS["picture_header_bomb"], zlib.compress(b"\x00")), "image/png")


def huge_robots(answer: Answer, strike: Strike) -> Answer:
    """The rules, and two million bytes of remarks behind them."""
    return replace(answer, body=answer.body + b"# nothing to see here\n" * 100_000, modified=None)


def _refusal(status: HTTPStatus, *headers: tuple[str, str]) -> Answer:
    return Answer(f"{status.value} {status.phrase}\n".encode(), "text/plain", status, headers)


def _rewritten(answer: Answer, change: Callable[[str], str]) -> Answer:
    text, count = SCRIPT.subn(lambda found: found[1] + change(found[2]) + found[3], answer.body.decode(), count=1)
    if not count:
        raise ConfigurationError("a page without JSON-LD cannot have it broken")
    return replace(answer, body=text.encode(), modified=None)


def _without_graph(answer: Answer) -> Answer:
    return replace(answer, body=GRAPH.sub("", answer.body.decode()).encode())


def _with_line(answer: Answer, line: bytes) -> Answer:
    return replace(answer, body=answer.body.replace(b"</body>", line + b"</body>"), modified=None)


def _entity(character: str) -> str:
    return character if character.isalnum() or character == " " else f"&#{ord(character)};"
