"""Products that cannot be read, as a sync meets them: left alone for a while, then for good, until somebody looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.tables import dead_letters

MOST_ATTEMPTS = 5
FIRST_WAIT = timedelta(hours=5)  # less than the six between two heartbeats


@dataclass(frozen=True, slots=True)
class Letter:
    """A product that could not be read: how often, why, and when it is due again, never if None."""

    source_ref: str
    stage: str
    error: str
    reason: str
    payload_sha256: str | None
    attempts: int
    last_failed_at: datetime
    next_try_at: datetime | None

    def is_left_alone(self, now: datetime, payload_sha256: str | None) -> bool:
        """Whether it is too early to try again what is still the same."""
        is_other = payload_sha256 is not None and payload_sha256 != self.payload_sha256
        return not is_other and (self.next_try_at is None or self.next_try_at > now)


@dataclass(frozen=True, slots=True)
class Failure:
    """One more time that a product could not be read."""

    source_ref: str
    url: str | None
    stage: str
    error: str
    reason: str
    payload_sha256: str | None


def letters_of(connection: sa.Connection, seller_id: int) -> dict[str, Letter]:
    """The seller's open letters, by product."""
    columns = dead_letters.c
    rows = connection.execute(
        sa.select(
            columns.source_ref,
            columns.stage,
            columns.error,
            columns.reason,
            columns.payload_sha256,
            columns.attempts,
            columns.last_failed_at,
            columns.next_try_at,
        ).where(columns.seller_id == seller_id, columns.state != "resolved")
    )
    return {row.source_ref: Letter(*row) for row in rows}


def note_failures(connection: sa.Connection, seller_id: int, failures: Sequence[Failure], now: datetime) -> None:
    """Count one more attempt for each; the wait doubles, and after the last there is none."""
    for failure in failures:
        key = {"seller_id": seller_id, "source_ref": failure.source_ref, "stage": failure.stage}
        said = {
            "url": failure.url,
            "error": failure.error,
            "reason": failure.reason,
            "payload_sha256": failure.payload_sha256,
            "last_failed_at": now,
        }
        first = {"attempts": 1, "state": "waiting", "first_failed_at": now, "next_try_at": now + FIRST_WAIT}
        columns = dead_letters.c
        is_open = columns.state != "resolved"
        attempts = sa.case((is_open, columns.attempts + 1), else_=1)
        is_last = attempts >= MOST_ATTEMPTS
        wait = sa.func.power(2, attempts - 1) * FIRST_WAIT
        again = {
            **said,
            "attempts": attempts,
            "state": sa.case((is_last, "dead"), else_="waiting"),
            "next_try_at": sa.case((is_last, None), else_=sa.literal(now) + wait),
            "first_failed_at": sa.case((is_open, columns.first_failed_at), else_=now),
        }
        statement = insert(dead_letters).values(**key, **said, **first)
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=again))


def resolve(connection: sa.Connection, seller_id: int, source_refs: Collection[str]) -> None:
    """Close the letters of products that were read, or that are gone."""
    columns = dead_letters.c
    connection.execute(
        sa.update(dead_letters)
        .where(columns.seller_id == seller_id, columns.source_ref.in_(source_refs), columns.state != "resolved")
        .values(state="resolved", next_try_at=None)
    )
