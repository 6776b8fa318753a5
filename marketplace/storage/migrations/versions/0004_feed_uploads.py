"""How many feeds each seller hands over, so that every process of the API counts the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "feed_uploads",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "hour_began_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="with the first feed that was counted in it",
        ),
        sa.Column(
            "uploads", sa.Integer(), nullable=False, comment="feeds handed over in that hour, broken ones included"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_feed_uploads_seller_id")),
        sa.PrimaryKeyConstraint("seller_id", name=op.f("pk_feed_uploads")),
        schema="raw",
        comment="How many feeds each seller handed over in their current hour. One row per seller.",
    )


def downgrade() -> None:
    """Take this revision back; what was counted is lost."""
    op.drop_table("feed_uploads", schema="raw")
