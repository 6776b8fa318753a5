"""The heartbeat, its brakes and dead letters, and a product's history, as clients of the API meet them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from marketplace.catalog.products import Seller
from marketplace.settings import Settings
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.marketplace.storage.kept import (
    DAY,
    NOW,
    keep_dead_letter,
    keep_event,
    keep_product,
    keep_seller,
    keep_sync,
    keep_version,
    raise_brake,
)
from tests.serving.conftest import Market

DECISION = {"who": "Wanjiru", "note": "the shop sold its stock"}
TOKEN = {"X-Soko-Token": "an operator's word"}


@pytest.fixture
def amina(fresh: TestClient, warehouse: Warehouse) -> Seller:
    """A seller whose last sync was braked: three of four products vanished, one page could not be read."""
    seller = keep_seller(warehouse)
    note = "3 of 4 products would vanish at once, more than 50%; none was removed"
    keep_sync(warehouse, seller, "s1", status="braked", requests=9, bytes_received=5_000, polite_seconds=2.5, note=note)
    for ref in "1234":
        keep_product(warehouse, seller, ref)
    raise_brake(warehouse, seller, "s1", ["1", "2", "3"], live=4)
    keep_dead_letter(warehouse, seller, "7")
    keep_event(warehouse, seller, "s1", "braked", note)
    return seller


@pytest.fixture
def guarded(nowhere: Settings, encoder: Encoder) -> Iterator[TestClient]:
    """The same database behind an app whose operator has a token."""
    settings = Settings(
        _env_file=None,
        home=nowhere.home,
        database_url=nowhere.database_url,
        milvus_uri=nowhere.milvus_uri,
        operator_token=TOKEN["X-Soko-Token"],
    )
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as opened:
        yield opened


def test_the_heartbeat_shows_every_seller_and_its_last_sync(client: TestClient, market: Market) -> None:
    sellers = client.get("/api/crm/heartbeat/status").json()["sellers"]
    assert {one["seller_name"] for one in sellers} == {seller.name for seller in market.drawn.sellers}
    assert {(one["status"], one["state"], one["brake"]) for one in sellers} == {("done", "active", None)}
    assert sum(one["new"] for one in sellers) == len(market.drawn.products)


def test_the_heartbeat_tells_what_waits_for_a_person(fresh: TestClient, amina: Seller) -> None:
    [beat] = fresh.get("/api/crm/heartbeat/status").json()["sellers"]
    assert (beat["handle"], beat["status"], beat["brake"], beat["dead_letters"]) == ("amina", "braked", "raised", 1)
    assert (beat["requests"], beat["bytes_received"], beat["polite_seconds"]) == (9, 5000, 2.5)
    assert beat["next_due_at"] == "2026-11-21T12:00:00Z"


def test_a_sync_is_asked_for_once_while_it_waits(fresh: TestClient, warehouse: Warehouse) -> None:
    first, second = keep_seller(warehouse), keep_seller(warehouse, "baraka")
    asked = [fresh.post(f"/api/crm/heartbeat/sync/{one.seller_id}") for one in (first, first, second)]
    status = fresh.get("/api/crm/heartbeat/status").json()
    assert [answer.status_code for answer in asked] == [202, 202, 202]
    assert asked[0].json()["request_id"] == asked[1].json()["request_id"]
    assert [one["seller_id"] for one in status["queued"]] == [first.seller_id, second.seller_id]
    assert {one["sync_id"] for one in status["sellers"]} == {None}
    assert fresh.post("/api/crm/heartbeat/sync/1").status_code == 404


def test_a_feed_is_read_from_its_address_but_a_file_is_not_asked_for(fresh: TestClient, warehouse: Warehouse) -> None:
    polled = keep_seller(warehouse, kind="feed")
    sent = keep_seller(warehouse, "baraka", kind="feed", source_url="/data/baraka.csv")
    assert fresh.post(f"/api/crm/heartbeat/sync/{polled.seller_id}").status_code == 202
    answer = fresh.post(f"/api/crm/heartbeat/sync/{sent.seller_id}")
    assert answer.status_code == 422
    assert "soko import catalog" in answer.json()["detail"]


def test_who_is_not_active_is_not_read(fresh: TestClient, warehouse: Warehouse) -> None:
    paused = keep_seller(warehouse, state="paused")
    answer = fresh.post(f"/api/crm/heartbeat/sync/{paused.seller_id}")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "seller amina is paused; only an active seller is read"


def test_a_brake_is_looked_at_and_released_once(fresh: TestClient, amina: Seller) -> None:
    [brake] = fresh.get("/api/crm/heartbeat/brakes").json()
    assert (brake["vanished"], brake["live"], brake["state"]) == (3, 4, "raised")
    assert [one["title"] for one in brake["examples"]] == ["Sisal basket 1", "Sisal basket 2", "Sisal basket 3"]
    path = f"/api/crm/heartbeat/brakes/{amina.seller_id}"
    released = fresh.post(f"{path}/release", json=DECISION)
    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert (released.json()["decided_by"], released.json()["note"]) == ("Wanjiru", "the shop sold its stock")
    assert fresh.post(f"{path}/release", json=DECISION).status_code == 409
    assert fresh.post(f"{path}/clear", json=DECISION).json()["state"] == "cleared"
    assert fresh.get("/api/crm/heartbeat/brakes").json() == []
    assert fresh.post(f"{path}/clear", json=DECISION).status_code == 404


def test_nobody_decides_namelessly(fresh: TestClient, amina: Seller) -> None:
    path = f"/api/crm/heartbeat/brakes/{amina.seller_id}/release"
    for body in ({}, {"who": ""}, {"who": "  "}, {"who": "a\x00"}, {"who": "ann", "force": True}):
        assert fresh.post(path, json=body).status_code == 422, body
    [brake] = fresh.get("/api/crm/heartbeat/brakes").json()
    assert brake["state"] == "raised"


def test_syncs_are_told_with_what_went_wrong(fresh: TestClient, amina: Seller) -> None:
    [sync] = fresh.get(f"/api/crm/sellers/{amina.seller_id}/syncs").json()
    assert (sync["status"], sync["event_count"], sync["events"][0]["kind"]) == ("braked", 1, "braked")
    assert fresh.get("/api/crm/sellers/7/syncs").status_code == 404


def test_dead_letters_are_listed_and_redriven(fresh: TestClient, amina: Seller) -> None:
    [letter] = fresh.get("/api/crm/dead-letters").json()
    assert (letter["source_ref"], letter["state"], letter["reason"]) == ("7", "dead", "no title")
    assert fresh.get("/api/crm/dead-letters", params={"state": "waiting"}).json() == []
    redriven = fresh.post("/api/crm/dead-letters/redrive", json={"seller_id": amina.seller_id})
    assert redriven.json() == {"redriven": 1}
    [letter] = fresh.get("/api/crm/dead-letters", params={"seller_id": amina.seller_id}).json()
    assert (letter["state"], letter["attempts"]) == ("waiting", 0)
    unknown = {"seller_id": amina.seller_id, "source_ref": "8"}
    assert fresh.post("/api/crm/dead-letters/redrive", json=unknown).status_code == 404


def test_whatever_steers_and_what_is_known_of_all_sellers_needs_the_operators_token(
    guarded: TestClient, amina: Seller
) -> None:
    steering = {
        f"/api/crm/heartbeat/brakes/{amina.seller_id}/release": DECISION,
        f"/api/crm/heartbeat/brakes/{amina.seller_id}/clear": DECISION,
        f"/api/crm/heartbeat/sync/{amina.seller_id}": None,
        "/api/crm/dead-letters/redrive": {"seller_id": amina.seller_id},
    }
    for path, body in steering.items():
        for headers in ({}, {"X-Soko-Token": ""}, {"X-Soko-Token": "another"}):
            refused = guarded.post(path, json=body, headers=headers)
            assert (refused.status_code, "X-Soko-Token" in refused.json()["detail"]) == (401, True), path
            assert TOKEN["X-Soko-Token"] not in refused.text
    for path in ("heartbeat/status", "heartbeat/brakes", "dead-letters", f"sellers/{amina.seller_id}/syncs"):
        assert guarded.get(f"/api/crm/{path}").status_code == 401
        assert guarded.get(f"/api/crm/{path}", headers=TOKEN).status_code == 200
    assert guarded.get("/api/crm/heartbeat/brakes", headers=TOKEN).json()[0]["state"] == "raised"
    for path, body in steering.items():
        assert guarded.post(path, json=body, headers=TOKEN).status_code < 300, path


@pytest.fixture
def basket(amina: Seller, warehouse: Warehouse) -> int:
    """A basket whose price rose on 14 November; that it had been 700 on the 13th came to light a week later."""
    product_id = keep_product(warehouse, amina, "basket")
    price = {"field": "price", "origin": "json-ld", "evidence": "e" * 64}
    keep_version(warehouse, product_id, "s1", value="85000 KES", valid_from=NOW - 9 * DAY, **price)
    keep_version(warehouse, product_id, "s1", value="90000-95000 KES", valid_from=NOW - 7 * DAY, **price)
    keep_version(warehouse, product_id, "s1", value="70000 KES", valid_from=NOW - 8 * DAY, known_from=NOW, **price)
    keep_version(warehouse, product_id, "s1", "title", "Basket", NOW - 9 * DAY)
    return product_id


def test_a_product_is_shown_as_of_a_day_by_what_was_known_on_another(fresh: TestClient, basket: int) -> None:
    def price(**asked: str) -> str:
        fields = fresh.get(f"/api/products/{basket}/as-of", params=asked).json()["fields"]
        return str(fields["price"]["price"]["formatted"])

    assert price() == "KSh 900 - 950"
    assert price(valid_at="2026-11-13") == "KSh 700"
    assert price(valid_at="2026-11-13", known_at="2026-11-20") == "KSh 850"
    assert price(valid_at="2026-11-14T11:00:00+03:00") == "KSh 900 - 950"
    assert price(valid_at="2026-11-14T10:59:59+03:00") == "KSh 700"


def test_before_a_product_was_known_there_is_nothing_to_show(fresh: TestClient, basket: int) -> None:
    answer = fresh.get(f"/api/products/{basket}/as-of", params={"valid_at": "2026-11-11"})
    assert answer.status_code == 404
    assert f"product {basket} was not known" in answer.json()["detail"]
    assert fresh.get("/api/products/1/as-of").status_code == 404
    wrong = fresh.get(f"/api/products/{basket}/as-of", params={"known_at": "2026-11-21T08:00"})
    assert (wrong.status_code, "has no zone" in wrong.json()["detail"]) == (422, True)


def test_every_value_of_a_product_is_told_with_when_and_by_what_evidence(fresh: TestClient, basket: int) -> None:
    history = fresh.get(f"/api/products/{basket}/history", params={"field": "price"}).json()
    assert [one["value"] for one in history["versions"]] == ["90000-95000 KES", "70000 KES", "85000 KES"]
    middle = history["versions"][1]
    assert (middle["valid_from"], middle["valid_to"]) == ("2026-11-13T08:00:00Z", "2026-11-14T08:00:00Z")
    assert (middle["known_from"], middle["origin"], middle["evidence"]) == ("2026-11-21T08:00:00Z", "json-ld", "e" * 64)
    assert (len(history["versions"]), history["more"]) == (3, False)
    some = fresh.get(f"/api/products/{basket}/history", params={"limit": 2}).json()
    assert (len(some["versions"]), some["more"]) == (2, True)
    assert fresh.get(f"/api/products/{basket}/history", params={"field": "phone"}).status_code == 422
    assert fresh.get("/api/products/1/history").status_code == 404
