"""What of the catalogue an index holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    comment = "of what was judged and embedded when it was built"
    column = sa.Column("catalog_hash", sa.Text(), comment=comment)
    op.add_column("index_builds", column, schema="catalog")


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("index_builds", "catalog_hash", schema="catalog")
