"""The heartbeat's page and a product's prices over time, without script and in headless Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import lxml.html
import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect, sync_playwright

from marketplace.catalog.products import Seller
from marketplace.ingestion.browser import FLAGS, chromium
from marketplace.local.network import LOOPBACK, answers, free_port, wait_until
from marketplace.settings import Settings
from marketplace.storage.brakes import open_brakes
from marketplace.storage.dead_letters import unread
from marketplace.storage.history import Version
from marketplace.storage.requests import queued
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.price_line import HEIGHT, ROOM, WIDTH, price_line
from serving.rendering import ago
from tests.marketplace.storage.kept import (
    DAY,
    keep_change,
    keep_dead_letter,
    keep_event,
    keep_product,
    keep_seller,
    keep_sync,
    keep_version,
    raise_brake,
)

HOUR = timedelta(hours=1)
TODAY = datetime.now(UTC)
BROWSER = {"Accept": "text/html"}
TOKEN = "an operator's word"


def page_of(client: TestClient, path: str) -> lxml.html.HtmlElement:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 200, answer.text[:500]
    return lxml.html.document_fromstring(answer.text)


def text_of(tree: lxml.html.HtmlElement, path: str = "//main") -> str:
    return " ".join(" ".join(text for one in tree.xpath(path) for text in one.itertext()).split())


@pytest.fixture
def amina(warehouse: Warehouse) -> Seller:
    """A braked seller with a dead letter and a changed price, beside a stale, a paused and a new one."""
    today = datetime.now(UTC)
    seller = keep_seller(warehouse, name="Amina’s <Baskets>")
    cost = {"requests": 1_209, "bytes_received": 34_000_000, "polite_seconds": 61.4, "not_modified": 800}
    note = "4 of 7 products would vanish at once, more than 50%; none was removed"
    keep_sync(warehouse, seller, "s1", today - HOUR, status="braked", unchanged=3, scouted=3, note=note, **cost)
    for ref in "1234567":
        keep_product(warehouse, seller, ref)
    raise_brake(warehouse, seller, "s1", ["1", "2", "3", "4"], live=7)
    keep_dead_letter(warehouse, seller, "k-77", reason="'<b>cheap</b>' is no price")
    keep_event(warehouse, seller, "s1", "braked", note)
    basket = keep_product(warehouse, seller, "basket", title="A basket whose name is long enough to need two lines")
    keep_change(warehouse, seller, basket, "s1", "price", old_value="85000 KES", new_value="90000 KES")
    keep_change(warehouse, seller, basket, "s1", "stock", old_value="yes", new_value="no")
    baraka = keep_seller(warehouse, "baraka", kind="shopify")
    errors = {"SourceUnavailable": 12}
    keep_sync(warehouse, baraka, "b0", today - DAY, new=120)
    keep_sync(warehouse, baraka, "b1", today - 2 * HOUR, status="failed", failed=12, errors=errors, note="no answer")
    keep_seller(warehouse, "chebet", state="paused")
    keep_seller(warehouse, "dalia", kind="feed", source_url="/data/dalia.csv")
    return seller


def test_the_page_of_an_empty_market_says_how_to_begin(fresh: TestClient) -> None:
    assert "No shop was taken in yet" in text_of(page_of(fresh, "/heartbeat"))


def test_the_page_shows_every_shop_and_first_what_waits_for_a_person(fresh: TestClient, amina: Seller) -> None:
    tree = page_of(fresh, "/heartbeat")
    shops = [text_of(one, ".") for one in tree.xpath("//ul[@class='beats']/li")]
    assert [shop.split(" ")[0] for shop in shops][:2] == ["Amina’s", "Baraka"]
    assert "braked 1 hour ago · 3 unchanged, 800 not modified" in shops[0]
    assert "1,209 requests, 34.0 MB, waited 61 s" in shops[0]
    assert "1 given up, 0 tried again" in shops[0]
    assert "stale read 1 day ago" in shops[1]
    assert "12 × SourceUnavailable" in shops[1]
    assert any("Chebet WhatsApp · paused" in shop for shop in shops)
    assert any("Dalia" in shop and "Read when a file comes" in shop for shop in shops)
    brake = text_of(tree, "//section[@class='brake']")
    assert "Amina’s <Baskets>: 4 of 7 products vanished at once" in brake
    assert "Sisal basket 1 Sisal basket 2" in brake
    assert "'<b>cheap</b>' is no price" in text_of(tree, "//section[@id='letters']")
    assert "KSh 850 → KSh 900" in text_of(tree, "//ul[@class='changes']")


def test_a_brake_is_released_from_the_page_and_can_be_taken_back(
    fresh: TestClient, warehouse: Warehouse, amina: Seller
) -> None:
    path = f"/heartbeat/brakes/{amina.seller_id}"
    released = fresh.post(f"{path}/release", data={"who": "Wanjiru", "note": "sold out"}, follow_redirects=False)
    assert (released.status_code, released.headers["location"]) == (303, "/heartbeat")
    brake = page_of(fresh, "/heartbeat").xpath("//section[@class='brake']")[0]
    assert "Wanjiru let them go just now : “sold out”" in text_of(brake, ".")
    assert brake.xpath(".//button/text()") == ["Keep them"]
    assert fresh.post(f"{path}/clear", data={"who": "Wanjiru"}, follow_redirects=False).status_code == 303
    assert open_brakes(warehouse) == []


def test_without_a_name_or_from_another_site_the_page_decides_nothing(
    fresh: TestClient, warehouse: Warehouse, amina: Seller
) -> None:
    path = f"/heartbeat/brakes/{amina.seller_id}/release"
    assert fresh.post(path, data={"who": ""}, headers=BROWSER).status_code == 422
    elsewhere = {**BROWSER, "Sec-Fetch-Site": "cross-site"}
    refused = fresh.post(path, data={"who": "Wanjiru"}, headers=elsewhere)
    assert (refused.status_code, "may not steer" in refused.text) == (403, True)
    assert [brake.state for brake in open_brakes(warehouse)] == ["raised"]


def test_a_sync_and_dead_letters_are_asked_for_from_the_page(
    fresh: TestClient, warehouse: Warehouse, amina: Seller
) -> None:
    assert fresh.post(f"/heartbeat/sync/{amina.seller_id}", follow_redirects=False).status_code == 303
    assert fresh.post(f"/heartbeat/redrive/{amina.seller_id}", follow_redirects=False).status_code == 303
    assert [one.seller_id for one in queued(warehouse)] == [amina.seller_id]
    assert [letter.state for letter in unread(warehouse, limit=9)] == ["waiting"]
    assert "Asked for; starts in a moment." in text_of(page_of(fresh, "/heartbeat"))


def test_where_a_token_is_set_the_page_asks_for_it(
    nowhere: Settings, encoder: Encoder, warehouse: Warehouse, amina: Seller
) -> None:
    kept = nowhere.model_dump() | {"operator_token": TOKEN}
    app = create_app(Settings(_env_file=None, **kept), load=lambda: encoder)
    path = f"/heartbeat/brakes/{amina.seller_id}/release"
    with TestClient(app, raise_server_exceptions=False) as client:
        assert page_of(client, "/heartbeat").xpath("//section[@class='brake']//input[@name='token']")
        for data in ({"who": "Wanjiru"}, {"who": "Wanjiru", "token": "another"}):
            refused = client.post(path, data=data, headers=BROWSER)
            assert (refused.status_code, TOKEN in refused.text) == (401, False)
        assert open_brakes(warehouse)[0].state == "raised"
        allowed = client.post(path, data={"who": "Wanjiru", "token": TOKEN}, follow_redirects=False)
        assert allowed.status_code == 303
    assert open_brakes(warehouse)[0].state == "released"


def version(value: str | None, begin: datetime, end: datetime | None) -> Version:
    return Version(value, begin, begin, None, None, "s1", 1, "price", end, begin)


def test_a_line_of_prices_is_level_while_they_hold_and_broken_where_there_was_none() -> None:
    start = TODAY - 4 * DAY
    line = price_line(
        [
            version("20000 KES", start + 3 * DAY, None),
            version(None, start + 2 * DAY, start + 3 * DAY),
            version("15000 KES", start + DAY, start + 2 * DAY),
            version("10000 KES", start, start + DAY),
        ],
        TODAY,
    )
    assert line is not None
    low, high, middle = float(HEIGHT - ROOM), float(ROOM), HEIGHT / 2
    assert line.path == f"M0.0 {low}H80.0V{middle}H160.0M240.0 {high}H{float(WIDTH)}"
    assert (line.lowest, line.highest) == ("KSh 100", "KSh 200")
    assert [step.text for step in line.steps] == ["KSh 200", None, "KSh 150", "KSh 100"]


def test_of_one_price_or_two_currencies_no_line_is_drawn_but_all_are_listed() -> None:
    line = price_line(
        [version("900 USD", TODAY - DAY, None), version("10000 KES", TODAY - 2 * DAY, TODAY - DAY)], TODAY
    )
    assert line is not None
    assert (line.path, [step.text for step in line.steps]) == ("", ["USD 9", "KSh 100"])
    assert price_line([], TODAY) is None


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=1200), "1,200 days ago"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit(before: timedelta, said: str) -> None:
    assert ago(TODAY - before, TODAY) == said


def with_prices(warehouse: Warehouse, seller: Seller) -> int:
    basket = keep_product(warehouse, seller, "priced", description="Woven in Kitui.")
    for days, price in ((90, "85000 KES"), (60, "99000 KES"), (30, None), (20, "70000-74000 KES"), (3, "90000 KES")):
        keep_version(warehouse, basket, "s1", "price", price, TODAY - days * DAY)
    return basket


def test_a_products_page_folds_its_prices_away(fresh: TestClient, warehouse: Warehouse, amina: Seller) -> None:
    fold = page_of(fresh, f"/products/{with_prices(warehouse, amina)}").xpath("//details[@class='fold']")[0]
    prices = [one.text_content() for one in fold.xpath(".//li/strong")]
    assert prices == ["KSh 900", "KSh 700 - 740", "No price", "KSh 990", "KSh 850"]
    assert "KSh 700 - 740 to KSh 990" in text_of(fold, ".")
    assert fold.xpath(".//*[name()='path']/@d")


@pytest.fixture
def page(nowhere: Settings, encoder: Encoder, browser: Browser) -> Iterator[Page]:
    """A page of the served app, on which nothing may go wrong."""
    port = free_port()
    app = create_app(nowhere, load=lambda: encoder)
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: answers(port), 20)
    context = browser.new_context(base_url=f"http://{LOOPBACK}:{port}", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    server.should_exit = True
    thread.join(20)
    assert wrong == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(""), args=list(FLAGS))
        yield opened
        opened.close()


@pytest.mark.browser
def test_an_operator_lets_go_and_reads_a_shop_again_with_the_mouse(
    page: Page, warehouse: Warehouse, amina: Seller
) -> None:
    page.goto("/heartbeat")
    page.get_by_role("button", name="Let them go").click()
    assert [brake.state for brake in open_brakes(warehouse)] == ["raised"]  # the browser asks for a name first
    page.get_by_label("Your name").fill("Wanjiru")
    page.get_by_role("button", name="Let them go").click()
    expect(page.locator(".brake")).to_contain_text("Wanjiru let them go just now")
    page.locator(".beats li", has_text="Amina").get_by_role("button", name="Read now").click()
    expect(page.locator(".beats")).to_contain_text("Asked for")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_and_the_line_is_seen(page: Page, warehouse: Warehouse, amina: Seller, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    wide = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.chips, .row, .unseen, .skip'))"
    for path in ("/heartbeat", f"/products/{with_prices(warehouse, amina)}"):
        page.goto(path)
        if page.locator(".fold").count():
            page.locator(".fold summary").click()
            box = page.locator(".line").bounding_box()
            assert box is not None
            assert box["width"] > 200
        assert page.evaluate(f"Math.max(...{wide}.map(e => e.getBoundingClientRect().right))") <= width + 1
