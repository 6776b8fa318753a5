"""What a shopper was shown, found without reading what all were.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_exposures_user_id_served_at", "exposures", ["user_id", "served_at"], schema="raw")


def downgrade() -> None:
    op.drop_index("ix_exposures_user_id_served_at", "exposures", schema="raw")
