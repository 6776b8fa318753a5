"""What recommendations showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from marketplace.storage.tables import exposures
from marketplace.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Exposure:
    """One product at one place of one answer."""

    answer_id: str
    rank: int
    user_id: str | None
    product_id: int
    seller_id: int
    surface: str
    source: str
    propensity: float
    model_version: str | None
    experiment: str | None
    variant: str | None
    team: str | None
    seconds: float
    served_at: datetime


def record_exposures(warehouse: Warehouse, rows: Sequence[Exposure]) -> int:
    """How many were new; those that are there already stay as they are."""
    if not rows:
        return 0
    statement = insert(exposures).on_conflict_do_nothing()
    with warehouse.begin() as connection:
        return int(connection.execute(statement, [asdict(row) for row in rows]).rowcount)
