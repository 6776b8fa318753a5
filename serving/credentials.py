"""Keys and tokens of those who ask: who holds them, at the price of a look into memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock

import jwt
from jwt.exceptions import InvalidTokenError

from marketplace.crm.keys import Role, key_from
from marketplace.crm.sealing import asked_once
from marketplace.storage.api_keys import ApiKey, find_key
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.warehouse import Warehouse

KEPT_SECONDS = 5.0  # a key that is revoked opens nothing after that
MOST_KEPT = 10_000
LONGEST_TOKEN = 2_000  # characters; ours have about 300
ALGORITHM = "HS256"
ISSUER = "soko"
AUDIENCE = "soko-api"
_CLAIMS = ["exp", "iat", "iss", "aud", "sub", "role", "key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: `seller_id` is whose data a seller may see, None for every other role."""

    subject: str
    role: Role
    seller_id: int | None = None
    key_id: str | None = None

    def may_see_seller(self, seller_id: int) -> bool:
        """Whether this seller's figures are theirs to see."""
        return self.role in ("analyst", "admin") or (self.role == "seller" and self.seller_id == seller_id)


class Credentials:
    """Tells who holds a key or a token; what Postgres says of a key is believed for some seconds.

    Parameters
    ----------
    token_seconds
        How long a token is good.
    secret
        Gives what tokens are signed with, when the first is made or read.
    """

    def __init__(self, warehouse: Warehouse, *, token_seconds: int, secret: Callable[[], bytes] | None = None) -> None:
        self._warehouse = warehouse
        self._secret = asked_once(secret or partial(shared_secret, warehouse, "tokens"))
        self._kept: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._lock = Lock()
        self.token_seconds = token_seconds

    def holder_of(self, credential: str) -> Principal | None:
        """Who sent this key or token; None if it opens nothing.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer, and the key was not asked for lately.
        """
        if len(credential) > LONGEST_TOKEN or not credential.isascii():
            return None
        return self._by_key(credential) if credential.startswith("soko_") else self._by_token(credential)

    def token_for(self, principal: Principal) -> str:
        """A token for the holder of a key; it is good no longer than the key itself."""
        issued = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + timedelta(seconds=self.token_seconds),
            "sub": principal.subject,
            "role": principal.role,
            "seller_id": principal.seller_id,
            "key": principal.key_id,
        }
        return jwt.encode(claims, self._secret(), algorithm=ALGORITHM)

    def _by_key(self, text: str) -> Principal | None:
        sent = key_from(text)
        kept = self._key(sent.key_id) if sent else None
        # The hash is looked at first, so that an expired key says no more than a wrong one.
        if sent is None or kept is None or not sent.opens(kept.secret_hash) or not kept.is_good(datetime.now(UTC)):
            return None
        return _principal(kept)

    def _by_token(self, text: str) -> Principal | None:
        try:
            claims = jwt.decode(
                text,
                self._secret(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _CLAIMS},
            )
        except (InvalidTokenError, ValueError, RecursionError):
            return None
        kept = self._key(str(claims["key"]))
        if kept is None or not kept.is_good(datetime.now(UTC)):
            return None
        principal = _principal(kept)
        named = (claims["sub"], claims["role"], claims.get("seller_id"))
        return principal if named == (principal.subject, principal.role, principal.seller_id) else None

    def _key(self, key_id: str) -> ApiKey | None:
        now = time.monotonic()
        found = self._kept.get(key_id)
        if found is not None and found[0] > now:
            return found[1]
        key = find_key(self._warehouse, key_id)
        with self._lock:
            self._kept[key_id] = (now + KEPT_SECONDS, key)
            self._kept.move_to_end(key_id)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return key


def _principal(key: ApiKey) -> Principal:
    return Principal(key.subject, key.role, key.seller_id, key.key_id)
