"""The review queue as an API and as a page: who may decide, on what, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import lxml.html
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.settings import Settings
from marketplace.storage.quality import judge_products
from marketplace.storage.tables import product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving import world
from tests.serving.conftest import Market
from tests.serving.test_storefront import BROWSER, css, page

TOKEN = "a-token-of-reviewers"
ATTACK = "Bag \"><script>alert(1)</script>' onload=x {{ 7*7 }}"
SELLER = {"seller_id": 1, "handle": "asha", "name": "Asha", "country": "KE", "currency": "KES", "source_kind": "feed"}


@pytest.fixture
def waiting(nowhere: Settings) -> Iterator[Warehouse]:
    """Thirty flagged products, the first the newest and an attack; one sound, one rejected."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    with warehouse.begin() as connection:
        connection.execute(sa.insert(sellers).values(**SELLER))
        for number in range(1, 33):
            seen = dict.fromkeys(("last_seen_at", "last_hydrated_at", "updated_at"), world.NOW)
            title = {1: ATTACK, 31: "Sisal basket", 32: "Product 12"}.get(number, f"Sisal basket number {number}")
            row = {"product_id": number, "seller_id": 1, "source_ref": str(number), "title": title, "category": "Bags"}
            row |= {"content_hash": "h", "first_seen_at": world.NOW - timedelta(hours=number), **seen}
            row |= {"image_sha256": "a" * 64 if number == 31 else None, "url": "javascript:alert(2)"}
            row |= {"price_minor": 5_000, "currency": "KES"}
            connection.execute(sa.insert(products).values(**row))
    judge_products(warehouse, world.NOW)
    yield warehouse
    warehouse.close()


def verdict_of(warehouse: Warehouse, product_id: int) -> tuple[str, str]:
    table = product_quality.c
    with warehouse.begin() as connection:
        row = connection.execute(sa.select(table.verdict, table.judged_by).where(table.product_id == product_id)).one()
    return row.verdict, row.judged_by


def decision(**values: str) -> dict[str, str]:
    return {"verdict": "approved", "reviewer": "Wanjiru", **values}


def test_the_queue_is_read_page_by_page(fresh: TestClient, waiting: Warehouse) -> None:
    first = fresh.get("/api/quality/queue", params={"limit": 20}).json()
    rest = fresh.get("/api/quality/queue", params={"limit": 20, "cursor": first["next_cursor"]}).json()
    assert [one["product_id"] for one in first["items"] + rest["items"]] == list(range(1, 31))
    assert (first["waiting"], rest["next_cursor"]) == (30, None)
    shown = first["items"][1]
    assert shown["reasons"] == [{"reason": "picture_missing", "sentence": "There is no usable picture."}]
    assert (shown["verdict"], shown["judged_by"], shown["language"]) == ("flagged", "rules", "en")
    assert shown["url"] is None


@pytest.mark.parametrize("cursor", ["nonsense", "MS4t", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "!"])
def test_a_cursor_that_was_not_given_out_is_refused(fresh: TestClient, waiting: Warehouse, cursor: str) -> None:
    assert fresh.get("/api/quality/queue", params={"cursor": cursor}).status_code == 422


def test_a_decision_is_kept_and_is_the_verdict(fresh: TestClient, waiting: Warehouse) -> None:
    answer = fresh.post("/api/quality/products/2/review", json=decision(note="Sound.", content_hash="h"))
    assert answer.status_code == 201
    assert (answer.json()["verdict"], answer.json()["judged_by"]) == ("approved", "reviewer")
    assert verdict_of(waiting, 2) == ("approved", "reviewer")
    (kept,) = fresh.get("/api/quality/products/2").json()["reviews"]
    assert (kept["reviewer"], kept["note"], kept["is_of_this_content"]) == ("Wanjiru", "Sound.", True)
    assert fresh.get("/api/quality/queue").json()["waiting"] == 29


def test_a_rejected_product_leaves_the_shelf_and_one_that_was_wrongly_rejected_comes_back(
    fresh: TestClient, waiting: Warehouse
) -> None:
    assert fresh.get("/api/products/2").status_code == 200
    fresh.post("/api/quality/products/2/review", json=decision(verdict="rejected"))
    assert fresh.get("/api/products/2").status_code == 404
    assert fresh.get("/api/products/32").status_code == 404
    fresh.post("/api/quality/products/32/review", json=decision())
    assert fresh.get("/api/products/32").status_code == 200


def test_nobody_decides_on_what_is_not_known_or_not_what_they_saw(fresh: TestClient, waiting: Warehouse) -> None:
    assert fresh.post("/api/quality/products/999/review", json=decision()).status_code == 404
    assert fresh.get("/api/quality/products/999").status_code == 404
    stale = fresh.post("/api/quality/products/2/review", json=decision(content_hash="before"))
    assert stale.status_code == 422
    assert "changed since it was shown" in stale.json()["detail"]
    for wrong in ({"verdict": "flagged"}, {"reviewer": ""}, {"mood": "good"}):
        assert fresh.post("/api/quality/products/2/review", json=decision(**wrong)).status_code == 422
    assert verdict_of(waiting, 2) == ("flagged", "rules")


def test_a_request_that_another_site_made_is_refused(fresh: TestClient, waiting: Warehouse) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert fresh.post("/api/quality/products/2/review", json=decision(), headers=foreign).status_code == 403
    assert fresh.post("/review/2", data=decision(), headers=foreign).status_code == 403
    assert verdict_of(waiting, 2) == ("flagged", "rules")


def test_in_production_reviews_are_closed_until_a_token_is_set(
    nowhere: Settings, waiting: Warehouse, encoder: Encoder
) -> None:
    settings = nowhere.model_copy(update={"environment": "production", "auth": "keys"})
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        refused = client.post("/api/quality/products/2/review", json=decision())
        assert refused.status_code == 403
        assert "SOKO_REVIEW_TOKEN" in refused.json()["detail"]
        assert client.get("/review", headers=BROWSER).status_code == 403
        assert client.get("/api/quality/queue", headers={"X-Soko-Token": ""}).status_code == 403


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_token_that_is_set_must_be_sent(
    nowhere: Settings, waiting: Warehouse, encoder: Encoder, environment: str
) -> None:
    settings = Settings(_env_file=None, **{**nowhere.model_dump(), "review_token": TOKEN})
    settings = settings.model_copy(update={"environment": environment})
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        path = "/api/quality/products/2/review"
        for headers in ({}, {"X-Soko-Token": "wrong"}, {"X-Soko-Token": f"{TOKEN}x"}):
            assert client.post(path, json=decision(), headers=headers).status_code == 401
            assert client.get("/api/quality/queue", headers=headers).status_code == 401
        assert verdict_of(waiting, 2) == ("flagged", "rules")
        assert client.post(path, json=decision(), headers={"X-Soko-Token": TOKEN}).status_code == 201


def test_a_reviewer_gives_the_token_once_to_their_browser(
    nowhere: Settings, waiting: Warehouse, encoder: Encoder
) -> None:
    settings = Settings(_env_file=None, **{**nowhere.model_dump(), "review_token": TOKEN})
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        closed = page(client, "/review", 401)
        assert css(closed, "input[name=token]")
        assert not css(closed, "[data-review]")
        assert client.post("/review-token", data={"token": "wrong"}, headers=BROWSER).status_code == 401
        opened = client.post("/review-token", data={"token": TOKEN}, headers=BROWSER, follow_redirects=False)
        assert opened.status_code == 303
        assert {"HttpOnly", "SameSite=strict"} <= set(opened.headers["set-cookie"].split("; "))
        assert len(css(page(client, "/review"), "[data-review]")) == 24


def test_the_page_shows_what_speaks_against_each_product(fresh: TestClient, waiting: Warehouse) -> None:
    tree = page(fresh, "/review")
    assert len(css(tree, "[data-review]")) == 24
    assert "30 products" in css(tree, "#waiting")[0].text_content()
    assert "There is no usable picture." in css(tree, "#p2")[0].text_content()
    (onward,) = css(tree, "a[rel=next]")
    assert len(css(page(fresh, onward.get("href")), "[data-review]")) == 6
    assert len(css(page(fresh, "/review?reason=picture_missing&order=most_seen"), "[data-review]")) == 24
    assert "Nothing waits" in page(fresh, "/review?reason=title_shouts").text_content()


def test_a_decision_is_made_without_script_and_leads_back(fresh: TestClient, waiting: Warehouse) -> None:
    tree = page(fresh, "/review?order=newest&reason=picture_missing")
    button = css(tree, "#p2 button[value=rejected]")[0]
    assert button.get("form") == "decide"
    answer = fresh.post(
        button.get("formaction"), data={"verdict": "rejected", "reviewer": "Wanjiru"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/review?order=newest&reason=picture_missing")
    assert verdict_of(waiting, 2) == ("rejected", "reviewer")
    nameless = fresh.post("/review/3", data={"verdict": "rejected", "reviewer": ""}, headers=BROWSER)
    assert nameless.status_code == 422


def test_what_sellers_write_never_becomes_markup_on_the_page(fresh: TestClient, waiting: Warehouse) -> None:
    text = fresh.get("/review", headers=BROWSER).text
    tree = lxml.html.document_fromstring(text)
    assert [one.get("src").rpartition("/")[2] for one in css(tree, "script")] == ["soko.js", "review.js"]
    assert "javascript:" not in text
    assert not css(tree, "[onload], [style], [onclick]")
    assert "{{ 7*7 }}" in css(tree, "#p1 h2")[0].text_content()


def test_the_page_can_be_used_without_seeing_it(fresh: TestClient, waiting: Warehouse) -> None:
    tree = page(fresh, "/review")
    assert len(css(tree, "h1")) == 1
    for button in css(tree, ".choice button"):
        assert len(button.text_content().split()) > 1  # which product, for those who hear the buttons alone
    for field in css(tree, "input, select"):
        assert field.get("aria-label") or css(tree, f"label[for={field.get('id')}]"), lxml.html.tostring(field)


def test_flagged_products_of_the_market_wait_and_nothing_else(client: TestClient, market: Market) -> None:
    waiting = client.get("/api/quality/queue", params={"limit": 100}).json()["items"]
    planted = {market.drawn.product_id(one) for one in market.drawn.products if not one.has_picture}
    assert {one["product_id"] for one in waiting} == planted
