"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    for schema in ("catalog", "raw", "serving"):
        op.execute(f"create schema if not exists {schema}")
    op.create_table(
        "index_builds",
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column(
            "input_hash", sa.Text(), nullable=False, comment="of the rows it was built from; equal hash, nothing to do"
        ),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("nlist", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="building, live, previous, refused or dropped"),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="what verification found"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("collection", name=op.f("pk_index_builds")),
        schema="catalog",
    )
    op.create_table(
        "sellers",
        sa.Column("seller_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True, comment="E.164, the seller's WhatsApp number"),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False, comment="ISO 3166-1 alpha-2"),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217"),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source_kind in ('shop_pages', 'feed')", name=op.f("ck_sellers_source_kind")),
        sa.PrimaryKeyConstraint("seller_id", name=op.f("pk_sellers")),
        sa.UniqueConstraint("handle", name=op.f("uq_sellers_handle")),
        schema="catalog",
    )
    op.create_table(
        "interactions",
        sa.Column("event_id", sa.Text(), nullable=False, comment="chosen by the client; the same id is stored once"),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column(
            "surface", sa.Text(), nullable=True, comment="where on the page: grid, search, similar, for_you, product"
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('view', 'click', 'wishlist', 'purchase')", name=op.f("ck_interactions_kind")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_interactions")),
        schema="raw",
    )
    op.create_index(op.f("ix_interactions_occurred_at"), "interactions", ["occurred_at"], unique=False, schema="raw")
    op.create_index(
        op.f("ix_interactions_user_id_occurred_at"),
        "interactions",
        ["user_id", "occurred_at"],
        unique=False,
        schema="raw",
    )
    op.create_table(
        "leads",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), server_default=sa.text("'whatsapp'"), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel in ('whatsapp', 'phone', 'email')", name=op.f("ck_leads_channel")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_leads")),
        schema="raw",
    )
    op.create_index(
        op.f("ix_leads_seller_id_occurred_at"), "leads", ["seller_id", "occurred_at"], unique=False, schema="raw"
    )
    op.create_table(
        "popular_products",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False, comment="empty for the whole market"),
        sa.Column("rank", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False, comment="weighted interactions of the last 30 days"),
        sa.PrimaryKeyConstraint("version", "category", "rank", name=op.f("pk_popular_products")),
        schema="serving",
    )
    op.create_table(
        "product_neighbours",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("neighbour_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False, comment="cosine of item factors"),
        sa.PrimaryKeyConstraint("version", "product_id", "rank", name=op.f("pk_product_neighbours")),
        schema="serving",
    )
    op.create_table(
        "publications",
        sa.Column("name", sa.Text(), nullable=False, comment="recommendations"),
        sa.Column("version", sa.Text(), nullable=False, comment="the version that readers must use"),
        sa.Column("previous_version", sa.Text(), nullable=True),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="model and index versions, metrics",
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_publications")),
        schema="serving",
        comment="One row per published thing; readers follow its version, so a switch is one row.",
    )
    op.create_table(
        "recommendations",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "score", sa.Double(), nullable=False, comment="0.6 * collaborative + 0.4 * visual, each scaled to 0..1"
        ),
        sa.Column("cf_score", sa.Double(), nullable=False),
        sa.Column("visual_score", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("version", "user_id", "rank", name=op.f("pk_recommendations")),
        schema="serving",
    )
    op.create_table(
        "products",
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("category", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "price_minor",
            sa.BigInteger(),
            nullable=True,
            comment="minor units of currency; null when the source shows no price",
        ),
        sa.Column(
            "price_up_to_minor", sa.BigInteger(), nullable=True, comment="upper end when the source shows a range"
        ),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("image_sha256", sa.Text(), nullable=True, comment="the stored picture; null while there is none"),
        sa.Column("in_stock", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_hydrated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when anything a shopper sees last changed",
        ),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', title || ' ' || category || ' ' || description)", persisted=True),
            nullable=True,
            comment="what keyword search reads",
        ),
        sa.CheckConstraint("(price_minor is null) = (currency is null)", name=op.f("ck_products_price_has_currency")),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_products_price_not_negative")),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_products_seller_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_products")),
        sa.UniqueConstraint("seller_id", "source_ref", name=op.f("uq_products_seller_id_source_ref")),
        schema="catalog",
    )
    op.create_index(op.f("ix_products_category"), "products", ["category"], unique=False, schema="catalog")
    op.create_index(
        op.f("ix_products_words"), "products", ["words"], unique=False, schema="catalog", postgresql_using="gin"
    )
    op.create_table(
        "syncs",
        sa.Column("sync_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True, comment="the Dagster run, or null for a command"),
        sa.Column("trigger", sa.Text(), nullable=False, comment="schedule, request, import or command"),
        sa.Column("status", sa.Text(), nullable=False, comment="scouted, done, partial, braked or failed"),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the scan saw all there is",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scouted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("hydrated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gone", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("price_changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("other_changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "note",
            sa.Text(),
            nullable=True,
            comment="why the sync was partial, braked or failed, and the rows it refused",
        ),
        sa.Column(
            "refusals",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="[{source_ref, reason}]",
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_syncs_seller_id")),
        sa.PrimaryKeyConstraint("sync_id", name=op.f("pk_syncs")),
        schema="catalog",
        comment="The audit: one row per sync of one seller.",
    )
    op.create_index(
        op.f("ix_syncs_seller_id_started_at"), "syncs", ["seller_id", "started_at"], unique=False, schema="catalog"
    )
    op.create_table(
        "work_requests",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="sync or train"),
        sa.Column("seller_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Text(),
            server_default=sa.text("'queued'"),
            nullable=False,
            comment="queued, running, done or failed",
        ),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('sync', 'train')", name=op.f("ck_work_requests_kind")),
        sa.CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name=op.f("ck_work_requests_status")),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_work_requests_seller_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_work_requests")),
        schema="raw",
        comment="What the API asked the orchestrator to do.",
    )
    op.create_table(
        "product_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("sync_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True, comment="the changed field; null for new and gone"),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('new', 'gone', 'price', 'other')", name=op.f("ck_product_changes_kind")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_changes_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_product_changes_seller_id")
        ),
        sa.ForeignKeyConstraint(["sync_id"], ["catalog.syncs.sync_id"], name=op.f("fk_product_changes_sync_id")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_product_changes")),
        schema="catalog",
        comment="Append-only: one row per product, sync and changed field.",
    )
    op.create_index(
        op.f("ix_product_changes_product_id"), "product_changes", ["product_id"], unique=False, schema="catalog"
    )
    op.create_index(op.f("ix_product_changes_sync_id"), "product_changes", ["sync_id"], unique=False, schema="catalog")
    op.create_table(
        "product_embeddings",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False, comment="of the picture and words that were embedded"),
        sa.Column("has_image", sa.Boolean(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False, comment="768 float32, little-endian, unit length"),
        sa.Column("embedded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_embeddings_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "model_version", name=op.f("pk_product_embeddings")),
        schema="catalog",
    )
    op.create_table(
        "product_quality",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="of the product that was judged"),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict in ('approved', 'flagged', 'rejected')", name=op.f("ck_product_quality_verdict")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_quality_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_quality")),
        schema="catalog",
    )
    op.create_table(
        "scouted_products",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False, comment="order of discovery, from 0"),
        sa.Column("sync_id", sa.Text(), nullable=False, comment="the last sync that saw it"),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_scouted_products_seller_id")
        ),
        sa.ForeignKeyConstraint(["sync_id"], ["catalog.syncs.sync_id"], name=op.f("fk_scouted_products_sync_id")),
        sa.PrimaryKeyConstraint("seller_id", "source_ref", name=op.f("pk_scouted_products")),
        schema="catalog",
    )
