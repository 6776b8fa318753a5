"""Schema `insights`: what was not as expected, and what is expected next."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.storage.tables.declaring import Instant, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigInteger, Identity(), primary_key=True),
    Column("metric", Text, nullable=False, comment="as in the mart fct_metrics_daily"),
    Column("seller_id", BigInteger, nullable=False, server_default=text("0"), comment="0 for the whole market"),
    Column("observed_on", Date, nullable=False, comment="the local day"),
    Column("direction", Text, nullable=False, comment="high or low"),
    Column("value", Double, nullable=False),
    Column("expected", Double, nullable=False),
    Column("low", Double, nullable=False, comment="lower end of the expected band"),
    Column("high", Double, nullable=False, comment="upper end of the expected band"),
    Column("score", Double, nullable=False, comment="robust z-score"),
    Column("reasons", JSONB, nullable=False, comment="the terms of the expectation: weekday, pay-day, holiday, trend"),
    Column("state", Text, nullable=False, server_default=text("'new'")),
    Column("state_by", Text),
    Column("state_at", Instant),
    Column("raised_at", Instant, nullable=False, server_default=func.now()),
    Column("withdrawn_at", Instant, comment="when later figures of the day showed that it was as expected"),
    CheckConstraint("direction in ('high', 'low')", name="direction"),
    CheckConstraint("state in ('new', 'seen', 'muted')", name="state"),
    UniqueConstraint("metric", "seller_id", "observed_on", "direction"),
    Index(None, "seller_id", "observed_on"),
    schema="insights",
    comment="Days that were not as expected. One row per metric, seller, day and direction.",
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("delivery_id", BigInteger, Identity(), primary_key=True),
    Column("alert_id", BigInteger, ForeignKey(alerts.c.alert_id, ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False, comment="log, webhook or email"),
    Column("due_at", Instant, nullable=False, comment="later than raised where quiet hours lie between"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("delivered_at", Instant),
    Column("failed_at", Instant, comment="when it was given up"),
    Column("last_error", Text),
    UniqueConstraint("alert_id", "channel"),
    Index(None, "due_at", postgresql_where=text("delivered_at is null and failed_at is null")),
    schema="insights",
    comment="The outbox of alerts: what is to be told, where, and whether it was. One row per alert and channel.",
)

mutes = Table(
    "mutes",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("seller_id", BigInteger, primary_key=True, comment="0 for the whole market"),
    Column("until", Instant, comment="null for ever"),
    Column("muted_by", Text, nullable=False),
    Column("muted_at", Instant, nullable=False, server_default=func.now()),
    schema="insights",
    comment="What nobody wants to hear of. One row per metric and seller.",
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("metric", Text, primary_key=True, comment="revenue_minor, orders or units"),
    Column("scope", Text, primary_key=True, comment="market, seller:<id>, category:<name> or product:<seller>:<key>"),
    Column("grain", Text, primary_key=True, comment="day or week"),
    Column("made_for", Date, primary_key=True, comment="the day, or the first day of the week"),
    Column("currency", Text, comment="ISO 4217 where the metric is money"),
    Column("made_on", Date, nullable=False, comment="the last day that was known"),
    Column("model", Text, nullable=False),
    Column("mean", Double, nullable=False),
    Column("low80", Double, nullable=False),
    Column("high80", Double, nullable=False),
    Column("low95", Double, nullable=False),
    Column("high95", Double, nullable=False),
    CheckConstraint("grain in ('day', 'week')", name="grain"),
    schema="insights",
    comment="What is expected to come. One row per metric, scope, grain and day.",
)

backtests = Table(
    "backtests",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("grain", Text, primary_key=True),
    Column("model", Text, primary_key=True, comment="seasonal_naive is the one to beat"),
    Column("origins", Integer, nullable=False, comment="how many times the past was forecast"),
    Column("horizon", Integer, nullable=False),
    Column("mae", Double, nullable=False),
    Column("mase", Double, comment="mean absolute error over that of the seasonal naive inside the training data"),
    Column("coverage80", Double, comment="share of truths inside the 80 % interval"),
    Column("coverage95", Double),
    Column("is_served", Boolean, nullable=False, comment="whether forecasts are made by this model"),
    Column("reason", Text, nullable=False, server_default=text("''"), comment="why it is served or not"),
    Column("run_id", Text, comment="of MLflow"),
    Column("judged_at", Instant, nullable=False, server_default=func.now()),
    schema="insights",
    comment="How well models would have foretold the past. One row per metric, scope, grain and model.",
)
