"""Experiments and who is shown: as JSON, and as pages at a desk and on a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from marketplace.experiments.assignment import Experiment, Variant
from marketplace.local.network import LOOPBACK, answers, free_port, wait_until
from marketplace.settings import Settings
from marketplace.storage import experiments
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app

NOON = datetime.now(UTC) - timedelta(days=3)
BROWSER = {"Accept": "text/html"}
SETTINGS = {"weights": "documented"}
# Of a thousand shoppers each 100 clicked in the control and 200 in the treatment, which shows Kofi rarely.
MARTS = """
create schema marts;
create table marts.fct_experiment_outcomes as
    select 'blend' as experiment, variant, variant || one as user_id,
        (one <= case variant when 'control' then 100 else 200 end)::int::bigint as clicks,
        (one <= 20)::int::bigint as purchases
    from unnest(array['control', 'treatment']) as variant, generate_series(1, 1000) as one;
create table marts.fct_recommendation_exposure as
    select 'blend' as experiment, variant, variant || one as answer_id, variant || one as user_id, null::text as team,
        case when variant = 'control' and one % 2 = 0 or one % 10 = 0 then 20 else 10 end::bigint as seller_id,
        false as is_clicked, 0.010::double precision as answer_seconds
    from unnest(array['control', 'treatment']) as variant, generate_series(1, 1000) as one
    union all
    select 'mix', 'champion', 'm' || one, 'shopper' || one, team, 10, team = 'challenger' and one <= 30, 0.01
    from unnest(array['champion', 'challenger']) as team, generate_series(1, 50) as one;
create table marts.mart_exposure_daily as
    select current_date - one as served_on, 100::bigint as impressions, 2::bigint as sellers,
        2::bigint as sellers_shown, 0.3::double precision as exposure_gini
    from generate_series(0, 9) as one;
create table marts.fct_seller_exposure_daily as
    select current_date as served_on, seller_id::bigint, impressions::bigint
    from (values (10, 75), (20, 25)) as day (seller_id, impressions);
create table marts.dim_sellers as
    select seller_id::bigint, name from (values (10, 'Amina'), (20, 'Kofi <b>')) as seller (seller_id, name);
create table marts.mart_seller_exposure as
    select seller_id, now() as first_product_at, now() as first_impression_at, 100::bigint as impressions,
        7::bigint as clicks, case seller_id when 10 then 12.5::double precision end as hours_to_100_impressions
    from marts.dim_sellers;
"""


@pytest.fixture
def tried(nowhere: Settings) -> Settings:
    """A market with one experiment that ended and one that runs, and marts about both."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    halves = (Variant("control", 0.5), Variant("treatment", 0.5, SETTINGS))
    one = Experiment("blend", "s", halves, hypothesis="The documented weights <i>sell</i> more.")
    experiments.start(warehouse, one, now=NOON)
    experiments.end(warehouse, "blend", now=NOON + timedelta(days=1))
    both = (Variant("champion", 0.5), Variant("challenger", 0.5, {"model": "challenger"}))
    experiments.start(warehouse, Experiment("mix", "s", both, 0.2, is_interleaved=True), now=NOON + timedelta(days=2))
    with warehouse.begin() as connection:
        connection.execute(sa.text(MARTS))
    warehouse.close()
    return nowhere


@pytest.fixture
def client_of_tried(tried: Settings, encoder: Encoder) -> Iterator[TestClient]:
    with TestClient(create_app(tried, load=lambda: encoder), raise_server_exceptions=False) as opened:
        yield opened


def test_an_experiment_is_told_with_intervals_ratio_and_guardrails(client_of_tried: TestClient) -> None:
    told = client_of_tried.get("/api/experiments/blend").json()
    assert [one["shoppers"] for one in told["variants"]] == [1000, 1000]
    assert (told["sample_ratio_p_value"], told["is_sample_ratio_mismatched"]) == (1, False)
    (compared,) = told["comparisons"]
    clicked = compared["intervals"]["clicked"]
    assert clicked["difference"] == pytest.approx(0.1)
    assert 0 < clicked["low"] < 0.1 < clicked["high"]
    assert {rail["name"]: rail["passed"] for rail in compared["guardrails"]} == {
        "latency p95": True,
        "seller exposure Gini": False,
    }
    assert told["verdict"].startswith("Stop treatment")
    assert "salt" not in client_of_tried.get("/api/experiments/blend").text


def test_an_interleaved_experiment_is_told_with_its_preference(client_of_tried: TestClient) -> None:
    told = client_of_tried.get("/api/experiments/mix").json()
    preference = told["preference"]
    assert (preference["first"], preference["second"], preference["neither"]) == (0, 30, 20)
    assert preference["p_value"] < preference["p_sequential"] < 1e-6
    assert told["verdict"].startswith("Shoppers prefer challenger")
    listed = client_of_tried.get("/api/experiments").json()
    assert [(one["name"], one["status"]) for one in listed] == [("mix", "running"), ("blend", "ended")]
    assert client_of_tried.get("/api/experiments/other").status_code == 404


def test_who_is_shown_is_told_by_day_and_seller(client_of_tried: TestClient) -> None:
    told = client_of_tried.get("/api/analytics/exposure", params={"days": 7}).json()
    assert [day["exposure_gini"] for day in told["days"]] == [0.3] * 7
    found = [(one["name"], one["share"], one["hours_to_100_impressions"]) for one in told["sellers"]]
    assert found == [("Amina", 0.75, 12.5), ("Kofi <b>", 0.25, None)]
    assert not told["degraded"]


def test_before_anything_was_built_or_tried_the_pages_say_so(fresh: TestClient, nowhere: Settings) -> None:
    told = fresh.get("/api/analytics/exposure").json()
    assert told["degraded"]
    assert "was not built yet" in told["reason"]
    assert "No experiment yet" in fresh.get("/experiments", headers=BROWSER).text
    assert "was not built yet" in fresh.get("/fairness", headers=BROWSER).text
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    one = Experiment("blend", "s", (Variant("a", 0.5), Variant("b", 0.5)))
    experiments.start(warehouse, one, now=NOON)
    warehouse.close()
    assert "was not built yet" in fresh.get("/experiments", headers=BROWSER).text
    assert fresh.get("/api/experiments/blend").status_code == 503


@pytest.fixture
def tried_address(tried: Settings, encoder: Encoder) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(tried, load=lambda: encoder), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: answers(port), 20)
    yield f"http://{LOOPBACK}:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_pages_fit_a_desk_and_a_phone(browser: Browser, tried_address: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{tried_address}/experiments")
    expect(page.get_by_role("heading", name="blend")).to_be_visible()
    expect(page.get_by_text("The documented weights <i>sell</i> more.")).to_be_visible()
    expect(page.get_by_role("img", name="+0.1000, between")).to_have_count(1)
    expect(page.get_by_text("Stop treatment: it breaks the bound")).to_be_visible()
    expect(page.get_by_text("By their clicks 0 shoppers preferred champion, 30 preferred challenger")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Who is shown").click()
    expect(page.get_by_role("rowheader", name="Kofi <b>")).to_be_visible()
    expect(page.get_by_text("12 h")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert wrong == []
