"""The ways that the benchmark of ingest compares do the same work."""

from __future__ import annotations

import sqlalchemy as sa

from benchmarks.event_ingest import NAMES, SEED, copied, drawn, emptied, executed, written
from marketplace.storage.events import record_interactions
from marketplace.storage.warehouse import Warehouse
from tests.warehouse.world import rows_of


def test_every_way_stores_the_same_rows(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text(SEED))
    events = drawn(300)
    for peer in (lambda: copied(warehouse, [written(events)]), lambda: executed(warehouse, events)):
        emptied(warehouse)
        assert record_interactions(warehouse, events).new == 300
        peer()
        ours, theirs = (f"select {NAMES} from raw.{table}" for table in ("interactions", "peer"))
        assert rows_of(warehouse, f"{ours} except all {theirs}") == []
        assert rows_of(warehouse, f"{theirs} except all {ours}") == []
        assert rows_of(warehouse, "select count(*) from raw.peer") == [(300,)]
