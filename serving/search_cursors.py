"""The rest of a search as a text that clients hand back: the order that was found, so that pages never shift.

What was found stands in the cursor itself. A product that arrives later is not in it, so none is repeated or skipped,
and the next page needs neither the encoder nor the index. Only what may still be sold is shown when its page comes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from marketplace.errors import InputRejected
from marketplace.search.asking import Filters, SearchQuery
from marketplace.search.nearness import DEPTH

Match = Literal["words", "some_words", "photo", "likeness"]
FOREIGN = "cursor: not one that this service gave out; begin without one"
OTHER_SEARCH = "cursor: it belongs to another search; begin without one"
_MAC, _PLACE, _LENGTH = 12, 11, 2
_HEAD = 40_000  # bytes of the longest filters that may be asked, and of what the first page said
LONGEST = -(-(_MAC + _LENGTH + _HEAD + DEPTH * _PLACE) * 4 // 3)  # letters
_STEPS = 65_534  # of a score or a cosine; one more stands for none
Key = bytes | Callable[[], bytes]
_WORDS: tuple[Match | None, ...] = (None, "words", "some_words", "photo")


@dataclass(frozen=True, slots=True)
class Place:
    """A product in the order that was found; `is_first` where it begins a group, else it belongs to the one before."""

    product_id: int
    score: float
    similarity: float | None
    words: Match | None
    is_first: bool = True

    @property
    def matched(self) -> tuple[Match, ...]:
        """What it was found by."""
        by_words = () if self.words is None else (self.words,)
        return by_words if self.similarity is None else (*by_words, "likeness")


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a search: places in order, what they must meet, and what the first page said of them.

    `asked` is the fingerprint of the query that began it, None on the first page. `more` says how many products of a
    seller were left out, where a search shows so many of each.
    """

    places: tuple[Place, ...]
    filters: Filters
    total: int
    is_exact: bool
    reason: str | None
    encoder: str | None
    index: str | None
    asked: str | None = None
    more: Mapping[int, int] = field(default_factory=dict)


class SearchCursors:
    """Cursors that only who has the key can make.

    Parameters
    ----------
    key
        The key, or what gives it when the first cursor is made or read.
    """

    def __init__(self, key: Key) -> None:
        self._secret = key

    @cached_property
    def _key(self) -> bytes:
        secret = self._secret if isinstance(self._secret, bytes) else self._secret()
        return hashlib.blake2b(secret, digest_size=32, person=b"soko cursor").digest()

    def text_of(self, rest: Rest, query: SearchQuery) -> str | None:
        """The text that stands for the rest of the query's answer, None where nothing is left."""
        if not rest.places:
            return None
        said = {name: value for name, value in _facts(rest).items() if value not in (None, (), [], {})}
        said["q"] = rest.asked or fingerprint(query)
        head = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
        body = struct.pack(">H", len(head)) + head + b"".join(map(_packed, rest.places))
        return base64.urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def rest_of(self, query: SearchQuery) -> Rest:
        """What is left after the query's cursor; a query of nothing but a cursor goes on with whatever it was.

        Raises
        ------
        InputRejected
            If the cursor was not made with this key, or for another query.
        """
        body = self._opened(query.cursor or "")
        try:
            rest = _rest(body)
        except (struct.error, ValueError, LookupError, TypeError) as error:  # of another version of this service
            raise InputRejected(FOREIGN) from error
        if not is_cursor_alone(query) and rest.asked != fingerprint(query):
            raise InputRejected(OTHER_SEARCH)
        return rest

    def _opened(self, cursor: str) -> bytes:
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputRejected(FOREIGN) from error
        mac, body = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise InputRejected(FOREIGN)
        return body

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=_MAC, key=self._key).digest()


def is_cursor_alone(query: SearchQuery) -> bool:
    """Whether the query says nothing but where to go on, and how many products to give."""
    return _asked(query) == _asked(SearchQuery())


def fingerprint(query: SearchQuery) -> str:
    """Sixteen digits that differ when anything is asked that changes what is found or its order."""
    return hashlib.blake2b(repr(_asked(query)).encode(), digest_size=8).hexdigest()


def _asked(query: SearchQuery) -> dict[str, Any]:
    image = None if query.image is None else hashlib.blake2b(query.image, digest_size=16).hexdigest()
    asked = {**asdict(query), "image": image}
    return {name: value for name, value in asked.items() if name not in ("limit", "cursor", "facets")}


def _facts(rest: Rest) -> dict[str, Any]:
    filters = asdict(rest.filters)
    return {
        "f": filters,
        "t": rest.total,
        "x": rest.is_exact,
        "r": rest.reason,
        "e": rest.encoder,
        "i": rest.index,
        "m": {str(seller): count for seller, count in rest.more.items()},
    }


def _rest(body: bytes) -> Rest:
    (length,) = struct.unpack_from(">H", body)
    said = json.loads(body[_LENGTH : _LENGTH + length])
    packed = body[_LENGTH + length :]
    places = tuple(_unpacked(packed[start : start + _PLACE]) for start in range(0, len(packed), _PLACE))
    filters = Filters(**{**said["f"], "categories": tuple(said["f"]["categories"])})
    more = {int(seller): int(count) for seller, count in said.get("m", {}).items()}
    return Rest(places, filters, said["t"], said["x"], said.get("r"), said.get("e"), said.get("i"), said["q"], more)


def _packed(place: Place) -> bytes:
    flags = place.product_id << 3 | _WORDS.index(place.words) << 1 | place.is_first
    cosine = _STEPS + 1 if place.similarity is None else round((place.similarity + 1) / 2 * _STEPS)
    return flags.to_bytes(7, "big") + struct.pack(">HH", round(place.score * _STEPS), cosine)


def _unpacked(raw: bytes) -> Place:
    flags = int.from_bytes(raw[:7], "big")
    score, cosine = struct.unpack_from(">HH", raw, 7)
    similarity = None if cosine > _STEPS else cosine / _STEPS * 2 - 1
    return Place(flags >> 3, score / _STEPS, similarity, _WORDS[flags >> 1 & 3], bool(flags & 1))


def groups_of(places: Iterable[Place]) -> list[list[Place]]:
    """The places, each group by itself."""
    groups: list[list[Place]] = []
    for place in places:
        if place.is_first or not groups:
            groups.append([])
        groups[-1].append(place)
    return groups
