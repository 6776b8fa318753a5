"""Measures of stored pictures in Postgres: which are missing, and keeping them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.pictures import FLAWS, MEASURES_VERSION, PictureMeasures, flaws, measure
from marketplace.errors import ImageRejected, NotFound
from marketplace.storage.images import Images
from marketplace.storage.tables import pictures, products
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
BATCH = 200
THREADS = 2
_COLUMNS = ("width", "height", "bytes")


@dataclass(frozen=True, slots=True)
class Measured:
    """How many pictures were measured, and which could not be, with the reason."""

    pictures: int
    unreadable: dict[str, str]


def unmeasured(warehouse: Warehouse) -> list[str]:
    """Pictures of products on offer that this version of the measures has not seen, by name."""
    statement = (
        sa.select(products.c.image_sha256)
        .distinct()
        .outerjoin(pictures, pictures.c.image_sha256 == products.c.image_sha256)
        .where(
            ~products.c.is_gone,
            products.c.image_sha256.is_not(None),
            sa.or_(pictures.c.measured_by.is_(None), pictures.c.measured_by != MEASURES_VERSION),
        )
        .order_by(products.c.image_sha256)
    )
    with warehouse.begin() as connection:
        return list(connection.scalars(statement))


def measure_pictures(warehouse: Warehouse, images: Images, *, now: datetime, batch: int = BATCH) -> Measured:
    """What is not measured yet, measured and kept batch by batch, so that a run that ends early loses one batch.

    A picture that is missing from the folder or damaged there is named, and tried again in the next run.
    """
    names = unmeasured(warehouse)
    unreadable: dict[str, str] = {}
    measured = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(names), batch):
            chosen = names[start : start + batch]
            found = dict(zip(chosen, pool.map(lambda name: _measured(images, name), chosen), strict=True))
            unreadable |= {name: one for name, one in found.items() if isinstance(one, str)}
            rows = [_row(name, one, now) for name, one in found.items() if not isinstance(one, str)]
            _upsert(warehouse, rows)
            measured += len(rows)
            log.info("measured %d of %d pictures", measured, len(names))
    return Measured(measured, unreadable)


def flaw_counts(warehouse: Warehouse) -> dict[str, int]:
    """How many products on offer show a picture with each flaw."""
    flaw = sa.func.unnest(pictures.c.flaws).label("flaw")
    shown = products.join(pictures, pictures.c.image_sha256 == products.c.image_sha256)
    each = sa.select(flaw).select_from(shown).where(~products.c.is_gone).subquery()
    with warehouse.begin() as connection:
        counted = connection.execute(sa.select(each.c.flaw, sa.func.count()).group_by(each.c.flaw)).all()
    return dict.fromkeys(FLAWS, 0) | {name: count for name, count in counted}  # noqa: C416


def flawed(warehouse: Warehouse, *, limit: int) -> list[dict[str, Any]]:
    """Products on offer whose picture has flaws, with what was measured; those with most flaws first."""
    shown = products.join(pictures, pictures.c.image_sha256 == products.c.image_sha256)
    statement = (
        sa.select(
            products.c.product_id,
            products.c.title,
            products.c.image_sha256,
            sa.func.array_to_string(pictures.c.flaws, ", ").label("flaws"),
            pictures.c.measures,
        )
        .select_from(shown)
        .where(~products.c.is_gone, sa.func.cardinality(pictures.c.flaws) > 0)
        .order_by(sa.func.cardinality(pictures.c.flaws).desc(), products.c.product_id)
        .limit(limit)
    )
    with warehouse.begin() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def signed(phash: int) -> int:
    """The hash as Postgres keeps 64 bits."""
    return phash - 2**64 if phash >= 2**63 else phash


def unsigned(phash: int) -> int:
    """The hash as it was measured."""
    return phash % 2**64


def _measured(images: Images, name: str) -> PictureMeasures | str:
    """The measures, or why there are none."""
    try:
        return measure(images.read(name))
    except (NotFound, ImageRejected) as error:
        log.warning("%s", error)
        return str(error)


def _row(name: str, measures: PictureMeasures, now: datetime) -> dict[str, Any]:
    numbers = asdict(measures)
    phash = signed(numbers.pop("phash"))
    columns = {column: numbers.pop(column) for column in _COLUMNS}
    found = {"flaws": list(flaws(measures)), "measured_by": MEASURES_VERSION, "measured_at": now}
    return {"image_sha256": name, "phash": phash, **columns, "measures": numbers, **found}


def _upsert(warehouse: Warehouse, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(pictures)
    changed = {name: statement.excluded[name] for name in rows[0] if name != "image_sha256"}
    with warehouse.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["image_sha256"], set_=changed), rows)
