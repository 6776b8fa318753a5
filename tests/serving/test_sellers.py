"""Sellers are taken in by the API, once, and only steered by who may."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketplace.ingestion.sync import sync_seller
from marketplace.settings import Settings
from marketplace.storage.catalog import live_products, sellers, sellers_due
from marketplace.storage.images import Images
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app

NJERI = {
    "name": "Mama Njeri Fabrics",
    "country": "ke",
    "city": "Nairobi",
    "phone": "0712 345 678",
    "source_kind": "web_shop",
    "source_url": "https://njeri.example/shop",
}
TOKEN = "an operator's word"


def in_production(settings: Settings, token: str) -> Settings:
    """The settings as production has them: with passwords, and perhaps an operator."""
    url = settings.database_url.get_secret_value().replace("//postgres@", "//postgres:any@")
    passwords = {"database_url": url, "dagster_database_url": url}
    return Settings(
        _env_file=None,
        environment="production",
        home=settings.home,
        milvus_uri=settings.milvus_uri,
        operator_token=token,
        pii_key="p" * 40,
        **passwords,
    )


@pytest.fixture
def production(nowhere: Settings, encoder: Encoder) -> Iterator[TestClient]:
    """The app of production, whose operator has a token, over an empty database."""
    app = create_app(in_production(nowhere, TOKEN), load=lambda: encoder)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def unattended(nowhere: Settings, encoder: Encoder) -> Iterator[TestClient]:
    """The app of production without a token."""
    app = create_app(in_production(nowhere, ""), load=lambda: encoder)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def move(client: TestClient, seller_id: int, state: str, **headers: str) -> tuple[int, dict]:
    answer = client.patch(f"/api/sellers/{seller_id}/state", json={"state": state}, headers=headers)
    return answer.status_code, answer.json()


def test_a_seller_is_taken_in_once_and_their_number_is_not_told(fresh: TestClient, warehouse: Warehouse) -> None:
    first, again = fresh.post("/api/sellers", json=NJERI), fresh.post("/api/sellers", json=NJERI)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == fresh.get(f"/api/sellers/{first.json()['seller_id']}").json()
    assert first.json() | {"seller_id": 0} == {
        "seller_id": 0,
        "handle": "mama-njeri-fabrics",
        "name": "Mama Njeri Fabrics",
        "city": "Nairobi",
        "country": "KE",
        "currency": "KES",
        "source_kind": "web_shop",
        "source_url": "https://njeri.example/shop",
        "state": "active",
        "has_phone": True,
    }
    assert [seller.phone for seller in sellers(warehouse)] == ["+254712345678"]


def test_twenty_who_add_the_same_seller_at_once_keep_one(fresh: TestClient, warehouse: Warehouse) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: fresh.post("/api/sellers", json=NJERI).status_code, range(20)))
    assert sorted(answers) == [200] * 19 + [201]
    assert len(sellers(warehouse)) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"source_url": "https://other.example/shop"}, "another source_url"),
        ({"source_kind": "shopify"}, "another source_kind"),
        ({"phone": "0799 999 999"}, "another phone"),
        ({"country": "UG", "phone": None}, "another country"),
    ],
)
def test_another_shop_under_the_same_name_is_refused_and_changes_nothing(
    fresh: TestClient, warehouse: Warehouse, change: dict[str, str], named: str
) -> None:
    fresh.post("/api/sellers", json=NJERI)
    before = sellers(warehouse)
    answer = fresh.post("/api/sellers", json=NJERI | change)
    assert answer.status_code == 409
    assert f"seller mama-njeri-fabrics is kept already with {named}" in answer.json()["detail"]
    assert "254712345678" not in answer.text
    assert sellers(warehouse) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source_url": "file:///etc/passwd"}, "is not http or https"),
        ({"source_url": "/data/feed.csv", "source_kind": "feed"}, "is not http or https"),
        ({"source_url": "http://127.0.0.1/shop"}, "127.0.0.1, which is not a public address"),
        ({"source_url": "http://169.254.169.254/latest"}, "169.254.169.254, which is not a public address"),
        ({"source_url": "http://[::ffff:10.0.0.1]/"}, "is not a public address"),
        ({"source_url": "http://localhost./shop"}, "localhost. is not a public address"),
        ({"source_url": "https://ann:secret@shop.example/"}, "carries a user name"),
        ({"source_url": "https://shop.example:5432/"}, "names port 5432"),
        ({"source_url": "https://shop.example/\nHost: x"}, "control characters"),
        ({"phone": "call me"}, "phone 'call me' is no number"),
        ({"phone": "12"}, "phone '12' is no number"),
        ({"country": "QQ"}, "country 'QQ' is no ISO country"),
        ({"currency": "gold"}, "'gold' is no currency"),
        ({"name": "???"}, "has no letter or digit"),
        ({"name": "a\x00b"}, "name"),
        ({"source_kind": "fax"}, "source_kind"),
        ({"state": "active"}, "state"),
    ],
)
def test_what_is_said_wrongly_of_a_seller_is_named_and_nobody_is_kept(
    fresh: TestClient, warehouse: Warehouse, change: dict[str, str], said: str
) -> None:
    answer = fresh.post("/api/sellers", json=NJERI | change)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert "secret" not in answer.text
    assert sellers(warehouse, active_only=False) == []


def test_sellers_are_listed_page_by_page_and_by_state(fresh: TestClient) -> None:
    for name in ("Amina", "Baraka", "Chebet"):
        fresh.post("/api/sellers", json=NJERI | {"name": name})
    baraka = fresh.get("/api/sellers").json()["items"][1]
    move(fresh, baraka["seller_id"], "paused")
    first = fresh.get("/api/sellers", params={"limit": 2}).json()
    second = fresh.get("/api/sellers", params={"limit": 2, "after": first["next_after"]}).json()
    assert [one["handle"] for one in first["items"] + second["items"]] == ["amina", "baraka", "chebet"]
    assert second["next_after"] is None
    paused = fresh.get("/api/sellers", params={"state": "paused"}).json()["items"]
    assert [one["handle"] for one in paused] == ["baraka"]


def test_a_seller_goes_from_state_to_state_only_as_the_states_follow(fresh: TestClient) -> None:
    seller_id = fresh.post("/api/sellers", json=NJERI).json()["seller_id"]
    way = ["paused", "active", "suspended", "pending", "active", "active"]
    assert [move(fresh, seller_id, state)[1]["state"] for state in way] == way
    status, problem = move(fresh, seller_id, "pending")
    assert status == 409
    assert problem["detail"] == (
        "seller mama-njeri-fabrics is active; what may follow is paused or suspended, not pending"
    )
    assert move(fresh, seller_id, "suspended")[0] == 200
    assert move(fresh, seller_id, "active")[0] == 409
    assert move(fresh, 1, "active")[0] == 404


def test_who_is_not_active_is_neither_shown_nor_read(fresh: TestClient) -> None:
    seller_id = fresh.post("/api/sellers", json=NJERI).json()["seller_id"]
    assert fresh.post(f"/api/crm/heartbeat/sync/{seller_id}").status_code == 202
    move(fresh, seller_id, "suspended")
    assert fresh.get(f"/sellers/{seller_id}").status_code == 404


def test_in_production_a_seller_waits_until_the_operator_activates_them(production: TestClient) -> None:
    kept = production.post("/api/sellers", json=NJERI).json()
    seller_id = kept["seller_id"]
    assert kept["state"] == "pending"
    refused = production.post(f"/api/crm/heartbeat/sync/{seller_id}", headers={"X-Soko-Token": TOKEN})
    assert (refused.status_code, "is pending" in refused.json()["detail"]) == (409, True)
    assert move(production, seller_id, "active")[0] == 401
    assert move(production, seller_id, "active", **{"X-Soko-Token": TOKEN + "x"})[0] == 401
    assert production.get(f"/api/sellers/{seller_id}", headers={"X-Soko-Token": TOKEN}).json()["state"] == "pending"
    assert move(production, seller_id, "active", **{"X-Soko-Token": TOKEN}) == (200, kept | {"state": "active"})


def test_without_a_token_nobody_steers_production(unattended: TestClient) -> None:
    seller_id = unattended.post("/api/sellers", json=NJERI).json()["seller_id"]
    status, problem = move(unattended, seller_id, "active", **{"X-Soko-Token": ""})
    assert status == 403
    assert "SOKO_OPERATOR_TOKEN" in problem["detail"]


def test_a_page_of_another_site_steers_nothing(fresh: TestClient) -> None:
    seller_id = fresh.post("/api/sellers", json=NJERI).json()["seller_id"]
    assert move(fresh, seller_id, "paused", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert move(fresh, seller_id, "paused", **{"Sec-Fetch-Site": "same-origin"})[0] == 200


FEED = b"id,title,price\n1,Sisal basket,KSh 850\n2,Clay pot,1200/=\n"


def test_a_feed_is_handed_over_and_read_by_the_next_sync(fresh: TestClient, nowhere: Settings) -> None:
    sent = {"name": "Pwani Baskets", "country": "KE", "source_kind": "feed"}
    seller_id = fresh.post("/api/sellers", json=sent).json()["seller_id"]
    path, csv = f"/api/sellers/{seller_id}/feed", {"content-type": "text/csv"}
    asked = fresh.put(path, content=FEED, headers=csv)
    assert (asked.status_code, asked.json()["kind"], asked.json()["seller_id"]) == (202, "sync", seller_id)
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    [seller] = sellers_due(warehouse, before=datetime.now(UTC))
    audit = sync_seller(warehouse, Images(nowhere.artifacts_folder / "images"), nowhere, seller, trigger="request")
    assert (audit.status, audit.new) == ("done", 2)
    assert {one.title for one in live_products(warehouse)} == {"Sisal basket", "Clay pot"}
    refused = fresh.put(path, content=b"<html>log in</html>", headers=csv)
    assert (refused.status_code, "is a web page and no feed" in refused.text) == (422, True)
    again = sync_seller(warehouse, Images(nowhere.artifacts_folder / "images"), nowhere, seller, trigger="request")
    assert again.unchanged == 2  # what was handed over before still stands
    warehouse.close()


def test_a_feed_is_handed_over_only_for_sellers_of_feeds_by_who_may(fresh: TestClient, production: TestClient) -> None:
    csv = {"content-type": "text/csv"}
    shop = fresh.post("/api/sellers", json=NJERI).json()["seller_id"]
    assert fresh.put(f"/api/sellers/{shop}/feed", content=FEED, headers=csv).status_code == 409
    assert fresh.put("/api/sellers/7/feed", content=FEED, headers=csv).status_code == 404
    assert fresh.post("/api/sellers", json=NJERI | {"source_url": ""}).status_code == 422
    assert production.put("/api/sellers/7/feed", content=FEED, headers=csv).status_code == 401


def test_a_seller_who_hands_over_without_end_is_told_when_to_come_again_by_every_process_of_the_api(
    nowhere: Settings, encoder: Encoder
) -> None:
    few = nowhere.model_copy(update={"feed_uploads_per_hour": 5})
    csv = {"content-type": "text/csv"}
    with (
        TestClient(create_app(few, load=lambda: encoder)) as one,
        TestClient(create_app(few, load=lambda: encoder)) as other,
    ):
        names = ("Pwani Baskets", "Kitui Honey")
        sent = [{"name": name, "country": "KE", "source_kind": "feed"} for name in names]
        busy, quiet = (f"/api/sellers/{one.post('/api/sellers', json=who).json()['seller_id']}/feed" for who in sent)

        def hand_over(number: int) -> Any:
            return (one, other)[number % 2].put(busy, content=FEED, headers=csv)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(hand_over, range(60)))
        assert other.put(quiet, content=FEED, headers=csv).status_code == 202
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 55
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json() | {"request_id": ""} == {
        "type": "urn:soko:problem:quota-spent",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "seller pwani-baskets may hand over 5 feeds in an hour, and did; try again later",
        "instance": busy,
        "request_id": "",
    }


def test_a_feed_may_be_larger_than_a_photo_but_not_without_end(nowhere: Settings, encoder: Encoder) -> None:
    csv = {"content-type": "text/csv"}
    small = nowhere.model_copy(update={"upload_max_bytes": 1_000, "feed_upload_max_bytes": 300_000})
    row = b"1,Clay pot,1200\n"
    with TestClient(create_app(small, load=lambda: encoder)) as client:
        sent = {"name": "Pwani Baskets", "country": "KE", "source_kind": "feed"}
        where = f"/api/sellers/{client.post('/api/sellers', json=sent).json()['seller_id']}/feed"
        large, endless = (FEED + row * rows for rows in (10_000, 20_000))
        assert client.put(where, content=large, headers=csv).status_code == 202
        refused = client.put(where, content=endless, headers=csv)
    assert (refused.status_code, refused.json()["detail"]) == (413, "The feed is larger than 300,000 bytes.")


def test_a_broken_feed_counts_and_one_for_another_kind_of_seller_does_not(nowhere: Settings, encoder: Encoder) -> None:
    few, csv = nowhere.model_copy(update={"feed_uploads_per_hour": 2}), {"content-type": "text/csv"}
    with TestClient(create_app(few, load=lambda: encoder)) as client:
        shop = client.post("/api/sellers", json=NJERI).json()["seller_id"]
        sent = {"name": "Pwani Baskets", "country": "KE", "source_kind": "feed"}
        seller_id = client.post("/api/sellers", json=sent).json()["seller_id"]
        asked = [(shop, FEED)] * 3 + [(seller_id, b"<html>log in</html>")] * 2 + [(seller_id, FEED)]
        answers = [client.put(f"/api/sellers/{who}/feed", content=content, headers=csv) for who, content in asked]
    assert [answer.status_code for answer in answers] == [409] * 3 + [422] * 2 + [429]
