"""An outbox of what the index lacks, written by triggers; what a build is, and which backups there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The columns of each table that a row of the index is made of.
PRODUCT = (
    "is_gone",
    "in_stock",
    "price_minor",
    "currency",
    "title",
    "category",
    "image_sha256",
    "image_url",
    "seller_id",
    "first_seen_at",
)
WATCHED = {
    "products": PRODUCT,
    "product_quality": ("verdict",),
    "product_embeddings": ("vector", "model_version"),
    "sellers": ("state", "city", "country"),
}
NOTE_PRODUCT = """
create function catalog.note_product_for_index() returns trigger language plpgsql as $$
begin
    insert into catalog.index_outbox (product_id)
    values (case when tg_op = 'DELETE' then old.product_id else new.product_id end);
    return null;
end $$
"""
NOTE_SELLER = """
create function catalog.note_seller_for_index() returns trigger language plpgsql as $$
begin
    insert into catalog.index_outbox (product_id)
    select product_id from catalog.products where seller_id = new.seller_id and not is_gone;
    return null;
end $$
"""


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "index_outbox",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_index_outbox"),
        schema="catalog",
        comment="Products whose row in the index may be out of date; triggers note them, upkeep strikes them out.",
    )
    op.create_table(
        "index_snapshots",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file", name="pk_index_snapshots"),
        schema="catalog",
        comment="One row per backup of the index that was taken and is kept.",
    )
    for column in _build_columns():
        op.add_column("index_builds", column, schema="catalog")
    # What is served lacks the fields that searches need now, so the sensor must ask for a new index.
    op.execute("update catalog.index_builds set catalog_hash = null, built_products = products")
    op.execute(NOTE_PRODUCT)
    op.execute(NOTE_SELLER)
    for table, columns in WATCHED.items():
        _watch(table, columns)


def downgrade() -> None:
    """Take this revision back."""
    for table in WATCHED:
        op.execute(f"drop trigger note_changed_for_index on catalog.{table}")
        if table != "sellers":
            op.execute(f"drop trigger note_new_or_deleted_for_index on catalog.{table}")
    op.execute("drop function catalog.note_product_for_index()")
    op.execute("drop function catalog.note_seller_for_index()")
    for column in _build_columns():
        op.drop_column("index_builds", column.name, schema="catalog")
    op.drop_table("index_snapshots", schema="catalog")
    op.drop_table("index_outbox", schema="catalog")


def _watch(table: str, columns: tuple[str, ...]) -> None:
    note = "note_seller_for_index" if table == "sellers" else "note_product_for_index"
    was, became = (", ".join(f"{side}.{column}" for column in columns) for side in ("old", "new"))
    op.execute(
        f"create trigger note_changed_for_index after update on catalog.{table} for each row "
        f"when (row({was}) is distinct from row({became})) execute function catalog.{note}()"
    )
    if table != "sellers":
        op.execute(
            f"create trigger note_new_or_deleted_for_index after insert or delete on catalog.{table} "
            f"for each row execute function catalog.{note}()"
        )


def _build_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("index_type", sa.Text(), server_default=sa.text("'IVF_FLAT'"), nullable=False),
        sa.Column(
            "layout",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="of its fields; others are built anew",
        ),
        sa.Column(
            "breadth",
            sa.Integer(),
            server_default=sa.text("64"),
            nullable=False,
            comment="cells or candidates a search reads",
        ),
        sa.Column(
            "checksum",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="sum of the rows' fingerprints",
        ),
        sa.Column(
            "built_products", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="when it was built"
        ),
        sa.Column(
            "changed",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="rows put or taken out since built",
        ),
        sa.Column("checked", postgresql.JSONB(), comment="what the last look at the live collection found"),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
    )
