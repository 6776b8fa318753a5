"""How Alembic reaches the database: over the connection it is handed."""

from __future__ import annotations

from alembic import context

from marketplace.storage.tables import SCHEMAS, metadata


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "schema" or name in SCHEMAS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    include_name=_is_ours,
    version_table_schema="public",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
