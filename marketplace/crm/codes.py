"""Signed codes: a link to a chat that carries its own meaning, and the short code that the chat quotes.

A link's code holds what it leads to and is signed, so that drawing a page writes nothing and nobody can point a link of
ours at another number. The code in the message is ten letters that a person can read out; nearly three are a check, so
a slip of the pen is no other chat.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from marketplace.crm.sealing import Secret, asked_once
from marketplace.errors import InputRejected
from marketplace.events.interactions import Surface

VERSION = 1
HALF_HOUR = 1800
LONGEST_LINK = 80
_SURFACES: tuple[Surface, ...] = get_args(Surface)
_HEAD = struct.Struct(">BBQQ")
_ANSWER = re.compile(r"[0-9a-f]{32}")
_MAC = 10  # bytes: 80 bits, which cannot be guessed by asking
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "-": "", " ": ""})
_LETTERS, _CHECK_BITS = 10, 14
_SHORT = re.compile(rf"[{_CROCKFORD}]{{{_LETTERS}}}")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chat's link leads, and where it stood."""

    seller_id: int
    product_id: int | None = None
    surface: Surface | None = None
    answer_id: str | None = None


class Codes:
    """Codes that only who has the key can make.

    Parameters
    ----------
    key
        The key, or what gives it when the first code is made or read.
    """

    def __init__(self, key: Secret) -> None:
        self._secret = asked_once(key)

    def link(self, link: Link) -> str:
        """The code of a link.

        Raises
        ------
        InputRejected
            If the answer's id is none of ours.
        """
        if link.answer_id is not None and not _ANSWER.fullmatch(link.answer_id):
            raise InputRejected(f"answer_id {link.answer_id!r} is none that this service gave out")
        surface = 0 if link.surface is None else 1 + _SURFACES.index(link.surface)
        product = 0 if link.product_id is None else link.product_id + 1
        body = _HEAD.pack(VERSION, surface, link.seller_id, product) + bytes.fromhex(link.answer_id or "")
        return base64.urlsafe_b64encode(body + self._mac("link", body)[:_MAC]).decode().rstrip("=")

    def read_link(self, code: str) -> Link | None:
        """The link of a code, None if we did not make it."""
        body = self._signed(code)
        if body is None or len(body) not in (_HEAD.size, _HEAD.size + 16):
            return None
        version, surface, seller_id, product = _HEAD.unpack_from(body)
        if version != VERSION or surface > len(_SURFACES):
            return None
        answer = body[_HEAD.size :].hex() or None
        return Link(seller_id, product - 1 if product else None, _SURFACES[surface - 1] if surface else None, answer)

    def visitor(self, address: str, browser: str, at: datetime) -> str:
        """A hash of who asks that says nothing and is another one tomorrow."""
        return self._mac("visitor", f"{at:%Y-%m-%d}\0{address}\0{browser}".encode())[:16].hex()

    def start_id(self, link: Link, who: str, at: datetime) -> str:
        """The id of the chat that somebody began by a link in one half hour."""
        half_hour = int(at.timestamp()) // HALF_HOUR
        return self._mac("start", f"{half_hour}\0{self.link(link)}\0{who}".encode())[:16].hex()

    def short(self, start_id: str, attempt: int = 0) -> str:
        """The code for people, such as K7QF2-M9P4T; another attempt is another code."""
        drawn = int.from_bytes(self._mac("short", f"{start_id}\0{attempt}".encode())[:8], "big")
        number = drawn >> (64 - 5 * _LETTERS + _CHECK_BITS)
        whole = number << _CHECK_BITS | self._check(number)
        letters = "".join(_CROCKFORD[whole >> shift & 31] for shift in range(5 * (_LETTERS - 1), -1, -5))
        return f"{letters[:5]}-{letters[5:]}"

    def read_short(self, typed: str) -> str | None:
        """The code as we write it, whatever case, hyphens or look-alikes were typed; None if it is none of ours."""
        letters = typed[:40].upper().translate(_READ_AS)
        if not _SHORT.fullmatch(letters):
            return None
        whole = sum(_CROCKFORD.index(letter) << 5 * place for place, letter in enumerate(reversed(letters)))
        number, check = whole >> _CHECK_BITS, whole & (1 << _CHECK_BITS) - 1
        return f"{letters[:5]}-{letters[5:]}" if check == self._check(number) else None

    def _signed(self, code: str) -> bytes | None:
        if len(code) > LONGEST_LINK or not code.isascii():
            return None
        try:
            whole = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        # Letters that decode to the same bytes are another code, and one link has one.
        if base64.urlsafe_b64encode(whole).decode().rstrip("=") != code:
            return None
        body, mac = whole[:-_MAC], whole[-_MAC:]
        return body if hmac.compare_digest(self._mac("link", body)[:_MAC], mac) else None

    def _check(self, number: int) -> int:
        mac = self._mac("check", number.to_bytes(8, "big"))
        return int.from_bytes(mac[:2], "big") >> (16 - _CHECK_BITS)

    def _mac(self, purpose: str, message: bytes) -> bytes:
        return hmac.digest(self._secret(), purpose.encode() + b"\0" + message, hashlib.sha256)
