"""Schema `catalog`: what is sold, how it changed, and how good it is."""

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
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from marketplace.storage.tables.declaring import Instant, metadata
from marketplace.storage.tables.sources import sellers, sync_runs

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
    Column("price_kind", Text, comment="single, from or range; null without a price"),
    Column("price_quantity", Numeric, comment="how many units the price is for; null for one"),
    Column("price_unit", Text, comment="what the price is for, such as kg or bale; null for a piece"),
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
    schema="catalog",
)

product_changes = Table(
    "product_changes",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), nullable=False),
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), nullable=False),
    Column("sync_id", Text, ForeignKey(sync_runs.c.sync_id), comment="null for a change of the seller's own"),
    Column("kind", Text, nullable=False),
    Column("field", Text, comment="the changed field; null for new and gone"),
    Column("old_value", Text),
    Column("new_value", Text),
    Column("observed_at", Instant, nullable=False),
    Column("evidence", Text, comment="SHA-256 of the page that showed it; null where no page did"),
    CheckConstraint(
        "kind in ('new', 'gone', 'back', 'price', 'stock', 'title', 'description', 'image', 'category', 'link',"
        " 'seller')",
        name="kind",
    ),
    Index(None, "product_id"),
    Index(None, "sync_id"),
    schema="catalog",
    comment="Append-only: one row per product, sync and changed field.",
)

product_versions = Table(
    "product_versions",
    metadata,
    Column("version_id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, comment="as written in product_changes; null for none"),
    Column("origin", Text, comment="where it was read: json-ld, open-graph, microdata, a feed's column"),
    Column("evidence", Text, comment="SHA-256 of the page that showed it"),
    Column("sync_id", Text, ForeignKey(sync_runs.c.sync_id), nullable=False),
    Column("valid_from", Instant, nullable=False, comment="when the source first showed it"),
    Column("known_from", Instant, nullable=False, comment="when we recorded it"),
    Column("before_seen_at", Instant, comment="when the value before it was last seen"),
    Index(None, "product_id", "field", "valid_from"),
    Index(None, "sync_id"),
    schema="catalog",
    comment="Append-only: one row per product, field and value, with the time it held and the time we knew.",
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
    Column("confidence", Double, nullable=False, server_default=text("1"), comment="0..1, of the verdict"),
    Column("judged_by", Text, nullable=False, server_default=text("'rules'"), comment="rules, reviewer or model"),
    Column("clean_title", Text, comment="the title for a reader, without shouting, emoji runs and phone numbers"),
    Column("language", Text, comment="ISO 639 of title and description; am-Latn for romanised Amharic"),
    Column("inferred_category", Text, comment="where the source names none or an unlikely one"),
    Column("category_confidence", Double),
    CheckConstraint("verdict in ('approved', 'flagged', 'rejected')", name="verdict"),
    schema="catalog",
)

product_reviews = Table(
    "product_reviews",
    metadata,
    Column("review_id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), nullable=False),
    Column("verdict", Text, nullable=False, comment="approved or rejected"),
    Column("note", Text),
    Column("reviewer", Text, nullable=False),
    Column("content_hash", Text, nullable=False, comment="of the product that the person saw"),
    Column("reviewed_at", Instant, nullable=False),
    CheckConstraint("verdict in ('approved', 'rejected')", name="verdict"),
    Index(None, "product_id", "reviewed_at"),
    schema="catalog",
    comment="Append-only: what people decided; the newest of a product wins over every automatic verdict.",
)

quality_opinions = Table(
    "quality_opinions",
    metadata,
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True),
    Column("content_hash", Text, primary_key=True),
    Column("model", Text, primary_key=True, comment="the vision-language model that was asked"),
    Column("verdict", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("confidence", Double, nullable=False),
    Column("tokens", Integer, nullable=False, server_default=text("0")),
    Column("asked_at", Instant, nullable=False),
    CheckConstraint("verdict in ('approved', 'flagged', 'rejected')", name="verdict"),
    Index(None, "asked_at"),
    schema="catalog",
    comment="What the optional vision-language judge said, once per content.",
)

pictures = Table(
    "pictures",
    metadata,
    Column("image_sha256", Text, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("phash", BigInteger, nullable=False, comment="64-bit perceptual hash, as a signed number"),
    Column("measures", JSONB, nullable=False, comment="sharpness, contrast, share of text and the like"),
    Column("flaws", ARRAY(Text), nullable=False, comment="blank, blurred, tiny, screenshot, text_heavy ..."),
    Column("measured_by", Text, nullable=False, comment="the version of the measures"),
    Column("measured_at", Instant, nullable=False),
    Index(None, "phash"),
    schema="catalog",
    comment="What was measured of each stored picture. One row per picture content.",
)

photo_copies = Table(
    "photo_copies",
    metadata,
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True, comment="the later one"),
    Column("original_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True, comment="the earlier one"),
    Column("phash_distance", Integer, nullable=False, comment="differing bits of 64"),
    Column("cosine", Double, nullable=False, comment="of the image halves of their vectors"),
    Column("found_at", Instant, nullable=False),
    schema="catalog",
    comment="Photos that one seller took from another, with both pieces of evidence.",
)

product_matches = Table(
    "product_matches",
    metadata,
    Column("product_id", BigInteger, ForeignKey(products.c.product_id), primary_key=True),
    Column("match_id", BigInteger, nullable=False, comment="smallest product id of the group"),
    Column("score", Double, nullable=False, comment="0..1, to the closest other product of the group"),
    Column("evidence", JSONB, nullable=False, comment="what it was judged by"),
    Column("matched_at", Instant, nullable=False),
    Index(None, "match_id"),
    schema="catalog",
    comment="The same product offered by several sellers. One row per product that is in a group.",
)
