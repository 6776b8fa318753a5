"""Schema `catalog`: who sells, and how their catalogues are read."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.storage.tables.declaring import Instant, metadata

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
    Column(
        "state", Text, nullable=False, server_default=text("'active'"), comment="pending, active, paused or suspended"
    ),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("source_kind in ('whatsapp', 'web_shop', 'shopify', 'woocommerce', 'feed')", name="source_kind"),
    CheckConstraint("state in ('pending', 'active', 'paused', 'suspended')", name="state"),
    schema="catalog",
)

sync_runs = Table(
    "sync_runs",
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
    Column("back", Integer, nullable=False, server_default=text("0"), comment="gone before, shown again"),
    Column("not_modified", Integer, nullable=False, server_default=text("0"), comment="unchanged by 304 or by hash"),
    Column("errors", JSONB, nullable=False, server_default=text("'{}'"), comment="refusals by kind of error"),
    Column("requests", Integer, nullable=False, server_default=text("0"), comment="sent, retries and robots included"),
    Column("bytes_received", BigInteger, nullable=False, server_default=text("0"), comment="bodies, as they travelled"),
    Column("polite_seconds", Double, nullable=False, server_default=text("0"), comment="waited for hosts' sake"),
    Column("note", Text, comment="why the sync was partial, braked or failed, and the rows it refused"),
    Index(None, "seller_id", "started_at"),
    schema="catalog",
    comment="The audit: one row per sync of one seller.",
)

sync_events = Table(
    "sync_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("sync_id", Text, ForeignKey(sync_runs.c.sync_id), nullable=False),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("source_ref", Text, comment="the product it is about, null for the sync itself"),
    Column("kind", Text, nullable=False, comment="refused, picture_refused, braked, brake_released, resumed, dead"),
    Column("error", Text, comment="the class of the error"),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "sync_id"),
    schema="catalog",
    comment="Append-only: what went otherwise than planned in a sync.",
)

brakes = Table(
    "brakes",
    metadata,
    Column("brake_id", BigInteger, Identity(always=True), primary_key=True),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("sync_id", Text, ForeignKey(sync_runs.c.sync_id), nullable=False, comment="the sync that raised it"),
    Column("live", Integer, nullable=False, comment="products of the seller before it"),
    Column("vanished", JSONB, nullable=False, comment="source_ref of each product that would have gone"),
    Column("state", Text, nullable=False, comment="raised, released, spent or cleared"),
    Column("raised_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("note", Text),
    CheckConstraint("state in ('raised', 'released', 'spent', 'cleared')", name="state"),
    Index("ix_brakes_raised_once", "seller_id", unique=True, postgresql_where=text("state in ('raised', 'released')")),
    schema="catalog",
    comment="Deletions that wait for a person: raised, then released by one and spent by the next sync, or cleared.",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), primary_key=True),
    Column("source_ref", Text, primary_key=True),
    Column("stage", Text, primary_key=True, comment="fetch, read, picture or embed"),
    Column("url", Text),
    Column("error", Text, nullable=False, comment="the class of the error"),
    Column("reason", Text, nullable=False),
    Column("payload_sha256", Text, comment="of what could not be read"),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="waiting, dead or resolved"),
    Column("first_failed_at", Instant, nullable=False),
    Column("last_failed_at", Instant, nullable=False),
    Column("next_try_at", Instant, comment="null once dead"),
    CheckConstraint("state in ('waiting', 'dead', 'resolved')", name="state"),
    schema="catalog",
    comment="Products that could not be read, until they are or a person has looked.",
)

page_validators = Table(
    "page_validators",
    metadata,
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), primary_key=True),
    Column("url", Text, primary_key=True),
    Column("role", Text, nullable=False, comment="listing, trace, harvest, product or picture"),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("content_sha256", Text, nullable=False, comment="of the body that was read"),
    Column("read_as", Text, comment="what it led to: the stored picture, or the reader's version"),
    Column("checked_at", Instant, nullable=False),
    schema="catalog",
    comment="What a host said of a page when it was last read, so that an unchanged one costs almost nothing.",
)

scouted_products = Table(
    "scouted_products",
    metadata,
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), primary_key=True),
    Column("source_ref", Text, primary_key=True),
    Column("url", Text),
    Column("position", Integer, nullable=False, comment="order of discovery, from 0"),
    Column("sync_id", Text, ForeignKey(sync_runs.c.sync_id), nullable=False, comment="the last sync that saw it"),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("harvest", JSONB, comment="what the listing itself said of it, where it says all"),
    schema="catalog",
)
