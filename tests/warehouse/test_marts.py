"""The marts of the small world, against figures counted by hand."""

from __future__ import annotations

from pathlib import Path

from marketplace.storage.warehouse import Warehouse
from tests.warehouse.dbt_command import Dbt
from tests.warehouse.world import AMINA, BASKET, FUNNEL, KOFI, MAT, SHOES, rows_of


def test_the_build_passes_and_warns_only_of_what_the_small_world_holds_wrong(build: dict[str, str]) -> None:
    assert set(build.values()) <= {"success", "pass", "warn", "no-op"}
    assert {name for name, status in build.items() if status == "warn"} == {
        "every_interaction_names_a_known_product",
        "every_lead_names_a_known_seller",
        "leads_name_a_product_of_their_seller",
    }


def test_the_funnel_is_what_one_counts_by_hand(marts: Warehouse) -> None:
    assert rows_of(marts, FUNNEL) == [
        # v1, v2, v3; c1 once although it fired twice; l1
        ("2026-03-01", AMINA, "Baskets", 3, 1, 1, 0, 0),
        # w1
        ("2026-03-01", AMINA, "Mats", 0, 0, 0, 1, 0),
        # l3 about no product, l4 about a product of another seller; p1 at midnight in Nairobi, not yet in Accra
        ("2026-03-01", KOFI, "", 0, 0, 2, 0, 1),
        # v4 at midnight; l2 came by phone and is no WhatsApp start
        ("2026-03-02", AMINA, "Baskets", 1, 0, 0, 0, 0),
    ]


def test_rates_are_shares_of_counts_and_missing_where_nothing_was_counted(marts: Warehouse) -> None:
    query = """
        select variant, impressions, views, clicks, whatsapp_starts, view_to_click_rate, click_to_whatsapp_rate
        from marts.fct_funnel_daily where seller_id = 10 and category = 'Baskets' order by funnel_on, variant
    """
    assert rows_of(marts, query) == [
        # v2 of zawadi, who was shown nothing before the evening; v3 of juma in the evening, long after a1
        ("", 0, 2, 0, 0, 0 / 2, None),
        # a1 shown to juma; v1, c1 and l1 in the same session
        ("control", 1, 1, 1, 1, 1 / 1, 1 / 1),
        # v4
        ("", 0, 1, 0, 0, 0 / 1, None),
    ]


def test_each_interaction_carries_its_seller_day_and_weight(marts: Warehouse) -> None:
    query = """
        select event_id, user_id, product_id, seller_id, category, weight, occurred_on::text
        from marts.fct_interactions where event_id in ('v3', 'v4', 'c1', 'w1', 'p1') order by event_id
    """
    assert rows_of(marts, query) == [
        ("c1", "juma", BASKET, AMINA, "Baskets", 2.0, "2026-03-01"),
        ("p1", "zawadi", SHOES, KOFI, "", 3.0, "2026-03-01"),
        ("v3", "juma", BASKET, AMINA, "Baskets", 1.0, "2026-03-01"),
        ("v4", "juma", BASKET, AMINA, "Baskets", 1.0, "2026-03-02"),
        ("w1", "juma", MAT, AMINA, "Mats", 2.5, "2026-03-01"),
    ]


def test_what_no_mart_counts_stays_visible(marts: Warehouse) -> None:
    assert rows_of(marts, "select event_id from intermediate.int_interactions_orphaned") == [("lost",)]
    assert rows_of(marts, "select event_id from intermediate.int_leads_orphaned") == [("lost",)]


def test_a_lead_about_another_sellers_product_is_a_lead_about_none(marts: Warehouse) -> None:
    query = "select event_id, seller_id, product_id, category from marts.fct_leads order by event_id"
    assert rows_of(marts, query) == [
        ("l1", AMINA, BASKET, "Baskets"),
        ("l2", AMINA, BASKET, "Baskets"),
        ("l3", KOFI, None, ""),
        ("l4", KOFI, None, ""),
    ]


def test_products_carry_the_verdict_on_their_present_content(marts: Warehouse) -> None:
    query = """
        select product_id, seller_name, price_minor, currency, quality_verdict, quality_reasons, is_live
        from marts.dim_products where is_current order by product_id
    """
    assert rows_of(marts, query) == [
        (BASKET, "Amina", 250000, "KES", "approved", "", True),
        (MAT, "Amina", None, None, "flagged", "no_price", True),
        (SHOES, "Kofi", 90000, "KES", None, None, True),
    ]


def test_a_price_change_is_told_in_amounts(marts: Warehouse) -> None:
    query = """
        select product_id, old_price_minor, new_price_minor, new_currency, price_change_rate, observed_on::text
        from marts.fct_price_changes
    """
    assert rows_of(marts, query) == [(BASKET, 200000, 250000, "KES", (250000 - 200000) / 200000, "2026-02-28")]


def test_sellers_show_the_state_of_their_catalogue(marts: Warehouse) -> None:
    query = """
        select name, has_phone, last_sync_status, live_products, approved_products, flagged_products, rejected_products
        from marts.dim_sellers order by name
    """
    assert rows_of(marts, query) == [
        ("Amina", True, "done", 2, 1, 1, 0),
        ("Kofi", True, None, 1, 0, 0, 0),
    ]


def test_no_phone_number_and_no_message_reaches_the_marts(marts: Warehouse) -> None:
    query = """
        select table_name, column_name from information_schema.columns
        where table_schema in ('staging', 'intermediate', 'marts') and column_name in ('phone', 'message')
    """
    assert rows_of(marts, query) == []


def test_the_market_has_a_figure_for_every_day(marts: Warehouse) -> None:
    query = """
        select
            metric_on::text, active_shoppers, active_sellers, views, clicks, wishlists, purchases, whatsapp_starts,
            new_products, price_changes
        from marts.mart_platform_metrics_daily order by metric_on
    """
    assert rows_of(marts, query) == [
        # the sync of the day before: the basket is new, at another price
        ("2026-02-28", 0, 0, 0, 0, 0, 0, 0, 1, 1),
        # juma and zawadi; views v1, v2, v3; chats l1, l3, l4
        ("2026-03-01", 2, 2, 3, 1, 1, 1, 3, 0, 0),
        ("2026-03-02", 1, 1, 1, 0, 0, 0, 0, 0, 0),
    ]


def test_what_was_shown_carries_what_followed_it_within_a_day(marts: Warehouse) -> None:
    query = """
        select answer_id, rank, is_viewed, is_clicked, is_purchased, is_refused, served_on::text
        from marts.fct_recommendation_exposure order by answer_id, rank
    """
    assert rows_of(marts, query) == [
        # v1, v3, v4 and c1 on the basket
        ("a1", 1, True, True, False, False, "2026-03-01"),
        # h1
        ("a1", 2, False, False, False, True, "2026-03-01"),
        # p1 a second later
        ("a2", 1, False, False, True, False, "2026-03-01"),
        # nobody known was shown it
        ("a3", 1, False, False, False, False, "2026-03-01"),
    ]


def test_shoppers_of_an_experiment_have_the_outcomes_of_their_variant(marts: Warehouse) -> None:
    query = """
        select experiment, variant, user_id, answers, exposures, views, clicks, purchases, refusals
        from marts.fct_experiment_outcomes order by variant
    """
    assert rows_of(marts, query) == [
        ("blend", "control", "juma", 1, 2, 3, 1, 0, 1),
        ("blend", "treatment", "zawadi", 1, 1, 0, 0, 1, 0),
    ]


def test_sellers_are_shown_alike_and_wait_for_their_hundredth_time(marts: Warehouse) -> None:
    daily = (
        "select served_on::text, seller_id, impressions, clicks, impression_share from marts.fct_seller_exposure_daily"
    )
    assert rows_of(marts, f"{daily} order by seller_id") == [
        ("2026-03-01", AMINA, 2, 1, 0.5),
        ("2026-03-01", KOFI, 2, 0, 0.5),
    ]
    assert rows_of(marts, "select sellers, sellers_shown, exposure_gini from marts.mart_exposure_daily") == [(2, 2, 0)]
    waits = "select seller_id, impressions, hours_to_100_impressions from marts.mart_seller_exposure order by seller_id"
    assert rows_of(marts, waits) == [(AMINA, 2, None), (KOFI, 2, None)]


def test_the_analysts_funnel_runs_as_it_is_documented(documented: Dbt, marts: Warehouse) -> None:
    compiled = documented.target / "compiled" / "soko" / "analyses" / "funnel_by_seller_and_day.sql"
    found = rows_of(marts, compiled.read_text())
    assert [(str(day), seller, views, clicks, chats) for day, seller, views, clicks, chats, _, _ in found] == [
        ("2026-03-02", "Amina", 1, 0, 0),
        # the two categories of Amina together
        ("2026-03-01", "Amina", 3, 1, 1),
        ("2026-03-01", "Kofi", 0, 0, 2),
    ]


def test_the_docs_are_made_offline_with_every_mart_and_its_columns(documented: Dbt) -> None:
    assert Path(documented.target / "index.html").stat().st_size > 100_000
    nodes = documented.artifact("catalog.json")["nodes"]
    assert list(nodes["model.soko.fct_funnel_daily"]["columns"])[:5] == [
        *["funnel_on", "seller_id", "category", "source", "device"],
    ]
    described = documented.artifact("manifest.json")["nodes"]["analysis.soko.funnel_by_seller_and_day"]["description"]
    assert described.startswith("From views over clicks to WhatsApp starts")
