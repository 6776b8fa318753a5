"""The inverted index of words, and triggers that note whose words changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NOTE = """
create function catalog.note_words() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into catalog.term_queue (product_id) values (old.product_id);
    else
        insert into catalog.term_queue (product_id) values (new.product_id);
    end if;
    return null;
end
$$
"""
SAYS_OTHERWISE = """
(old.title, old.category, old.description, old.is_gone)
    is distinct from (new.title, new.category, new.description, new.is_gone)
"""
JUDGED_OTHERWISE = """
(old.verdict = 'rejected', old.inferred_category, old.language)
    is distinct from (new.verdict = 'rejected', new.inferred_category, new.language)
"""
TRIGGERS = (
    ("products", "words_arrive", "insert or delete", None),
    ("products", "words_change", "update", SAYS_OTHERWISE),
    ("product_quality", "verdict_arrives", "insert or delete", None),
    ("product_quality", "verdict_changes", "update", JUDGED_OTHERWISE),
)


def upgrade() -> None:
    """Apply this revision."""
    op.execute("create extension if not exists pg_trgm with schema public")
    _create_tables()
    op.execute(NOTE)
    for table, name, events, condition in TRIGGERS:
        when = f"when ({condition})" if condition else ""
        op.execute(
            f"create trigger {name} after {events} on catalog.{table} for each row {when}"
            " execute function catalog.note_words()"
        )
    op.execute("insert into catalog.term_queue (product_id) select product_id from catalog.products order by 1")


def _create_tables() -> None:
    op.create_table(
        "term_queue",
        sa.Column("queue_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_term_queue")),
        schema="catalog",
        comment="Products whose words changed since they were read; triggers fill it in the transaction of the change.",
    )
    op.create_index(op.f("ix_term_queue_product_id"), "term_queue", ["product_id"], schema="catalog")
    op.create_table(
        "product_readings",
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reading", sa.Text(), nullable=False, comment="the version of how words become terms"),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_readings")),
        schema="catalog",
        comment="Products whose words are in the inverted index. One row per product on offer.",
    )
    op.create_table(
        "product_terms",
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "term", sa.Text(), nullable=False, comment="a word, its stem, a name of several words, or # and a concept"
        ),
        sa.Column("impact", sa.REAL(), nullable=False, comment="BM25 without the rarity of the term"),
        sa.PrimaryKeyConstraint("product_id", "term", name=op.f("pk_product_terms")),
        schema="catalog",
        comment="The inverted index of words. One row per product and term.",
    )
    op.create_index(
        op.f("ix_product_terms_term_product_id"),
        "product_terms",
        ["term", "product_id"],
        schema="catalog",
        postgresql_include=["impact"],
    )
    op.create_table(
        "search_terms",
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column(
            "products", sa.Integer(), nullable=False, comment="that hold it; of the empty term all that were read"
        ),
        sa.Column(
            "sound",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="its consonants, alike in both scripts",
        ),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_search_terms")),
        schema="catalog",
        comment="The vocabulary of the inverted index. One row per term.",
    )
    op.create_index(
        "ix_search_terms_beginning",
        "search_terms",
        ["term"],
        schema="catalog",
        postgresql_ops={"term": "text_pattern_ops"},
    )
    op.create_index(
        "ix_search_terms_trigrams",
        "search_terms",
        ["term"],
        schema="catalog",
        postgresql_using="gin",
        postgresql_ops={"term": "gin_trgm_ops"},
    )
    op.create_index(op.f("ix_search_terms_sound"), "search_terms", ["sound"], schema="catalog")
    op.create_table(
        "suggestions",
        sa.Column("kind", sa.Text(), nullable=False, comment="category, phrase, product or seller"),
        sa.Column("text", sa.Text(), nullable=False, comment="what is suggested"),
        sa.Column(
            "starts",
            sa.Text(),
            nullable=False,
            comment="what is typed for it, from one of its words to its end, folded",
        ),
        sa.Column("products", sa.Integer(), nullable=False, comment="on the shelf when it was read"),
        sa.Column(
            "examples",
            sa.ARRAY(sa.BigInteger()),
            nullable=False,
            comment="some of them, to see whether any is left",
        ),
        sa.CheckConstraint("kind in ('category', 'phrase', 'product', 'seller')", name=op.f("ck_suggestions_kind")),
        sa.PrimaryKeyConstraint("kind", "text", "starts", name=op.f("pk_suggestions")),
        schema="catalog",
        comment="What a search box proposes. One row per suggestion and way to begin it.",
    )
    for name, options in (
        ("beginning", {"postgresql_ops": {"starts": "text_pattern_ops"}}),
        ("trigrams", {"postgresql_using": "gin", "postgresql_ops": {"starts": "gin_trgm_ops"}}),
    ):
        op.create_index(f"ix_suggestions_{name}", "suggestions", ["starts"], schema="catalog", **options)


def downgrade() -> None:
    """Take this revision back; pg_trgm stays, for others may use it."""
    for table, name, _, _ in TRIGGERS:
        op.execute(f"drop trigger {name} on catalog.{table}")
    op.execute("drop function catalog.note_words()")
    for table in ("suggestions", "search_terms", "product_terms", "product_readings", "term_queue"):
        op.drop_table(table, schema="catalog")
