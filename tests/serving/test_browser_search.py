"""The storefront's search driven in headless Chromium, over the real app and its stores."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, JSHandle, Page, Request, expect

from marketplace.local.market import SampleProduct
from marketplace.local.pictures import draw_picture
from tests.serving.conftest import Market

pytestmark = pytest.mark.browser
AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8").partition("\n")[2].strip()
EXIF_ORIENTATION = 0x0112
TURNED_RIGHT = 6


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A page on a small phone."""
    context = browser.new_context(
        base_url=address, viewport={"width": 320, "height": 700}, has_touch=True, is_mobile=True
    )
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def pictured(market: Market) -> SampleProduct:
    """A product with a picture that is on the shelf."""
    return next(one for one in market.drawn.products if one.has_picture and one.in_stock and not one.is_junk)


@pytest.fixture
def photo(pictured: SampleProduct, tmp_path: Path) -> Path:
    """A photo of it."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(draw_picture(pictured))
    return file


def shown(page: Page) -> list[int]:
    return [int(one.get_attribute("data-product") or 0) for one in page.locator("#findings .card").all()]


def asked(page: Page) -> dict[str, list[str]]:
    """What the page's address asks for."""
    return parse_qs(urlsplit(page.url).query)


def search_by(page: Page, photo: Path) -> None:
    page.locator("#photo").set_input_files(photo)
    expect(page.locator("#found-title")).to_have_text("Looks like your photo")


def sent(request: Request) -> dict[str, bytes]:
    """The parts of a form that was sent."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + (request.post_data_buffer or b""))
    assert message.is_multipart()
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.get_payload()
    }


def of_product(market: Market, product: SampleProduct) -> set[int]:
    """The product and those that took its photo."""
    copies = {market.drawn.product_id(one) for one in market.drawn.products if one.copies == product.ref}
    return {market.drawn.product_id(product)} | copies


def test_suggestions_are_walked_with_the_keyboard_and_never_needed(page: Page) -> None:
    page.goto("/")
    box = page.get_by_role("combobox", name="Search by words")
    box.press_sequentially("ki")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(options.locator("mark").first).to_have_text(re.compile("^ki$", re.IGNORECASE))
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", options.first.get_attribute("id") or "")
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box).to_have_value("ki")
    box.press("ArrowDown")
    expect(options.first).to_be_visible()
    box.press("ArrowUp")
    last = options.last.get_attribute("data-text") or ""
    expect(box).to_have_value(last)
    box.press("Enter")
    page.wait_for_url(
        lambda url: last in parse_qs(urlsplit(url).query).get("q", parse_qs(urlsplit(url).query).get("category", []))
    )


def test_suggestions_that_failed_are_asked_for_again(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    statuses = iter((503,))
    page.route(
        "**/api/search/suggestions*",
        lambda route: route.fulfill(status=status) if (status := next(statuses, None)) else route.continue_(),
    )
    page.goto("/")
    box = page.get_by_role("combobox", name="Search by words")
    with page.expect_response("**/api/search/suggestions*") as answer:
        box.fill("ki")
    assert answer.value.status == 503
    expect(page.get_by_role("listbox")).to_be_hidden()
    box.press("ArrowDown")
    expect(page.get_by_role("listbox", name="Suggestions").get_by_role("option").first).to_be_visible()
    context.close()


def test_words_are_searched_at_once_whatever_becomes_of_suggestions(page: Page) -> None:
    page.route("**/api/search/suggestions*", lambda route: None)  # never answered
    page.goto("/")
    page.get_by_label("Search by words").press_sequentially("ቀሚስ")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=*")
    expect(page.get_by_label("Search by words")).to_have_value("ቀሚስ")
    expect(page.locator("#q")).to_have_attribute("lang", "am")


def test_a_photo_finds_its_product_and_words_narrow_it(
    page: Page, market: Market, photo: Path, pictured: SampleProduct
) -> None:
    page.goto("/")
    search_by(page, photo)
    expect(page.locator("#lens img")).to_be_visible()
    assert shown(page)[0] in of_product(market, pictured)
    page.get_by_label("Search by words").fill(pictured.title)
    page.get_by_label("Search by words").press("Enter")
    expect(page.locator("#found-title")).to_contain_text(pictured.title)
    weight = page.get_by_label("What counts more")
    weight.focus()
    with page.expect_request("**/search?piece=true") as request:
        weight.press("Home")
    assert sent(request.value)["image_weight"] == b"1.00"
    expect(page.locator("#results .card").first).to_be_visible()
    page.get_by_role("button", name="Take it away").click()
    page.wait_for_url("**/search?q=*")
    expect(page.locator("#lens")).to_be_hidden()


def test_a_large_photo_travels_small_and_upright(page: Page, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_RIGHT
    large = tmp_path / "large.jpg"
    Image.effect_noise((3000, 1500), 90).convert("RGB").save(large, quality=95, exif=exif)
    page.goto("/")
    with page.expect_request("**/search?piece=true") as request:
        page.locator("#photo").set_input_files(large)
    picture = Image.open(io.BytesIO(sent(request.value)["image"]))
    assert picture.size == (640, 1280)
    assert len(sent(request.value)["image"]) < large.stat().st_size / 4
    expect(page.locator("#found-title")).to_be_visible()


def carried(page: Page, photo: Path) -> JSHandle:
    """The photo as a drag or the clipboard carries it."""
    return page.evaluate_handle(
        """content => {
          const carried = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
          carried.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
          return carried;
        }""",
        base64.b64encode(photo.read_bytes()).decode(),
    )


def test_a_photo_is_dropped_anywhere_on_the_page(
    page: Page, market: Market, photo: Path, pictured: SampleProduct
) -> None:
    page.goto("/")
    photo_in_hand = carried(page, photo)
    page.dispatch_event("body", "dragenter", {"dataTransfer": photo_in_hand})
    expect(page.locator(".drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": photo_in_hand})
    expect(page.locator("#found-title")).to_have_text("Looks like your photo")
    expect(page.locator(".drop")).to_be_hidden()
    assert shown(page)[0] in of_product(market, pictured)


def test_a_photo_is_pasted_beside_words(page: Page, photo: Path) -> None:
    page.goto("/search?q=basket")
    paste = "carried => dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried, bubbles: true }))"
    page.evaluate(paste, carried(page, photo))
    expect(page.locator("#found-title")).to_contain_text("Looks like your photo, “basket”")
    assert asked(page)["q"] == ["basket"]


def test_a_part_of_the_photo_is_marked_by_dragging_or_edge_by_edge(page: Page, photo: Path) -> None:
    page.goto("/")
    search_by(page, photo)
    area = page.locator("#shot").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.5)
    page.mouse.move(area["x"] + area["width"] * 0.8, area["y"] + area["height"] * 0.75)
    page.mouse.up()
    with page.expect_request("**/search?piece=true") as request:
        page.get_by_role("button", name="Search this part").click()
    box = [float(part) for part in sent(request.value)["box"].split(b",")]
    assert box == pytest.approx([0.2, 0.25, 0.8, 0.75], abs=0.02)
    expect(page.locator("#results .card").first).to_be_visible()
    assert [float(part) for part in asked(page)["box"][0].split(",")] == box
    page.get_by_text("Mark a part without dragging").click()
    edge = page.get_by_label("Left edge of the part")
    edge.focus()
    edge.press("Home")
    with page.expect_request("**/search?piece=true") as request:
        page.get_by_role("button", name="Search this part").click()
    assert sent(request.value)["box"].startswith(b"0.000,")
    page.get_by_role("button", name="Whole photo").click()
    page.wait_for_url(lambda url: "box" not in url)
    expect(page.locator(".part")).to_be_hidden()


def test_a_photo_search_survives_a_reload_and_a_shared_link_says_what_it_lacks(
    page: Page, browser: Browser, photo: Path
) -> None:
    page.goto("/")
    search_by(page, photo)
    first = shown(page)
    page.reload()
    expect(page.locator("#found-title")).to_have_text("Looks like your photo")
    expect(page.locator("#results .card")).to_have_count(len(first))
    assert shown(page) == first
    context = browser.new_context()
    other = context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("heading", level=1)).to_have_text("This search began with a photo")
    context.close()


def test_a_photo_that_shows_nothing_is_answered_with_advice(page: Page, tmp_path: Path) -> None:
    dark = tmp_path / "dark.jpg"
    Image.new("RGB", (400, 400), (4, 4, 4)).save(dark)
    page.goto("/search?q=basket")
    page.locator("#photo").set_input_files(dark)
    expect(page.locator(".advice").first).to_contain_text("too dark")


def test_a_file_that_is_no_photo_is_refused_in_words(browser: Browser, address: str, tmp_path: Path) -> None:
    text = tmp_path / "letter.jpg"
    text.write_text("Dear seller")
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("/")
    page.locator("#photo").set_input_files(text)
    expect(page.get_by_role("alert")).to_contain_text("This search could not be done")
    context.close()


def test_what_was_not_sent_can_be_sent_again(browser: Browser, address: str, photo: Path) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("/")
    context.set_offline(offline=True)
    page.locator("#photo").set_input_files(photo)
    expect(page.get_by_role("alert")).to_contain_text("could not be reached")
    context.set_offline(offline=False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#found-title")).to_have_text("Looks like your photo")
    context.close()


def test_filters_change_the_results_in_place_and_going_back_undoes_them(page: Page) -> None:
    page.goto("/search?q=kitenge dress bag sandals")
    before = shown(page)
    category = page.locator("#filters [name=categories]").first
    value = category.get_attribute("value") or ""
    category.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("link", name=f"Remove {value}")).to_be_visible()
    assert asked(page)["categories"] == [value]
    assert page.evaluate("document.activeElement.value") == value
    after = shown(page)
    assert after
    assert set(after) < set(before)
    page.reload()
    assert shown(page) == after
    page.go_back()
    expect(page.locator("#findings .card")).to_have_count(len(before))
    assert shown(page) == before
    expect(category).not_to_be_checked()
    page.go_forward()
    expect(category).to_be_checked()
    page.get_by_role("link", name=f"Remove {value}").click()
    expect(page.locator("#findings .card")).to_have_count(len(before))


@pytest.mark.parametrize("is_photo", [False, True])
def test_scrolling_shows_all_that_was_found_once(page: Page, photo: Path, is_photo: bool) -> None:
    if is_photo:
        page.goto("/")
        search_by(page, photo)
    else:
        page.goto("/search?q=kitenge dress bag sandals&limit=3")
    total = int(re.match(r"\d+", page.locator("#counted").inner_text())[0])
    assert total > page.locator("#findings .card").count()
    for _ in range(total):
        if page.locator(".more").count() == 0:
            break
        page.locator("footer").scroll_into_view_if_needed()
        page.wait_for_timeout(50)
    expect(page.locator("#findings .card")).to_have_count(total)
    assert len(set(shown(page))) == total
    expect(page.locator("#status")).to_contain_text("more product")


def test_coming_back_from_a_product_finds_the_page_as_it_was_left(page: Page) -> None:
    page.goto("/search?q=kitenge dress bag sandals&limit=6")
    page.locator("footer").scroll_into_view_if_needed()
    expect(page.locator("#findings .card").nth(6)).to_be_attached()
    cards = page.locator("#findings .card").count()
    card = page.locator("#findings .card").nth(6)
    card.get_by_role("heading").click()
    page.wait_for_url("**/products/*")
    page.go_back()
    expect(page.locator("#findings .card").nth(6)).to_be_attached()
    assert page.locator("#findings .card").count() >= cards
    expect(page.locator("#findings .card").nth(6)).to_be_in_viewport()


def test_less_like_this_takes_a_product_away_until_it_is_taken_back(page: Page) -> None:
    page.goto("/search?q=kitenge dress")
    card = page.locator("#findings .card").first
    product_id, title = card.get_attribute("data-product") or "", card.get_by_role("heading").inner_text()
    card.hover()
    card.get_by_role("button", name=f"Less like {title}").click()
    chip = page.get_by_role("link", name=f"Remove Less like: {title}")
    expect(chip).to_be_visible()
    assert asked(page)["unlike"] == [product_id]
    assert int(product_id) not in shown(page)
    chip.click()
    expect(page.locator(f'#findings [data-product="{product_id}"]')).to_have_count(1)


def test_without_script_a_search_is_filtered_continued_and_steered(browser: Browser, address: str, photo: Path) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/search?q=kitenge dress bag sandals&limit=3")
    first = shown(page)
    page.get_by_role("button", name="Show more").click()
    assert shown(page)
    assert not set(first) & set(shown(page))
    page.goto("/search?q=kitenge dress bag sandals")
    page.locator("#filters [name=categories]").first.check()
    page.get_by_role("button", name="Show products").click()
    assert len(asked(page)["categories"]) == 1
    page.locator("#findings .card [name=like]").first.click()
    assert asked(page)["like"]
    page.goto("/")
    page.get_by_role("link", name="Search by a photo").first.click()
    page.get_by_label("Photo", exact=True).set_input_files(photo)
    page.get_by_role("button", name="Search by this photo").click()
    expect(page.locator("#found-title")).to_have_text("Looks like your photo")
    assert shown(page)
    context.close()


def test_on_a_small_phone_nothing_sticks_out_and_all_can_be_touched(phone: Page, market: Market, photo: Path) -> None:
    paths = ("/", "/search?q=dress", "/search?q=zzzz", "/search/photo", f"/products/{market.fit[0]}", "/docs")
    for path in paths:
        phone.goto(path)
        if path == "/search?q=dress":
            phone.locator("#panel > summary").click()
        assert found_by(phone, "wide", "small") == []
    phone.goto("/")
    search_by(phone, photo)
    assert found_by(phone, "wide", "small") == []


def found_by(page: Page, *inspections: str) -> list[str]:
    """The faults that inspections of the page name."""
    return [fault for name in inspections for fault in page.evaluate(f"{AUDIT}.{name}()")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_a_place_and_a_contrast(
    browser: Browser, address: str, market: Market, photo: Path, scheme: str
) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for path in (
        "/",
        "/search?q=dress&in_stock=false",
        "/search?q=zzzz",
        "/search/photo",
        f"/products/{market.fit[0]}",
    ):
        page.goto(path)
        assert (path, found_by(page, "faults", "pale")) == (path, [])
    search_by(page, photo)
    assert found_by(page, "faults", "pale") == []
    context.close()


def test_what_has_the_focus_shows_it(page: Page) -> None:
    page.goto("/search?q=dress")
    for _ in range(30):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const one = document.activeElement, label = document.querySelector(`label[for="${one.id}"]`);
              const shows = (part, pseudo) => part && (getComputedStyle(part, pseudo).outlineStyle !== "none");
              const isShown = shows(one) || shows(one, "::after") || shows(label);
              const isWithin = Boolean(one.closest(".search:focus-within"));
              return one === document.body || isShown || isWithin || one.outerHTML.slice(0, 120);
            }"""
        )
        assert seen is True


def test_who_wants_no_motion_gets_none(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, reduced_motion="reduce")
    page = context.new_page()
    page.goto("/")
    moving = (
        "[...document.querySelectorAll('*')].filter(one => parseFloat(getComputedStyle(one).transitionDuration) > 0)"
    )
    assert page.evaluate(f"{moving}.length") == 0
    context.close()


@pytest.mark.parametrize("path", ["/", "/search?like={product}"])  # a whole page of 24 cards each
def test_the_first_load_is_under_100_kb_uncompressed_without_pictures_and_all_from_here(
    browser: Browser, address: str, market: Market, path: str
) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    sizes: dict[str, int] = {}
    others: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:", "blob:")) else others.append(request.url),
    )
    page.on(
        "response",
        lambda answer: (
            sizes.update({answer.url: len(answer.body())})
            if not answer.headers.get("content-type", "").startswith("image/")
            else None
        ),
    )
    page.goto(path.format(product=market.fit[0]))
    page.wait_for_load_state("networkidle")
    context.close()
    assert others == []
    assert len([one for one in sizes if one.endswith(".js")]) > 1
    assert sum(sizes.values()) < 100_000, sizes
