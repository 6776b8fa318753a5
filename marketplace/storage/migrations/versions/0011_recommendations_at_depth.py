"""Negative feedback, what was shown, experiments, why models were promoted, and word to those who serve of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SHELF = ("products", "product_quality", "sellers")
# Whoever serves listens on this channel, and forgets what it had read of the shelf.
TELL = """
create function serving.tell_of_shelf() returns trigger language plpgsql as $$
begin
    perform pg_notify('soko', 'shelf');
    return null;
end $$
"""
TELL_OF_PUBLICATION = """
create function serving.tell_of_publication() returns trigger language plpgsql as $$
begin
    perform pg_notify('soko', 'publication');
    return null;
end $$
"""


def upgrade() -> None:
    """Apply this revision."""
    _kinds("'view', 'click', 'wishlist', 'purchase', 'hide', 'report'")
    op.create_index(op.f("ix_interactions_received_at"), "interactions", ["received_at"], schema="raw")
    _exposures()
    _experiments()
    _decisions()
    op.add_column(
        "product_neighbours",
        sa.Column("kind", sa.Text(), server_default=sa.text("'together'"), nullable=False, comment="together or alike"),
        schema="serving",
    )
    op.create_check_constraint(
        op.f("ck_product_neighbours_kind"), "product_neighbours", "kind in ('together', 'alike')", schema="serving"
    )
    _comment("product_neighbours", "score", "together: of the model; alike: cosine of the hybrid vectors")
    _comment("recommendations", "score", "collaborative and visual, each calibrated, by the weight of the model")
    _comment("popular_products", "score", "interactions by weight and age")
    _comment("popular_products", "category", "empty for all categories")
    _key("product_neighbours", "version", "product_id", "kind", "rank")
    op.add_column(
        "popular_products",
        sa.Column(
            "city",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="of the seller; empty for all cities",
        ),
        schema="serving",
    )
    _key("popular_products", "version", "category", "city", "rank")
    op.execute(TELL)
    op.execute(TELL_OF_PUBLICATION)
    for table in SHELF:
        op.execute(
            f"create trigger tell_of_shelf after insert or update or delete on catalog.{table} "
            "for each statement execute function serving.tell_of_shelf()"
        )
    for table in ("publications", "experiments"):
        op.execute(
            f"create trigger tell_of_publication after insert or update or delete on serving.{table} "
            "for each statement execute function serving.tell_of_publication()"
        )


def downgrade() -> None:
    """Take this revision back; what the older schema has no place for goes."""
    for table in ("publications", "experiments"):
        op.execute(f"drop trigger tell_of_publication on serving.{table}")
    for table in SHELF:
        op.execute(f"drop trigger tell_of_shelf on catalog.{table}")
    op.execute("drop function serving.tell_of_publication()")
    op.execute("drop function serving.tell_of_shelf()")
    op.execute("delete from serving.popular_products where city <> ''")
    _key("popular_products", "version", "category", "rank")
    op.drop_column("popular_products", "city", schema="serving")
    op.execute("delete from serving.product_neighbours where kind <> 'together'")
    _key("product_neighbours", "version", "product_id", "rank")
    op.drop_constraint(op.f("ck_product_neighbours_kind"), "product_neighbours", schema="serving")
    op.drop_column("product_neighbours", "kind", schema="serving")
    for table, schema in (("model_decisions", "serving"), ("experiments", "serving"), ("exposures", "raw")):
        op.drop_table(table, schema=schema)
    op.drop_index(op.f("ix_interactions_received_at"), "interactions", schema="raw")
    op.execute("delete from raw.interactions where kind in ('hide', 'report')")
    _kinds("'view', 'click', 'wishlist', 'purchase'")


def _kinds(allowed: str) -> None:
    op.drop_constraint(op.f("ck_interactions_kind"), "interactions", schema="raw")
    op.create_check_constraint(op.f("ck_interactions_kind"), "interactions", f"kind in ({allowed})", schema="raw")


def _key(table: str, *columns: str) -> None:
    op.drop_constraint(f"pk_{table}", table, schema="serving")
    op.create_primary_key(f"pk_{table}", table, list(columns), schema="serving")


def _comment(table: str, column: str, comment: str) -> None:
    op.alter_column(table, column, comment=comment, schema="serving")


def _exposures() -> None:
    op.create_table(
        "exposures",
        sa.Column(
            "answer_id", sa.Text(), nullable=False, comment="of the answer that showed it; the client may send it back"
        ),
        sa.Column("rank", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("user_id", sa.Text(), comment="empty for a session without a shopper's record"),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("surface", sa.Text(), nullable=False, comment="for_you, also_bought or session"),
        sa.Column("source", sa.Text(), nullable=False, comment="the step or model that named the product"),
        sa.Column(
            "propensity",
            sa.Double(),
            nullable=False,
            comment="probability of being shown at this rank; 1 unless explored",
        ),
        sa.Column("model_version", sa.Text(), comment="empty where no model had a part"),
        sa.Column("experiment", sa.Text()),
        sa.Column("variant", sa.Text()),
        sa.Column("team", sa.Text(), comment="when interleaved: the variant that put the product there"),
        sa.Column("seconds", sa.Double(), nullable=False, comment="what the answer took"),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", "rank", name=op.f("pk_exposures")),
        schema="raw",
        comment="What recommendations showed. One row per answer and rank.",
    )
    op.create_index(op.f("ix_exposures_served_at"), "exposures", ["served_at"], schema="raw")
    op.create_index(op.f("ix_exposures_experiment_user_id"), "exposures", ["experiment", "user_id"], schema="raw")


def _experiments() -> None:
    op.create_table(
        "experiments",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "salt", sa.Text(), nullable=False, comment="what assignment is hashed with; another salt is another draw"
        ),
        sa.Column(
            "variants",
            postgresql.JSONB(),
            nullable=False,
            comment="[{name, share, settings}]; the first is the control",
        ),
        sa.Column(
            "traffic",
            sa.Double(),
            server_default=sa.text("1"),
            nullable=False,
            comment="share of shoppers who take part",
        ),
        sa.Column("is_interleaved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'running'"), nullable=False),
        sa.Column("hypothesis", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status in ('running', 'ended')", name=op.f("ck_experiments_status")),
        sa.CheckConstraint("traffic > 0 and traffic <= 1", name=op.f("ck_experiments_traffic")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_experiments")),
        schema="serving",
        comment="Experiments on recommendations. One row per experiment; at most one runs at a time.",
    )


def _decisions() -> None:
    op.create_table(
        "model_decisions",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="name in the registry"),
        sa.Column("challenger", sa.Text(), nullable=False, comment="the version that was judged"),
        sa.Column("champion", sa.Text(), comment="the version it was judged against, empty for the first"),
        sa.Column("kind", sa.Text(), nullable=False, comment="gate, promotion or rollback"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="promoted or refused"),
        sa.Column("reasons", postgresql.JSONB(), nullable=False, comment="[{rule, passed, sentence, value, bound}]"),
        sa.Column(
            "evidence",
            postgresql.JSONB(),
            nullable=False,
            comment="all that the rules were given, so that they can be asked again",
        ),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("data_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("decided_by", sa.Text(), server_default=sa.text("'gate'"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('gate', 'promotion', 'rollback')", name=op.f("ck_model_decisions_kind")),
        sa.CheckConstraint("verdict in ('promoted', 'refused')", name=op.f("ck_model_decisions_verdict")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_model_decisions")),
        schema="serving",
        comment="Why each model was or was not put before shoppers. One row per decision.",
    )
    op.create_index(
        op.f("ix_model_decisions_model_decision_id"), "model_decisions", ["model", "decision_id"], schema="serving"
    )
