"""Whether the published index holds the catalogue as it is now, told from the rows themselves and not from clocks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from marketplace.catalog.quality import RULES_VERSION
from marketplace.errors import PublicationRefused
from marketplace.storage import outbox
from marketplace.storage.embeddings import pending
from marketplace.storage.index_builds import Progress, live_build, quiet, rebuilt, restored, tidy
from marketplace.storage.index_records import IndexBuild, build_of, one_at_a_time
from marketplace.storage.rescue import ailment, rescue
from marketplace.storage.tables import index_builds, product_changes, product_quality, products
from marketplace.storage.upkeep import Carried, catch_up
from marketplace.storage.vector_rows import LAYOUT
from marketplace.storage.vectors import IndexType, Vectors
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
DRIFT_SHARE = 0.2
DRIFT_LEAST = 500


@dataclass(frozen=True, slots=True)
class Followed:
    """What is served, why it was built anew (None where it was only kept up), and what was carried to it."""

    build: IndexBuild
    reason: str | None
    carried: Carried


def follow_catalog(
    warehouse: Warehouse,
    vectors: Vectors,
    model_version: str | None,
    *,
    index_type: IndexType,
    now: datetime,
    anew: bool = False,
    progress: Progress = quiet,
) -> Followed:
    """The index of what is judged and embedded, served, with a note of what it holds.

    The live collection is kept up with what changed; it is built anew when it is of another model, type or layout,
    when it failed its last check or cannot be read, or when asked; where a model is named, also when so much has
    changed that its cells no longer fit. What changes while it is built is carried to it right after the switch. A
    product that changes meanwhile is not in the note, so `unindexed_state` names it afterwards. Where no model is
    named the note stays as it was.

    Parameters
    ----------
    model_version
        Of the vectors to serve; None for whatever is served now.

    Raises
    ------
    PublicationRefused
        If a new collection fails verification, the live one stays; or if nothing is served and no model is named.
    """
    with one_at_a_time(warehouse):
        live = live_build(warehouse, vectors, now)
        model = model_version or (live.model_version if live else None)
        if model is None:
            raise PublicationRefused("nothing is served yet, so there is nothing to keep up; run index_catalog")
        wrong = ailment(vectors, live) if live is not None and live.layout == LAYOUT else None
        broken = live if wrong is not None else None
        if broken is not None:
            log.error("%s", wrong)
            live = rescue(warehouse, vectors, broken, now)
        reason = wrong or ("asked for" if anew else _reason_to_rebuild(warehouse, live, model, index_type))
        if reason is None and live is not None and model_version is not None:
            reason = _drift(warehouse, live)
        is_whole = model_version is not None or reason is not None
        held = _settled(warehouse, [one.product_id for one in pending(warehouse, model)]) if is_whole else None
        if live is None or reason is not None:
            lost = broken.collection if broken is not None and live is None else None
            live = rebuilt(warehouse, vectors, model, index_type, now, anew=True, instead_of=lost, progress=progress)
            carried = catch_up(warehouse, vectors, live)  # what changed while it was built
            followed = Followed(_as_recorded(warehouse, live), reason, carried)
        else:
            carried = catch_up(warehouse, vectors, live)
            tidy(warehouse, vectors)
            followed = Followed(_as_recorded(warehouse, live), None, carried)
        if is_whole:
            _note(warehouse, followed.build.collection, held)
    return followed


def go_back(warehouse: Warehouse, vectors: Vectors, *, now: datetime) -> str:
    """The collection before the live one, brought up to date and served until there is a reason to build anew.

    Raises
    ------
    PublicationRefused
        If none is kept.
    """
    live = sa.select(index_builds.c.catalog_hash).where(index_builds.c.status == "live")
    with one_at_a_time(warehouse):
        live_build(warehouse, vectors, now)
        with warehouse.begin() as connection:
            held = connection.execute(live).scalar_one_or_none()
        collection = restored(warehouse, vectors, now).collection
        tidy(warehouse, vectors)
        _note(warehouse, collection, held)
    return collection


def need_of_upkeep(warehouse: Warehouse, vectors: Vectors) -> str | None:
    """A name of what the live index lacks or suffers from, None when nothing; the same need has the same name.

    Raises
    ------
    StoreUnreachable
        If Milvus does not answer, so that nothing could be done about it.
    """
    live = build_of(warehouse, vectors.current())
    if live is None or live.layout != LAYOUT:
        return None  # the first index, or one of new fields, is the work of who judges and embeds
    if ailment(vectors, live) is not None:
        return f"ill-{live.collection}"
    if live.checked is not None and not live.checked.get("passed"):
        return f"failed-{live.collection}"
    newest = outbox.backlog(warehouse).newest
    return None if newest is None else f"outbox-{newest}"


def unindexed_state(warehouse: Warehouse) -> str | None:
    """A name of the catalogue's state that the live index does not hold, None when it holds everything.

    The same state has the same name, so that work which failed for it is not asked for again and again.
    """
    live = sa.select(index_builds.c.catalog_hash).where(index_builds.c.status == "live")
    newest = sa.select(sa.func.coalesce(sa.func.max(product_changes.c.change_id), 0))
    judged = products.outerjoin(product_quality, product_quality.c.product_id == products.c.product_id)
    with warehouse.begin() as connection:
        wanted = connection.execute(sa.select(_digest()).select_from(judged).where(~products.c.is_gone)).scalar_one()
        held = connection.execute(live).scalar_one_or_none()
        if wanted == held or (held is None and wanted == _NOTHING):
            return None
        return f"{connection.execute(newest).scalar_one()}-{wanted[:16]}"


def _reason_to_rebuild(
    warehouse: Warehouse, live: IndexBuild | None, model_version: str, index_type: IndexType
) -> str | None:
    if live is None:
        return "nothing is served yet"
    if live.layout != LAYOUT:
        return f"{live.collection} lacks fields that searches need"
    if live.model_version != model_version:
        return f"{live.collection} is of {live.model_version}, the encoder of {model_version}"
    if live.index_type != index_type:
        return f"{live.collection} is {live.index_type}, {index_type} is set"
    if live.checked is not None and not live.checked.get("passed"):
        return f"{live.collection} failed its last check"
    return None


def _drift(warehouse: Warehouse, live: IndexBuild) -> str | None:
    """Why the cells no longer fit, None where they do.

    Not asked by upkeep, which also runs while products are read and embedded: what is built in the midst of that is
    soon too small again.
    """
    changed = live.changed + outbox.backlog(warehouse).products
    if changed > max(DRIFT_LEAST, DRIFT_SHARE * live.built_products):
        return f"{changed} rows changed since {live.collection} was built of {live.built_products}"
    return None


def _as_recorded(warehouse: Warehouse, build: IndexBuild) -> IndexBuild:
    """The build as it is after changes were carried to it."""
    return replace(build_of(warehouse, build.collection) or build, rebuilt=build.rebuilt)


def _note(warehouse: Warehouse, collection: str, held: str | None) -> None:
    note = sa.update(index_builds).where(index_builds.c.collection == collection).values(catalog_hash=held)
    with warehouse.begin() as connection:
        connection.execute(note)


def _settled(warehouse: Warehouse, unembedded: Sequence[int]) -> str:
    judged = products.join(product_quality, product_quality.c.product_id == products.c.product_id)
    statement = (
        sa.select(_digest())
        .select_from(judged)
        .where(
            ~products.c.is_gone,
            product_quality.c.content_hash == products.c.content_hash,
            product_quality.c.rules_version == RULES_VERSION,
            products.c.product_id != sa.all_(sa.cast(list(unembedded), sa.ARRAY(sa.BigInteger))),
        )
    )
    with warehouse.begin() as connection:
        return str(connection.execute(statement).scalar_one())


def _digest() -> sa.ColumnElement[str]:
    """An MD5 of the products' ids and content, of the rules, and of who is rejected, whatever the order of the rows."""
    rejected = sa.case((product_quality.c.verdict == "rejected", ":rejected"), else_="")
    product = sa.func.concat(products.c.product_id, ":", products.c.content_hash, rejected)
    listed = sa.func.string_agg(product, aggregate_order_by(sa.literal(","), products.c.product_id))
    return sa.func.md5(sa.func.concat(RULES_VERSION, "|", listed))


_NOTHING = hashlib.md5(f"{RULES_VERSION}|".encode(), usedforsecurity=False).hexdigest()
