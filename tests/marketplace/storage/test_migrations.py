"""The migrations and the tables say the same."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from marketplace.storage.tables import SCHEMAS, metadata


def test_the_migrated_schema_is_the_declared_one(warehouse):
    def ours(name, kind, parents):
        return kind != "schema" or name in SCHEMAS

    with warehouse.begin() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": ours,
                "compare_type": True,
                "version_table_schema": "public",
            },
        )
        assert compare_metadata(context, metadata) == []
    assert warehouse.is_migrated()
