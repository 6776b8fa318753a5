"""The dbt warehouse: staging, intermediate and marts, with their tests as checks."""

from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.warehouse_marts import MartsTranslator, project


def marts_assets() -> dg.AssetsDefinition:
    """Every dbt model as an asset, its tests as checks; reads the project's manifest, which is made if it is absent."""
    dbt_project = project()

    @dbt_assets(  # type: ignore[untyped-decorator] # dagster-dbt has no types
        manifest=dbt_project.manifest_path, project=dbt_project, dagster_dbt_translator=MartsTranslator()
    )
    def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from dbt.cli(["build", "--exclude-resource-type", "unit_test"], context=context).stream()

    return cast("dg.AssetsDefinition", marts)
