"""Every table that Python writes; dbt builds the rest from them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL

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
    Column("index_type", Text, nullable=False, server_default=text("'IVF_FLAT'")),
    Column("layout", Integer, nullable=False, server_default=text("1"), comment="of its fields; others are built anew"),
    Column("breadth", Integer, nullable=False, server_default=text("64"), comment="cells or candidates a search reads"),
    Column("checksum", BigInteger, nullable=False, server_default=text("0"), comment="sum of the rows' fingerprints"),
    Column("built_products", Integer, nullable=False, server_default=text("0"), comment="when it was built"),
    Column("changed", Integer, nullable=False, server_default=text("0"), comment="rows put or taken out since built"),
    Column("checked", JSONB, comment="what the last look at the live collection found"),
    Column("checked_at", Instant),
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
    CheckConstraint("kind in ('view', 'click', 'wishlist', 'purchase', 'hide', 'report')", name="kind"),
    Index(None, "user_id", "occurred_at"),
    Index(None, "occurred_at"),
    Index(None, "received_at"),
    schema="raw",
)

exposures = Table(
    "exposures",
    metadata,
    Column("answer_id", Text, primary_key=True, comment="of the answer that showed it; the client may send it back"),
    Column("rank", Integer, primary_key=True, comment="from 1"),
    Column("user_id", Text, comment="empty for a session without a shopper's record"),
    Column("product_id", BigInteger, nullable=False),
    Column("seller_id", BigInteger, nullable=False),
    Column("surface", Text, nullable=False, comment="for_you, also_bought or session"),
    Column("source", Text, nullable=False, comment="the step or model that named the product"),
    Column("propensity", Double, nullable=False, comment="probability of being shown at this rank; 1 unless explored"),
    Column("model_version", Text, comment="empty where no model had a part"),
    Column("experiment", Text),
    Column("variant", Text),
    Column("team", Text, comment="when interleaved: the variant that put the product there"),
    Column("seconds", Double, nullable=False, comment="what the answer took"),
    Column("served_at", Instant, nullable=False),
    Index(None, "served_at"),
    Index(None, "experiment", "user_id"),
    schema="raw",
    comment="What recommendations showed. One row per answer and rank.",
)

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

feed_uploads = Table(
    "feed_uploads",
    metadata,
    Column("seller_id", BigInteger, ForeignKey(sellers.c.seller_id), primary_key=True),
    Column("hour_began_at", Instant, nullable=False, comment="with the first feed that was counted in it"),
    Column("uploads", Integer, nullable=False, comment="feeds handed over in that hour, broken ones included"),
    schema="raw",
    comment="How many feeds each seller handed over in their current hour. One row per seller.",
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
    Column(
        "score", Double, nullable=False, comment="collaborative and visual, each calibrated, by the weight of the model"
    ),
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

term_queue = Table(
    "term_queue",
    metadata,
    Column("queue_id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, nullable=False),
    Index(None, "product_id"),
    schema="catalog",
    comment="Products whose words changed since they were read; triggers fill it in the transaction of the change.",
)

product_readings = Table(
    "product_readings",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reading", Text, nullable=False, comment="the version of how words become terms"),
    schema="catalog",
    comment="Products whose words are in the inverted index. One row per product on offer.",
)

product_terms = Table(
    "product_terms",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("term", Text, primary_key=True, comment="a word, its stem, a name of several words, or # and a concept"),
    Column("impact", REAL, nullable=False, comment="BM25 without the rarity of the term"),
    Index(None, "term", "product_id", postgresql_include=["impact"]),
    schema="catalog",
    comment="The inverted index of words. One row per product and term.",
)

search_terms = Table(
    "search_terms",
    metadata,
    Column("term", Text, primary_key=True),
    Column("products", Integer, nullable=False, comment="that hold it; of the empty term all that were read"),
    Column("sound", Text, nullable=False, server_default=text("''"), comment="its consonants, alike in both scripts"),
    Index("ix_search_terms_beginning", "term", postgresql_ops={"term": "text_pattern_ops"}),
    Index("ix_search_terms_trigrams", "term", postgresql_using="gin", postgresql_ops={"term": "gin_trgm_ops"}),
    Index(None, "sound"),
    schema="catalog",
    comment="The vocabulary of the inverted index. One row per term.",
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("kind", Text, primary_key=True, comment="category, phrase, product or seller"),
    Column("text", Text, primary_key=True, comment="what is suggested"),
    Column("starts", Text, primary_key=True, comment="what is typed for it, from one of its words to its end, folded"),
    Column("products", Integer, nullable=False, comment="on the shelf when it was read"),
    Column("examples", ARRAY(BigInteger), nullable=False, comment="some of them, to see whether any is left"),
    Index("ix_suggestions_beginning", "starts", postgresql_ops={"starts": "text_pattern_ops"}),
    Index("ix_suggestions_trigrams", "starts", postgresql_using="gin", postgresql_ops={"starts": "gin_trgm_ops"}),
    CheckConstraint("kind in ('category', 'phrase', 'product', 'seller')", name="kind"),
    schema="catalog",
    comment="What a search box proposes. One row per suggestion and way to begin it.",
)

search_evaluations = Table(
    "search_evaluations",
    metadata,
    Column("evaluation_id", BigInteger, Identity(), primary_key=True),
    Column("run_id", Text, nullable=False, comment="of the run that judged; a retry of it judges again in its place"),
    Column("golden", Text, nullable=False, comment="name of the judged queries"),
    Column("golden_hash", Text, nullable=False, comment="only evaluations of equal hash are compared"),
    Column("encoder", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("weights", JSONB, nullable=False),
    Column("queries", Integer, nullable=False),
    Column("score", Double, nullable=False, comment="mean nDCG at 10"),
    Column("means", JSONB, nullable=False, comment="{group: {metric: [mean, low, high]}}"),
    Column("scores", JSONB, nullable=False, comment="{query: nDCG at 10}"),
    Column("status", Text, nullable=False, comment="accepted: what later ones are compared with; or refused"),
    Column("compared_with", BigInteger, ForeignKey("catalog.search_evaluations.evaluation_id")),
    Column("decided_by", Text, comment="the person who accepted it, empty where the gate did"),
    Column("decided_at", Instant),
    Column("note", Text),
    Column("evaluated_at", Instant, nullable=False),
    CheckConstraint("status in ('accepted', 'refused')", name="status"),
    UniqueConstraint("run_id", "golden"),
    Index(None, "golden_hash", "evaluation_id"),
    schema="catalog",
    comment="What search was worth, over time.",
)

embedding_parts = Table(
    "embedding_parts",
    metadata,
    Column("model_version", Text, primary_key=True),
    Column("kind", Text, primary_key=True, comment="picture or words"),
    Column("content_hash", Text, primary_key=True, comment="SHA-256 of the stored picture or of the text"),
    Column("vector", LargeBinary, nullable=False, comment="float32, little-endian, unit length"),
    Column("made_at", Instant, nullable=False),
    CheckConstraint("kind in ('picture', 'words')", name="kind"),
    schema="catalog",
    comment="What encoders made of each picture and each text. One row per content and model.",
)

index_outbox = Table(
    "index_outbox",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False, server_default=func.now()),
    schema="catalog",
    comment="Products whose row in the index may be out of date; triggers note them, upkeep strikes them out.",
)

index_snapshots = Table(
    "index_snapshots",
    metadata,
    Column("file", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("collection", Text, nullable=False),
    Column("products", Integer, nullable=False),
    Column("taken_at", Instant, nullable=False),
    schema="catalog",
    comment="One row per backup of the index that was taken and is kept.",
)
