"""Orders, chats that links began, consent, keys and tombstones; alerts and forecasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    for schema in ("crm", "insights"):
        op.execute(f"create schema {schema}")
    op.create_table(
        "accesses",
        sa.Column("access_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="such as leads.read, leads.export, person.erase"),
        sa.Column("resource", sa.Text(), nullable=False, comment="such as seller:123"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True, comment="how many were handed out, where it counts"),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("outcome in ('allowed', 'refused')", name=op.f("ck_accesses_outcome")),
        sa.PrimaryKeyConstraint("access_id", name=op.f("pk_accesses")),
        schema="crm",
        comment="Who asked for people's data and what became of it; append-only. One row per request.",
    )
    op.create_index(
        op.f("ix_accesses_resource_occurred_at"), "accesses", ["resource", "occurred_at"], unique=False, schema="crm"
    )
    op.create_index(
        op.f("ix_accesses_subject_occurred_at"), "accesses", ["subject", "occurred_at"], unique=False, schema="crm"
    )
    op.create_table(
        "erasures",
        sa.Column("person_hash", sa.Text(), nullable=False, comment="keyed hash of the erased user_id or number"),
        sa.Column("kind", sa.Text(), nullable=False, comment="user or phone"),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="{table: rows that were deleted or emptied}",
        ),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('user', 'phone')", name=op.f("ck_erasures_kind")),
        sa.PrimaryKeyConstraint("person_hash", name=op.f("pk_erasures")),
        schema="crm",
        comment="Tombstones, so that a repeated event does not bring an erased person back. One row per person.",
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False, comment="as in the mart fct_metrics_daily"),
        sa.Column(
            "seller_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="0 for the whole market"
        ),
        sa.Column("observed_on", sa.Date(), nullable=False, comment="the local day"),
        sa.Column("direction", sa.Text(), nullable=False, comment="high or low"),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False, comment="lower end of the expected band"),
        sa.Column("high", sa.Double(), nullable=False, comment="upper end of the expected band"),
        sa.Column("score", sa.Double(), nullable=False, comment="robust z-score"),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the terms of the expectation: weekday, pay-day, holiday, trend",
        ),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("state_by", sa.Text(), nullable=True),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("direction in ('high', 'low')", name=op.f("ck_alerts_direction")),
        sa.CheckConstraint("state in ('new', 'seen', 'muted')", name=op.f("ck_alerts_state")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        sa.UniqueConstraint(
            "metric",
            "seller_id",
            "observed_on",
            "direction",
            name=op.f("uq_alerts_metric_seller_id_observed_on_direction"),
        ),
        schema="insights",
        comment="Days that were not as expected. One row per metric, seller, day and direction.",
    )
    op.create_index(
        op.f("ix_alerts_seller_id_observed_on"), "alerts", ["seller_id", "observed_on"], unique=False, schema="insights"
    )
    op.create_table(
        "backtests",
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="seasonal_naive is the one to beat"),
        sa.Column("origins", sa.Integer(), nullable=False, comment="how many times the past was forecast"),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("mae", sa.Double(), nullable=False),
        sa.Column(
            "mase",
            sa.Double(),
            nullable=True,
            comment="mean absolute error over that of the seasonal naive inside the training data",
        ),
        sa.Column("coverage80", sa.Double(), nullable=True, comment="share of truths inside the 80 % interval"),
        sa.Column("coverage95", sa.Double(), nullable=True),
        sa.Column("is_served", sa.Boolean(), nullable=False, comment="whether forecasts are made by this model"),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False, comment="why it is served or not"),
        sa.Column("run_id", sa.Text(), nullable=True, comment="of MLflow"),
        sa.Column("judged_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("metric", "scope", "grain", "model", name=op.f("pk_backtests")),
        schema="insights",
        comment="How well models would have foretold the past. One row per metric, scope, grain and model.",
    )
    op.create_table(
        "forecasts",
        sa.Column("metric", sa.Text(), nullable=False, comment="revenue_minor, orders or units"),
        sa.Column(
            "scope", sa.Text(), nullable=False, comment="market, seller:<id>, category:<name> or product:<seller>:<key>"
        ),
        sa.Column("grain", sa.Text(), nullable=False, comment="day or week"),
        sa.Column("made_for", sa.Date(), nullable=False, comment="the day, or the first day of the week"),
        sa.Column("currency", sa.Text(), nullable=True, comment="ISO 4217 where the metric is money"),
        sa.Column("made_on", sa.Date(), nullable=False, comment="the last day that was known"),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("low80", sa.Double(), nullable=False),
        sa.Column("high80", sa.Double(), nullable=False),
        sa.Column("low95", sa.Double(), nullable=False),
        sa.Column("high95", sa.Double(), nullable=False),
        sa.CheckConstraint("grain in ('day', 'week')", name=op.f("ck_forecasts_grain")),
        sa.PrimaryKeyConstraint("metric", "scope", "grain", "made_for", name=op.f("pk_forecasts")),
        schema="insights",
        comment="What is expected to come. One row per metric, scope, grain and day.",
    )
    op.create_table(
        "mutes",
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False, comment="0 for the whole market"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True, comment="null for ever"),
        sa.Column("muted_by", sa.Text(), nullable=False),
        sa.Column("muted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("metric", "seller_id", name=op.f("pk_mutes")),
        schema="insights",
        comment="What nobody wants to hear of. One row per metric and seller.",
    )
    op.create_table(
        "exchange_rates",
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217"),
        sa.Column("rated_on", sa.Date(), nullable=False),
        sa.Column("per_usd", sa.Numeric(), nullable=False, comment="units of the currency for one US dollar"),
        sa.Column("source", sa.Text(), nullable=False, comment="who says so"),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("per_usd > 0", name=op.f("ck_exchange_rates_per_usd")),
        sa.PrimaryKeyConstraint("currency", "rated_on", name=op.f("pk_exchange_rates")),
        schema="raw",
        comment="What currencies were worth. One row per currency and day.",
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False, comment="of the one who sent it, with its origin before it"),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "customer_id",
            sa.Text(),
            nullable=False,
            comment="the shopper's user_id, or the source's own id of a customer",
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="whatsapp, phone, shop or import"),
        sa.Column(
            "start_code", sa.Text(), nullable=True, comment="the code of the chat that led to it, where it was quoted"
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217"),
        sa.Column(
            "gross_minor",
            sa.BigInteger(),
            nullable=False,
            comment="what was charged, in minor units; refunds are negative",
        ),
        sa.Column(
            "net_minor",
            sa.BigInteger(),
            nullable=True,
            comment="without delivery and fees; null where the source does not say",
        ),
        sa.Column("items", sa.Integer(), nullable=False, comment="units sold, as the source counts them"),
        sa.Column("device", sa.Text(), nullable=True, comment="phone, tablet, desktop or bot; null where unknown"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="what brought the shopper: direct, whatsapp, facebook, instagram, tiktok, search, sms, email, referral",
        ),
        sa.Column("origin", sa.Text(), nullable=False, comment="api, sample, or import:<name of the import>"),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel in ('whatsapp', 'phone', 'shop', 'import')", name=op.f("ck_orders_channel")),
        sa.CheckConstraint(
            "status in ('placed', 'confirmed', 'completed', 'cancelled', 'refunded')", name=op.f("ck_orders_status")
        ),
        sa.CheckConstraint("items >= 0", name=op.f("ck_orders_items")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        schema="raw",
        comment="What was bought, as sellers say or their books. One row per order.",
    )
    op.create_index(op.f("ix_orders_customer_id"), "orders", ["customer_id"], unique=False, schema="raw")
    op.create_index(op.f("ix_orders_received_at"), "orders", ["received_at"], unique=False, schema="raw")
    op.create_index(
        op.f("ix_orders_seller_id_occurred_at"), "orders", ["seller_id", "occurred_at"], unique=False, schema="raw"
    )
    op.create_table(
        "whatsapp_starts",
        sa.Column(
            "start_id",
            sa.Text(),
            nullable=False,
            comment="of one shopper, link and half hour: a second tap is the same",
        ),
        sa.Column("code", sa.Text(), nullable=False, comment="short and signed; stands in the message to the seller"),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("surface", sa.Text(), nullable=True, comment="where the link stood"),
        sa.Column(
            "answer_id",
            sa.Text(),
            nullable=True,
            comment="of the recommendations that showed the product, where they did",
        ),
        sa.Column("device", sa.Text(), nullable=True, comment="phone, tablet, desktop or bot; null where unknown"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="what brought the shopper: direct, whatsapp, facebook, instagram, tiktok, search, sms, email, referral",
        ),
        sa.Column(
            "visitor_hash", sa.Text(), nullable=True, comment="keyed hash of address and browser, of one day only"
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("start_id", name=op.f("pk_whatsapp_starts")),
        sa.UniqueConstraint("code", name=op.f("uq_whatsapp_starts_code")),
        schema="raw",
        comment="Chats that began by a link of ours, `/r/...`. One row per start.",
    )
    op.create_index(
        op.f("ix_whatsapp_starts_received_at"), "whatsapp_starts", ["received_at"], unique=False, schema="raw"
    )
    op.create_index(
        op.f("ix_whatsapp_starts_seller_id_occurred_at"),
        "whatsapp_starts",
        ["seller_id", "occurred_at"],
        unique=False,
        schema="raw",
    )
    op.create_index(op.f("ix_whatsapp_starts_user_id"), "whatsapp_starts", ["user_id"], unique=False, schema="raw")
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False, comment="the part of the key that may be shown and logged"),
        sa.Column(
            "secret_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the rest, which is 32 random bytes"
        ),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "subject",
            sa.Text(),
            nullable=False,
            comment="who holds it: seller:<id>, or a name of the operator's choosing",
        ),
        sa.Column("seller_id", sa.BigInteger(), nullable=True, comment="whose data a seller's key opens"),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True, comment="to the hour"),
        sa.CheckConstraint("(role = 'seller') = (seller_id is not null)", name=op.f("ck_api_keys_seller")),
        sa.CheckConstraint("role in ('shopper', 'seller', 'analyst', 'admin')", name=op.f("ck_api_keys_role")),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_api_keys_seller_id")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
        schema="crm",
        comment="Keys of the API, of which only hashes are kept. One row per key.",
    )
    op.create_table(
        "lead_events",
        sa.Column("lead_event_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="state or note"),
        sa.Column("state", sa.Text(), nullable=True, comment="the state from now on"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("by_subject", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'state') = (state is not null)", name=op.f("ck_lead_events_of_its_kind")),
        sa.CheckConstraint("kind in ('state', 'note')", name=op.f("ck_lead_events_kind")),
        sa.CheckConstraint(
            "state in ('new', 'contacted', 'interested', 'ordered', 'lost', 'spam')", name=op.f("ck_lead_events_state")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["raw.leads.event_id"], name=op.f("fk_lead_events_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lead_event_id", name=op.f("pk_lead_events")),
        schema="crm",
        comment="What sellers did with their leads, append-only; the last state counts. One row per state or note.",
    )
    op.create_index(
        op.f("ix_lead_events_event_id_lead_event_id"),
        "lead_events",
        ["event_id", "lead_event_id"],
        unique=False,
        schema="crm",
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("delivery_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="log, webhook or email"),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="later than raised where quiet hours lie between",
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True, comment="when it was given up"),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["insights.alerts.alert_id"], name=op.f("fk_alert_deliveries_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_alert_deliveries")),
        sa.UniqueConstraint("alert_id", "channel", name=op.f("uq_alert_deliveries_alert_id_channel")),
        schema="insights",
        comment="The outbox of alerts: what is to be told, where, and whether it was. One row per alert and channel.",
    )
    op.create_index(
        op.f("ix_alert_deliveries_due_at"),
        "alert_deliveries",
        ["due_at"],
        unique=False,
        schema="insights",
        postgresql_where=sa.text("delivered_at is null and failed_at is null"),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column(
            "product_id",
            sa.BigInteger(),
            nullable=True,
            comment="of the catalogue; null where the source only names the product",
        ),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "amount_minor",
            sa.BigInteger(),
            nullable=True,
            comment="of the whole line; null where the source has only the order's",
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["raw.orders.order_id"], name=op.f("fk_order_lines_order_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", name=op.f("pk_order_lines")),
        schema="raw",
        comment="The products of orders. One row per order and line.",
    )
    op.add_column(
        "exposures",
        sa.Column("device", sa.Text(), nullable=True, comment="phone, tablet, desktop or bot; null where unknown"),
        schema="raw",
    )
    op.add_column(
        "interactions",
        sa.Column("device", sa.Text(), nullable=True, comment="phone, tablet, desktop or bot; null where unknown"),
        schema="raw",
    )
    op.add_column(
        "interactions",
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="what brought the shopper: direct, whatsapp, facebook, instagram, tiktok, search, sms, email, referral",
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column(
            "start_code",
            sa.Text(),
            nullable=True,
            comment="the code in the chat that the shopper started, where one was quoted",
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column("device", sa.Text(), nullable=True, comment="phone, tablet, desktop or bot; null where unknown"),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="what brought the shopper: direct, whatsapp, facebook, instagram, tiktok, search, sms, email, referral",
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column(
            "name_sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="the shopper's name, encrypted; empty where none was given",
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True, comment="the shopper's number in E.164, encrypted"),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column(
            "phone_hash", sa.Text(), nullable=True, comment="keyed hash of the number: the same person has the same one"
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column(
            "has_consent",
            sa.Boolean(),
            nullable=True,
            comment="whether the shopper let the seller call back; null where nobody asked",
        ),
        schema="raw",
    )
    op.add_column(
        "leads",
        sa.Column("consent_text", sa.Text(), nullable=True, comment="the sentence that was agreed to or declined"),
        schema="raw",
    )
    op.add_column("leads", sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True), schema="raw")
    op.create_index(op.f("ix_leads_phone_hash"), "leads", ["phone_hash"], unique=False, schema="raw")
    op.create_index(op.f("ix_leads_received_at"), "leads", ["received_at"], unique=False, schema="raw")
    op.create_index(op.f("ix_leads_user_id"), "leads", ["user_id"], unique=False, schema="raw")


def downgrade() -> None:
    """Take this revision back; what was recorded in it goes."""
    op.drop_index(op.f("ix_leads_user_id"), table_name="leads", schema="raw")
    op.drop_index(op.f("ix_leads_received_at"), table_name="leads", schema="raw")
    op.drop_index(op.f("ix_leads_phone_hash"), table_name="leads", schema="raw")
    op.drop_column("leads", "consented_at", schema="raw")
    op.drop_column("leads", "consent_text", schema="raw")
    op.drop_column("leads", "has_consent", schema="raw")
    op.drop_column("leads", "phone_hash", schema="raw")
    op.drop_column("leads", "phone_sealed", schema="raw")
    op.drop_column("leads", "name_sealed", schema="raw")
    op.drop_column("leads", "source", schema="raw")
    op.drop_column("leads", "device", schema="raw")
    op.drop_column("leads", "start_code", schema="raw")
    op.drop_column("interactions", "source", schema="raw")
    op.drop_column("interactions", "device", schema="raw")
    op.drop_column("exposures", "device", schema="raw")
    op.drop_table("order_lines", schema="raw")
    op.drop_index(
        op.f("ix_alert_deliveries_due_at"),
        table_name="alert_deliveries",
        schema="insights",
        postgresql_where=sa.text("delivered_at is null and failed_at is null"),
    )
    op.drop_table("alert_deliveries", schema="insights")
    op.drop_index(op.f("ix_lead_events_event_id_lead_event_id"), table_name="lead_events", schema="crm")
    op.drop_table("lead_events", schema="crm")
    op.drop_table("api_keys", schema="crm")
    op.drop_index(op.f("ix_whatsapp_starts_user_id"), table_name="whatsapp_starts", schema="raw")
    op.drop_index(op.f("ix_whatsapp_starts_seller_id_occurred_at"), table_name="whatsapp_starts", schema="raw")
    op.drop_index(op.f("ix_whatsapp_starts_received_at"), table_name="whatsapp_starts", schema="raw")
    op.drop_table("whatsapp_starts", schema="raw")
    op.drop_index(op.f("ix_orders_seller_id_occurred_at"), table_name="orders", schema="raw")
    op.drop_index(op.f("ix_orders_received_at"), table_name="orders", schema="raw")
    op.drop_index(op.f("ix_orders_customer_id"), table_name="orders", schema="raw")
    op.drop_table("orders", schema="raw")
    op.drop_table("exchange_rates", schema="raw")
    op.drop_table("mutes", schema="insights")
    op.drop_table("forecasts", schema="insights")
    op.drop_table("backtests", schema="insights")
    op.drop_index(op.f("ix_alerts_seller_id_observed_on"), table_name="alerts", schema="insights")
    op.drop_table("alerts", schema="insights")
    op.drop_table("erasures", schema="crm")
    op.drop_index(op.f("ix_accesses_subject_occurred_at"), table_name="accesses", schema="crm")
    op.drop_index(op.f("ix_accesses_resource_occurred_at"), table_name="accesses", schema="crm")
    op.drop_table("accesses", schema="crm")
    for schema in ("crm", "insights"):
        op.execute(f"drop schema {schema}")
