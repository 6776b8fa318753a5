"""What encoders made of each picture and each text, so that neither is embedded twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "embedding_parts",
        sa.Column("model_version", sa.Text),
        sa.Column("kind", sa.Text, comment="picture or words"),
        sa.Column("content_hash", sa.Text, comment="SHA-256 of the stored picture or of the text"),
        sa.Column("vector", sa.LargeBinary, nullable=False, comment="float32, little-endian, unit length"),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('picture', 'words')", name=op.f("ck_embedding_parts_kind")),
        sa.PrimaryKeyConstraint("model_version", "kind", "content_hash", name=op.f("pk_embedding_parts")),
        schema="catalog",
        comment="What encoders made of each picture and each text. One row per content and model.",
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("embedding_parts", schema="catalog")
