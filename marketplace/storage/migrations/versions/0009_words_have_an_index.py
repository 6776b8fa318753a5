"""The words of products are in their inverted index, so full text beside them goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.drop_index(op.f("ix_products_words"), "products", schema="catalog")
    op.drop_column("products", "words", schema="catalog")


def downgrade() -> None:
    """Take this revision back."""
    op.add_column(
        "products",
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', title || ' ' || category || ' ' || description)", persisted=True),
            nullable=True,
            comment="what keyword search reads",
        ),
        schema="catalog",
    )
    op.create_index(op.f("ix_products_words"), "products", ["words"], schema="catalog", postgresql_using="gin")
