"""Leads and the funnel; and the market in figures."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.tables import leads
from marketplace.storage.warehouse import Warehouse
from tests.serving.conftest import Market

# Two days of one seller, in the shape of the mart.
FUNNEL = """
create schema marts;
create table marts.fct_funnel_daily (
    funnel_on date, seller_id bigint, category text, source text, device text, experiment text, variant text,
    impressions bigint, views bigint, clicks bigint, whatsapp_starts bigint, wishlists bigint, purchases bigint,
    orders bigint, orders_matched bigint, orders_probable bigint, orders_unknown bigint
);
insert into marts.fct_funnel_daily values
    ('2026-11-01', {0}, 'Bags', 'whatsapp', 'phone', '', '', 300, 70, 30, 8, 3, 1, 4, 2, 1, 1),
    ('2026-11-01', {0}, 'Bags', 'unknown', 'desktop', '', '', 100, 30, 10, 2, 0, 0, 0, 0, 0, 0),
    ('2026-11-02', {0}, 'Bags', 'unknown', 'phone', '', '', 90, 60, 20, 2, 0, 0, 0, 0, 0, 0),
    ('2026-11-02', {0}, 'Shoes', 'unknown', 'phone', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    ('2026-11-02', 1, 'Bags', 'unknown', 'phone', '', '', 7, 7, 7, 7, 7, 7, 7, 7, 7, 7)
"""


def database(settings: Settings) -> Warehouse:
    return Warehouse(settings.database_url.get_secret_value())


def test_a_lead_sent_twice_is_stored_once(fresh: TestClient, nowhere: Settings, market: Market) -> None:
    warehouse = database(nowhere)
    seller = market.drawn.sellers[0]
    add_seller(warehouse, seller)
    lead = {"event_id": "lead-0001", "seller_id": seller.seller_id, "user_id": "ann", "message": "Is it there?"}
    first, second = (fresh.post("/api/crm/leads", json=lead) for _ in range(2))
    with warehouse.begin() as connection:
        stored = connection.execute(sa.select(leads.c.channel, leads.c.message)).all()
    warehouse.close()
    assert (first.status_code, second.status_code) == (201, 200)
    assert [tuple(row) for row in stored] == [("whatsapp", "Is it there?")]


def test_a_lead_must_name_a_seller_and_a_product_of_theirs(client: TestClient, market: Market) -> None:
    own, other = market.drawn.sellers[:2]
    theirs = market.drawn.product_id(market.drawn.of(other.handle)[0])
    assert client.post("/api/crm/leads", json={"seller_id": 1}).status_code == 404
    wrong = client.post("/api/crm/leads", json={"seller_id": own.seller_id, "product_id": theirs})
    assert wrong.status_code == 422
    assert f"is not sold by seller {own.seller_id}" in wrong.json()["detail"]


def test_the_funnel_adds_up_days_and_categories(fresh: TestClient, nowhere: Settings, market: Market) -> None:
    warehouse = database(nowhere)
    seller = market.drawn.sellers[0]
    add_seller(warehouse, seller)
    with warehouse.begin() as connection:
        connection.execute(sa.text(FUNNEL.format(seller.seller_id)))
    warehouse.close()
    path = f"/api/crm/sellers/{seller.seller_id}/funnel"
    days = {"since": "2026-11-01", "until": "2026-11-30"}
    funnel = fresh.get(path, params=days).json()
    origins = {one["name"]: one for one in fresh.get(path, params=days | {"by": "source"}).json()["origins"]}
    held = {one["name"]: one for one in fresh.get(path, params=days | {"by": "device"}).json()["origins"]}
    one_day = fresh.get(path, params={"since": "2026-11-02", "until": "2026-11-02"}).json()
    assert funnel["totals"]["views"] == 160
    assert funnel["totals"]["view_to_click_rate"] == 60 / 160
    assert funnel["totals"]["click_to_whatsapp_rate"] == 12 / 60
    assert [day["funnel_on"] for day in funnel["days"]] == ["2026-11-02", "2026-11-01"]
    assert {row["category"]: row["view_to_click_rate"] for row in funnel["categories"]} == {
        "Bags": 0.375,
        "Shoes": None,
    }
    assert one_day["totals"]["views"] == 60
    assert funnel["origins"] is None
    assert (funnel["totals"]["impressions"], funnel["totals"]["orders"]) == (490, 4)
    assert funnel["totals"]["orders_matched"] == 2
    assert {name: one["views"] for name, one in origins.items()} == {"whatsapp": 70, "unknown": 90}
    assert {name: one["clicks"] for name, one in held.items()} == {"phone": 50, "desktop": 10}


def test_before_the_mart_is_built_the_funnel_says_what_to_run(client: TestClient, market: Market) -> None:
    answer = client.get(f"/api/crm/sellers/{market.drawn.sellers[0].seller_id}/funnel")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:soko:problem:artifact-unavailable"
    assert "marts.fct_funnel_daily was not built yet" in answer.json()["detail"]


def test_the_funnel_refuses_dates_out_of_order_and_sellers_nobody_knows(client: TestClient, market: Market) -> None:
    path = f"/api/crm/sellers/{market.drawn.sellers[0].seller_id}/funnel"
    assert client.get(path, params={"since": "2026-11-02", "until": "2026-11-01"}).status_code == 422
    assert client.get(path, params={"since": "1990-01-01"}).status_code == 422
    for day in ("0001-01-01", "9999-12-31"):
        assert client.get(path, params={"until": day}).status_code == 422
    assert client.get("/api/crm/sellers/1/funnel").status_code == 404


def test_the_figures_count_the_catalogue_and_say_which_mart_is_missing(client: TestClient, market: Market) -> None:
    figures = client.get("/api/analytics/metrics").json()
    assert figures["catalogue"]["on_shelf"] == len(market.fit)
    assert figures["catalogue"]["rejected"] == len(market.drawn.truth["junk"])
    assert figures["index"]["collection"] == market.vectors.current()
    assert figures["recommendations_version"] == "v1"
    assert figures["daily"] is None
    assert figures["degraded"]
    assert "mart_platform_metrics_daily" in figures["reason"]
