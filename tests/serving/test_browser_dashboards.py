"""Both dashboards in headless Chromium: charts, keyboard, phone, dark colours, and what they weigh."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Response, Route, expect

from marketplace.local.network import LOOPBACK, answers, free_port, wait_until
from marketplace.local.postgres import EmbeddedPostgres
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.rendering import STATIC
from tests.serving import mart_world
from tests.serving.mart_world import Business

pytestmark = pytest.mark.browser
AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8").partition("\n")[2].strip()
SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 300) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
  scrollTo(0, 0);
}"""
HEAVIEST = 150_000  # bytes of a first visit as they travel, pictures aside


@pytest.fixture(scope="session")  # before the browser, whose event loop leaves no room for that of a sync
def business(postgres: EmbeddedPostgres, scratch: Path, encoder: Encoder) -> Iterator[Business]:
    with mart_world.opened(postgres, scratch / "drawn", "drawn", encoder) as opened:
        yield opened


@pytest.fixture(scope="session")
def address(business: Business, encoder: Encoder) -> Iterator[str]:
    port = free_port()
    app = create_app(business.settings, load=lambda: encoder)
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: answers(port), 20)
    yield f"http://{LOOPBACK}:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def paths(business: Business) -> list[str]:
    return [
        "/dashboard/market",
        f"/dashboard/sellers/{business.sellers[0]}",
        f"/dashboard/sellers/{business.sellers[2]}",
    ]


def drawn(page: Page, path: str) -> None:
    page.goto(path)
    page.evaluate(SCROLL)
    expect(page.locator("[data-chart]:not([data-drawn])")).to_have_count(0)


def test_both_are_drawn_without_an_error_and_can_be_read_by_everybody(page: Page, paths: list[str]) -> None:
    for path in paths:
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
            drawn(page, path)
            assert page.evaluate(f"({AUDIT}).faults()") == []
            assert page.evaluate(f"({AUDIT}).pale()") == []
    drawn(page, paths[0])
    expect(page.locator(".chart canvas")).to_have_count(2)


def test_nothing_lies_beside_a_small_phone(browser: Browser, address: str, paths: list[str]) -> None:
    context = browser.new_context(
        base_url=address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    for path in paths:
        drawn(page, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(f"({AUDIT}).wide()") == []
        assert page.evaluate(f"({AUDIT}).small()") == []
    context.close()


def test_days_of_a_chart_are_walked_through_with_the_keyboard(page: Page, paths: list[str]) -> None:
    drawn(page, paths[1])
    chart = page.locator('[data-chart="revenue"]')
    said = page.locator('[data-chart="revenue"] ~ .read-out')
    chart.focus()
    page.keyboard.press("Home")
    expect(said).to_have_text(r"23 Oct: KES " + _sold(page, 0) + " sold")
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(r"24 Oct: KES " + _sold(page, 1) + " sold")
    page.keyboard.press("End")
    expect(said).to_contain_text("expected, likely")


def test_lines_have_the_colours_that_their_legend_says(page: Page, paths: list[str]) -> None:
    drawn(page, paths[1])
    figures = page.evaluate("JSON.parse(document.querySelector('#figures').textContent).funnel")
    names = page.locator('[data-chart="funnel"] ~ .legend').first.locator("li").all_inner_texts()
    assert [one["label"] for one in figures["lines"]] == names


def test_charts_change_with_the_colours(page: Page, paths: list[str]) -> None:
    drawn(page, paths[0])
    pixels = "document.querySelector('[data-chart=revenue] canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.locator("#theme").click()
    expect(page.locator(".chart canvas")).to_have_count(2)
    assert page.evaluate(pixels) != light


def test_the_library_comes_only_when_a_chart_comes_near(page: Page, paths: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(paths[2])  # a shop without visitors has nothing to draw
    page.evaluate(SCROLL)
    assert not [one for one in asked if "vendor" in one]
    with page.expect_response("**/vendor/uplot/uPlot.iife.min.js"):
        page.goto(paths[1])


def test_an_alert_is_marked_as_seen_and_a_lead_as_answered(page: Page, paths: list[str]) -> None:
    told: list[tuple[str, object]] = []

    def answer(route: Route) -> None:
        told.append((route.request.url.partition("/api/")[2], route.request.post_data_json))
        route.fulfill(json={})

    page.route("**/state", answer)
    page.goto(paths[1])
    alert = page.locator(".alert.new").first
    number = alert.get_attribute("data-alert")
    alert.get_by_role("button", name="Mark as seen").click()
    seen = page.locator(f'[data-alert="{number}"]')
    expect(seen.locator(".tag")).to_have_text("seen")
    expect(seen.locator(".tag")).to_be_focused()
    expect(seen.get_by_role("button")).to_have_count(1)
    lead = page.locator("[data-lead]").first
    lead.get_by_role("combobox").select_option("contacted")
    expect(lead.locator(".tag")).to_have_text("contacted")
    seller = paths[1].rpartition("/")[2]
    assert told == [
        (f"analytics/alerts/{number}/state", {"state": "seen"}),
        (f"crm/sellers/{seller}/leads/{lead.get_attribute('data-lead')}/state", {"state": "contacted"}),
    ]


def test_figures_are_narrowed_by_the_form(page: Page, paths: list[str]) -> None:
    page.goto(paths[0])
    page.get_by_role("textbox", name="From").fill("2026-11-01")
    page.get_by_role("textbox", name="To").fill("2026-11-07")
    page.get_by_label("Cohorts by").select_option("month")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**since=2026-11-01**")
    expect(page.locator(".dash > .head .why")).to_contain_text("1 Nov 2026 to 7 Nov 2026")
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Cohorts by")).to_have_value("month")


def test_without_script_every_number_stands_there(browser: Browser, address: str, paths: list[str]) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(paths[1])
    expect(page.locator(".chart").first).to_be_hidden()
    page.locator(".panel summary").first.click()
    assert (
        page.locator(".panel details table").first.locator("tbody tr").count() == 44
    )  # thirty days and the fourteen ahead
    expect(page.locator(".steps li")).to_have_count(5)
    expect(page.get_by_role("button", name="Mark as seen")).to_have_count(0)
    context.close()


def test_a_first_visit_is_light(page: Page, paths: list[str]) -> None:
    weights: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if "/media/" not in response.url:
            weights[response.url] = len(gzip.compress(response.body()))

    page.on("response", weigh)
    drawn(page, paths[1])
    page.wait_for_load_state("networkidle")
    assert 20_000 < sum(weights.values()) < HEAVIEST, weights
    own = [file for file in (STATIC / "dashboards").iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in own) < 30_000


def _sold(page: Page, at: int) -> str:
    amount = page.evaluate(f"JSON.parse(document.querySelector('#figures').textContent).revenue.actual[{at}]")
    return f"{amount:,.0f}"
