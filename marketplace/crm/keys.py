"""Keys of the API: `soko_<key id>_<secret>`, of which only the hash of the secret is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal

Role = Literal["shopper", "seller", "analyst", "admin"]
_KEY = re.compile(r"soko_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its holder sends it; `key_id` may be shown, the secret never."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"soko_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"Key({self.key_id!r})"

    @property
    def secret_hash(self) -> bytes:
        """What is kept: SHA-256 is enough, since the secret is random and not a person's password."""
        return hashlib.sha256(self.secret.encode()).digest()

    def opens(self, kept: bytes) -> bool:
        """Whether this is the key of that hash, told in the same time for each."""
        return hmac.compare_digest(self.secret_hash, kept)


def new_key() -> Key:
    """A key that nobody had before."""
    return Key("".join(secrets.choice(_LETTERS) for _ in range(12)), secrets.token_urlsafe(SECRET_BYTES))


def key_from(text: str) -> Key | None:
    """The key that stands in the text, None if it is none."""
    found = _KEY.fullmatch(text)
    return Key(found[1], found[2]) if found else None
