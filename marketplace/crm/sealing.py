"""Names and numbers of people: sealed where they must be read again, hashed where it is enough to tell them apart.

Source: NIST SP 800-38D, AES in Galois/counter mode; RFC 2104, HMAC.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from functools import cache

from marketplace.errors import ConfigurationError

VERSION = b"\x01"
_NONCE = 12
Secret = bytes | Callable[[], bytes]  # or what gives it


def asked_once(secret: Secret) -> Callable[[], bytes]:
    """Gives the secret, which is asked for when it is first needed, and then kept."""
    return (lambda: secret) if isinstance(secret, bytes) else cache(secret)


class Seal:
    """Seals and opens texts; each is bound to the place it was sealed for.

    Parameters
    ----------
    key
        The key, or what gives it when it is first needed.
    """

    def __init__(self, key: Secret) -> None:
        self._secret = asked_once(key)

    def close(self, text: str, place: str) -> bytes:
        """The text so that only who has the key can read it, and only as that of the same place."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return VERSION + nonce + AESGCM(self._key("seal")).encrypt(nonce, text.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """The text again.

        Raises
        ------
        ConfigurationError
            If it was sealed with another key or for another place.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return AESGCM(self._key("seal")).decrypt(nonce, rest, place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise ConfigurationError(f"{place} was sealed with another SOKO_PII_KEY than this one") from error

    def identity(self, text: str) -> str:
        """A hash that is the same for the same text, and that nobody without the key can look for."""
        return hmac.new(self._key("identity"), text.encode(), hashlib.sha256).hexdigest()

    def _key(self, purpose: str) -> bytes:
        return hmac.digest(self._secret(), purpose.encode(), hashlib.sha256)
