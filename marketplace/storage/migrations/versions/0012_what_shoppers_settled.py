"""What a shopper bought, hid or reported is found without reading all they ever did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_index(
        "ix_interactions_settled",
        "interactions",
        ["user_id", "product_id"],
        schema="raw",
        postgresql_where=sa.text("kind in ('purchase', 'hide', 'report')"),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_interactions_settled", "interactions", schema="raw")
