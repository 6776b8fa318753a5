"""Every table that Python writes; dbt builds the rest from them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
SCHEMAS = ("catalog", "raw", "serving")
Instant = DateTime(timezone=True)

sellers = Table(
    "sellers",
    metadata,
    Column("seller_id", BigInteger, primary_key=True, autoincrement=False),
    Column("handle", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("phone", Text, comment="E.164, the seller's WhatsApp number"),
    Column("city", Text),
    Column("country", Text, nullable=False, comment="ISO 3166-1 alpha-2"),
    Column("currency", Text, nullable=False, comment="ISO 4217"),
    Column("source_kind", Text, nullable=False),
    Column("source_url", Text),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("source_kind in ('shop_pages', 'feed')", name="source_kind"),
    schema="catalog",
)

syncs = Table(
    "syncs",
    metadata,
    Column("sync_id", Text, primary_key=True),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("run_id", Text, comment="the Dagster run, or null for a command"),
    Column("trigger", Text, nullable=False, comment="schedule, request, import or command"),
    Column("status", Text, nullable=False, comment="scouted, done, partial, braked or failed"),
    Column("is_complete", Boolean, nullable=False, server_default=text("false"), comment="the scan saw all there is"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("scouted", Integer, nullable=False, server_default=text("0")),
    Column("hydrated", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("new", Integer, nullable=False, server_default=text("0")),
    Column("gone", Integer, nullable=False, server_default=text("0")),
    Column("price_changed", Integer, nullable=False, server_default=text("0")),
    Column("other_changed", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("note", Text, comment="why the sync was partial, braked or failed, and the rows it refused"),
    Column("refusals", JSONB, nullable=False, server_default=text("'[]'"), comment="[{source_ref, reason}]"),
    Index(None, "seller_id", "started_at"),
    schema="catalog",
    comment="The audit: one row per sync of one seller.",
)

scouted_products = Table(
    "scouted_products",
    metadata,
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), primary_key=True),
    Column("source_ref", Text, primary_key=True),
    Column("url", Text),
    Column("position", Integer, nullable=False, comment="order of discovery, from 0"),
    Column("sync_id", Text, ForeignKey(syncs.c.sync_id), nullable=False, comment="the last sync that saw it"),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    schema="catalog",
)

products = Table(
    "products",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("source_ref", Text, nullable=False),
    Column("url", Text),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("category", Text, nullable=False, server_default=text("''")),
    Column("price_minor", BigInteger, comment="minor units of currency; null when the source shows no price"),
    Column("price_up_to_minor", BigInteger, comment="upper end when the source shows a range"),
    Column("currency", Text),
    Column("image_url", Text),
    Column("image_sha256", Text, comment="the stored picture; null while there is none"),
    Column("in_stock", Boolean, nullable=False, server_default=text("true")),
    Column("content_hash", Text, nullable=False),
    Column("is_gone", Boolean, nullable=False, server_default=text("false")),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("last_hydrated_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False, comment="when anything a shopper sees last changed"),
    UniqueConstraint("seller_id", "source_ref"),
    CheckConstraint("price_minor >= 0", name="price_not_negative"),
    CheckConstraint("(price_minor is null) = (currency is null)", name="price_has_currency"),
    Index(None, "category"),
    Column(
        "words",
        TSVECTOR,
        Computed("to_tsvector('simple', title || ' ' || category || ' ' || description)", persisted=True),
        comment="what keyword search reads",
    ),
    Index(None, "words", postgresql_using="gin"),
    schema="catalog",
)

product_changes = Table(
    "product_changes",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), nullable=False),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("sync_id", Text, ForeignKey(syncs.c.sync_id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text, comment="the changed field; null for new and gone"),
    Column("old_value", Text),
    Column("new_value", Text),
    Column("observed_at", Instant, nullable=False),
    CheckConstraint("kind in ('new', 'gone', 'price', 'other')", name="kind"),
    Index(None, "product_id"),
    Index(None, "sync_id"),
    schema="catalog",
    comment="Append-only: one row per product, sync and changed field.",
)

product_quality = Table(
    "product_quality",
    metadata,
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True),
    Column("content_hash", Text, nullable=False, comment="of the product that was judged"),
    Column("verdict", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("judged_at", Instant, nullable=False),
    CheckConstraint("verdict in ('approved', 'flagged', 'rejected')", name="verdict"),
    schema="catalog",
)

product_embeddings = Table(
    "product_embeddings",
    metadata,
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("input_hash", Text, nullable=False, comment="of the picture and words that were embedded"),
    Column("has_image", Boolean, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="768 float32, little-endian, unit length"),
    Column("embedded_at", Instant, nullable=False),
    schema="catalog",
)

index_builds = Table(
    "index_builds",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("model_version", Text, nullable=False),
    Column("input_hash", Text, nullable=False, comment="of the rows it was built from; equal hash, nothing to do"),
    Column("products", Integer, nullable=False),
    Column("nlist", Integer, nullable=False),
    Column("status", Text, nullable=False, comment="building, live, previous, refused or dropped"),
    Column("report", JSONB, nullable=False, comment="what verification found"),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("catalog_hash", Text, comment="of what was judged and embedded when it was built"),
    schema="catalog",
)

interactions = Table(
    "interactions",
    metadata,
    Column("event_id", Text, primary_key=True, comment="chosen by the client; the same id is stored once"),
    Column("user_id", Text, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session_id", Text),
    Column("surface", Text, comment="where on the page: grid, search, similar, for_you, product"),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("kind in ('view', 'click', 'wishlist', 'purchase')", name="kind"),
    Index(None, "user_id", "occurred_at"),
    Index(None, "occurred_at"),
    schema="raw",
)

leads = Table(
    "leads",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("seller_id", BigInteger, nullable=False),
    Column("product_id", BigInteger),
    Column("user_id", Text),
    Column("channel", Text, nullable=False, server_default=text("'whatsapp'")),
    Column("message", Text),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("channel in ('whatsapp', 'phone', 'email')", name="channel"),
    Index(None, "seller_id", "occurred_at"),
    schema="raw",
)

work_requests = Table(
    "work_requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="sync or train"),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id)),
    Column("status", Text, nullable=False, server_default=text("'queued'"), comment="queued, running, done or failed"),
    Column("run_id", Text),
    Column("requested_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
    Column("note", Text),
    CheckConstraint("kind in ('sync', 'train')", name="kind"),
    CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name="status"),
    schema="raw",
    comment="What the API asked the orchestrator to do.",
)

publications = Table(
    "publications",
    metadata,
    Column("name", Text, primary_key=True, comment="recommendations"),
    Column("version", Text, nullable=False, comment="the version that readers must use"),
    Column("previous_version", Text),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="model and index versions, metrics"),
    Column("published_at", Instant, nullable=False),
    schema="serving",
    comment="One row per published thing; readers follow its version, so a switch is one row.",
)

recommendations = Table(
    "recommendations",
    metadata,
    Column("version", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("product_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="0.6 * collaborative + 0.4 * visual, each scaled to 0..1"),
    Column("cf_score", Double, nullable=False),
    Column("visual_score", Double, nullable=False),
    schema="serving",
)

product_neighbours = Table(
    "product_neighbours",
    metadata,
    Column("version", Text, primary_key=True),
    Column("product_id", BigInteger, primary_key=True),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("neighbour_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="cosine of item factors"),
    schema="serving",
)

popular_products = Table(
    "popular_products",
    metadata,
    Column("version", Text, primary_key=True),
    Column("category", Text, primary_key=True, comment="empty for the whole market"),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("product_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="weighted interactions of the last 30 days"),
    schema="serving",
)
