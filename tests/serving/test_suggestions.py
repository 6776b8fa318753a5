"""What the search box proposes, through the app."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.serving.conftest import Market


def proposed(client: TestClient, q: str, **more: object) -> list[dict]:
    answer = client.get("/api/search/suggestions", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "public, max-age=60"
    return list(answer.json()["items"])


def test_every_category_is_proposed_by_its_beginning_with_its_count(client: TestClient, market: Market) -> None:
    fit = set(market.fit)
    for category in {one.category for one in market.drawn.products if market.drawn.product_id(one) in fit}:
        count = sum(one.category == category and market.drawn.product_id(one) in fit for one in market.drawn.products)
        assert {"text": category, "kind": "category", "products": count} in proposed(client, category[:4].upper())


def test_a_swahili_word_proposes_the_category(client: TestClient) -> None:
    assert proposed(client, "viat")[0]["text"] in ("Shoes", "Sandals")


def test_nothing_typed_proposes_the_fullest_categories(client: TestClient) -> None:
    items = proposed(client, "")
    assert {one["kind"] for one in items} == {"category"}
    assert [one["products"] for one in items] == sorted((one["products"] for one in items), reverse=True)


def test_no_more_are_proposed_than_wanted(client: TestClient) -> None:
    assert len(proposed(client, "k", limit=2)) <= 2


@pytest.mark.parametrize("q", ["x" * 200, "' or 1=1 --", "%%%%", "🧺", "\\", "(" * 100])
def test_no_sign_breaks_it(client: TestClient, q: str) -> None:
    assert proposed(client, q) == []


@pytest.mark.parametrize("query", ["q=" + "x" * 201, "q=%00", "limit=0", "limit=21", "limit=1e9", "q=a&limit=x"])
def test_what_makes_no_sense_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/search/suggestions?{query}").status_code == 422
