"""The storefront's pages as a browser without script receives them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import lxml.html
import pytest
from fastapi.testclient import TestClient

from marketplace.catalog.products import SourcedProduct, stable_id
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.sync import sync_seller
from marketplace.ingestion.visits import Visit
from marketplace.local.pictures import draw_picture
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.images import Images
from marketplace.storage.quality import judge_products
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.search_schemas import MOST_EXAMPLES
from serving.search_state import asked_in
from tests.serving import world
from tests.serving.conftest import Market

STATIC = Path(__file__).resolve().parents[2] / "serving" / "pages" / "static"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def page(client: TestClient, path: str, status: int = 200) -> lxml.html.HtmlElement:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return lxml.html.document_fromstring(answer.text)


def css(tree: lxml.html.HtmlElement, selector: str) -> list[lxml.html.HtmlElement]:
    """Elements by a simple CSS selector: tags, ids, classes, attributes and descent."""
    paths = []
    for part in selector.split(","):
        steps = []
        for compound in part.split():
            tag = re.match(r"[a-z0-9]*", compound)[0] or "*"
            step = tag + "".join(f"[@id='{name}']" for name in re.findall(r"#([\w-]+)", compound))
            step += "".join(
                f"[contains(concat(' ', normalize-space(@class), ' '), ' {name} ')]"
                for name in re.findall(r"\.([\w-]+)", compound)
            )
            for name, value in re.findall(r"\[([\w-]+)(?:=([\w-]+))?\]", compound):
                step += f"[@{name}='{value}']" if value else f"[@{name}]"
            steps.append(step)
        paths.append("//" + "//".join(steps))
    return list(tree.xpath(" | ".join(paths)))


def shown(tree: lxml.html.HtmlElement, within: str = "") -> list[int]:
    return [int(card.get("data-product")) for card in css(tree, f"{within} .card")]


def test_script_and_styles_stay_under_80_kb_and_nothing_comes_from_elsewhere(client: TestClient) -> None:
    files = [file for file in STATIC.rglob("*") if file.is_file()]
    shoppers = [one for one in files if not {"vendor", "dashboards"} & set(one.relative_to(STATIC).parts)]
    assert sum(file.stat().st_size for file in shoppers) < 80_000
    tree = page(client, "/")
    loaded = [one.get("src") or one.get("href") for one in css(tree, "script, link, img")]
    assert loaded
    assert all(address.startswith(("/static/", "/media/")) for address in loaded if address)
    assert not css(tree, "[style], [onclick]")
    assert not tree.xpath("//script[not(@src)]")


def test_the_first_load_is_small_on_the_wire_too(client: TestClient, market: Market) -> None:
    path = f"/search?like={market.fit[0]}"
    tree = page(client, path)
    assert len(shown(tree)) == 24
    parts = {path} | {one.get("href") or one.get("src") for one in css(tree, "link, script")}
    sizes = {path: len(gzip.compress(client.get(path).content)) for path in parts}
    assert sum(sizes.values()) < 35_000, sizes


def test_every_module_is_announced_and_named_without_its_version(client: TestClient) -> None:
    tree = page(client, "/")
    announced = {one.get("href") for one in css(tree, "link[rel=modulepreload]")}
    (entry,) = [one.get("src") for one in css(tree, "script")]
    imported = re.findall(r'from "\./modules/([a-z]+\.js)"', client.get(entry).text)
    assert {address.rpartition("/")[2] for address in announced} >= set(imported)
    assert all("immutable" in client.get(address).headers["cache-control"] for address in announced)
    assert client.get(f"/static/{'0' * 12}/soko.js").headers["cache-control"] == "no-cache"  # an older page's


def test_a_file_with_a_version_is_kept_for_ever(client: TestClient) -> None:
    (address,) = [one.get("href") for one in css(page(client, "/"), "link[rel=stylesheet]")]
    assert re.fullmatch(r"/static/[0-9a-f]{12}/soko\.css", address)
    assert "immutable" in client.get(address).headers["cache-control"]
    assert client.get("/static/soko.css").headers["cache-control"] == "no-cache"


def test_following_the_link_to_more_shows_every_product_once(client: TestClient, market: Market) -> None:
    found, path = [], "/"
    while path:
        tree = page(client, path)
        found += shown(tree, ".grid")
        path = next((link.get("href") for link in css(tree, "a[rel=next]")), "")
    assert sorted(found) == sorted(market.fit)


def test_a_piece_holds_cards_and_nothing_around_them(client: TestClient) -> None:
    answer = client.get("/", params={"piece": "true"})
    assert "<html" not in answer.text
    assert 'class="card"' in answer.text


def test_every_picture_has_a_text_and_a_size_before_it_arrives(client: TestClient) -> None:
    pictures = css(page(client, "/"), "img.pic")
    assert pictures
    assert all(picture.get("alt") and int(picture.get("width")) and int(picture.get("height")) for picture in pictures)


def test_a_page_can_be_used_without_seeing_it(client: TestClient, market: Market) -> None:
    for path in ("/", "/search?q=dress", "/search/photo", f"/products/{market.fit[0]}", "/docs"):
        tree = page(client, path)
        assert tree.get("lang") == "en"
        assert len(css(tree, "h1")) == 1
        assert css(tree, "a.skip")[0].get("href") == "#main"
        assert css(tree, "main#main")
        for field in css(tree, "input, select, button"):
            name = field.get("aria-label") or field.text_content().strip() or field.xpath("ancestor::label")
            name = name or css(tree, f"label[for={field.get('id')}]") or field.get("type") == "hidden"
            assert name, lxml.html.tostring(field)


def test_every_product_for_you_says_why_it_is_there_and_can_be_hidden(client: TestClient) -> None:
    tree = page(client, "/")
    reasons = [one.text for one in css(tree, "#for-you .because")]
    assert len(reasons) == len(shown(tree, "#for-you")) > 0
    assert all(reason.startswith(("Popular", "New here")) for reason in reasons)
    assert [int(one.get("data-hide")) for one in css(tree, "#for-you .hide")] == shown(tree, "#for-you")


def test_the_row_for_you_follows_the_chosen_shopper(client: TestClient, market: Market) -> None:
    client.cookies.set("shopper", "shopper-001")
    try:
        tree = page(client, "/")
    finally:
        client.cookies.clear()
    assert css(tree, "#for-you")[0].get("data-source") == "personal"
    assert shown(tree, "#for-you")[:5] == market.fit[:5]
    assert css(tree, "#shopper option[selected]")[0].get("value") == "shopper-001"
    assert css(page(client, "/"), "#for-you")[0].get("data-source") == "popular_in_category"


def test_a_shopper_is_chosen_without_script(client: TestClient) -> None:
    answer = client.post("/shopper", data={"shopper": "shopper-001"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "shopper=shopper-001" in answer.headers["set-cookie"]
    assert client.post("/shopper", data={"shopper": "a;b"}).status_code == 422
    client.cookies.clear()


def test_in_production_shoppers_are_not_shown_to_each_other(market: Market, encoder: Encoder) -> None:
    settings = market.settings.model_copy(update={"environment": "production"})
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        assert client.get("/api/recommendations/shoppers").json() == []
        assert not css(page(client, "/"), "#shopper")


def test_the_colours_a_shopper_chose_come_with_the_page(client: TestClient) -> None:
    client.cookies.set("theme", "dark")
    dark = page(client, "/")
    client.cookies.set("theme", "'><script>")
    other = page(client, "/")
    client.cookies.clear()
    assert dark.get("data-theme") == "dark"
    assert other.get("data-theme") is None


def test_a_product_page_leads_to_a_chat_its_shop_and_what_is_like_it(client: TestClient, market: Market) -> None:
    product_id = market.fit[0]
    tree = page(client, f"/products/{product_id}")
    (chat,) = css(tree, "a.chat")
    assert chat.get("href").startswith("/r/")
    led = client.get(chat.get("href"), headers=BROWSER, follow_redirects=False)
    assert led.headers["location"].startswith("https://wa.me/254")
    assert chat.get("data-lead") == str(product_id)
    assert "noopener" in chat.get("rel")
    assert css(tree, "a.shop")[0].get("href").startswith("/sellers/")
    assert shown(tree, "[data-surface=similar]")
    assert product_id not in shown(tree)


def test_a_shop_shows_its_own_products_only(client: TestClient, market: Market) -> None:
    seller = market.drawn.sellers[0]
    own = {market.drawn.product_id(one) for one in market.drawn.of(seller.handle)}
    tree = page(client, f"/sellers/{seller.seller_id}")
    assert css(tree, "h1")[0].text_content() == seller.name
    assert set(shown(tree)) == own & set(market.fit)
    page(client, "/sellers/1", 404)


def test_a_search_without_words_leads_to_the_start(client: TestClient) -> None:
    assert client.get("/search", params={"q": "  "}, follow_redirects=False).headers["location"] == "/"


def test_a_search_that_finds_nothing_offers_categories(client: TestClient) -> None:
    tree = page(client, "/search?q=zzzz")
    assert "Nothing found" in tree.text_content()
    assert css(tree, ".chips a")


def test_filters_that_leave_nothing_say_what_each_of_them_costs(client: TestClient) -> None:
    all_of_them = len(shown(page(client, "/search?q=kiondo+handbag"), ".results"))
    tree = page(client, "/search?q=kiondo+handbag&city=Kigali")
    (without,) = css(tree, ".empty .active a")
    assert without.text_content() == f"Without Kigali: {all_of_them} product{'' if all_of_them == 1 else 's'}"
    assert without.get("href") == "/search?q=kiondo+handbag"
    assert [one.get("value") for one in css(tree, "input[name=city]") if one.get("checked") is not None] == ["Kigali"]


def test_a_search_is_its_address(client: TestClient) -> None:
    asked = "/search?q=bag&categories=Bags&price_min=1500&price_max=4000&currency=KES&sort=price_low&in_stock=false"
    tree = page(client, asked)
    chips = [one.text_content().strip() for one in css(tree, "ul.active a")]
    assert chips == ["Bags", "KSh 1,500 - 4,000", "Sold out as well", "Clear all"]
    prices = [int(re.sub(r"\D", "", one.text_content())) for one in css(tree, ".results p.price")]
    assert prices == sorted(prices)
    assert all(1500 <= price <= 4000 for price in prices)
    fields = {(one.get("name"), one.get("value")) for one in css(tree, "#refine input")}
    assert {("q", "bag"), ("categories", "Bags"), ("price_min", "1500"), ("sort", "price_low")} <= fields
    assert css(tree, "ul.active a.all")[0].get("href") == "/search?q=bag&sort=price_low"


def test_a_range_of_prices_is_read_either_way_round(client: TestClient) -> None:
    one, other = (
        shown(page(client, f"/search?q=bag&price_min={low}&price_max={high}&currency=KES"))
        for low, high in ((1500, 4000), (4000, 1500))
    )
    assert one
    assert one == other


def test_what_an_address_says_amiss_is_left_out_and_said(client: TestClient) -> None:
    tree = page(client, "/search?q=bag&price_min=cheap&currency=KES&utm_source=chat&fbclid=x")
    assert shown(tree) == shown(page(client, "/search?q=bag"))
    assert "The lowest price could not be read, and was left out." in tree.text_content()
    assert "utm_source" not in "".join(one.get("href") for one in css(tree, "#findings a"))


@pytest.mark.parametrize("price", ["1E-999999", "0E-999999", "1E999999", "1." + "0" * 900])
def test_a_price_of_a_million_digits_makes_no_page_of_them(client: TestClient, price: str) -> None:
    answer = client.get(f"/search?q=bag&price_min={price}&currency=KES", headers=BROWSER)
    assert answer.status_code == 200
    assert len(answer.text) < 100_000


def test_of_too_many_examples_the_last_are_kept(client: TestClient, market: Market) -> None:
    named = [*range(1, MOST_EXAMPLES + 1), 1, MOST_EXAMPLES + 1]
    asked, passed_over = asked_in({"like": list(map(str, named)), "unlike": ["2"]})
    assert asked.like == (*range(3, MOST_EXAMPLES + 1), 1, MOST_EXAMPLES + 1)
    assert (asked.unlike, passed_over) == ((2,), ())
    liked = market.fit[: MOST_EXAMPLES + 1]
    assert len(liked) == MOST_EXAMPLES + 1
    tree = page(client, "/search?" + "&".join(f"like={one}" for one in liked))
    assert sum("More like" in one.get("aria-label", "") for one in css(tree, "ul.active a")) == MOST_EXAMPLES


def test_a_currency_without_a_range_is_what_the_form_always_sends(client: TestClient) -> None:
    assert shown(page(client, "/search?q=bag&currency=TZS&price_min=")) == shown(page(client, "/search?q=bag"))


def test_filters_with_nothing_to_search_for_lead_to_the_shelf(client: TestClient) -> None:
    answer = client.get("/search", params={"q": "", "categories": "Bags"}, follow_redirects=False)
    assert answer.headers["location"] == "/?category=Bags"


def test_pages_of_a_search_go_on_by_a_form_to_the_end(client: TestClient) -> None:
    whole = shown(page(client, "/search?q=kitenge+dress+bag&limit=100"), ".results")
    tree = page(client, "/search?q=kitenge+dress+bag&limit=4")
    found = shown(tree, ".results")
    while forms := css(tree, "nav.more form"):
        (form,) = forms
        cursor = css(form, "input[name=cursor]")[0].get("value")
        answer = client.post(form.get("action"), data={"cursor": cursor}, headers=BROWSER)
        tree = lxml.html.document_fromstring(answer.text)
        found += shown(tree, "#findings")
    assert found == whole
    assert len(found) == len(set(found)) > 4


def test_what_only_comes_close_is_set_off_once(client: TestClient) -> None:
    tree = page(client, "/search?q=kitenge+dress+bag&limit=4")
    (form,) = css(tree, "nav.more form")
    body = {"cursor": css(form, "input[name=cursor]")[0].get("value")}
    piece = client.post(f"{form.get('action')}&piece=true", data=body, headers=BROWSER).text
    said = [one.text_content() for one in css(tree, "#results h2")]
    assert said == ["Nothing holds these words. These come close"]
    assert "<h2" not in piece


def test_a_product_that_others_sell_too_is_shown_once_and_says_so(client: TestClient, market: Market) -> None:
    items = client.post("/api/search", json={"text": "kiondo handbag rose", "in_stock": False}).json()["items"]
    together = [one for one in items if one["also_at"]]
    assert together
    tree = page(client, "/search?q=kiondo+handbag+rose&in_stock=false")
    folded = css(tree, "details.also")
    assert len(folded) == len(together)
    for item, fold in zip(together, folded, strict=True):
        assert fold.xpath(".//a/@href") == [f"/products/{one['product_id']}" for one in item["also_at"]]
        others = {one["seller"]["seller_id"] for one in item["also_at"]} - {item["seller"]["seller_id"]}
        assert not others or f"Also at {len(others)} other seller" in fold.text_content()


def test_a_product_can_be_the_example_to_search_by(client: TestClient, market: Market) -> None:
    example = market.fit[0]
    tree = page(client, f"/search?like={example}")
    assert css(tree, "h1")[0].text_content() == "Like your choice"
    assert example not in shown(tree)
    assert css(tree, "ul.active a")[0].get("aria-label").startswith("Remove More like: ")
    refused = page(client, f"/search?unlike={example}", 422)
    assert "This search could not be done" in refused.text_content()
    page(client, "/search?product_id=1", 404)


def test_a_link_with_a_photo_says_that_the_photo_stayed_behind(client: TestClient) -> None:
    tree = page(client, "/search?photo=abc123&q=dress")
    assert css(tree, "h1")[0].text_content() == "This search began with a photo"
    assert css(tree, "#photo-page a.button")[0].get("href") == "/search?q=dress"
    assert css(tree, "form[enctype] input[type=file]")


def test_a_cursor_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.post("/search?q=bag", data={"cursor": "abc"}, headers=BROWSER)
    assert answer.status_code == 422
    assert "begin without one" in answer.text


def test_a_photo_is_searched_without_script(client: TestClient, market: Market) -> None:
    product = next(one for one in market.drawn.products if one.has_picture)
    photo = {"image": ("p.jpg", draw_picture(product), "image/jpeg")}
    answer = client.post("/search", files=photo, headers=BROWSER)
    assert answer.status_code == 200
    tree = lxml.html.document_fromstring(answer.text)
    assert shown(tree)
    assert css(tree, "form#filters")[0].get("enctype") == "multipart/form-data"
    assert css(tree, "form#filters input[name=image]")[0].get("required") is not None
    refused = client.post("/search", files={"image": ("p.jpg", b"no picture", "image/jpeg")}, headers=BROWSER)
    assert refused.status_code == 422
    assert "This search could not be done" in refused.text


def test_a_degraded_search_says_so_on_the_page(without_index: TestClient, market: Market) -> None:
    assert "Found by words only for now" in page(without_index, "/search?q=dress").text_content()
    first = page(without_index, "/search?q=dress+bag+kitenge&limit=2")
    (form,) = css(first, "nav.more form")
    body = {"cursor": css(form, "input[name=cursor]")[0].get("value")}
    for address in (form.get("action"), f"{form.get('action')}&piece=true"):
        assert "Found by words only for now" in without_index.post(address, data=body, headers=BROWSER).text
    assert "Likeness cannot be told now" in page(without_index, f"/products/{market.fit[0]}").text_content()


@pytest.mark.parametrize("path", ["/nothing", "/products/1", "/sellers/1"])
def test_what_is_not_there_is_said_on_a_page_with_a_way_back(client: TestClient, path: str) -> None:
    tree = page(client, path, 404)
    assert "This is not on the market" in tree.text_content()
    assert css(tree, "main a.button")[0].get("href") == "/"


class Hostile:
    """A seller whose every text is an attack."""

    reader = "hostile-1"
    lists_other_pages = False

    async def scout(self, web: Visit) -> Scan:
        return Scan((ProductRef("1", harvest={}),), is_complete=True)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        attack = "Bag \"><script>alert(1)</script>' onload=x {{ 7*7 }}"
        return SourcedProduct("1", attack, "javascript:alert(2)", attack, attack)

    def picture(self, where: str) -> None:
        return None


def test_what_sellers_write_never_becomes_markup(fresh: TestClient, nowhere: Settings, market: Market) -> None:
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    seller = market.drawn.sellers[0]
    add_seller(warehouse, seller)
    images = Images(nowhere.artifacts_folder / "images")
    sync_seller(warehouse, images, nowhere, seller, source=Hostile(), trigger="command", now=world.NOW)
    judge_products(warehouse, world.NOW)
    warehouse.close()
    product_id = stable_id("product", seller.seller_id, "1")
    for path in ("/", f"/products/{product_id}", "/search?q=bag", "/search?q=%22%3E%3Cscript%3Ealert(1)", "/<script>"):
        answer = fresh.get(path, headers=BROWSER)
        tree = lxml.html.document_fromstring(answer.text)
        assert [one.get("src").rpartition("/")[2] for one in css(tree, "script")] == ["soko.js"]
        assert "javascript:" not in answer.text
        assert "49" not in tree.text_content()
        assert not css(tree, "[onload]")
