"""The experiment that runs, if one does."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.experiments.assignment import Experiment, Variant
from marketplace.storage.tables import experiments
from marketplace.storage.warehouse import Warehouse


def running_experiment(warehouse: Warehouse) -> Experiment | None:
    """The experiment that runs now, None while none does."""
    statement = sa.select(experiments).where(experiments.c.status == "running")
    with warehouse.reading() as connection:
        row = connection.execute(statement.order_by(experiments.c.started_at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    variants = tuple(Variant(one["name"], float(one["share"]), one.get("settings", {})) for one in row.variants)
    return Experiment(row.name, row.salt, variants, row.traffic, row.is_interleaved)
