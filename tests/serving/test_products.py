"""The shelf, one product, and those like it, over a market in real stores."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.storage.tables import product_quality, products
from tests.serving.conftest import Market


def pages(client: TestClient, **query: object) -> list[list[int]]:
    """The ids on every page, until there is no next one."""
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get("/api/products", params={**query, **({"cursor": cursor} if cursor else {})}).json()
        found.append([item["product_id"] for item in answer["items"]])
        cursor = answer["next_cursor"]
    return found


def test_the_pages_show_every_product_that_can_be_bought_once(client: TestClient, market: Market) -> None:
    found = pages(client, limit=7)
    ids = [product_id for page in found for product_id in page]
    assert len(found) == -(-len(market.fit) // 7)
    assert sorted(ids) == sorted(market.fit)


def test_a_page_stays_the_same_when_products_arrive_after_it_was_begun(market: Market, client: TestClient) -> None:
    first = client.get("/api/products", params={"limit": 5}).json()
    second = client.get("/api/products", params={"limit": 5, "cursor": first["next_cursor"]}).json()
    newest = first["items"][0]["product_id"]
    raise_day = "update catalog.products set first_seen_at = first_seen_at + interval '{} day' where product_id = {}"
    with market.warehouse.begin() as connection:
        connection.execute(sa.text(raise_day.format(2, newest)))
    again = client.get("/api/products", params={"limit": 5, "cursor": first["next_cursor"]}).json()
    with market.warehouse.begin() as connection:
        connection.execute(sa.text(raise_day.format(-2, newest)))
    assert again == second


def test_a_category_and_a_seller_narrow_the_shelf(client: TestClient, market: Market) -> None:
    seller = market.drawn.sellers[0]
    items = client.get("/api/products", params={"category": "Dresses", "seller_id": seller.seller_id}).json()["items"]
    expected = [
        market.drawn.product_id(one)
        for one in market.drawn.of(seller.handle)
        if one.category == "Dresses" and not one.is_junk and one.in_stock
    ]
    assert expected
    assert sorted(item["product_id"] for item in items) == sorted(expected)


def test_categories_count_what_can_be_bought(client: TestClient, market: Market) -> None:
    counts = {one["name"]: one["products"] for one in client.get("/api/categories").json()}
    assert sum(counts.values()) == len(market.fit)
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_a_rejected_product_is_not_shown_anywhere(client: TestClient, market: Market) -> None:
    with market.warehouse.begin() as connection:
        rejected = connection.scalars(
            sa.select(product_quality.c.product_id).where(product_quality.c.verdict == "rejected")
        ).all()
    assert rejected
    assert not set(rejected) & {product_id for page in pages(client, limit=100) for product_id in page}
    assert client.get(f"/api/products/{rejected[0]}").status_code == 404


def test_a_product_names_its_price_as_its_currency_writes_it_and_a_chat(client: TestClient, market: Market) -> None:
    product = next(one for one in market.drawn.products if one.price and one.in_stock and one.has_picture)
    shown = client.get(f"/api/products/{market.drawn.product_id(product)}").json()
    assert product.price is not None
    assert product.price.currency == "KES"
    whole, cents = divmod(product.price.amount_minor, 100)
    assert shown["price"]["formatted"] == f"KSh {whole:,}" + (f".{cents:02d}" if cents else "")
    assert re.fullmatch(r"https://wa\.me/254\d{9}\?text=Hello%21%20Is%20[^ &\"<>]+", shown["whatsapp_url"])
    assert shown["quality"] == "approved"


def test_a_product_that_is_gone_answers_410_and_leaves_the_shelf(client: TestClient, market: Market) -> None:
    gone = market.fit[3]
    mark = sa.update(products).where(products.c.product_id == gone)
    with market.warehouse.begin() as connection:
        connection.execute(mark.values(is_gone=True))
    try:
        answer = client.get(f"/api/products/{gone}")
        shelf = [product_id for page in pages(client, limit=100) for product_id in page]
        page = client.get(f"/products/{gone}", headers={"Accept": "text/html"})
    finally:
        with market.warehouse.begin() as connection:
            connection.execute(mark.values(is_gone=False))
    assert answer.status_code == 410
    assert gone not in shelf
    assert page.status_code == 410
    assert "No longer sold" in page.text


def test_products_alike_are_of_the_same_kind_first_and_above_the_threshold(client: TestClient, market: Market) -> None:
    product_id = market.fit[0]
    own = client.get(f"/api/products/{product_id}").json()["category"]
    answer = client.get(f"/api/products/similar/{product_id}", params={"limit": 5, "threshold": 0.5}).json()
    likeness = [item["similarity"] for item in answer["items"]]
    assert answer["source"] == "likeness"
    assert not answer["degraded"]
    assert answer["versions"] == {"encoder": answer["versions"]["encoder"], "index": market.vectors.current()}
    assert product_id not in [item["product_id"] for item in answer["items"]]
    assert likeness == sorted(likeness, reverse=True)
    assert min(likeness) >= 0.5
    assert answer["items"][0]["category"] == own


def test_without_an_index_products_of_the_category_stand_in_and_say_so(
    without_index: TestClient, market: Market
) -> None:
    product_id = market.fit[0]
    own = without_index.get(f"/api/products/{product_id}").json()["category"]
    answer = without_index.get(f"/api/products/similar/{product_id}").json()
    assert answer["source"] == "same_category"
    assert answer["degraded"]
    assert "does not answer" in answer["reason"]
    assert {item["category"] for item in answer["items"]} == {own}
    assert answer["versions"] == {"encoder": None, "index": None}
    assert {item["similarity"] for item in answer["items"]} == {None}


def test_a_product_that_never_was_has_none_like_it(client: TestClient) -> None:
    answer = client.get("/api/products/similar/1")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "product 1 is not known"


@pytest.mark.parametrize("limit", [0, -1, 101, 10**9, "many"])
def test_a_limit_out_of_bounds_is_refused(client: TestClient, limit: object) -> None:
    answer = client.get("/api/products", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(
    "cursor", ["x", "MTc2.4", "AAAA", "é", "LTE.LTE", "MTc5NTIxOTIwMC45OTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_a_cursor_that_was_never_given_out_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/api/products", params={"cursor": cursor})
    assert answer.status_code == 422
    assert "cursor" in answer.json()["detail"]


@pytest.mark.parametrize("product_id", ["abc", "-1", str(2**60), "1;drop"])
def test_an_id_that_can_be_none_is_refused(client: TestClient, product_id: str) -> None:
    assert client.get(f"/api/products/{product_id}").status_code == 422


def test_a_category_with_a_null_byte_is_refused_before_postgres_sees_it(client: TestClient) -> None:
    assert client.get("/api/products", params={"category": "a\x00b"}).status_code == 422
