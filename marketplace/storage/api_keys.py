"""Keys of the API as they are kept: who holds each, what it opens, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from marketplace.crm.keys import Key, Role, new_key
from marketplace.errors import InputRejected, NotFound
from marketplace.storage.tables import api_keys, sellers
from marketplace.storage.warehouse import Warehouse

LONGEST_SUBJECT = 128


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret; `seller_id` is whose data a seller's key opens."""

    key_id: str
    role: Role
    subject: str
    seller_id: int | None
    note: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    secret_hash: bytes

    def is_good(self, at: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


_COLUMNS = tuple(api_keys.c[name] for name in ApiKey.__slots__)


def create_key(
    warehouse: Warehouse,
    role: Role,
    *,
    subject: str = "",
    seller_id: int | None = None,
    note: str = "",
    expires_at: datetime | None = None,
) -> Key:
    """The new key; its secret is nowhere else and cannot be read again.

    Raises
    ------
    InputRejected
        If a seller's key names no seller, another one does, or nobody is said to hold it.
    NotFound
        If there is no such seller.
    """
    if (role == "seller") != (seller_id is not None):
        raise InputRejected(f"a key of the role {role} {'needs' if role == 'seller' else 'has no'} seller")
    held_by = f"seller:{seller_id}" if role == "seller" else subject
    if not 0 < len(held_by) <= LONGEST_SUBJECT or "\0" in held_by:
        raise InputRejected(f"subject {held_by!r}: say in 1 to {LONGEST_SUBJECT} characters who holds the key")
    key = new_key()
    values = {"role": role, "subject": held_by, "seller_id": seller_id, "note": note, "expires_at": expires_at}
    with warehouse.begin() as connection:
        if seller_id is not None:
            known = sa.select(sellers.c.seller_id).where(sellers.c.seller_id == seller_id)
            if connection.execute(known).first() is None:
                raise NotFound(f"seller {seller_id} is not known")
        connection.execute(sa.insert(api_keys).values(key_id=key.key_id, secret_hash=key.secret_hash, **values))
    return key


def find_key(warehouse: Warehouse, key_id: str) -> ApiKey | None:
    """The key of that id, good or not; None if there never was one. Notes that it was used, once an hour."""
    hour = sa.func.date_trunc("hour", sa.func.now())
    used = sa.update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.last_used_at.is_distinct_from(hour))
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(*_COLUMNS).where(api_keys.c.key_id == key_id)).one_or_none()
        if row is not None and row.revoked_at is None:
            connection.execute(used.values(last_used_at=hour))
    return _key(row) if row else None


def list_keys(warehouse: Warehouse) -> list[ApiKey]:
    """Every key, the newest first."""
    statement = sa.select(*_COLUMNS).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
    with warehouse.begin() as connection:
        return [_key(row) for row in connection.execute(statement)]


def revoke_key(warehouse: Warehouse, key_id: str, *, now: datetime) -> ApiKey:
    """The key, which opens nothing from now on; revoking it again changes nothing.

    Raises
    ------
    NotFound
        If there is no such key.
    """
    revoked = sa.func.coalesce(api_keys.c.revoked_at, now)
    statement = sa.update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at=revoked)
    with warehouse.begin() as connection:
        row = connection.execute(statement.returning(*_COLUMNS)).one_or_none()
    if row is None:
        raise NotFound(f"no key has the id {key_id}")
    return _key(row)


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    values = dict(row._mapping)
    return ApiKey(**{**values, "secret_hash": bytes(values["secret_hash"])})
