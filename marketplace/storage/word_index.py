"""The inverted index of products' words: kept true from a queue that triggers fill when words change.

Whoever changes a product, judges it or takes it away notes it in the same transaction, without knowing of the index.
A refresh takes notes from the queue and writes what they say in one transaction more, so that a process killed
anywhere leaves either the note or its effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, REAL, insert

from marketplace.search.impacts import impacts, reading_version
from marketplace.search.transliteration import sound
from marketplace.search.understanding import MARK
from marketplace.storage.tables import (
    product_quality,
    product_readings,
    product_terms,
    products,
    search_terms,
    term_queue,
)
from marketplace.storage.warehouse import Warehouse

BATCH = 500
MANY = 50_000  # terms after which the index is tidied at once, and not when Postgres comes to it
LOCK = 0x736F6B6F7465726D  # one refresh at a time, so that counts never wait for each other
EVERYTHING = ""  # the term that every product has


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many products were read anew, how many terms moved, and how many notes wait still."""

    products: int
    terms: int
    left: int


def refresh_terms(warehouse: Warehouse, *, most: int | None = None) -> Refreshed:
    """The index follows every change that is noted, or as many products as `most` says.

    Products that were read in an older way are read anew, so after a change of the lexicon this is a full rebuild.
    """
    _note_old_readings(warehouse)
    read = moved = 0
    while most is None or read < most:
        took = BATCH if most is None else min(BATCH, most - read)
        done = _refresh_batch(warehouse, took)
        if done is None:
            break
        read += done[0]
        moved += done[1]
    if moved > MANY:
        _tidy(warehouse)
    return Refreshed(read, moved, waiting(warehouse))


def rebuild_terms(warehouse: Warehouse) -> Refreshed:
    """The index of every product, read anew."""
    with warehouse.begin() as connection:
        known = sa.union(sa.select(products.c.product_id), sa.select(product_readings.c.product_id)).subquery()
        _note(connection, sa.select(known.c.product_id))
    return refresh_terms(warehouse)


def waiting(warehouse: Warehouse) -> int:
    """How many notes of changed words wait to be read."""
    with warehouse.begin() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(term_queue)).scalar_one())


def unread(warehouse: Warehouse) -> int:
    """How many products on offer are not in the index as they are read now, and how many are that should not be."""
    wanted = _on_offer().subquery()
    missing = sa.select(sa.func.count()).select_from(
        wanted.outerjoin(product_readings, product_readings.c.product_id == wanted.c.product_id)
    )
    missing = missing.where(product_readings.c.reading.is_distinct_from(reading_version()))
    extra = sa.select(sa.func.count()).select_from(
        product_readings.outerjoin(wanted, product_readings.c.product_id == wanted.c.product_id)
    )
    with warehouse.begin() as connection:
        one = connection.execute(missing).scalar_one()
        return int(one + connection.execute(extra.where(wanted.c.product_id.is_(None))).scalar_one())


def _tidy(warehouse: Warehouse) -> None:
    """Queries read the index alone, and not the table, where Postgres knows that rows are seen by everybody."""
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum (analyze) catalog.product_terms"))
        connection.execute(sa.text("vacuum (analyze) catalog.search_terms"))


def _note_old_readings(warehouse: Warehouse) -> None:
    old = sa.select(product_readings.c.product_id).where(product_readings.c.reading != reading_version())
    with warehouse.begin() as connection:
        noted = sa.exists().where(term_queue.c.product_id == product_readings.c.product_id)
        _note(connection, old.where(~noted))


def _note(connection: sa.Connection, product_ids: sa.Select[tuple[int]]) -> None:
    connection.execute(sa.insert(term_queue).from_select(["product_id"], product_ids))


def _refresh_batch(warehouse: Warehouse, size: int) -> tuple[int, int] | None:
    """How many products and terms one transaction brought up to date; None when nothing waits."""
    with warehouse.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        oldest = sa.select(term_queue.c.product_id).order_by(term_queue.c.queue_id).limit(size)
        product_ids = sorted(set(connection.execute(oldest).scalars()))
        if not product_ids:
            return None
        # The words are read after the notes were taken: a change that is committed later has a note of its own.
        connection.execute(sa.delete(term_queue).where(term_queue.c.product_id.in_(product_ids)))
        return len(product_ids), _read_anew(connection, product_ids)


def _read_anew(connection: sa.Connection, product_ids: Sequence[int]) -> int:
    before = _kept(connection, product_ids)
    now = {
        row.product_id: impacts(row.title, row.category, row.description, row.language)
        for row in connection.execute(_on_offer().where(products.c.product_id.in_(product_ids)))
    }
    gone: list[tuple[int, str]] = []
    fresh: list[tuple[int, str, float]] = []
    counts: Counter[str] = Counter()
    for product_id in product_ids:
        old, new = before.get(product_id, {}), now.get(product_id, {})
        gone += [(product_id, term) for term in old.keys() - new.keys()]
        fresh += [(product_id, term, impact) for term, impact in new.items() if _moved(old.get(term), impact)]
        counts.update(new.keys() - old.keys())
        counts.subtract(old.keys() - new.keys())
    _remove(connection, gone)
    _write(connection, fresh)
    counts[EVERYTHING] = _mark_read(connection, product_ids, list(now))
    _count(connection, counts)
    return len(gone) + len(fresh)


def _on_offer() -> sa.Select[tuple[int, str, str, str, str | None]]:
    """The words of every product that was judged fit and is not gone; a missing category is the inferred one."""
    category = sa.func.coalesce(sa.func.nullif(products.c.category, ""), product_quality.c.inferred_category, "")
    words = (products.c.title, category.label("category"), products.c.description)
    return (
        sa.select(products.c.product_id, *words, product_quality.c.language)
        .join(product_quality, product_quality.c.product_id == products.c.product_id)
        .where(~products.c.is_gone, product_quality.c.verdict != "rejected")
    )


def _kept(connection: sa.Connection, product_ids: Sequence[int]) -> dict[int, dict[str, float]]:
    kept: dict[int, dict[str, float]] = {}
    statement = sa.select(product_terms).where(product_terms.c.product_id.in_(product_ids))
    for row in connection.execute(statement):
        kept.setdefault(row.product_id, {})[row.term] = row.impact
    return kept


def _moved(old: float | None, new: float) -> bool:
    return old is None or abs(old - new) > 1e-4  # the column keeps seven digits


def _remove(connection: sa.Connection, gone: Sequence[tuple[int, str]]) -> None:
    if gone:
        ids, terms = zip(*gone, strict=True)
        pairs = sa.select(_column(ids, sa.BigInteger), _column(terms, sa.Text))
        statement = sa.delete(product_terms)
        connection.execute(statement.where(sa.tuple_(product_terms.c.product_id, product_terms.c.term).in_(pairs)))


def _write(connection: sa.Connection, fresh: Sequence[tuple[int, str, float]]) -> None:
    if fresh:
        ids, terms, impact = zip(*fresh, strict=True)
        rows = sa.select(_column(ids, sa.BigInteger), _column(terms, sa.Text), _column(impact, REAL))
        statement = insert(product_terms).from_select(["product_id", "term", "impact"], rows)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["product_id", "term"], set_={"impact": statement.excluded.impact}
            )
        )


def _mark_read(connection: sa.Connection, product_ids: Sequence[int], read: Sequence[int]) -> int:
    """By how many the number of products in the index grew."""
    removed = sa.delete(product_readings).where(product_readings.c.product_id.in_(product_ids))
    before = connection.execute(removed).rowcount
    rows = [{"product_id": product_id, "reading": reading_version()} for product_id in read]
    if rows:
        connection.execute(sa.insert(product_readings), rows)
    return len(rows) - before


def _count(connection: sa.Connection, counts: Mapping[str, int]) -> None:
    moved = sorted((term, count) for term, count in counts.items() if count)
    if not moved:
        return
    terms, numbers = zip(*moved, strict=True)
    sounds = ["" if term.startswith(MARK) or not term.isalpha() else sound(term) for term in terms]
    rows = sa.select(_column(terms, sa.Text), _column(numbers, sa.Integer), _column(sounds, sa.Text))
    statement = insert(search_terms).from_select(["term", "products", "sound"], rows)
    summed = search_terms.c.products + statement.excluded.products
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["term"], set_={"products": summed, "sound": statement.excluded.sound}
        )
    )
    unused = [term for term, count in moved if count < 0]
    connection.execute(sa.delete(search_terms).where(search_terms.c.products <= 0, search_terms.c.term.in_(unused)))


def _column(values: Sequence[object], kind: type[sa.types.TypeEngine[Any]]) -> sa.ColumnElement[Any]:
    return sa.func.unnest(sa.cast(list(values), ARRAY(kind)))
