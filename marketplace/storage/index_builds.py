"""The published index: built aside from Postgres, verified, switched to, and kept once more for rollback."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.prices import minor_digits
from marketplace.errors import InputRejected, PublicationRefused
from marketplace.storage.tables import index_builds, product_embeddings, product_quality, products
from marketplace.storage.vector_rows import VectorRow
from marketplace.storage.vectors import IndexType, Report, Vectors, nlist_for
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """A collection that is served: from what it was made, and what verification found in it."""

    collection: str
    model_version: str
    input_hash: str
    products: int
    nlist: int
    report: Mapping[str, Any]
    rebuilt: bool


def on_offer(model_version: str, *columns: Any, is_embedded: bool) -> sa.Select[Any]:
    """Products that are neither gone, rejected nor still to be judged, beside their vector of the model, by id.

    With `is_embedded` only those that have such a vector.
    """
    known = sa.and_(
        product_embeddings.c.product_id == products.c.product_id,
        product_embeddings.c.model_version == model_version,
    )
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    return (
        sa.select(*columns)
        .select_from(judged.join(product_embeddings, known, isouter=not is_embedded))
        .where(~products.c.is_gone, product_quality.c.verdict != "rejected")
        .order_by(products.c.product_id)
    )


def indexable(warehouse: Warehouse, model_version: str) -> list[VectorRow]:
    """What the index must hold: every product on offer that has a vector of this model, by id.

    A product that changed since it was embedded keeps its old vector until the new one is there.
    """
    statement = on_offer(model_version, products, product_embeddings.c.vector, is_embedded=True)
    with warehouse.begin() as connection:
        return [_vector_row(row, model_version) for row in connection.execute(statement)]


def rebuild_index(
    warehouse: Warehouse, vectors: Vectors, model_version: str, *, index_type: IndexType, now: datetime
) -> IndexBuild:
    """The index of what is in Postgres now, served; nothing is built when the live one is of the same input.

    Build aside, verify, switch the alias, keep the one before for rollback, drop
    older ones. Killed anywhere and started again, it ends in the same state. One
    rebuild runs at a time; another waits for it.

    Raises
    ------
    PublicationRefused
        If the new collection fails verification, or would lose products that only lack a vector; the
        live one stays.
    """
    with _one_at_a_time(warehouse):
        _finish_an_interrupted_switch(warehouse, vectors, now)
        rows = indexable(warehouse, model_version)
        nlist = nlist_for(len(rows)) if index_type == "IVF_FLAT" else 0
        input_hash = _input_hash(rows, model_version, index_type)
        live = _live(warehouse, vectors)
        if live is None or live.input_hash != input_hash or vectors.count(live.collection) != len(rows):
            _refuse_to_lose_products(warehouse, live, rows, model_version)
            build = IndexBuild(_name(vectors, input_hash), model_version, input_hash, len(rows), nlist, {}, True)
            live = _build_and_switch(warehouse, vectors, build, rows, index_type, now)
        _drop_older(warehouse, vectors)
    return live


def roll_back_index(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> str:
    """The collection before the live one, served again; what was live is kept in its place.

    Raises
    ------
    PublicationRefused
        If none is kept.
    """
    with _one_at_a_time(warehouse):
        _finish_an_interrupted_switch(warehouse, vectors, now)
        kept = set(vectors.collections())
        previous = [name for name, status in _statuses(warehouse).items() if status == "previous" and name in kept]
        if not previous:
            raise PublicationRefused("no earlier index is kept, so there is nothing to go back to")
        vectors.publish(previous[0])
        _record_switch(warehouse, previous[0], now)
        _drop_older(warehouse, vectors)
    return previous[0]


def _build_and_switch(
    warehouse: Warehouse,
    vectors: Vectors,
    build: IndexBuild,
    rows: Sequence[VectorRow],
    index_type: IndexType,
    now: datetime,
) -> IndexBuild:
    report = _verified_again(warehouse, vectors, build, rows)
    _record(warehouse, build, now)
    if report is None:
        try:
            vectors.build(build.collection, rows, nlist=max(1, build.nlist), index_type=index_type)
        except InputRejected as error:
            raise _refused(warehouse, vectors, replace(build, report={"problems": [str(error)]}), now) from error
        report = _verify(vectors, build, rows)
    build = replace(build, report=report.as_json())
    if not report.passed:
        raise _refused(warehouse, vectors, build, now)
    _record(warehouse, build, now)
    vectors.publish(build.collection)
    _record_switch(warehouse, build.collection, now)
    return build


def _verified_again(
    warehouse: Warehouse, vectors: Vectors, build: IndexBuild, rows: Sequence[VectorRow]
) -> Report | None:
    """A passed report of a collection that passed before: kept for rollback, or its run died before the switch."""
    passed = index_builds.c.report["passed"].as_boolean()
    with warehouse.begin() as connection:
        has_passed = connection.execute(
            sa.select(passed).where(index_builds.c.collection == build.collection)
        ).scalar_one_or_none()
    if not has_passed or build.collection not in vectors.collections():
        return None
    report = _verify(vectors, build, rows)
    return report if report.passed else None


def _verify(vectors: Vectors, build: IndexBuild, rows: Sequence[VectorRow]) -> Report:
    ids = [row.product_id for row in rows]
    return vectors.verify(build.collection, product_ids=ids, model_version=build.model_version)


def _refused(warehouse: Warehouse, vectors: Vectors, build: IndexBuild, now: datetime) -> PublicationRefused:
    _record(warehouse, build, now, status="refused")
    vectors.drop(build.collection)
    problems = "; ".join(build.report["problems"][:3])
    return PublicationRefused(f"{build.collection} failed verification, so the live index stays: {problems}")


def _refuse_to_lose_products(
    warehouse: Warehouse, live: IndexBuild | None, rows: Sequence[VectorRow], model_version: str
) -> None:
    if live is None:
        return
    if live.products and not rows:
        raise PublicationRefused(
            f"no product has a vector of {model_version}, so {live.collection} with its {live.products} products stays"
        )
    if live.model_version != model_version and (without := _without_vector(warehouse, model_version)):
        raise PublicationRefused(
            f"{without} products have no vector of {model_version} yet, "
            f"so {live.collection} of {live.model_version} stays"
        )


def _without_vector(warehouse: Warehouse, model_version: str) -> int:
    statement = on_offer(model_version, products.c.product_id, is_embedded=False).where(
        product_embeddings.c.product_id.is_(None)
    )
    with warehouse.begin() as connection:
        return len(connection.execute(statement).all())


def _finish_an_interrupted_switch(warehouse: Warehouse, vectors: Vectors, now: datetime) -> None:
    """Record what is served as live where a run died between the switch and its record."""
    served = vectors.current()
    if served is not None and _statuses(warehouse).get(served) in ("building", "previous"):
        _record_switch(warehouse, served, now)


def _live(warehouse: Warehouse, vectors: Vectors) -> IndexBuild | None:
    statement = sa.select(index_builds).where(
        index_builds.c.collection == vectors.current(), index_builds.c.status == "live"
    )
    with warehouse.begin() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return IndexBuild(row.collection, row.model_version, row.input_hash, row.products, row.nlist, row.report, False)


def _name(vectors: Vectors, input_hash: str) -> str:
    """The same input builds the same collection, save where that one is being served and broken."""
    name = f"{vectors.alias}_{input_hash[:16]}"
    return name if name != vectors.current() else f"{name}_b"


def _drop_older(warehouse: Warehouse, vectors: Vectors) -> None:
    served = vectors.current()
    previous = {name for name, status in _statuses(warehouse).items() if status == "previous"}
    for name in vectors.collections():
        if name in previous:
            vectors.release(name)
        elif name != served:
            vectors.drop(name)
            log.info("dropped %s", name)
    abandoned = sa.and_(index_builds.c.status == "building", index_builds.c.collection != served)
    with warehouse.begin() as connection:
        connection.execute(sa.update(index_builds).where(abandoned).values(status="dropped"))


def _statuses(warehouse: Warehouse) -> dict[str, str]:
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(index_builds.c.collection, index_builds.c.status))
        return dict(rows.tuples().all())


def _record(warehouse: Warehouse, build: IndexBuild, now: datetime, *, status: str = "building") -> None:
    values = {
        "model_version": build.model_version,
        "input_hash": build.input_hash,
        "products": build.products,
        "nlist": build.nlist,
        "status": status,
        "report": dict(build.report),
        "created_at": now,
        "published_at": None,
    }
    statement = insert(index_builds).values(collection=build.collection, **values)
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["collection"], set_=values))


def _record_switch(warehouse: Warehouse, collection: str, now: datetime) -> None:
    others = index_builds.c.collection != collection
    steps = (
        sa.update(index_builds).where(others, index_builds.c.status == "previous").values(status="dropped"),
        sa.update(index_builds).where(others, index_builds.c.status == "live").values(status="previous"),
        sa.update(index_builds).where(~others).values(status="live", published_at=now),
    )
    with warehouse.begin() as connection:
        for step in steps:
            connection.execute(step)


@contextmanager
def _one_at_a_time(warehouse: Warehouse) -> Iterator[None]:
    with warehouse.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("soko.product_index"))))
        yield


def _input_hash(rows: Sequence[VectorRow], model_version: str, index_type: IndexType) -> str:
    """Sixty-four hex digits of all that makes the index, save when a product was last looked at."""
    digest = hashlib.sha256(json.dumps([model_version, index_type]).encode())
    for row in rows:
        seen = [row.product_id, row.product_name, row.category, row.price, row.currency, row.seller_id]
        digest.update(json.dumps([*seen, row.image_url, row.created_at], ensure_ascii=False).encode())
        digest.update(row.embedding.tobytes())
    return digest.hexdigest()


def _vector_row(row: sa.Row[Any], model_version: str) -> VectorRow:
    price = None if row.price_minor is None else row.price_minor / 10 ** minor_digits(row.currency)
    return VectorRow(
        product_id=row.product_id,
        embedding=np.frombuffer(row.vector, "<f4"),
        product_name=row.title,
        category=row.category,
        price=price,
        currency=row.currency,
        seller_id=row.seller_id,
        image_url=row.image_sha256 and (row.image_url or f"/media/{row.image_sha256}.jpg"),
        created_at=int(row.first_seen_at.timestamp()),
        last_hydrated_at=int(row.last_hydrated_at.timestamp()),
        model_version=model_version,
    )
