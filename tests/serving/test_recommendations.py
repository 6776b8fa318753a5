"""The ladder of recommendations, and the interactions they learn from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.tables import interactions, products, work_requests
from marketplace.storage.warehouse import Warehouse
from tests.serving import world
from tests.serving.conftest import Market


@pytest.fixture
def stocked(fresh: TestClient, nowhere: Settings, market: Market, warehouse: Warehouse) -> tuple[TestClient, int]:
    """The app over a writable database with one seller, and the id of one of its products."""
    one_seller = type(market.drawn)(
        7, market.drawn.sellers[:1], tuple(market.drawn.of(market.drawn.sellers[0].handle)[:2])
    )
    opened = Warehouse(nowhere.database_url.get_secret_value())
    world.settle(opened, Images(nowhere.artifacts_folder / "images"), one_seller)
    opened.close()
    return fresh, market.drawn.product_id(one_seller.products[0])


def test_a_known_shopper_is_answered_personally_with_versions(client: TestClient, market: Market) -> None:
    answer = client.get("/api/recommendations/personalized/shopper-001", params={"limit": 5}).json()
    assert answer["source"] == "personal"
    assert not answer["degraded"]
    assert answer["versions"] == {"model": "cf_als/1", "index": market.vectors.current(), "recommendations": "v1"}
    assert [item["product_id"] for item in answer["items"]] == market.fit[:5]


def test_places_that_a_step_leaves_free_are_filled_by_the_next_and_each_item_says_which(client: TestClient) -> None:
    items = client.get("/api/recommendations/personalized/shopper-001", params={"limit": 20}).json()["items"]
    sources = [item["source"] for item in items]
    assert sources[:5] == ["personal"] * 5
    assert len(items) == 20
    assert len({item["product_id"] for item in items}) == 20
    order = ["personal", "item_to_item", "popular_in_category", "newest"]
    assert [order.index(source) for source in sources] == sorted(order.index(source) for source in sources)


def test_a_shopper_with_events_but_nothing_personal_gets_what_is_like_them(client: TestClient) -> None:
    answer = client.get("/api/recommendations/personalized/shopper-002", params={"limit": 3}).json()
    assert answer["source"] == "item_to_item"
    assert answer["degraded"]


def test_a_shopper_nobody_knows_gets_what_is_popular_and_is_told(client: TestClient, market: Market) -> None:
    answer = client.get("/api/recommendations/personalized/nobody", params={"limit": 4}).json()
    assert answer["source"] == "popular_in_category"
    assert answer["degraded"]
    assert "popular" in answer["reason"]
    assert [item["product_id"] for item in answer["items"]] == market.fit[5:9]


def test_products_that_can_no_longer_be_bought_are_not_recommended(client: TestClient, market: Market) -> None:
    gone, sold_out = market.fit[0], market.fit[1]
    with market.warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == gone).values(is_gone=True))
        connection.execute(sa.update(products).where(products.c.product_id == sold_out).values(in_stock=False))
    try:
        answer = client.get("/api/recommendations/personalized/shopper-001", params={"limit": 50}).json()
    finally:
        with market.warehouse.begin() as connection:
            both = sa.update(products).where(products.c.product_id.in_([gone, sold_out]))
            connection.execute(both.values(is_gone=False, in_stock=True))
    assert not {gone, sold_out} & {item["product_id"] for item in answer["items"]}
    assert answer["items"][0]["product_id"] == market.fit[2]


def test_before_anything_is_published_what_is_liked_comes_before_what_is_new(
    stocked: tuple[TestClient, int],
) -> None:
    client, product_id = stocked
    before = client.get("/api/recommendations/personalized/ann").json()
    event = {"user_id": "ben", "product_id": product_id, "kind": "purchase"}
    assert client.post("/api/recommendations/interaction", json=event).status_code == 201
    after = client.get("/api/recommendations/personalized/ann").json()
    assert before["source"] == "newest"
    assert (after["source"], after["items"][0]["product_id"]) == ("popular_in_category", product_id)
    assert after["degraded"]


def test_before_anything_is_published_the_newest_stand_in(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    answer = client.get("/api/recommendations/personalized/shopper-001").json()
    assert answer["source"] == "newest"
    assert answer["degraded"]
    assert product_id in [item["product_id"] for item in answer["items"]]
    assert answer["versions"]["recommendations"] is None
    assert client.get("/api/recommendations/stats").json()["published"] is False


@pytest.mark.parametrize("user_id", ["a b", "x" * 129, "%00", "<script>"])
def test_a_user_id_that_can_be_none_is_refused(client: TestClient, user_id: str) -> None:
    assert client.get(f"/api/recommendations/personalized/{user_id}").status_code in (404, 422)


def test_stats_count_what_is_published(client: TestClient) -> None:
    stats = client.get("/api/recommendations/stats").json()
    assert stats["version"] == "v1"
    assert stats["counts"]["shoppers"] == 1
    assert stats["counts"]["popular_products"] == 10
    assert stats["weights"] == {"view": 1.0, "click": 2.0, "wishlist": 2.5, "purchase": 3.0}


def test_an_event_sent_twice_is_stored_once(stocked: tuple[TestClient, int], nowhere: Settings) -> None:
    client, product_id = stocked
    event = {"event_id": "event-0001", "user_id": "ann", "product_id": product_id, "kind": "click", "surface": "grid"}
    first, second = (client.post("/api/recommendations/interaction", json=event) for _ in range(2))
    assert (first.status_code, first.json()["recorded"]) == (201, True)
    assert (second.status_code, second.json()["recorded"]) == (200, False)
    opened = Warehouse(nowhere.database_url.get_secret_value())
    with opened.begin() as connection:
        rows = connection.execute(sa.select(interactions.c.kind, interactions.c.surface)).all()
    opened.close()
    assert [tuple(row) for row in rows] == [("click", "grid")]


def test_an_event_without_an_id_is_given_one(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    event = {"user_id": "ann", "product_id": product_id, "kind": "view"}
    ids = {client.post("/api/recommendations/interaction", json=event).json()["event_id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_batch_lands_and_names_the_events_whose_product_is_not_known_yet(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    good = {"event_id": "batch-0001", "user_id": "ann", "product_id": product_id, "kind": "view"}
    early = {**good, "event_id": "batch-0002", "product_id": 1}
    batch = client.post("/api/recommendations/interactions", json=[good, early])
    assert batch.json() == {"received": 2, "recorded": 2, "quarantined": ["batch-0002"]}
    again = client.post("/api/recommendations/interactions", json=[good])
    assert again.json() == {"received": 1, "recorded": 0, "quarantined": []}
    assert client.post("/api/recommendations/interaction", json=early | {"event_id": "alone-0001"}).status_code == 404


def test_an_id_that_comes_again_with_another_content_is_refused_by_name(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    first = {"event_id": "event-0009", "user_id": "ann", "product_id": product_id, "kind": "view"}
    client.post("/api/recommendations/interaction", json=first)
    other = client.post("/api/recommendations/interaction", json={**first, "kind": "purchase"})
    fresh = {**first, "event_id": "event-0010"}
    batch = client.post("/api/recommendations/interactions", json=[fresh, {**first, "user_id": "ben"}])
    assert (other.status_code, batch.status_code) == (409, 409)
    assert "event-0009" in other.json()["detail"]
    assert "event-0009" in batch.json()["detail"]
    assert client.post("/api/recommendations/interaction", json=fresh).status_code == 201


def test_a_thousand_events_are_one_batch_and_one_more_is_refused(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    events = [
        {"event_id": f"many-{one:04d}", "user_id": f"shopper-{one}", "product_id": product_id, "kind": "hide"}
        for one in range(1001)
    ]
    assert client.post("/api/recommendations/interactions", json=events[:1000]).json()["recorded"] == 1000
    assert client.post("/api/recommendations/interactions", json=events).status_code == 422


def test_an_event_from_the_future_is_refused_and_an_old_one_kept(stocked: tuple[TestClient, int]) -> None:
    client, product_id = stocked
    event = {"user_id": "ann", "product_id": product_id, "kind": "view"}
    now = datetime.now(UTC)
    ahead = {**event, "occurred_at": (now + timedelta(hours=1)).isoformat()}
    late = {**event, "occurred_at": (now - timedelta(days=3)).isoformat()}
    ancient = {**event, "occurred_at": "0001-01-01T00:00:00+14:00"}
    assert client.post("/api/recommendations/interaction", json=ancient).status_code == 422
    assert client.post("/api/recommendations/interaction", json=ahead).status_code == 422
    assert client.post("/api/recommendations/interaction", json=late).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "steal"},
        {"product_id": 2**60},
        {"product_id": "x"},
        {"user_id": ""},
        {"surface": "moon"},
        {"occurred_at": "2026-01-01T00:00:00"},
        {"event_id": "short"},
        {"session_id": "a\x00b"},
        {"weight": 99},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(client: TestClient, change: dict[str, object]) -> None:
    event = {"user_id": "ann", "product_id": 1, "kind": "view", **change}
    assert client.post("/api/recommendations/interaction", json=event).status_code == 422


def test_training_is_asked_for_once_while_it_waits(fresh: TestClient, nowhere: Settings) -> None:
    first, second = (fresh.post("/api/recommendations/train") for _ in range(2))
    assert first.status_code == 202
    assert first.json()["request_id"] == second.json()["request_id"]
    opened = Warehouse(nowhere.database_url.get_secret_value())
    with opened.begin() as connection:
        kinds = connection.scalars(sa.select(work_requests.c.kind)).all()
    opened.close()
    assert kinds == ["train"]
