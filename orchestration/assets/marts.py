"""The dbt warehouse: staging, intermediate and marts, with their tests as checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.warehouse_marts import MartsTranslator, project

_PROJECT = project()


@dbt_assets(manifest=_PROJECT.manifest_path, project=_PROJECT, dagster_dbt_translator=MartsTranslator())  # type: ignore[untyped-decorator] # dagster-dbt has no types
def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Every dbt model, built and tested in one pass."""
    yield from dbt.cli(["build", "--exclude-resource-type", "unit_test"], context=context).stream()
