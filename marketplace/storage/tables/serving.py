"""Schema `serving`: what the API answers from."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.storage.tables.declaring import Instant, metadata

experiments = Table(
    "experiments",
    metadata,
    Column("name", Text, primary_key=True),
    Column("salt", Text, nullable=False, comment="what assignment is hashed with; another salt is another draw"),
    Column("variants", JSONB, nullable=False, comment="[{name, share, settings}]; the first is the control"),
    Column("traffic", Double, nullable=False, server_default=text("1"), comment="share of shoppers who take part"),
    Column("is_interleaved", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'running'")),
    Column("hypothesis", Text, nullable=False, server_default=text("''")),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    CheckConstraint("status in ('running', 'ended')", name="status"),
    CheckConstraint("traffic > 0 and traffic <= 1", name="traffic"),
    schema="serving",
    comment="Experiments on recommendations. One row per experiment; at most one runs at a time.",
)

model_decisions = Table(
    "model_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("model", Text, nullable=False, comment="name in the registry"),
    Column("challenger", Text, nullable=False, comment="the version that was judged"),
    Column("champion", Text, comment="the version it was judged against, empty for the first"),
    Column("kind", Text, nullable=False, comment="gate, promotion or rollback"),
    Column("verdict", Text, nullable=False, comment="promoted or refused"),
    Column("reasons", JSONB, nullable=False, comment="[{rule, passed, sentence, value, bound}]"),
    Column("evidence", JSONB, nullable=False, comment="all that the rules were given, so that they can be asked again"),
    Column("rules_version", Text, nullable=False),
    Column("data_version", Text, nullable=False, server_default=text("''")),
    Column("run_id", Text),
    Column("decided_by", Text, nullable=False, server_default=text("'gate'")),
    Column("decided_at", Instant, nullable=False),
    CheckConstraint("kind in ('gate', 'promotion', 'rollback')", name="kind"),
    CheckConstraint("verdict in ('promoted', 'refused')", name="verdict"),
    Index(None, "model", "decision_id"),
    schema="serving",
    comment="Why each model was or was not put before shoppers. One row per decision.",
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

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True, comment="what it signs"),
    Column("secret", LargeBinary, nullable=False, comment="random bytes; without the row there are new ones"),
    Column("made_at", Instant, nullable=False, server_default=func.now()),
    schema="serving",
    comment="What all who serve this market sign with. One row per purpose.",
)

recommendations = Table(
    "recommendations",
    metadata,
    Column("version", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("product_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="collaborative and visual, each by rank, by the model's weight"),
    Column("cf_score", Double, nullable=False),
    Column("visual_score", Double, nullable=False),
    schema="serving",
)

product_neighbours = Table(
    "product_neighbours",
    metadata,
    Column("version", Text, primary_key=True),
    Column("product_id", BigInteger, primary_key=True),
    Column("kind", Text, primary_key=True, server_default=text("'together'"), comment="together or alike"),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("neighbour_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="together: of the model; alike: cosine of the hybrid vectors"),
    CheckConstraint("kind in ('together', 'alike')", name="kind"),
    schema="serving",
)

popular_products = Table(
    "popular_products",
    metadata,
    Column("version", Text, primary_key=True),
    Column("category", Text, primary_key=True, comment="empty for all categories"),
    Column("city", Text, primary_key=True, server_default=text("''"), comment="of the seller; empty for all cities"),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("product_id", BigInteger, nullable=False),
    Column("score", Double, nullable=False, comment="interactions by weight and age"),
    schema="serving",
)
