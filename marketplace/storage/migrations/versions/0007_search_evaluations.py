"""What search was worth, over time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    document = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "search_evaluations",
        sa.Column("evaluation_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="of the run that judged; a retry of it judges again in its place",
        ),
        sa.Column("golden", sa.Text(), nullable=False, comment="name of the judged queries"),
        sa.Column("golden_hash", sa.Text(), nullable=False, comment="only evaluations of equal hash are compared"),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("weights", document, nullable=False),
        sa.Column("queries", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False, comment="mean nDCG at 10"),
        sa.Column("means", document, nullable=False, comment="{group: {metric: [mean, low, high]}}"),
        sa.Column("scores", document, nullable=False, comment="{query: nDCG at 10}"),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="accepted: what later ones are compared with; or refused"
        ),
        sa.Column("compared_with", sa.BigInteger(), nullable=True),
        sa.Column(
            "decided_by", sa.Text(), nullable=True, comment="the person who accepted it, empty where the gate did"
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status in ('accepted', 'refused')", name=op.f("ck_search_evaluations_status")),
        sa.ForeignKeyConstraint(
            ["compared_with"],
            ["catalog.search_evaluations.evaluation_id"],
            name=op.f("fk_search_evaluations_compared_with"),
        ),
        sa.PrimaryKeyConstraint("evaluation_id", name=op.f("pk_search_evaluations")),
        sa.UniqueConstraint("run_id", "golden", name=op.f("uq_search_evaluations_run_id_golden")),
        schema="catalog",
        comment="What search was worth, over time.",
    )
    op.create_index(
        op.f("ix_search_evaluations_golden_hash_evaluation_id"),
        "search_evaluations",
        ["golden_hash", "evaluation_id"],
        unique=False,
        schema="catalog",
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("search_evaluations", schema="catalog")
