"""What all who serve one market sign with is a secret of that market, and nothing that can be worked out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False, comment="what it signs"),
        sa.Column(
            "secret", sa.LargeBinary(), nullable=False, comment="random bytes; without the row there are new ones"
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
        schema="serving",
        comment="What all who serve this market sign with. One row per purpose.",
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("secrets", schema="serving")
