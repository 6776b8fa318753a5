"""Dashboards for programs: every number beside a sum of its own, who may see it, and what is not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.api_keys import create_key
from marketplace.storage.dashboards.money import top_products
from marketplace.storage.dashboards.reading import read_dashboard
from marketplace.storage.dashboards.scope import Asked, Scope
from marketplace.storage.tables import accesses
from models.embedding.encoder import Encoder
from serving.dashboard_view import view_of
from tests.serving import mart_world, world
from tests.serving.mart_world import TODAY, Business

MONTH = (TODAY - timedelta(days=29), TODAY)
BEFORE = (TODAY - timedelta(days=59), TODAY - timedelta(days=30))
STEPS = ("impressions", "views", "clicks", "whatsapp_starts", "orders", "orders_matched", "orders_probable")


@pytest.fixture(scope="module")
def business(postgres: EmbeddedPostgres, scratch: Path, encoder: Encoder) -> Iterator[Business]:
    with mart_world.opened(postgres, scratch / "dashboards", "dashboards", encoder) as opened:
        yield opened


def asked(business: Business, whose: int | str, **filters: str) -> dict:
    answer = business.client.get(f"/api/analytics/dashboard/{whose}", params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_sellers_funnel_is_the_sum_of_their_days(business: Business) -> None:
    seller = business.sellers[0]
    funnel = asked(business, seller)["funnel"]
    for step in STEPS:
        lately = business.made.sum("fct_funnel_daily", step, seller_id=seller, funnel_on=MONTH)
        assert funnel["totals"][step] == lately > 0
        assert funnel["before"][step] == business.made.sum("fct_funnel_daily", step, seller_id=seller, funnel_on=BEFORE)
        for parts in ("days", "sources", "devices"):
            assert sum(one[step] for one in funnel[parts]) == lately
    totals = funnel["totals"]
    assert totals["orders"] == sum(totals[f"orders_{one}"] for one in ("matched", "probable", "unknown"))
    assert funnel["rates"]["view_to_click"] == pytest.approx(totals["clicks"] / totals["views"], abs=1e-4)


def test_each_source_and_device_has_its_own_sum(business: Business) -> None:
    funnel = asked(business, "market")["funnel"]
    assert {one["name"] for one in funnel["sources"]} == set(mart_world.SOURCES)
    for part, column in (("sources", "source"), ("devices", "device")):
        for one in funnel[part]:
            assert one["views"] == business.made.sum(
                "fct_funnel_daily", "views", funnel_on=MONTH, **{column: one["name"]}
            )


def test_revenue_stands_by_currency_and_in_dollars(business: Business) -> None:
    for whose, wanted in (("market", {}), (business.sellers[1], {"seller_id": business.sellers[1]})):
        revenue = asked(business, whose)["revenue"]
        made = business.made
        for one in revenue["by_currency"]:
            of_currency = {**wanted, "currency": one["currency"], "day_on": MONTH}
            assert one["revenue_minor"] == made.sum("fct_seller_daily", "revenue_minor", **of_currency) > 0
            assert one["orders"] == made.sum("fct_seller_daily", "orders", **of_currency)
        usd = made.sum("fct_seller_daily", "revenue_usd", day_on=MONTH, **wanted)
        assert revenue["usd"] == pytest.approx(usd, abs=0.01)
        assert revenue["usd_before"] == pytest.approx(
            made.sum("fct_seller_daily", "revenue_usd", day_on=BEFORE, **wanted), abs=0.01
        )


def test_revenue_without_a_rate_is_not_counted_as_converted(business: Business) -> None:
    seller, day = business.sellers[0], TODAY - timedelta(days=5)
    change = "update marts.fct_seller_daily set revenue_usd = {} where seller_id = :seller and day_on = :day"
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(change.format("null")), {"seller": seller, "day": day})
    revenue = asked(business, seller)["revenue"]
    with business.warehouse.begin() as connection:
        back = change.format(f"revenue_minor / 100.0 / {mart_world.PER_USD}")
        connection.execute(sa.text(back), {"seller": seller, "day": day})
    assert not revenue["is_converted"]
    assert asked(business, seller)["revenue"]["is_converted"]
    assert revenue["usd"] < asked(business, seller)["revenue"]["usd"]


def test_days_and_category_narrow_every_number(business: Business) -> None:
    seller = business.sellers[0]
    category = business.made.where("fct_funnel_daily", seller_id=seller)[0]["category"]
    since, until = date(2026, 11, 2), date(2026, 11, 8)
    found = asked(business, seller, since=str(since), until=str(until), category=category)
    assert (found["since"], found["until"], found["category"]) == (str(since), str(until), category)
    wanted = {"seller_id": seller, "category": category}
    assert found["funnel"]["totals"]["views"] == business.made.sum(
        "fct_funnel_daily", "views", funnel_on=(since, until), **wanted
    )
    lines = business.made.where("fct_order_lines", occurred_on=(since, until), **wanted)
    assert sum(one["revenue_minor"] for one in found["revenue"]["by_currency"]) == sum(
        one["amount_minor"] for one in lines
    )
    assert found["revenue"]["usd"] == pytest.approx(
        sum(one["amount_minor"] for one in lines) / 100 / mart_world.PER_USD, abs=0.01
    )
    assert {one["category"] for one in found["products"]} == {category}
    assert found["forecast"] is None


def test_the_market_is_narrowed_to_a_country(business: Business) -> None:
    with business.warehouse.begin() as connection:
        query = "select country from marts.dim_sellers where seller_id = :first"
        country = connection.scalar(sa.text(query), {"first": business.sellers[0]})
        there = set(
            connection.scalars(
                sa.text("select seller_id from marts.dim_sellers where country = :country"), {"country": country}
            )
        )
    found = asked(business, "market", market=country)
    views = sum(business.made.sum("fct_funnel_daily", "views", funnel_on=MONTH, seller_id=one) for one in there)
    assert found["funnel"]["totals"]["views"] == views
    assert {one["seller_id"] for one in found["sellers"]} <= there
    assert asked(business, "market", market="ZW")["funnel"]["totals"]["views"] == 0


def test_the_best_products_are_those_ordered_most(business: Business) -> None:
    seller = business.sellers[0]
    found = asked(business, seller)["products"]
    rows = business.made.where("fct_product_daily", seller_id=seller, day_on=MONTH)
    orders = {one["product_id"]: 0 for one in rows}
    for row in rows:
        orders[row["product_id"]] += row["orders"]
    assert [one["orders"] for one in found] == sorted(orders.values(), reverse=True)[:10]
    assert all(one["orders"] == orders[one["product_id"]] for one in found)


def test_segments_cohorts_and_seasons_are_the_marts(business: Business) -> None:
    seller = business.sellers[0]
    found = asked(business, seller, grain="month")
    customers = business.made.where("customer_rfm", seller_id=seller)
    assert sum(one["customers"] for one in found["segments"]) == len(customers)
    for one in found["segments"]:
        of_segment = {"seller_id": seller, "segment": one["segment"]}
        assert one["monetary_minor"] == business.made.sum("customer_rfm", "monetary_minor", **of_segment)
    cohorts = business.made.where("cohort_retention", seller_id=seller, grain="month", period=0)
    assert [one["cohort_on"] for one in found["cohorts"]] == sorted(str(one["cohort_on"]) for one in cohorts)
    assert all(one["retention"][0] == 1 and one["retained"][0] == one["size"] for one in found["cohorts"])
    assert len(found["seasonality"]) == 7


def test_afrimash_metrics_are_the_same_data(business: Business) -> None:
    metrics = business.client.get("/api/metrics").json()
    dashboard = asked(business, "market")
    assert metrics["revenue"] == dashboard["revenue"]
    assert metrics["top_products"] == dashboard["products"]
    assert metrics["customers"] == len(business.made.rows["customer_rfm_market"])
    assert metrics["rfm_segments"] == {one["segment"]: one["customers"] for one in dashboard["segments"]}


def test_platform_metrics_have_the_funnel_and_revenue_of_the_days(business: Business) -> None:
    metrics = business.client.get("/api/analytics/metrics", params={"days": 7}).json()
    week = (TODAY - timedelta(days=6), TODAY)
    assert len(metrics["daily"]) == 7
    for step in ("impressions", "orders"):
        assert sum(one[step] for one in metrics["daily"]) == metrics["funnel"][step] > 0
    assert metrics["funnel"]["impressions"] == business.made.sum("fct_funnel_daily", "impressions", funnel_on=week)
    assert sum(one["orders"] for one in metrics["revenue"]) == business.made.sum(
        "fct_orders", "is_sale", occurred_on=week
    )
    assert not metrics["degraded"]


def test_forecast_alerts_and_leads_come_along(business: Business) -> None:
    seller = business.sellers[0]
    found = asked(business, seller)
    assert len(found["forecast"]["days"]) == 14
    assert (found["forecast"]["mase"], found["forecast"]["beside_naive"]) == (0.82, 0.75)
    assert [one["state"] for one in found["alerts"]] == ["new", "new", "seen", "seen"]
    assert found["inbox"]["waiting"] == 24
    assert len(found["inbox"]["newest"]) == 20
    market = asked(business, "market")
    assert len(market["alerts"]) == 6
    assert market["forecast"]["currency"] == "USD"
    assert market["inbox"] is None


def charts(business: Business, seller: int, today: date, **narrowed: str) -> dict:
    return view_of(read_dashboard(business.warehouse, Asked(seller, **narrowed), world.NOW), today).charts


@pytest.mark.parametrize("narrowed", [{}, {"category": "Shoes"}])
def test_a_day_that_is_not_over_is_in_no_line(business: Business, narrowed: dict) -> None:
    seller = business.sellers[0]
    over = charts(business, seller, TODAY + timedelta(days=1), **narrowed)
    running = charts(business, seller, TODAY, **narrowed)
    at = over["revenue"]["days"].index(TODAY.isoformat())
    for before, now in zip(over["funnel"]["lines"], running["funnel"]["lines"], strict=True):
        assert None not in before["values"]
        assert now["values"] == [*before["values"][:-1], None]
    assert over["revenue"]["actual"][at] is not None
    assert running["revenue"]["actual"][: at + 1] == [*over["revenue"]["actual"][:at], None]


def test_a_day_that_is_still_forecast_is_not_over(business: Business) -> None:
    seller = business.sellers[0]
    move = "update insights.forecasts set made_for = made_for + :days where scope = :scope and made_for = :day"
    key = {"scope": f"seller:{seller}"}
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(move), {**key, "days": -1, "day": TODAY + timedelta(days=1)})
    found = charts(business, seller, TODAY + timedelta(days=1))
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(move), {**key, "days": 1, "day": TODAY})
    at = found["revenue"]["days"].index(TODAY.isoformat())
    assert found["funnel"]["lines"][0]["values"][-1] is None
    assert (found["revenue"]["actual"][at], found["revenue"]["mean"][at]) == (None, 15_000)


def test_the_page_says_how_far_its_forecast_may_be_trusted_and_counts_one_as_one(business: Business) -> None:
    seller = business.sellers[0]
    path = f"/dashboard/sellers/{seller}"
    page = business.client.get(path).text
    assert "its error was 0.75 times that of simply repeating the week before" in page
    assert "79 % of the days fell within the likely range" in page
    page = business.client.get(path, params={"since": TODAY.isoformat(), "until": TODAY.isoformat()}).text
    assert "change from the day before" in page
    assert "4 syncs: 3 completed" in page
    assert "Found: 1 new product, 0 gone" in page


def test_an_alert_that_was_taken_back_is_not_shown(business: Business) -> None:
    seller = business.sellers[0]
    change = "update insights.alerts set withdrawn_at = {} where seller_id = :seller and state = 'new'"
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(change.format("now()")), {"seller": seller})
    found = asked(business, seller)["alerts"]
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(change.format("null")), {"seller": seller})
    assert [one["state"] for one in found] == ["seen", "seen"]
    assert len(asked(business, seller)["alerts"]) == 4


def test_the_markets_best_products_are_the_same_by_every_way_to_find_them(business: Business) -> None:
    rows = business.made.where("fct_product_daily", day_on=MONTH)
    sums: dict[int, list[int]] = {}
    for row in rows:
        of_product = sums.setdefault(row["product_id"], [0, 0, 0])
        for place, step in enumerate(("orders", "whatsapp_starts", "clicks")):
            of_product[place] -= row[step]
    wanted = sorted((*steps, product_id) for product_id, steps in sums.items())
    scope = Scope(None, *MONTH)
    with business.warehouse.reading() as connection:
        few, many = (top_products(connection, scope, limit=limit) for limit in (3, 1000))
    assert [one.product_id for one in few] == [one[-1] for one in wanted[:3]]
    assert [one.product_id for one in many] == [one[-1] for one in wanted]


def test_the_markets_marts_are_kept_for_a_moment_but_not_its_alerts(business: Business) -> None:
    views = asked(business, "market", grain="month")["funnel"]["totals"]["views"]
    changes = ("update marts.fct_funnel_daily set views = views {} 1", "update insights.alerts set state = '{}'")
    with business.warehouse.begin() as connection:
        states = connection.execute(sa.text("select alert_id, state from insights.alerts")).all()
        connection.execute(sa.text(changes[0].format("+")))
        connection.execute(sa.text(changes[1].format("muted")))
    found = asked(business, "market", grain="month")
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(changes[0].format("-")))
        back = sa.text("update insights.alerts set state = :state where alert_id = :alert_id")
        connection.execute(back, [dict(one._mapping) for one in states])
    assert found["funnel"]["totals"]["views"] == views
    assert {one["state"] for one in found["alerts"]} == {"muted"}


def test_a_seller_without_visitors_has_an_empty_dashboard(business: Business) -> None:
    found = asked(business, business.sellers[2])
    assert found["funnel"]["totals"] == dict.fromkeys(found["funnel"]["totals"], 0)
    assert found["funnel"]["rates"]["view_to_click"] is None
    assert found["revenue"]["by_currency"] == []
    assert found["revenue"]["usd"] is None
    assert found["products"] == []
    assert found["inbox"]["newest"] == []
    assert not found["degraded"]


def test_a_seller_sees_only_their_own(business: Business) -> None:
    own, other = business.sellers[:2]
    paths = {
        f"/api/analytics/dashboard/{own}": 200,
        f"/api/analytics/dashboard/{other}": 404,
        "/api/analytics/dashboard/1": 404,
        "/api/analytics/dashboard/market": 403,
        "/api/analytics/metrics": 403,
        "/api/metrics": 403,
        f"/dashboard/sellers/{own}": 200,
        f"/dashboard/sellers/{own}?market=KE&category=Shoes": 200,
        f"/dashboard/sellers/{other}": 404,
        "/dashboard/market": 403,
    }
    key = create_key(business.warehouse, "seller", seller_id=own)
    headers = {"Authorization": f"Bearer {key}"}
    assert {path: business.client.get(path, headers=headers).status_code for path in paths} == paths


def test_who_read_a_sellers_leads_on_a_dashboard_is_kept(business: Business) -> None:
    seller, query = business.sellers[1], sa.select(accesses.c.action, accesses.c.resource, accesses.c.outcome)
    key = create_key(business.warehouse, "analyst", subject="analyst-1")
    business.client.get(f"/dashboard/sellers/{seller}", headers={"Authorization": f"Bearer {key}"})
    with business.warehouse.begin() as connection:
        kept = connection.execute(query.where(accesses.c.role == "analyst")).all()
    assert kept == [("GET /dashboard/sellers/{seller_id}", f"seller:{seller}", "allowed")]


def test_what_is_no_seller_is_refused(business: Business) -> None:
    assert business.client.get("/api/analytics/dashboard/1").status_code == 404
    assert business.client.get("/api/analytics/dashboard/nobody").status_code == 422
    answer = business.client.get("/api/analytics/dashboard/market?since=2026-02-01&until=2026-01-01")
    assert answer.status_code == 422
    assert "in order" in answer.json()["detail"]


def test_a_mart_that_is_missing_leaves_its_part_out_and_says_so(business: Business) -> None:
    rename = "alter table marts.{} rename to {}"
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(rename.format("customer_segments", "away")))
    found = asked(business, business.sellers[0])
    with business.warehouse.begin() as connection:
        connection.execute(sa.text(rename.format("away", "customer_segments")))
    assert found["segments"] is None
    assert found["degraded"]
    assert found["reasons"] == ["marts.customer_segments was not built yet"]


def test_before_the_first_build_there_is_a_problem_that_names_the_marts(fresh: TestClient) -> None:
    answer = fresh.get("/api/analytics/dashboard/market")
    assert answer.status_code == 503
    assert "marts.fct_funnel_daily" in answer.json()["detail"]
    metrics = fresh.get("/api/analytics/metrics").json()
    assert metrics["degraded"]
    assert metrics["revenue"] is None
