"""The keys under which people's data is sealed, and whether somebody asked to be forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import sqlalchemy as sa

from marketplace.crm.sealing import Seal
from marketplace.settings import Settings
from marketplace.storage.landing import as_array
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.tables import erasures
from marketplace.storage.tables import secrets as kept_secrets
from marketplace.storage.warehouse import Warehouse

TOMBSTONES = "tombstones"  # the secret that user ids are hashed with
ERASING = 6_013_711  # whoever erases holds this lock alone, whoever takes events in holds it with others


def seal_of(settings: Settings, warehouse: Warehouse) -> Seal:
    """What seals names and numbers: under SOKO_PII_KEY, in development without one under a secret of the database."""
    given = settings.pii_key.get_secret_value()
    if given:
        return Seal(hashlib.sha256(given.encode()).digest())
    return Seal(lambda: shared_secret(warehouse, "personal_data"))


def user_hash(key: bytes, user_id: str) -> str:
    """The tombstone of a user id; BLAKE2, since every event is asked."""
    return hashlib.blake2b(user_id.encode(), digest_size=32, key=key).hexdigest()


def erased_among(
    connection: sa.Connection, user_ids: Collection[str | None], phone_hashes: Collection[str | None] = ()
) -> set[str]:
    """Those of the user ids and hashes of numbers whose people were erased.

    Until the transaction ends nobody else is erased, so what it stores comes before an erasure or is refused.
    """
    connection.execute(sa.text("select pg_advisory_xact_lock_shared(:key)"), {"key": ERASING})
    if not connection.scalar(sa.text("select exists (select from crm.erasures)")):
        return set()
    secret = connection.scalar(sa.select(kept_secrets.c.secret).where(kept_secrets.c.name == TOMBSTONES))
    asked = {user_hash(bytes(secret), one): one for one in user_ids if one is not None} if secret else {}
    asked |= {one: one for one in phone_hashes if one is not None}
    statement = sa.select(erasures.c.person_hash).where(
        sa.text("person_hash = any(cast(:asked as text[]))").bindparams(asked=as_array(list(asked)))
    )
    return {asked[found] for found in connection.scalars(statement)}
