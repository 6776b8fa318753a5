"""From sellers' pages to search, recommendations and marts, and what follows when a shop changes."""

from __future__ import annotations

import dagster as dg
import pytest

from marketplace.storage.vectors import Vectors

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_every_product_of_every_shop_is_kept_as_its_page_shows_it(market_run):
    stored = {row["product_id"]: row for row in market_run.rows("select * from catalog.products")}
    assert len(stored) == 42
    for product in market_run.market.products:
        row = stored[market_run.market.product_id(product)]
        shown = (product.title, product.price.amount_minor, product.price.currency, product.in_stock)
        assert (row["title"], row["price_minor"], row["currency"], row["in_stock"]) == shown
        assert (row["image_sha256"] is not None) == product.has_picture


def test_junk_is_rejected_and_stays_out_of_the_index(market_run):
    rejected = market_run.rows("select product_id from catalog.product_quality where verdict = 'rejected'")
    junk = {market_run.market.product_id(p) for p in market_run.market.products if p.is_junk}
    assert {row["product_id"] for row in rejected} == junk
    vectors = Vectors(market_run.settings.milvus_uri)
    everything = [market_run.market.product_id(product) for product in market_run.market.products]
    assert set(vectors.vectors_of(everything)) == set(everything) - junk


def test_what_lacks_a_picture_waits_for_a_person_and_everything_else_is_approved(market_run):
    products = market_run.market.products
    flagged = market_run.rows("select product_id, reasons from catalog.product_quality where verdict = 'flagged'")
    assert {row["product_id"] for row in flagged} == {
        market_run.market.product_id(one) for one in products if not one.has_picture
    }
    assert {tuple(row["reasons"]) for row in flagged} == {("picture_missing",)}
    looked_at = market_run.rows(
        "select count(*) as n from catalog.product_quality where category_confidence is not null"
    )
    assert looked_at == [{"n": sum(not one.is_junk for one in products)}]


def test_a_champion_is_promoted_and_every_shopper_is_served(market_run):
    [published] = market_run.rows("select * from serving.publications where name = 'recommendations'")
    assert published["details"]["model"].startswith("cf_als/")
    shoppers = market_run.rows("select count(distinct user_id) as n from serving.recommendations")
    known = market_run.rows("select count(distinct user_id) as n from marts.fct_interactions")
    assert shoppers == known
    shown = market_run.rows("select distinct product_id from serving.recommendations")
    unfit = {market_run.market.product_id(p) for p in market_run.market.products if p.is_junk or not p.in_stock}
    assert not unfit & {row["product_id"] for row in shown}


def test_the_funnel_counts_what_the_shoppers_did(market_run):
    [funnel] = market_run.rows(
        "select sum(views)::int as views, sum(whatsapp_starts)::int as leads from marts.fct_funnel_daily"
    )
    [raw] = market_run.rows(
        "select (select count(*) from raw.interactions where kind = 'view') as views,"
        " (select count(*) from raw.leads) as leads"
    )
    assert funnel == raw


def test_a_second_run_changes_and_embeds_nothing(market_run):
    changes = market_run.rows("select count(*) as n from catalog.product_changes")
    again = market_run.run("refresh_catalog")
    assert market_run.rows("select count(*) as n from catalog.product_changes") == changes
    assert embedded(again) == 0
    assert not indexed(again)


def test_exactly_what_changed_in_a_shop_is_recorded_embedded_and_indexed(market_run):
    market, shop = market_run.market, market_run.shop
    dearer, removed, *_ = [p for p in market.of("baraka-leather") if p.has_picture and not p.is_junk]
    before = market_run.rows("select max(change_id) as newest from catalog.product_changes")[0]["newest"]
    old_index = Vectors(market_run.settings.milvus_uri).current()
    shop.set_price(dearer.ref, 123_400)
    shop.remove(removed.ref)
    result = market_run.run("refresh_catalog")
    found = market_run.rows(
        "select product_id, kind, old_value, new_value from catalog.product_changes"
        f" where change_id > {before} order by kind"
    )
    assert found == [
        {"product_id": market.product_id(removed), "kind": "gone", "old_value": None, "new_value": None},
        {
            "product_id": market.product_id(dearer),
            "kind": "price",
            "old_value": f"{dearer.price.amount_minor} KES",
            "new_value": "123400 KES",
        },
    ]
    assert embedded(result) == 0  # neither words nor picture changed
    vectors = Vectors(market_run.settings.milvus_uri)
    assert vectors.current() == old_index  # kept up, not built anew
    [row] = vectors.entities(old_index, [market.product_id(dearer), market.product_id(removed)])
    assert (row["product_id"], row["price"]) == (market.product_id(dearer), 1234.0)


def test_only_the_product_whose_words_changed_is_embedded_again(market_run):
    renamed = market_run.market.of("pwani-baskets")[0]
    market_run.shop.set_title(renamed.ref, "Palm basket with a lid")
    assert embedded(market_run.run("refresh_catalog")) == 1


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    [event] = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(asset)]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def embedded(result: dg.ExecuteInProcessResult) -> object:
    return metadata(result, "product_embeddings")["embedded"]


def indexed(result: dg.ExecuteInProcessResult) -> object:
    return metadata(result, "product_index")["rebuilt"]
