"""The index as a file: a Parquet of every row with a manifest, and what a restore makes of it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import ArtifactUnavailable, InputRejected, PublicationRefused
from marketplace.storage.index_builds import free_name, live_build, switch, tidy, verified_against_catalogue
from marketplace.storage.index_records import IndexBuild, one_at_a_time, record, record_status
from marketplace.storage.index_source import checksum_of, input_hash_of, source_of
from marketplace.storage.index_types import INDEX_TYPES, IndexType
from marketplace.storage.tables import index_snapshots
from marketplace.storage.upkeep import catch_up, differences, mend
from marketplace.storage.vector_rows import DIMENSIONS, LAYOUT, NO_PRICE, TOLD_BY, VectorRow, fingerprint
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
FIELDS = (*TOLD_BY, "last_hydrated_at", "fingerprint", "embedding")
MANIFEST = b"soko.index"
BLOCK = 1 << 20
PIECE = 500
Step = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file holds, and of what it was taken."""

    layout: int
    collection: str
    model_version: str
    index_type: IndexType
    nlist: int
    breadth: int
    products: int
    checksum: int
    taken_at: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A backup that was taken: where it is, its size and SHA-256, and what it holds."""

    file: Path
    sha256: str
    bytes: int
    manifest: Manifest


def back_up(
    warehouse: Warehouse, vectors: Vectors, file: Path, *, now: datetime, step: Step = lambda done, total: None
) -> Snapshot:
    """The live collection, brought up to date, as a Parquet file, with its SHA-256 beside it as FILE.sha256.

    The file appears under its name only when it is whole.

    Raises
    ------
    ArtifactUnavailable
        If nothing is served.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = file.with_name(f".{file.name}.partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(warehouse):
        live = live_build(warehouse, vectors, now)
        if live is None:
            raise ArtifactUnavailable("no index is served, so there is nothing to back up")
        catch_up(warehouse, vectors, live)
        mend(warehouse, vectors, live, differences(warehouse, vectors, live))
        with source_of(warehouse, live.model_version) as source:
            held = [row.product_id for row in source.rows()]
        vectors.count(live.collection)  # what was just mended is read below
        marks: list[int] = []
        with pq.ParquetWriter(partial, _arrow_schema(pa), compression="zstd") as writer:
            for ids in _pieces(held):
                page = sorted(vectors.entities(live.collection, ids), key=lambda row: int(row["product_id"]))
                writer.write_table(pa.table(_columns(page), schema=_arrow_schema(pa)))
                marks += [int(row["fingerprint"]) for row in page]
                step(len(marks), live.products)
            served = vectors.described(live.collection)
            facts = (served.index_type, served.nlist, served.breadth, len(marks), checksum_of(marks), now.isoformat())
            manifest = Manifest(LAYOUT, live.collection, live.model_version, *facts)
            writer.add_key_value_metadata({MANIFEST: json.dumps(asdict(manifest)).encode()})
    partial.replace(file)
    snapshot = Snapshot(file, _sha256(file), file.stat().st_size, manifest)
    _beside(file).write_text(f"{snapshot.sha256}  {file.name}\n")
    _remember(warehouse, snapshot, now)
    return snapshot


def restore(
    warehouse: Warehouse, vectors: Vectors, file: Path, *, now: datetime, step: Step = lambda done, total: None
) -> IndexBuild:
    """A new collection from the file, brought up to date with Postgres, verified and served.

    Raises
    ------
    ArtifactUnavailable
        If the file is missing, or is not the one that was written.
    PublicationRefused
        If Postgres has no vector of its model, or the collection does not pass; the live one stays.
    """
    manifest = _read_manifest(file)
    with one_at_a_time(warehouse):
        live_build(warehouse, vectors, now)
        with source_of(warehouse, manifest.model_version) as source:
            if manifest.products and next(source.rows(), None) is None:
                raise PublicationRefused(
                    f"{file} is of {manifest.model_version}, of which Postgres has no vector of a product on offer, so "
                    "it would serve nothing"
                )
        build = _planned(free_name(warehouse, vectors, _sha256(file)), file, manifest)
        record(warehouse, build, now)
        _build(vectors, build, file, manifest, step)
        mend(warehouse, vectors, build, differences(warehouse, vectors, build))
        report = verified_against_catalogue(warehouse, vectors, build)
        if not report.passed:
            vectors.drop(build.collection)
            record_status(warehouse, build.collection, "refused")
            raise PublicationRefused(f"{file} does not pass: {'; '.join(report.problems[:3])}")
        switch(warehouse, vectors, build, now)
        tidy(warehouse, vectors)
    return build


def take_snapshot(warehouse: Warehouse, vectors: Vectors, folder: Path, *, keep: int, now: datetime) -> Snapshot:
    """A backup of the live index in the folder, of which the newest are kept."""
    snapshot = back_up(warehouse, vectors, folder / f"index-{now:%Y%m%dT%H%M%SZ}.parquet", now=now)
    for old in sorted(folder.glob("index-*.parquet"), reverse=True)[keep:]:
        old.unlink()
        _beside(old).unlink(missing_ok=True)
        with warehouse.begin() as connection:
            connection.execute(sa.delete(index_snapshots).where(index_snapshots.c.file == str(old.resolve())))
        log.info("removed %s", old)
    return snapshot


def last_snapshot(warehouse: Warehouse) -> tuple[str, datetime] | None:
    """File and time of the newest backup, None if there is none."""
    statement = sa.select(index_snapshots.c.file, index_snapshots.c.taken_at)
    with warehouse.begin() as connection:
        row = connection.execute(statement.order_by(index_snapshots.c.taken_at.desc()).limit(1)).one_or_none()
    return None if row is None else (row.file, row.taken_at)


def _planned(name: str, file: Path, manifest: Manifest) -> IndexBuild:
    return IndexBuild(
        name,
        manifest.model_version,
        input_hash_of(manifest.model_version, manifest.index_type, manifest.products, manifest.checksum),
        manifest.products,
        manifest.nlist,
        {"restored_from": file.name},
        True,
        manifest.index_type,
        manifest.breadth,
        manifest.checksum,
        built_products=manifest.products,
    )


def _build(vectors: Vectors, build: IndexBuild, file: Path, manifest: Manifest, step: Step) -> None:
    try:
        vectors.build(
            build.collection,
            _rows(file),
            nlist=manifest.nlist,
            index_type=manifest.index_type,
            inserted=lambda put: step(put, manifest.products),
        )
    except InputRejected as error:
        raise ArtifactUnavailable(f"{file} is corrupt: {error}") from error
    vectors.set_breadth(build.collection, manifest.breadth)


def _read_manifest(file: Path) -> Manifest:
    """The manifest, after all rows were compared with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise ArtifactUnavailable(f"there is no backup at {file}")
    if _beside(file).is_file() and _beside(file).read_text().split(maxsplit=1)[:1] != [_sha256(file)]:
        raise ArtifactUnavailable(f"{file} is not the file whose SHA-256 stands in {_beside(file).name}")
    try:
        known = pq.read_metadata(file).metadata or {}
        if MANIFEST not in known:
            raise ArtifactUnavailable(f"{file} is no backup of an index: it has no manifest")
        manifest = Manifest(**json.loads(known[MANIFEST]))
        marks = [fingerprint(row.unchecked()) for row in _rows(file)]
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactUnavailable(f"{file} is corrupt: {str(error).splitlines()[0]:.200}") from error
    if manifest.layout != LAYOUT or manifest.index_type not in INDEX_TYPES:
        raise ArtifactUnavailable(f"{file} is of layout {manifest.layout} and type {manifest.index_type}")
    if (len(marks), checksum_of(marks)) != (manifest.products, manifest.checksum):
        raise ArtifactUnavailable(f"{file} is corrupt: its {len(marks)} rows are not those its manifest names")
    return manifest


def _rows(file: Path) -> Iterator[VectorRow]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        for piece in opened.iter_batches(PIECE):
            yield from map(_row, piece.to_pylist())


def _row(kept: Mapping[str, Any]) -> VectorRow:
    price = kept["price"]
    return VectorRow(
        product_id=kept["product_id"],
        embedding=np.asarray(kept["embedding"], np.float32),
        product_name=kept["product_name"],
        category=kept["category"],
        price=None if price == NO_PRICE else price,
        currency=kept["currency"] or None,
        in_stock=kept["in_stock"],
        seller_id=kept["seller_id"],
        city=kept["city"] or None,
        country=kept["country"],
        image_url=kept["image_url"] or None,
        created_at=kept["created_at"],
        last_hydrated_at=kept["last_hydrated_at"],
        model_version=kept["model_version"],
    )


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), PIECE):
        yield ids[start : start + PIECE]


def _columns(page: Any) -> dict[str, list[Any]]:
    return {name: [row[name] for row in page] for name in FIELDS}


def _arrow_schema(pa: Any) -> Any:
    kinds = {"price": pa.float32(), "in_stock": pa.bool_(), "embedding": pa.list_(pa.float32(), DIMENSIONS)}
    numbers = {"product_id", "seller_id", "created_at", "last_hydrated_at", "fingerprint"}
    return pa.schema([(name, kinds.get(name, pa.int64() if name in numbers else pa.string())) for name in FIELDS])


def _remember(warehouse: Warehouse, snapshot: Snapshot, now: datetime) -> None:
    values = {
        "sha256": snapshot.sha256,
        "bytes": snapshot.bytes,
        "collection": snapshot.manifest.collection,
        "products": snapshot.manifest.products,
        "taken_at": now,
    }
    statement = insert(index_snapshots).values(file=str(snapshot.file.resolve()), **values)
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["file"], set_=values))


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
