"""The live collection kept up to date between builds: what changed is put in or taken out, what differs mended."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from marketplace.errors import InputRejected, StoreUnreachable
from marketplace.storage import outbox
from marketplace.storage.index_records import IndexBuild, build_of, record_changes
from marketplace.storage.index_source import checksum_of, indexable, source_of
from marketplace.storage.vector_rows import VectorRow
from marketplace.storage.vectors import BATCH, Vectors
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
WINDOW = 2000


@dataclass(frozen=True, slots=True)
class Carried:
    """What was done to a collection: rows put in, taken out, and left as they were; refused ones by what was wrong."""

    put: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: tuple[str, ...] = ()

    def __add__(self, other: Carried) -> Carried:
        return Carried(
            self.put + other.put,
            self.removed + other.removed,
            self.unchanged + other.unchanged,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Differences:
    """Where a collection and Postgres do not agree: how many products each holds, and which to look at."""

    collection: str
    wanted: int
    found: int
    wanted_checksum: int
    found_checksum: int
    missing: tuple[int, ...]
    stale: tuple[int, ...]
    strangers: tuple[int, ...]

    @property
    def agree(self) -> bool:
        """Whether count and checksum are equal on both sides."""
        return (self.wanted, self.wanted_checksum) == (self.found, self.found_checksum)

    @property
    def product_ids(self) -> tuple[int, ...]:
        """Every product that differs."""
        return (*self.missing, *self.stale, *self.strangers)


def catch_up(warehouse: Warehouse, vectors: Vectors, build: IndexBuild) -> Carried:
    """What has changed since is in the collection, and no longer waits.

    Each window of changes is written, read back, and only then taken off the outbox, so that a process killed
    anywhere, or a Milvus that goes away, loses none; doing it again changes nothing.

    Raises
    ------
    StoreUnreachable
        If Milvus goes away, or does not hold what was written; the changes wait on.
    """
    done, last = Carried(), outbox.backlog(warehouse).newest
    while last is not None:
        changes = outbox.oldest_changes(warehouse, limit=WINDOW)
        if not changes.numbers or changes.numbers[0] > last:
            break
        done += carry(warehouse, vectors, build.collection, changes.product_ids)
        outbox.settle(warehouse, changes.numbers)
    if done.put or done.removed:
        log.info("%s: %d rows put, %d removed, %d unchanged", build.collection, done.put, done.removed, done.unchanged)
    return done


def carry(warehouse: Warehouse, vectors: Vectors, collection: str, product_ids: Collection[int]) -> Carried:
    """What Postgres says of these products now is in the collection.

    A vector that the index does not take is left out and named; its product stays as it was.

    Raises
    ------
    StoreUnreachable
        If Milvus goes away, or does not hold what was written.
    """
    done = Carried()
    for ids in _batches(product_ids, BATCH):
        build = build_of(warehouse, collection)
        assert build is not None
        done += _carry_batch(warehouse, vectors, build, ids)
    if done.put or done.removed:
        vectors.settle(collection)
    return done


def differences(warehouse: Warehouse, vectors: Vectors, build: IndexBuild) -> Differences:
    """Where the collection and Postgres do not agree, told by every row's fingerprint."""
    found = vectors.count(build.collection)
    with source_of(warehouse, build.model_version) as source:
        wanted = {row.product_id: int(row.unchecked()["fingerprint"]) for row in source.rows()}
    held = vectors.kept(build.collection, wanted, is_caught_up=True)
    if found > len(held):
        held |= vectors.kept(build.collection, vectors.strangers(build.collection, wanted, found - len(held)))
    return Differences(
        build.collection,
        len(wanted),
        len(held),
        checksum_of(wanted.values()),
        checksum_of(held.values()),
        missing=tuple(sorted(wanted.keys() - held.keys())),
        stale=tuple(sorted(one for one, mark in wanted.items() if held.get(one, mark) != mark)),
        strangers=tuple(sorted(held.keys() - wanted.keys())),
    )


def mend(warehouse: Warehouse, vectors: Vectors, build: IndexBuild, found: Differences) -> Carried:
    """The differences are mended, and the record says what the collection holds."""
    recorded = build_of(warehouse, build.collection)
    if recorded is not None and (recorded.products, recorded.checksum) != (found.found, found.found_checksum):
        # A process died between a write and its record: start from what is there.
        record_changes(warehouse, build, products=found.found, checksum=found.found_checksum, changed=0)
    return carry(warehouse, vectors, build.collection, found.product_ids)


def _carry_batch(warehouse: Warehouse, vectors: Vectors, build: IndexBuild, ids: Sequence[int]) -> Carried:
    wanted, refused = _sound(indexable(warehouse, build.model_version, only=ids))
    held = vectors.kept(build.collection, ids)
    marks = {row.product_id: int(row.unchecked()["fingerprint"]) for row in wanted}
    changed = [row for row in wanted if held.get(row.product_id) != marks[row.product_id]]
    gone = sorted(held.keys() - marks.keys() - refused.keys())
    if changed or gone:
        vectors.put(build.collection, changed)
        vectors.remove(build.collection, gone)
        touched = [row.product_id for row in changed]
        after = vectors.kept(build.collection, [*touched, *gone])
        if after != {one: marks[one] for one in touched}:
            raise StoreUnreachable(f"{build.collection} does not hold the {len(touched)} rows that were written to it")
        _record(warehouse, build, held, marks, touched, gone)
    return Carried(len(changed), len(gone), len(wanted) - len(changed), tuple(refused.values()))


def _record(
    warehouse: Warehouse,
    build: IndexBuild,
    held: dict[int, int],
    marks: dict[int, int],
    touched: Sequence[int],
    gone: Sequence[int],
) -> None:
    added = sum(marks[one] for one in touched)
    taken = sum(held[one] for one in [*touched, *gone] if one in held)
    new = sum(one not in held for one in touched)
    record_changes(
        warehouse,
        build,
        products=build.products + new - len(gone),
        checksum=build.checksum + added - taken,
        changed=len(touched) + len(gone),
    )


def _sound(rows: Iterable[VectorRow]) -> tuple[list[VectorRow], dict[int, str]]:
    sound, refused = [], {}
    for row in rows:
        try:
            row.entity()
            sound.append(row)
        except InputRejected as error:
            refused[row.product_id] = str(error)
            log.warning("kept out of the index: %s", error)
    return sound, refused


def _batches(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    iterator = iter(ids)
    while batch := list(islice(iterator, size)):
        yield batch
