"""Events that come late, twice or wrong, in a market that is already built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.storage import tables
from marketplace.storage.warehouse import Warehouse
from tests.warehouse.dbt_command import Dbt
from tests.warehouse.world import AMINA, BASKET, FUNNEL, INTERACTIONS, NOON, interaction, rows_of

DAYS_LATER = NOON + timedelta(days=4)


@pytest.fixture(scope="module")
def moving(copied_url: str) -> Iterator[Warehouse]:
    """A built small world of its own, for tests that change it."""
    opened = Warehouse(copied_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def moving_dbt(copied_url: str, scratch: Path) -> Dbt:
    return Dbt(copied_url, scratch / "dbt-moving")


def receive(warehouse: Warehouse, rows: list[dict[str, Any]]) -> None:
    """Store events as the API does: an id that is known already is left as it is."""
    with warehouse.begin() as connection:
        connection.execute(insert(tables.interactions).on_conflict_do_nothing(), rows)


def test_replayed_events_change_nothing_and_late_ones_count_on_their_own_day(
    moving: Warehouse, moving_dbt: Dbt
) -> None:
    before = rows_of(moving, FUNNEL)
    copies = [{**row, "event_id": f"copy-of-{row['event_id']}", "received_at": DAYS_LATER} for row in INTERACTIONS]
    late = interaction("late", BASKET, "view", NOON + timedelta(minutes=1), received_at=DAYS_LATER)
    receive(moving, [*INTERACTIONS, *copies, late])

    moving_dbt("run")

    assert before[0] == ("2026-03-01", AMINA, "Baskets", 3, 1, 1, 0, 0)
    assert rows_of(moving, FUNNEL) == [("2026-03-01", AMINA, "Baskets", 3 + 1, 1, 1, 0, 0), *before[1:]]
    assert rows_of(moving, "select count(*) from marts.fct_interactions") == [(8 + 1,)]


def test_a_kind_without_a_weight_stops_the_build_and_the_mart_stays_as_it_was(
    moving: Warehouse, moving_dbt: Dbt
) -> None:
    before = rows_of(moving, "select event_id, weight from marts.fct_interactions order by event_id")
    with moving.begin() as connection:
        connection.execute(sa.text("delete from staging.interaction_weights where kind = 'click'"))

    failed = moving_dbt.attempt("run", "--select", "fct_interactions")

    assert failed.returncode == 1
    assert 'null value in column "weight"' in failed.stdout
    assert rows_of(moving, "select event_id, weight from marts.fct_interactions order by event_id") == before
