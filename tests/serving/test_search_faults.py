"""A search while Milvus is away, hangs or comes back: answered within its time, and honest."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.errors import NotReady, StoreUnreachable
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import free_port, wait_until
from marketplace.storage.images import Images
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.breaker import Breaker
from serving.turns import Turns
from tests.serving import world
from tests.serving.conftest import Market, until_encoder
from tests.serving.test_search import as_seen_by_a_phone, by_photo, pictured, searched


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        Thread(target=take, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()


@contextmanager
def app_over(market: Market, encoder: Encoder, milvus_uri: str, **changed: object) -> Iterator[TestClient]:
    """The app over the market's Postgres and another Milvus."""
    settings = market.settings.model_copy(update={"milvus_uri": milvus_uri, **changed})
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as client:
        until_encoder(client, encoder.version)
        yield client


def test_while_the_index_hangs_words_answer_all_the_same(market: Market, encoder: Encoder, silent: int) -> None:
    """The longest wait for Milvus is an hour here: only the search's own time can end it."""
    forever = {"milvus_timeout_seconds": 3600.0, "search_seconds": 0.3}
    with app_over(market, encoder, f"http://127.0.0.1:{silent}", **forever) as client:
        with ThreadPoolExecutor(8) as shoppers:
            answers = list(shoppers.map(lambda _: searched(client, "basket", facets=True), range(16)))
        likeness_alone = by_photo(client, as_seen_by_a_phone(pictured(market)))
        similar = client.get(f"/api/products/similar/{market.fit[0]}").json()
    for answer in answers:
        assert answer["degraded"]
        assert answer["reason"] == "the index of pictures and meanings does not answer"
        assert answer["items"]
        assert answer["facets"]["categories"]["values"]
        assert answer["versions"] == {"encoder": None, "index": None}
    assert likeness_alone.status_code == 200
    assert likeness_alone.json()["degraded"]
    assert (similar["source"], similar["degraded"]) == ("same_category", True)


def test_while_a_table_is_locked_a_search_gives_up_and_the_next_one_answers(market: Market, encoder: Encoder) -> None:
    paths = ("/api/products", "/api/search/suggestions?q=bas", "/search?q=basket")
    with app_over(market, encoder, market.settings.milvus_uri, statement_seconds=0.3) as client:
        with market.warehouse.begin() as connection:
            connection.execute(sa.text("lock table catalog.products in access exclusive mode"))
            locked = [client.post("/api/search", json={"text": "basket"}), *map(client.get, paths)]
        after = searched(client, "basket")
    assert [answer.status_code for answer in locked] == [503, 503, 503, 503]
    for answer in locked:
        assert answer.headers["retry-after"]
        assert "does not answer. Try again in a moment" in answer.json()["detail"]
    assert after["items"]


def test_only_who_serves_has_its_statements_cut_short(market: Market) -> None:
    bounded = Warehouse(market.settings.database_url.get_secret_value(), statement_seconds=0.05)
    slow = sa.text("select pg_sleep(0.2)")
    for connecting in (bounded.begin, bounded.reading):
        with pytest.raises(StoreUnreachable, match=r"a statement took longer than 0\.05 s"), connecting() as connection:
            connection.execute(slow)
    bounded.close()
    with market.warehouse.begin() as connection:
        connection.execute(slow)


def test_products_alone_are_found_by_their_titles_while_vectors_are_away(
    without_index: TestClient, market: Market
) -> None:
    title = without_index.get(f"/api/products/{market.fit[0]}").json()["title"]
    for body in (
        {"like": market.fit[:1]},
        {"product_id": market.fit[0]},
        {"product_id": market.fit[0], "facets": True},
    ):
        answer = without_index.post("/api/search", json=body).json()
        by_words = [one["product_id"] for one in searched(without_index, title, limit=100)["items"]]
        found = [one["product_id"] for one in answer["items"]]
        assert answer["degraded"]
        assert found == [one for one in by_words if one != market.fit[0]][: len(found)]
    with_words = searched(without_index, "basket", like=market.fit[:2])
    assert with_words["degraded"]
    assert with_words["items"]


class Slow:
    """The encoder, taking longer than a search waits for the index."""

    def __init__(self, encoder: Encoder, seconds: float) -> None:
        self._encoder = encoder
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed_query(self, *asked: Any, **more: Any) -> Any:
        time.sleep(self._seconds)
        return self._encoder.embed_query(*asked, **more)


def test_the_index_is_not_blamed_for_a_slow_encoder(market: Market, encoder: Encoder) -> None:
    slow = cast("Encoder", Slow(encoder, 1.5))
    with app_over(market, slow, market.settings.milvus_uri, search_seconds=1.0) as client:
        answers = [searched(client, "basket", like=market.fit[:2], facets=True) for _ in range(2)]
    assert [answer["reason"] for answer in answers] == [None, None]


def test_every_way_of_asking_with_words_survives_an_index_that_is_away(
    without_index: TestClient, market: Market
) -> None:
    asked: list[dict[str, Any]] = [
        {"facets": True},
        {"sort": "price_low"},
        {"unlike": market.fit[:1]},
        {"product_id": market.fit[0]},
        {"per_seller": 1},
        {"fusion": "rrf"},
    ]
    for more in asked:
        answer = searched(without_index, "basket", **more)
        assert answer["degraded"], more
        assert answer["items"], more


def test_an_index_that_comes_back_is_found_again(market: Market, encoder: Encoder, tmp_path: Path) -> None:
    server = EmbeddedMilvus(tmp_path / "milvus", free_port())
    server.start(tmp_path / "milvus.log")
    vectors = Vectors(server.uri)
    world.index(market.warehouse, Images(market.settings.artifacts_folder / "images"), vectors, encoder)
    vectors.close()
    with app_over(market, encoder, server.uri, search_seconds=10.0) as client:
        before = searched(client, "basket")
        server.stop()
        away = [searched(client, "basket") for _ in range(3)]
        server.start(tmp_path / "milvus.log")

        def is_whole() -> bool:
            return not searched(client, "basket")["degraded"]

        recovered = wait_until(is_whole, 60)
        after = searched(client, "basket")
    server.stop()
    assert not before["degraded"]
    assert all(answer["degraded"] and answer["items"] for answer in away)
    assert recovered
    assert after["items"] == before["items"]


def in_good_time() -> float:
    return time.monotonic() + 60


def test_a_breaker_lets_one_try_after_the_rest_and_the_others_once_it_was_answered() -> None:
    breaker = Breaker(rest_seconds=0.0, threads=2)
    go = Event()

    def fails() -> None:
        raise StoreUnreachable("away")

    def waits() -> str:
        go.wait(30)
        return "here"

    with pytest.raises(StoreUnreachable):
        breaker.end(breaker.begin(fails), deadline=in_good_time())
    probe = breaker.begin(waits)
    with pytest.raises(StoreUnreachable, match="a moment ago"):
        breaker.begin(waits)
    go.set()
    assert breaker.end(probe, deadline=in_good_time()) == "here"
    assert breaker.end(breaker.begin(waits), deadline=in_good_time()) == "here"
    breaker.close()


def test_a_breaker_rests_after_a_late_answer_and_wakes_when_it_comes_after_all() -> None:
    breaker = Breaker(rest_seconds=3600.0, threads=2)
    go = Event()
    late = breaker.begin(lambda: go.wait(30))
    with pytest.raises(StoreUnreachable, match="in time"):
        breaker.end(late, deadline=0.0)
    with pytest.raises(StoreUnreachable, match="a moment ago"):
        breaker.begin(lambda: True)
    go.set()
    assert late.answer.result(30)
    assert breaker.end(breaker.begin(lambda: "awake"), deadline=in_good_time()) == "awake"
    breaker.close()


def test_who_comes_with_no_time_left_does_not_blame_the_store() -> None:
    breaker = Breaker(rest_seconds=3600.0, threads=2, patience=60.0)
    go = Event()
    asked = breaker.begin(lambda: go.wait(30))
    with pytest.raises(StoreUnreachable, match="in time"):
        breaker.end(asked, deadline=0.0)
    go.set()
    assert breaker.end(breaker.begin(lambda: "here"), deadline=in_good_time()) == "here"
    breaker.close()


def test_a_spare_question_that_comes_late_does_not_blame_the_store() -> None:
    breaker = Breaker(rest_seconds=3600.0, threads=2)
    go = Event()
    asked = breaker.begin(lambda: go.wait(30))
    with pytest.raises(StoreUnreachable, match="in time"):
        breaker.end(asked, deadline=0.0, is_spare=True)
    go.set()
    assert breaker.end(breaker.begin(lambda: "here"), deadline=in_good_time()) == "here"
    breaker.close()


def test_who_finds_the_queue_full_is_sent_away_at_once() -> None:
    turns = Turns(1, waiting=1, refusal="too many")
    go = Event()
    begun = Event()

    def hold() -> None:
        with turns.one(30):
            begun.set()
            go.wait(30)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        assert begun.wait(30)
        second = pool.submit(hold)
        assert wait_until(lambda: is_refused(turns), 30)
        go.set()
        first.result(30)
        second.result(30)
    assert not is_refused(turns)


def is_refused(turns: Turns) -> bool:
    try:
        with turns.one(0.001):
            return False
    except NotReady:
        return True
