"""The storefront driven in headless Chromium, over the real app and its stores."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from marketplace.local.network import wait_until
from marketplace.storage.quality import judge_products
from marketplace.storage.tables import interactions, leads, product_quality, product_reviews
from tests.serving import world
from tests.serving.conftest import Market

pytestmark = pytest.mark.browser


def recorded(market: Market, user_id: str) -> set[tuple[str, int, str]]:
    columns = interactions.c
    query = sa.select(columns.kind, columns.product_id, columns.surface).where(columns.user_id == user_id)
    with market.warehouse.begin() as connection:
        return {(row.kind, row.product_id, row.surface) for row in connection.execute(query)}


def shopper(page: Page) -> str:
    return next(one["value"] for one in page.context.cookies() if one["name"] == "shopper")


def test_scrolling_shows_the_whole_market_without_one_card_upon_another(page: Page, market: Market) -> None:
    page.goto("/")
    expect(page.locator(".grid .card")).to_have_count(24)
    page.locator("footer").scroll_into_view_if_needed()
    expect(page.locator(".grid .card")).to_have_count(len(market.fit))
    expect(page.locator(".more")).to_have_count(0)
    boxes = [card.bounding_box() for card in page.locator(".grid .card").all()]
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert one is not None
            assert other is not None
            beside = one["x"] + one["width"] <= other["x"] + 1 or other["x"] + other["width"] <= one["x"] + 1
            above = one["y"] + one["height"] <= other["y"] + 1 or other["y"] + other["height"] <= one["y"] + 1
            assert beside or above


def test_dark_colours_stay_after_a_reload(page: Page) -> None:
    page.goto("/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    dark = page.evaluate(background)
    page.reload()
    assert light != dark
    assert page.evaluate(background) == dark


def test_the_row_changes_with_the_shopper(page: Page, market: Market) -> None:
    page.goto("/")
    expect(page.locator("#for-you")).to_have_attribute("data-source", "popular_in_category")
    page.locator("#shopper").select_option("shopper-001")
    expect(page.locator("#for-you")).to_have_attribute("data-source", "personal")
    first = page.locator("#for-you .card").first
    expect(first).to_have_attribute("data-product", str(market.fit[0]))
    page.locator("#shopper").select_option("")
    expect(page.locator("#for-you")).to_have_attribute("data-source", "popular_in_category")


def test_looking_opening_and_chatting_are_recorded_once_each(page: Page, market: Market) -> None:
    page.goto("/?category=Dresses")
    card = page.locator(".grid .card").first
    product_id = int(card.get_attribute("data-product") or 0)
    page.wait_for_timeout(1200)
    card.get_by_role("link").click()
    page.wait_for_url(f"**/products/{product_id}")
    user_id = shopper(page)
    wanted = {("view", product_id, "grid"), ("click", product_id, "grid")}
    assert wait_until(lambda: wanted <= recorded(market, user_id), 10), recorded(market, user_id)
    for _ in range(2):
        with page.expect_popup() as popup:
            page.get_by_role("link", name="Chat on WhatsApp").click()
        popup.value.wait_for_url("https://wa.me/254*")
    query = sa.select(leads.c.product_id, leads.c.channel).where(leads.c.user_id == user_id)

    def chats() -> list[tuple[int, str]]:
        with market.warehouse.begin() as connection:
            return [(row.product_id, row.channel) for row in connection.execute(query)]

    assert wait_until(lambda: bool(chats()), 10)
    assert chats() == [(product_id, "whatsapp")]


def test_the_market_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Search by words")).to_be_focused()
    page.keyboard.type("dress")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=dress")
    page.locator(".grid .card a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/products/*")


def test_without_script_the_market_still_sells(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Show more").click()
    assert page.locator(".card").count() > 0
    page.get_by_label("Search by words").fill("dress")
    page.get_by_label("Search by words").press("Enter")
    page.locator(".card a").first.click()
    assert page.get_by_role("link", name="Chat on WhatsApp").get_attribute("href")
    context.close()


def test_a_reviewer_decides_with_the_keyboard_alone(page: Page, market: Market) -> None:
    page.goto("/review")
    cards = page.locator("[data-review]")
    first, second = (cards.nth(number).get_attribute("data-review") for number in (0, 1))
    waiting = int(page.locator("#waiting").get_attribute("data-waiting") or "")
    page.keyboard.press("Tab")
    page.locator("#reviewer").fill("Wanjiru")
    page.locator("#reviewer").blur()
    page.keyboard.press("j")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("a")
    expect(cards.nth(0).locator(".said")).to_have_text("Approved.")
    expect(page.locator("#waiting")).to_have_text(f"{waiting - 1} left")
    expect(cards.nth(1)).to_be_focused()
    page.reload()
    expect(page.locator(f'[data-review="{first}"]')).to_have_count(0)
    expect(page.locator(f'[data-review="{second}"]')).to_have_count(1)
    expect(page.locator("#reviewer")).to_have_value("Wanjiru")
    with market.warehouse.begin() as connection:
        connection.execute(sa.delete(product_reviews))
        connection.execute(sa.update(product_quality).values(judged_by="rules", rules_version="before"))
    judge_products(market.warehouse, world.NOW)  # the market is as it was for the other tests


def test_the_review_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/review")
    expect(page.locator("[data-review]").first.get_by_role("button", name="Approve")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    heights = page.locator(".choice button").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(heights) >= 44
