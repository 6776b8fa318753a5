"""Schema `catalog`: what search finds by, words and vectors, and what it was worth."""

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
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL

from marketplace.storage.tables.catalog import products
from marketplace.storage.tables.declaring import Instant, metadata

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
