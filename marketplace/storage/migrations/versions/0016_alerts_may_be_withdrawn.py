"""An alert whose day was corrected is withdrawn and stays to be seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(
        "alerts",
        sa.Column(
            "withdrawn_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when later figures of the day showed that it was as expected",
        ),
        schema="insights",
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("alerts", "withdrawn_at", schema="insights")
