"""The small world, built once by dbt and read by every test of the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.dbt_command import Dbt

COPY = "small_world_to_change"


@pytest.fixture(scope="session")
def dbt(postgres: EmbeddedPostgres, scratch: Path) -> Dbt:
    """dbt over a database that holds the small world, not yet built."""
    url = postgres.create_database("small_world", template="template_soko")
    warehouse = Warehouse(url)
    world.settle(warehouse)
    warehouse.close()
    return Dbt(url, scratch / "dbt")


@pytest.fixture(scope="session")
def build(dbt: Dbt, postgres: EmbeddedPostgres) -> dict[str, str]:
    """The status of every dbt model and test, after the marts of the small world were built."""
    dbt("build")
    postgres.create_database(COPY, template="small_world")  # now, while nothing is connected to it
    return dbt.results()


@pytest.fixture(scope="session")
def copied_url(postgres: EmbeddedPostgres, build: dict[str, str]) -> str:
    """The URL of a copy of the built small world, for tests that change it."""
    return postgres.url(COPY)


@pytest.fixture(scope="session")
def marts(dbt: Dbt, build: dict[str, str]) -> Iterator[Warehouse]:
    """A warehouse whose marts are built from the small world; tests only read it."""
    opened = Warehouse(dbt.database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def documented(dbt: Dbt, build: dict[str, str]) -> Dbt:
    """dbt after it wrote its documentation, with every analysis compiled."""
    dbt("docs", "generate")
    return dbt
