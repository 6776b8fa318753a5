"""Every fault that can be switched on: what it does, where, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from marketplace.local.shops import damage
from marketplace.local.shops.answers import Answer
from marketplace.local.shops.damage import Damage, Strike

Place = Literal["any", "page", "catalogue", "picture", "robots"]
# read: with exactly what the shelves show. pictureless: read, without a picture.
# unread: never taken for a product; what was known before is kept, since nothing proves that it is gone.
Outcome = Literal["read", "pictureless", "unread"]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A fault in words, and what it does.

    Parameters
    ----------
    act
        What becomes of the answer; None where the shop itself is built otherwise.
    times
        How often it strikes each address, and then no more; 0 for always.
    every
        Of how many requests it strikes the first.
    """

    says: str
    place: Place
    outcome: Outcome
    act: Damage | None = None
    times: int = 0
    every: int = 1


FAULTS: Mapping[str, FaultKind] = MappingProxyType(
    {
        "too_many_requests": FaultKind(
            "429 with Retry-After in seconds", "any", "read", damage.too_many_requests, times=1
        ),
        "too_many_requests_until": FaultKind(
            "429 with Retry-After as a date", "any", "read", damage.too_many_requests_until, times=1
        ),
        "flapping": FaultKind("500 or 503 on every other request", "any", "read", damage.flapping, every=2),
        "slow_body": FaultKind("a body that drips", "any", "read", damage.slow_body),
        "stalled": FaultKind("a head, and then nothing for long", "any", "read", damage.stalled, times=1),
        "connection_reset": FaultKind("a reset half way", "any", "read", damage.connection_reset, times=1),
        "wrong_length": FaultKind("a content-length that is too large", "any", "read", damage.wrong_length, times=1),
        "moved_page": FaultKind("301, 302, 307 or 308 to the same thing", "any", "read", damage.moved_page),
        "truncated_page": FaultKind("a page cut within its JSON-LD", "page", "read", damage.truncated),
        "trailing_commas": FaultKind("JSON-LD with trailing commas", "page", "read", damage.trailing_commas),
        "commented_json": FaultKind("JSON-LD with comments", "page", "read", damage.commented_json),
        "raw_newlines": FaultKind("JSON-LD with line breaks in a text", "page", "read", damage.raw_newlines),
        "html_entities": FaultKind("JSON-LD with HTML entities in its texts", "page", "read", damage.html_entities),
        "bad_script_beside": FaultKind("a broken script beside a good one", "page", "read", damage.bad_script_beside),
        "at_graph": FaultKind("JSON-LD under @graph", "page", "read", damage.at_graph),
        "wrong_charset": FaultKind("UTF-8 that is called Latin-1", "page", "read", damage.wrong_charset),
        "mixed_encodings": FaultKind("Latin-1 within UTF-8", "page", "read", damage.mixed_encodings),
        "nul_bytes": FaultKind("NUL bytes in a page", "page", "read", damage.nul_bytes),
        "looping_pages": FaultKind("a last page whose next page is the first", "catalogue", "read"),
        "repeated_rows": FaultKind("a catalogue that lists a product twice", "catalogue", "read"),
        "soft_404": FaultKind("200 with a page that says there is none", "any", "unread", damage.soft_404),
        "login_wall": FaultKind("200 with a login page", "any", "unread", damage.login_wall),
        "login_redirect": FaultKind("a redirect to a login page", "any", "unread", damage.login_redirect),
        "redirect_loop": FaultKind("a redirect to itself", "any", "unread", damage.redirect_loop),
        "redirect_private": FaultKind("a redirect into a private network", "any", "unread", damage.redirect_private),
        "redirect_scheme": FaultKind("a redirect to another scheme", "any", "unread", damage.redirect_scheme),
        "gzip_bomb": FaultKind("a body that unpacks to a gigabyte", "any", "unread", damage.gzip_bomb),
        "huge_page": FaultKind("a page of 30 million bytes", "page", "unread", damage.huge_page),
        "deep_nesting": FaultKind("a page of a million nested elements", "page", "unread", damage.deep_nesting),
        "robots_disallow": FaultKind("a page that robots.txt forbids", "page", "unread"),
        "empty_catalogue": FaultKind("200 with a catalogue that shows nothing", "catalogue", "unread"),
        "truncated_catalogue": FaultKind("a catalogue cut short", "catalogue", "unread", damage.truncated),
        "xml_bomb": FaultKind("a feed with entity bombs", "catalogue", "unread", damage.xml_bomb),
        "robots_unavailable": FaultKind("robots.txt answers 503", "robots", "unread", damage.unavailable),
        "crawl_delay": FaultKind("robots.txt asks for a pause between requests", "robots", "read"),
        "huge_robots": FaultKind("a robots.txt of two million bytes", "robots", "read", damage.huge_robots),
        "missing_picture": FaultKind("a picture that answers 404", "picture", "pictureless", damage.missing_picture),
        "html_as_picture": FaultKind("a page called .jpg", "picture", "pictureless", damage.html_as_picture),
        "svg_as_picture": FaultKind("a scripted SVG called .jpg", "picture", "pictureless", damage.svg_as_picture),
        "gif_polyglot": FaultKind("a script that begins like a GIF", "picture", "pictureless", damage.gif_polyglot),
        "picture_bomb": FaultKind("a flat PNG of 13,000² pixels", "picture", "pictureless", damage.picture_bomb),
        "picture_header_bomb": FaultKind(
            "a PNG that claims 50,000² pixels", "picture", "pictureless", damage.picture_header_bomb
        ),
    }
)
TRANSIENT = tuple(name for name, kind in FAULTS.items() if kind.place == "any" and kind.outcome == "read")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at one address.

    Parameters
    ----------
    seller, source_ref
        Whose it is; without a ref it strikes the whole catalogue.
    host
        The loopback host where it strikes; empty for all.
    times, every
        As those of its kind.
    seconds
        How long it takes, or asks to wait.
    detail
        The address or the status of a redirect.
    is_extra
        Its product is planted for it, and is listed beside the seller's own.
    """

    name: str
    path: str
    seller: str = ""
    source_ref: str = ""
    host: str = ""
    times: int = 0
    every: int = 1
    seconds: float = 1.0
    detail: str = ""
    is_extra: bool = False

    @property
    def kind(self) -> FaultKind:
        """What it is one of."""
        return FAULTS[self.name]

    @property
    def outcome(self) -> Outcome:
        """What must come of it: where it lies on a picture, the product is read all the same."""
        lies_on_a_picture = self.path.startswith("/img/") and self.kind.outcome == "unread"
        return "pictureless" if lies_on_a_picture else self.kind.outcome

    def damaged(self, answer: Answer, strike: Strike) -> Answer:
        """What becomes of an answer that it strikes."""
        return self.kind.act(answer, strike) if self.kind.act else answer

    def strikes(self, asked: int) -> bool:
        """Whether it strikes that request for an address, counted from 1."""
        return asked % self.every == 1 % self.every and (not self.times or self.strikes_by(asked) <= self.times)

    def strikes_by(self, asked: int) -> int:
        """How often it would have struck by that request."""
        return (asked - 1) // self.every + 1


def fault(name: str, path: str, **particulars: object) -> Fault:
    """A fault of that name, as often as its kind strikes.

    Raises
    ------
    KeyError
        If there is no such fault.
    """
    if name not in FAULTS:
        raise KeyError(f"no fault {name}; there are {', '.join(FAULTS)}")
    defaults: dict[str, object] = {"times": FAULTS[name].times, "every": FAULTS[name].every}
    return Fault(name, path, **{**defaults, **particulars})  # type: ignore[arg-type]
