"""Catalogue truth: the history of every field, sync events, brakes, dead letters, reviews, pictures and matches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KIND_OF_FIELD = """case field
    when 'in_stock' then 'stock'
    when 'image_url' then 'image'
    when 'url' then 'link'
    when 'status' then 'back'
    else coalesce(field, 'back')
end"""
PRICE = """price_minor || case when price_up_to_minor is null then '' else '-' || price_up_to_minor end || ' ' || currency"""
FIELDS = {
    "title": "title",
    "description": "description",
    "category": "category",
    "url": "url",
    "image_url": "image_url",
    "image": "image_sha256",
    "in_stock": "case when in_stock then 'yes' else 'no' end",
    "status": "case when is_gone then 'gone' else 'live' end",
    "price": PRICE,
}


def upgrade() -> None:
    """Apply this revision."""
    _rename_syncs()
    _widen_sellers()
    _widen_changes()
    _free_changes_of_syncs()
    _create_tables()
    _keep_refusals_as_events()
    _begin_history()


def _rename_syncs() -> None:
    op.rename_table("syncs", "sync_runs", schema="catalog")
    op.execute("alter index catalog.ix_syncs_seller_id_started_at rename to ix_sync_runs_seller_id_started_at")
    op.execute("alter table catalog.sync_runs rename constraint pk_syncs to pk_sync_runs")
    op.execute("alter table catalog.sync_runs rename constraint fk_syncs_seller_id to fk_sync_runs_seller_id")
    zero = {"server_default": sa.text("0"), "nullable": False}
    for column in (
        sa.Column("back", sa.Integer(), **zero, comment="gone before, shown again"),
        sa.Column("not_modified", sa.Integer(), **zero, comment="unchanged by 304 or by hash"),
        sa.Column(
            "errors",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="refusals by kind of error",
        ),
        sa.Column("requests", sa.Integer(), **zero, comment="sent, retries and robots included"),
        sa.Column("bytes_received", sa.BigInteger(), **zero, comment="bodies, as they travelled"),
        sa.Column("polite_seconds", sa.Double(), **zero, comment="waited for hosts' sake"),
    ):
        op.add_column("sync_runs", column, schema="catalog")


def _widen_sellers() -> None:
    op.add_column(
        "sellers",
        sa.Column(
            "state",
            sa.Text(),
            server_default=sa.text("'active'"),
            nullable=False,
            comment="pending, active, paused or suspended",
        ),
        schema="catalog",
    )
    op.execute("update catalog.sellers set state = 'paused' where not is_active")
    op.drop_column("sellers", "is_active", schema="catalog")
    op.drop_constraint(op.f("ck_sellers_source_kind"), "sellers", schema="catalog")
    op.execute("update catalog.sellers set source_kind = 'whatsapp' where source_kind = 'shop_pages'")
    kinds = "source_kind in ('whatsapp', 'web_shop', 'shopify', 'woocommerce', 'feed')"
    op.create_check_constraint(op.f("ck_sellers_source_kind"), "sellers", kinds, schema="catalog")
    states = "state in ('pending', 'active', 'paused', 'suspended')"
    op.create_check_constraint(op.f("ck_sellers_state"), "sellers", states, schema="catalog")


def _widen_changes() -> None:
    op.drop_constraint(op.f("ck_product_changes_kind"), "product_changes", schema="catalog")
    op.execute(f"update catalog.product_changes set kind = {KIND_OF_FIELD} where kind = 'other'")
    kinds = (
        "kind in ('new', 'gone', 'back', 'price', 'stock', 'title', 'description', 'image', 'category', 'link',"
        " 'seller')"
    )
    op.create_check_constraint(op.f("ck_product_changes_kind"), "product_changes", kinds, schema="catalog")


def _free_changes_of_syncs() -> None:
    comment = "null for a change of the seller's own"
    op.alter_column("product_changes", "sync_id", nullable=True, comment=comment, schema="catalog")


def _keep_refusals_as_events() -> None:
    op.execute(
        "insert into catalog.sync_events (sync_id, seller_id, source_ref, kind, reason, at)"
        " select sync_id, seller_id, refusal ->> 'source_ref', 'refused', refusal ->> 'reason',"
        " coalesce(finished_at, started_at)"
        " from catalog.sync_runs, jsonb_array_elements(refusals) as refusal"
    )
    op.drop_column("sync_runs", "refusals", schema="catalog")


def _begin_history() -> None:
    for field, value in FIELDS.items():
        op.execute(
            "insert into catalog.product_versions (product_id, field, value, sync_id, valid_from, known_from)"
            f" select product_id, '{field}', {value}, newest.sync_id, updated_at, now()"
            " from catalog.products"
            " join (select distinct on (seller_id) seller_id, sync_id from catalog.sync_runs"
            "       order by seller_id, started_at desc) as newest using (seller_id)"
        )


def _create_tables() -> None:
    op.create_table(
        "pictures",
        sa.Column("image_sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("phash", sa.BigInteger(), nullable=False, comment="64-bit perceptual hash, as a signed number"),
        sa.Column(
            "measures",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="sharpness, contrast, share of text and the like",
        ),
        sa.Column(
            "flaws",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="blank, blurred, tiny, screenshot, text_heavy ...",
        ),
        sa.Column("measured_by", sa.Text(), nullable=False, comment="the version of the measures"),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("image_sha256", name=op.f("pk_pictures")),
        schema="catalog",
        comment="What was measured of each stored picture. One row per picture content.",
    )
    op.create_index(op.f("ix_pictures_phash"), "pictures", ["phash"], unique=False, schema="catalog")
    op.create_table(
        "dead_letters",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False, comment="fetch, read, picture or embed"),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False, comment="the class of the error"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=True, comment="of what could not be read"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, dead or resolved"),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True, comment="null once dead"),
        sa.CheckConstraint("state in ('waiting', 'dead', 'resolved')", name=op.f("ck_dead_letters_state")),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_dead_letters_seller_id")),
        sa.PrimaryKeyConstraint("seller_id", "source_ref", "stage", name=op.f("pk_dead_letters")),
        schema="catalog",
        comment="Products that could not be read, until they are or a person has looked.",
    )
    op.create_table(
        "page_validators",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="listing, trace, harvest, product or picture"),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=False, comment="of the body that was read"),
        sa.Column(
            "read_as", sa.Text(), nullable=True, comment="what it led to: the stored picture, or the reader's version"
        ),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_page_validators_seller_id")
        ),
        sa.PrimaryKeyConstraint("seller_id", "url", name=op.f("pk_page_validators")),
        schema="catalog",
        comment="What a host said of a page when it was last read, so that an unchanged one costs almost nothing.",
    )
    op.create_table(
        "brakes",
        sa.Column("brake_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("sync_id", sa.Text(), nullable=False, comment="the sync that raised it"),
        sa.Column("live", sa.Integer(), nullable=False, comment="products of the seller before it"),
        sa.Column(
            "vanished",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="source_ref of each product that would have gone",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="raised, released, spent or cleared"),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('raised', 'released', 'spent', 'cleared')", name=op.f("ck_brakes_state")),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_brakes_seller_id")),
        sa.ForeignKeyConstraint(["sync_id"], ["catalog.sync_runs.sync_id"], name=op.f("fk_brakes_sync_id")),
        sa.PrimaryKeyConstraint("brake_id", name=op.f("pk_brakes")),
        schema="catalog",
        comment="Deletions that wait for a person: raised, then released by one and spent by the next sync, or cleared.",
    )
    op.create_index(
        "ix_brakes_raised_once",
        "brakes",
        ["seller_id"],
        unique=True,
        schema="catalog",
        postgresql_where=sa.text("state in ('raised', 'released')"),
    )
    op.create_table(
        "photo_copies",
        sa.Column("product_id", sa.BigInteger(), nullable=False, comment="the later one"),
        sa.Column("original_id", sa.BigInteger(), nullable=False, comment="the earlier one"),
        sa.Column("phash_distance", sa.Integer(), nullable=False, comment="differing bits of 64"),
        sa.Column("cosine", sa.Double(), nullable=False, comment="of the image halves of their vectors"),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["original_id"], ["catalog.products.product_id"], name=op.f("fk_photo_copies_original_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_photo_copies_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "original_id", name=op.f("pk_photo_copies")),
        schema="catalog",
        comment="Photos that one seller took from another, with both pieces of evidence.",
    )
    op.create_table(
        "product_matches",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False, comment="smallest product id of the group"),
        sa.Column("score", sa.Double(), nullable=False, comment="0..1, to the closest other product of the group"),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="what it was judged by"),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_matches_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_matches")),
        schema="catalog",
        comment="The same product offered by several sellers. One row per product that is in a group.",
    )
    op.create_index(
        op.f("ix_product_matches_match_id"), "product_matches", ["match_id"], unique=False, schema="catalog"
    )
    op.create_table(
        "product_reviews",
        sa.Column("review_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False, comment="approved or rejected"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="of the product that the person saw"),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict in ('approved', 'rejected')", name=op.f("ck_product_reviews_verdict")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_reviews_product_id")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_product_reviews")),
        schema="catalog",
        comment="Append-only: what people decided; the newest of a product wins over every automatic verdict.",
    )
    op.create_index(
        op.f("ix_product_reviews_product_id_reviewed_at"),
        "product_reviews",
        ["product_id", "reviewed_at"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "product_versions",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True, comment="as written in product_changes; null for none"),
        sa.Column(
            "origin",
            sa.Text(),
            nullable=True,
            comment="where it was read: json-ld, open-graph, microdata, a feed's column",
        ),
        sa.Column("evidence", sa.Text(), nullable=True, comment="SHA-256 of the page that showed it"),
        sa.Column("sync_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False, comment="when the source first showed it"),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False, comment="when we recorded it"),
        sa.Column(
            "before_seen_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the value before it was last seen",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_product_versions_product_id")
        ),
        sa.ForeignKeyConstraint(["sync_id"], ["catalog.sync_runs.sync_id"], name=op.f("fk_product_versions_sync_id")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_product_versions")),
        schema="catalog",
        comment="Append-only: one row per product, field and value, with the time it held and the time we knew.",
    )
    op.create_index(
        op.f("ix_product_versions_product_id_field_valid_from"),
        "product_versions",
        ["product_id", "field", "valid_from"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        op.f("ix_product_versions_sync_id"), "product_versions", ["sync_id"], unique=False, schema="catalog"
    )
    op.create_table(
        "quality_opinions",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="the vision-language model that was asked"),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("tokens", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict in ('approved', 'flagged', 'rejected')", name=op.f("ck_quality_opinions_verdict")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.products.product_id"], name=op.f("fk_quality_opinions_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "content_hash", "model", name=op.f("pk_quality_opinions")),
        schema="catalog",
        comment="What the optional vision-language judge said, once per content.",
    )
    op.create_index(
        op.f("ix_quality_opinions_asked_at"), "quality_opinions", ["asked_at"], unique=False, schema="catalog"
    )
    op.create_table(
        "sync_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sync_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=True, comment="the product it is about, null for the sync itself"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="refused, picture_refused, braked, brake_released, resumed, dead"
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="the class of the error"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["catalog.sellers.seller_id"], name=op.f("fk_sync_events_seller_id")),
        sa.ForeignKeyConstraint(["sync_id"], ["catalog.sync_runs.sync_id"], name=op.f("fk_sync_events_sync_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_sync_events")),
        schema="catalog",
        comment="Append-only: what went otherwise than planned in a sync.",
    )
    op.create_index(op.f("ix_sync_events_sync_id"), "sync_events", ["sync_id"], unique=False, schema="catalog")
    op.add_column(
        "product_changes",
        sa.Column(
            "evidence", sa.Text(), nullable=True, comment="SHA-256 of the page that showed it; null where no page did"
        ),
        schema="catalog",
    )
    op.add_column(
        "product_quality",
        sa.Column(
            "confidence", sa.Double(), server_default=sa.text("1"), nullable=False, comment="0..1, of the verdict"
        ),
        schema="catalog",
    )
    op.add_column(
        "product_quality",
        sa.Column(
            "judged_by",
            sa.Text(),
            server_default=sa.text("'rules'"),
            nullable=False,
            comment="rules, reviewer or model",
        ),
        schema="catalog",
    )
    op.add_column(
        "product_quality",
        sa.Column(
            "clean_title",
            sa.Text(),
            nullable=True,
            comment="the title for a reader, without shouting, emoji runs and phone numbers",
        ),
        schema="catalog",
    )
    op.add_column(
        "product_quality",
        sa.Column(
            "language",
            sa.Text(),
            nullable=True,
            comment="ISO 639 of title and description; am-Latn for romanised Amharic",
        ),
        schema="catalog",
    )
    op.add_column(
        "product_quality",
        sa.Column(
            "inferred_category", sa.Text(), nullable=True, comment="where the source names none or an unlikely one"
        ),
        schema="catalog",
    )
    op.add_column("product_quality", sa.Column("category_confidence", sa.Double(), nullable=True), schema="catalog")
    op.add_column(
        "products",
        sa.Column("price_kind", sa.Text(), nullable=True, comment="single, from or range; null without a price"),
        schema="catalog",
    )
    op.add_column(
        "products",
        sa.Column(
            "price_quantity", sa.Numeric(), nullable=True, comment="how many units the price is for; null for one"
        ),
        schema="catalog",
    )
    op.add_column(
        "products",
        sa.Column(
            "price_unit",
            sa.Text(),
            nullable=True,
            comment="what the price is for, such as kg or bale; null for a piece",
        ),
        schema="catalog",
    )
    op.add_column(
        "scouted_products",
        sa.Column(
            "harvest",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the listing itself said of it, where it says all",
        ),
        schema="catalog",
    )


def downgrade() -> None:
    """Take this revision back; the history that it began is lost."""
    for table in (
        "sync_events",
        "quality_opinions",
        "product_versions",
        "product_reviews",
        "product_matches",
        "photo_copies",
        "brakes",
        "page_validators",
        "dead_letters",
        "pictures",
    ):
        op.drop_table(table, schema="catalog")
    for table, column in (
        ("product_changes", "evidence"),
        ("product_quality", "confidence"),
        ("product_quality", "judged_by"),
        ("product_quality", "clean_title"),
        ("product_quality", "language"),
        ("product_quality", "inferred_category"),
        ("product_quality", "category_confidence"),
        ("products", "price_kind"),
        ("products", "price_quantity"),
        ("products", "price_unit"),
        ("scouted_products", "harvest"),
    ):
        op.drop_column(table, column, schema="catalog")
    op.add_column(
        "sync_runs",
        sa.Column(
            "refusals",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="[{source_ref, reason}]",
        ),
        schema="catalog",
    )
    for column in ("back", "not_modified", "errors", "requests", "bytes_received", "polite_seconds"):
        op.drop_column("sync_runs", column, schema="catalog")
    op.execute("alter table catalog.sync_runs rename constraint pk_sync_runs to pk_syncs")
    op.execute("alter table catalog.sync_runs rename constraint fk_sync_runs_seller_id to fk_syncs_seller_id")
    op.execute("alter index catalog.ix_sync_runs_seller_id_started_at rename to ix_syncs_seller_id_started_at")
    op.rename_table("sync_runs", "syncs", schema="catalog")
    op.execute("delete from catalog.product_changes where sync_id is null")
    op.alter_column("product_changes", "sync_id", nullable=False, comment=None, schema="catalog")
    op.drop_constraint(op.f("ck_product_changes_kind"), "product_changes", schema="catalog")
    op.execute("update catalog.product_changes set kind = 'other' where kind not in ('new', 'gone', 'price')")
    kinds = "kind in ('new', 'gone', 'price', 'other')"
    op.create_check_constraint(op.f("ck_product_changes_kind"), "product_changes", kinds, schema="catalog")
    op.drop_constraint(op.f("ck_sellers_source_kind"), "sellers", schema="catalog")
    op.execute("update catalog.sellers set source_kind = 'shop_pages' where source_kind <> 'feed'")
    kinds = "source_kind in ('shop_pages', 'feed')"
    op.create_check_constraint(op.f("ck_sellers_source_kind"), "sellers", kinds, schema="catalog")
    op.add_column(
        "sellers",
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        schema="catalog",
    )
    op.execute("update catalog.sellers set is_active = state = 'active'")
    op.drop_column("sellers", "state", schema="catalog")
