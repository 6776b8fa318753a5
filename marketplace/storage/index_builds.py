"""The published index: built aside from Postgres, verified, switched to, and kept once more for rollback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from marketplace.errors import ArtifactUnavailable, InputRejected, PublicationRefused
from marketplace.storage import outbox
from marketplace.storage.index_records import (
    IndexBuild,
    abandon_unfinished,
    build_of,
    builds_by_status,
    one_at_a_time,
    record,
    record_status,
    record_switch,
    statuses,
)
from marketplace.storage.index_source import Source, Survey, input_hash_of, on_offer, source_of, without_vector
from marketplace.storage.index_types import IndexType, has_cells, nlist_for
from marketplace.storage.tables import product_embeddings, products
from marketplace.storage.upkeep import differences, mend
from marketplace.storage.vector_rows import LAYOUT
from marketplace.storage.vectors import Vectors
from marketplace.storage.verification import Report, calibrated, verify
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


def quiet(step: str, done: int, total: int) -> None:
    """Tells nobody how far a rebuild has come."""


def rebuild_index(
    warehouse: Warehouse,
    vectors: Vectors,
    model_version: str,
    *,
    index_type: IndexType,
    now: datetime,
    anew: bool = False,
    progress: Progress = quiet,
) -> IndexBuild:
    """The index of what is in Postgres now, served; nothing is built when the live one is of the same input.

    Build aside, verify, switch the alias, keep the one before for rollback, drop
    older ones. Killed anywhere and started again, it ends in the same state. One
    rebuild runs at a time; another waits for it. `anew` builds even from the same input.

    Raises
    ------
    PublicationRefused
        If the new collection fails verification, or would lose products that only lack a vector; the
        live one stays.
    """
    with one_at_a_time(warehouse):
        return rebuilt(warehouse, vectors, model_version, index_type, now, anew=anew, progress=progress)


def rebuilt(
    warehouse: Warehouse,
    vectors: Vectors,
    model_version: str,
    index_type: IndexType,
    now: datetime,
    *,
    anew: bool = False,
    instead_of: str | None = None,
    progress: Progress = quiet,
) -> IndexBuild:
    """As `rebuild_index`, for who already writes alone; a collection named in `instead_of` is not kept."""
    live = live_build(warehouse, vectors, now)
    with source_of(warehouse, model_version) as source:
        survey = source.survey(lambda seen: progress("read", seen, 0))
        count = len(survey.fingerprints)
        input_hash = input_hash_of(model_version, index_type, count, survey.checksum)
        if not anew and live is not None and _is_same(vectors, live, input_hash, count):
            tidy(warehouse, vectors)
            return live
        _refuse_to_lose_products(warehouse, vectors, live, count, model_version, instead_of)
        planned = IndexBuild(
            free_name(warehouse, vectors, input_hash),
            model_version,
            input_hash,
            count,
            nlist_for(survey.fullest) if has_cells(index_type) else 0,
            {},
            True,
            index_type,
            checksum=survey.checksum,
            built_products=count,
        )
        build = _built(warehouse, vectors, planned, source, survey, now, progress)
    switch(warehouse, vectors, build, now)
    if instead_of is not None:
        discard(warehouse, vectors, instead_of)
    outbox.settle(warehouse, survey.handled)
    tidy(warehouse, vectors)
    return build


def roll_back_index(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> str:
    """The collection before the live one, brought up to date and served again; what was live is kept in its place.

    It serves today's products with the vectors and the index of then: what has changed since is carried to it before
    the switch, so that nothing that is gone or sold is found again.

    Raises
    ------
    PublicationRefused
        If none is kept, or the one that is does not pass.
    """
    with one_at_a_time(warehouse):
        live_build(warehouse, vectors, now)
        build = restored(warehouse, vectors, now)
        tidy(warehouse, vectors)
    return build.collection


def restored(warehouse: Warehouse, vectors: Vectors, now: datetime) -> IndexBuild:
    """As `roll_back_index`, for who already writes alone."""
    kept = builds_by_status(warehouse, "previous")
    build = kept[0] if kept and vectors.has(kept[0].collection) else None
    if build is None or build.layout != LAYOUT:
        raise PublicationRefused("no earlier index is kept, so there is nothing to go back to")
    mend(warehouse, vectors, build, differences(warehouse, vectors, build))
    report = verified_against_catalogue(warehouse, vectors, build)
    if not report.passed:
        raise PublicationRefused(f"{build.collection} cannot serve again: {'; '.join(report.problems[:3])}")
    switch(warehouse, vectors, build, now)
    return build


def verified_against_catalogue(warehouse: Warehouse, vectors: Vectors, build: IndexBuild) -> Report:
    """What verification finds in the collection, held against Postgres as it is now."""
    with source_of(warehouse, build.model_version) as source:
        survey = source.survey()
    return verify(
        vectors,
        build.collection,
        expected=survey.fingerprints,
        model_version=build.model_version,
        truth=survey.truth.halves()[1],
    )


def switch(warehouse: Warehouse, vectors: Vectors, build: IndexBuild, now: datetime) -> None:
    """The collection serves, in Milvus and in the record."""
    vectors.publish(build.collection)
    record_switch(warehouse, build.collection, now)


def live_build(warehouse: Warehouse, vectors: Vectors, now: datetime) -> IndexBuild | None:
    """What is served, None when nothing is that we know of.

    Where a run died between the switch of the alias and its record, the record is made good first.
    """
    served = vectors.current()
    if served is not None and statuses(warehouse).get(served) in ("building", "previous"):
        record_switch(warehouse, served, now)
    build = build_of(warehouse, served)
    return build if build is not None and build.status == "live" else None


def free_name(warehouse: Warehouse, vectors: Vectors, digest: str) -> str:
    """The name of a collection to build: the same each time, save where that one serves or is kept for rollback."""
    taken = {vectors.current(), *(one.collection for one in builds_by_status(warehouse, "previous"))}
    return next(name for name in vectors.names(digest) if name not in taken)


def discard(warehouse: Warehouse, vectors: Vectors, collection: str) -> None:
    """The collection, which no longer serves, is gone for good."""
    vectors.drop(collection)
    record_status(warehouse, collection, "dropped")


def tidy(warehouse: Warehouse, vectors: Vectors) -> None:
    """Only what is served and what is kept for rollback is left, the latter out of memory."""
    served = vectors.current()
    previous = {name for name, status in statuses(warehouse).items() if status == "previous"}
    for name in vectors.collections():
        if name in previous:
            vectors.release(name)
        elif name != served:
            vectors.drop(name)
            log.info("dropped %s", name)
    abandon_unfinished(warehouse, served)


def _built(
    warehouse: Warehouse,
    vectors: Vectors,
    build: IndexBuild,
    source: Source,
    survey: Survey,
    now: datetime,
    progress: Progress,
) -> IndexBuild:
    """The collection, built and verified; one that passed before its run died is only verified again."""
    measured, judged = survey.truth.halves()

    def verified() -> Report:
        return verify(
            vectors,
            build.collection,
            expected=survey.fingerprints,
            model_version=build.model_version,
            truth=judged,
            checked=lambda read: progress("verify", read, build.products),
        )

    report = verified() if _has_passed(warehouse, vectors, build) else None
    if report is None or not report.passed:
        record(warehouse, build, now)
        try:
            vectors.build(
                build.collection,
                source.rows(),
                nlist=build.nlist,
                index_type=build.index_type,
                inserted=lambda put: progress("insert", put, build.products),
            )
        except InputRejected as error:
            raise _refused(warehouse, vectors, replace(build, report={"problems": [str(error)]}), now) from error
        calibrated(vectors, build.collection, measured)
        report = verified()
    build = replace(build, report=report.as_json(), breadth=report.breadth)
    if not report.passed:
        raise _refused(warehouse, vectors, build, now)
    record(warehouse, build, now)
    return build


def _is_same(vectors: Vectors, live: IndexBuild, input_hash: str, count: int) -> bool:
    return live.layout == LAYOUT and live.input_hash == input_hash and vectors.count(live.collection) == count


def _has_passed(warehouse: Warehouse, vectors: Vectors, build: IndexBuild) -> bool:
    """Whether the collection is there and passed, so that its run died before the switch."""
    known = build_of(warehouse, build.collection)
    passed = known is not None and known.layout == LAYOUT and bool(known.report.get("passed"))
    return passed and vectors.has(build.collection)


def _refused(warehouse: Warehouse, vectors: Vectors, build: IndexBuild, now: datetime) -> PublicationRefused:
    record(warehouse, build, now, status="refused")
    vectors.drop(build.collection)
    problems = "; ".join(build.report["problems"][:3])
    return PublicationRefused(f"{build.collection} failed verification, so the live index stays: {problems}")


def _refuse_to_lose_products(
    warehouse: Warehouse,
    vectors: Vectors,
    live: IndexBuild | None,
    count: int,
    model_version: str,
    instead_of: str | None,
) -> None:
    if live is None:
        return
    if live.products and not count:
        raise PublicationRefused(
            f"no product has a vector of {model_version}, so {live.collection} with its {live.products} products stays"
        )
    if live.collection == instead_of:  # it cannot be read, so it serves nothing that could be lost
        return
    if live.model_version != model_version:
        if missing := without_vector(warehouse, model_version):
            raise PublicationRefused(
                f"{missing} products have no vector of {model_version} yet, "
                f"so {live.collection} of {live.model_version} stays"
            )
    elif lost := _served_without_vector(warehouse, vectors, live):
        raise PublicationRefused(
            f"{lost} products that {live.collection} serves have lost their vector of {model_version}, so it stays"
        )


def _served_without_vector(warehouse: Warehouse, vectors: Vectors, live: IndexBuild) -> int:
    if live.layout != LAYOUT:
        return 0
    statement = on_offer(live.model_version, products.c.product_id, is_embedded=False)
    lacking = statement.where(product_embeddings.c.product_id.is_(None))
    with warehouse.begin() as connection:
        ids = connection.execute(lacking).scalars().all()
    try:
        return len(vectors.kept(live.collection, ids))
    except ArtifactUnavailable:
        return 0
