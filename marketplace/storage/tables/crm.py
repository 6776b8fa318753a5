"""Schema `crm`: who may see what, and what sellers did with their leads."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.storage.tables.declaring import Instant, metadata
from marketplace.storage.tables.sources import sellers

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True, comment="the part of the key that may be shown and logged"),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256 of the rest, which is 32 random bytes"),
    Column("role", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="who holds it: seller:<id>, or a name of the operator's choosing"),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), comment="whose data a seller's key opens"),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant, comment="to the hour"),
    CheckConstraint("role in ('shopper', 'seller', 'analyst', 'admin')", name="role"),
    CheckConstraint("(role = 'seller') = (seller_id is not null)", name="seller"),
    schema="crm",
    comment="Keys of the API, of which only hashes are kept. One row per key.",
)

accesses = Table(
    "accesses",
    metadata,
    Column("access_id", BigInteger, Identity(), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False, comment="such as leads.read, leads.export, person.erase"),
    Column("resource", Text, nullable=False, comment="such as seller:123"),
    Column("outcome", Text, nullable=False),
    Column("rows", BigInteger, comment="how many were handed out, where it counts"),
    Column("request_id", Text),
    Column("occurred_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("outcome in ('allowed', 'refused')", name="outcome"),
    Index(None, "resource", "occurred_at"),
    Index(None, "subject", "occurred_at"),
    schema="crm",
    comment="Who asked for people's data and what became of it; append-only. One row per request.",
)

lead_events = Table(
    "lead_events",
    metadata,
    Column("lead_event_id", BigInteger, Identity(), primary_key=True),
    Column("event_id", Text, ForeignKey("raw.leads.event_id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="state or note"),
    Column("state", Text, comment="the state from now on"),
    Column("note", Text),
    Column("by_subject", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("kind in ('state', 'note')", name="kind"),
    CheckConstraint("state in ('new', 'contacted', 'interested', 'ordered', 'lost', 'spam')", name="state"),
    CheckConstraint("(kind = 'state') = (state is not null)", name="of_its_kind"),
    Index(None, "event_id", "lead_event_id"),
    schema="crm",
    comment="What sellers did with their leads, append-only; the last state counts. One row per state or note.",
)

erasures = Table(
    "erasures",
    metadata,
    Column("person_hash", Text, primary_key=True, comment="keyed hash of the erased user_id or number"),
    Column("kind", Text, nullable=False, comment="user or phone"),
    Column("counts", JSONB, nullable=False, comment="{table: rows that were deleted or emptied}"),
    Column("requested_by", Text, nullable=False),
    Column("erased_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("kind in ('user', 'phone')", name="kind"),
    schema="crm",
    comment="Tombstones, so that a repeated event does not bring an erased person back. One row per person.",
)
