"""Every mart of the manifest, kept aside and compared row by row."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from marketplace.storage.warehouse import Warehouse
from tests.warehouse.dbt_command import Dbt

KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows that one side has and the other has not, repeated ones counted."""

    only_before: int
    only_now: int


def marts_of(dbt: Dbt) -> list[str]:
    """Every mart that the last command knew, whichever folder it is in."""
    nodes = dbt.artifact("manifest.json")["nodes"].values()
    return sorted(n["name"] for n in nodes if n["resource_type"] == "model" and n["schema"] == "marts")


def keep(warehouse: Warehouse, marts: list[str]) -> None:
    """Copy the marts as they are, in place of what was kept before."""
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"drop schema if exists {KEPT} cascade; create schema {KEPT}"))
        for mart in marts:
            connection.execute(sa.text(f"create table {KEPT}.{mart} as select * from marts.{mart}"))


def differences(warehouse: Warehouse, marts: list[str]) -> dict[str, Difference]:
    """The marts that are no longer as they were kept; empty where all are."""
    with warehouse.begin() as connection:
        found = {
            mart: Difference(
                _count(connection, f"{KEPT}.{mart}", f"marts.{mart}"),
                _count(connection, f"marts.{mart}", f"{KEPT}.{mart}"),
            )
            for mart in marts
        }
    return {mart: one for mart, one in found.items() if one != Difference(0, 0)}


def _count(connection: sa.Connection, here: str, there: str) -> int:
    statement = f"select count(*) from (select * from {here} except all select * from {there}) as missing"
    return int(connection.scalar(sa.text(statement)) or 0)
