"""What kind of product a line of an order is, where its source says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(
        "order_lines",
        sa.Column("category", sa.Text(), nullable=True, comment="as the source names it; null where it names none"),
        schema="raw",
    )


def downgrade() -> None:
    """Take this revision back; what was recorded in it goes."""
    op.drop_column("order_lines", "category", schema="raw")
