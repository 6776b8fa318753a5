"""Lists made of what shoppers did a second ago: what stands in them, what never does, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from marketplace.cli import app as soko
from marketplace.experiments.assignment import Experiment, Variant
from marketplace.local.network import free_port, wait_until
from marketplace.settings import Settings
from marketplace.storage.experiments import start as begin_experiment
from marketplace.storage.images import Images
from marketplace.storage.tables import experiments, exposures, interactions, product_quality, products, sellers
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.recommender.watching import nearest_products
from tests.serving import world
from tests.serving.conftest import Market
from tests.serving.recommending import (
    CATEGORIES,
    LONG_AGO,
    add_products,
    chain,
    did,
    publish_lists,
    publish_model,
    stock,
)

PERSONAL = "/api/recommendations/personalized"


@dataclass
class Opened:
    """A running app over a market of sixty products, and its parts."""

    client: TestClient
    warehouse: Warehouse
    settings: Settings
    ids: list[int]

    @property
    def models(self) -> Path:
        return self.settings.artifacts_folder / "models"

    def asked(self, user_id: str = "ann", **wanted: Any) -> dict[str, Any]:
        answer = self.client.get(f"{PERSONAL}/{user_id}", params=wanted)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def shown(self, user_id: str = "ann", **wanted: Any) -> list[int]:
        return [item["product_id"] for item in self.asked(user_id, **wanted)["items"]]

    def acts(self, kind: str, product_id: int, user_id: str = "ann") -> None:
        event = {"user_id": user_id, "product_id": product_id, "kind": kind}
        assert self.client.post("/api/recommendations/interaction", json=event).status_code == 201

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Returns when the state of the recommender is so."""

        def state() -> dict[str, Any]:
            found: dict[str, Any] = self.client.get("/api/recommendations/stats").json()["serving"] or {}
            return found

        assert wait_until(lambda: bool(state()) and holds(state()), 15), state()

    def until_model(self, version: str) -> None:
        self.until(lambda state: (state["model"] or {}).get("version") == version)


@pytest.fixture
def settings(nowhere: Settings) -> Settings:
    """No variety and nothing tried out, unless a test wants it."""
    changed = {
        "recommendation_diversity": 0.0,
        "recommendation_exploration": 0.0,
        "mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}",
    }
    return nowhere.model_copy(update=changed)


@pytest.fixture
def start(settings: Settings, encoder: Encoder) -> Iterator[Callable[..., Opened]]:
    """A function that starts an app over a stocked market, with a model and lists unless told otherwise."""
    opened: list[TestClient] = []
    warehouse = Warehouse(settings.database_url.get_secret_value())

    def begin(*, model: bool = True, lists: bool = True, **changed: Any) -> Opened:
        own = settings.model_copy(update=changed)
        ids = stock(warehouse)
        if model:
            publish_model(warehouse, own.artifacts_folder / "models", chain(ids), "1")
        if lists:
            publish_lists(warehouse, [("", "", one) for one in ids[40:50]])
        client = TestClient(create_app(own, load=lambda: encoder), raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        shop = Opened(client, warehouse, own, ids)
        shop.until(lambda state: state["is_listening"] and state["products_on_offer"] == len(ids))
        if model:
            shop.until_model("1")
        return shop

    yield begin
    for client in opened:
        client.__exit__(None, None, None)
    warehouse.close()


def test_what_was_done_a_second_ago_counts_in_the_next_answer(start: Callable[..., Opened]) -> None:
    shop = start()
    before = shop.asked()
    assert before["source"] == "popular_in_category"
    shop.acts("click", shop.ids[10])
    after = shop.asked()
    assert after["source"] == "personal"
    assert not after["degraded"]
    assert [item["product_id"] for item in after["items"]][:3] == shop.ids[11:14]
    shop.acts("purchase", shop.ids[30])
    assert shop.shown()[0] == shop.ids[31]


def test_what_was_done_elsewhere_counts_as_soon_as_postgres_says_so(start: Callable[..., Opened]) -> None:
    shop = start()
    shop.shown()
    did(shop.warehouse, "ann", ("click", shop.ids[10]))
    assert wait_until(lambda: shop.shown()[0] == shop.ids[11], 5)


def test_a_fresher_deed_weighs_more_than_an_older_one(start: Callable[..., Opened]) -> None:
    shop = start()
    did(shop.warehouse, "ann", ("click", shop.ids[10]), ago=timedelta(days=120))
    did(shop.warehouse, "ann", ("click", shop.ids[30]), ago=timedelta(minutes=1))
    did(shop.warehouse, "ben", ("click", shop.ids[10]), ago=timedelta(minutes=1))
    did(shop.warehouse, "ben", ("click", shop.ids[30]), ago=timedelta(days=120))
    assert wait_until(lambda: shop.shown("ann")[:1] == [shop.ids[31]], 5)
    assert wait_until(lambda: shop.shown("ben")[:1] == [shop.ids[11]], 5)


def test_reasons_name_what_added_most_to_the_score(start: Callable[..., Opened]) -> None:
    shop = start()
    shop.acts("view", shop.ids[10])
    shop.acts("purchase", shop.ids[12])
    items = {item["product_id"]: item for item in shop.asked()["items"]}
    reasons = {one: (items[one]["reason"], items[one]["because"]) for one in (shop.ids[11], shop.ids[13])}
    assert reasons[shop.ids[11]] == (f"Because you looked at Thing {shop.ids[10]}", shop.ids[10])
    assert reasons[shop.ids[13]] == (f"Because you bought Thing {shop.ids[12]}", shop.ids[12])
    popular = next(item for item in items.values() if item["source"] == "popular_in_category")
    assert popular["reason"] == "Popular right now"
    newest = next(item for item in items.values() if item["source"] == "newest")
    assert newest["reason"] == "New here"


def test_a_product_that_was_looked_at_twice_and_then_hidden_still_says_why(start: Callable[..., Opened]) -> None:
    shop = start()
    for kind in ("view", "view", "hide"):
        shop.acts(kind, shop.ids[10])
    first = shop.asked(limit=1)["items"][0]
    assert (first["product_id"], first["reason"]) == (shop.ids[11], f"Because you looked at Thing {shop.ids[10]}")


def test_what_was_refused_speaks_for_nothing(start: Callable[..., Opened]) -> None:
    shop = start(model=False)
    against = chain(shop.ids)
    against.links.data[:] *= -1  # as in a linear model: who refuses one wants the next
    publish_model(shop.warehouse, shop.models, against, "1")
    shop.until_model("1")
    shop.acts("hide", shop.ids[10])
    shop.acts("view", shop.ids[50])
    assert {item["because"] for item in shop.asked(limit=3)["items"]} == {None}


def test_what_only_looks_alike_says_so(start: Callable[..., Opened]) -> None:
    shop = start(model=False, lists=False)
    publish_lists(shop.warehouse, [("", "", shop.ids[0])], alike=[(shop.ids[5], shop.ids[25], 0.9)])
    shop.until(lambda state: state["products_alike"] > 0)
    shop.acts("wishlist", shop.ids[5])
    first = shop.asked()["items"][0]
    assert (first["product_id"], first["source"]) == (shop.ids[25], "item_to_item")
    assert first["reason"] == f"Like Thing {shop.ids[5]}, which you saved"


def test_the_city_and_the_category_of_popularity_are_named(start: Callable[..., Opened]) -> None:
    shop = start(lists=False)
    dress = next(one for one in shop.ids if one % 3 == 0)
    publish_lists(shop.warehouse, [("", "", shop.ids[7]), ("", "Nakuru", shop.ids[1]), ("dresses", "Nakuru", dress)])
    assert wait_until(lambda: shop.shown("new", city="Nakuru", limit=1) == [shop.ids[1]], 10)
    assert shop.asked("new", city="Nakuru", limit=1)["items"][0]["reason"] == "Popular in Nakuru"
    first = shop.asked("new", city="Nakuru", category="dresses", limit=3)["items"][0]
    assert (first["product_id"], first["reason"]) == (dress, "Popular in Dresses in Nakuru")


def test_a_context_speaks_for_what_goes_with_it(start: Callable[..., Opened]) -> None:
    shop = start()
    answer = shop.asked("new", context_product=shop.ids[20])
    assert answer["source"] == "context"
    assert [item["product_id"] for item in answer["items"]][:3] == shop.ids[21:24]
    assert answer["items"][0]["reason"] == f"Because you are looking at Thing {shop.ids[20]}"
    assert shop.ids[20] not in [item["product_id"] for item in answer["items"]]


def test_a_session_without_a_record_is_answered_and_not_kept(start: Callable[..., Opened]) -> None:
    shop = start()
    sent = {"products": [shop.ids[5], {"product_id": shop.ids[30], "kind": "wishlist"}], "limit": 4}
    answer = shop.client.post("/api/recommendations/session", json=sent).json()
    assert answer["user_id"] is None
    assert answer["source"] == "context"
    assert answer["items"][0]["product_id"] == shop.ids[31]
    assert answer["items"][0]["reason"] == f"Because you saved Thing {shop.ids[30]}"
    hidden = {"products": [shop.ids[5], {"product_id": shop.ids[6], "kind": "hide"}]}
    shown = [one["product_id"] for one in shop.client.post("/api/recommendations/session", json=hidden).json()["items"]]
    assert shop.ids[6] not in shown
    with shop.warehouse.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(interactions)) == 0


def test_also_bought_says_what_comes_of_the_model_and_what_looks_alike(start: Callable[..., Opened]) -> None:
    shop = start(lists=False)
    publish_lists(shop.warehouse, [("", "", shop.ids[0])], alike=[(shop.ids[5], shop.ids[50], 0.8)])
    shop.until(lambda state: state["products_alike"] > 0)
    answer = shop.client.get(f"/api/products/{shop.ids[5]}/also-bought", params={"limit": 5}).json()
    assert [(item["product_id"], item["source"]) for item in answer["items"][:4]] == [
        (shop.ids[6], "together"),
        (shop.ids[7], "together"),
        (shop.ids[8], "together"),
        (shop.ids[50], "alike"),
    ]
    assert shop.client.get("/api/products/1/also-bought").status_code == 404


def test_what_was_bought_hidden_or_excluded_never_comes_back(start: Callable[..., Opened]) -> None:
    shop = start()
    shop.acts("click", shop.ids[10])
    assert shop.shown()[:3] == shop.ids[11:14]
    shop.acts("hide", shop.ids[11])
    shop.acts("report", shop.ids[12])
    shop.acts("purchase", shop.ids[13])
    assert not {*shop.ids[11:14]} & {*shop.shown(limit=100)}
    assert shop.ids[14] in shop.shown(limit=100)
    assert shop.ids[14] not in shop.shown(limit=100, exclude=[shop.ids[14], shop.ids[15]])


@pytest.mark.parametrize("how", ["sold out", "gone", "rejected", "paused"])
def test_what_cannot_be_bought_is_not_shown_from_that_moment(start: Callable[..., Opened], how: str) -> None:
    shop = start()
    shop.acts("click", shop.ids[10])
    lost = shop.ids[11]
    assert lost in shop.shown()
    statement = {
        "sold out": sa.update(products).where(products.c.product_id == lost).values(in_stock=False),
        "gone": sa.update(products).where(products.c.product_id == lost).values(is_gone=True),
        "rejected": sa.update(product_quality).filter_by(product_id=lost).values(verdict="rejected"),
        "paused": sa.update(sellers).where(sellers.c.seller_id == 1 + lost % 6).values(state="paused"),
    }[how]
    with shop.warehouse.begin() as connection:
        connection.execute(statement)
    assert lost not in shop.shown("ann", diversity=0.01)  # not kept from before: Postgres is asked
    assert wait_until(lambda: lost not in shop.shown(), 2)


def test_no_seller_takes_more_than_their_places(start: Callable[..., Opened]) -> None:
    shop = start(recommendation_per_seller=2)
    owner = {one: 1 + one % 6 for one in shop.ids}
    for one in shop.ids[6:54:6]:
        shop.acts("click", one - 1)  # raises products of one seller most
    shown = shop.shown(limit=12)
    assert max(Counter(owner[one] for one in shown).values()) == 2
    long = shop.shown(limit=60)
    assert len(long) == 60  # everything that may be bought, in rounds


def test_a_list_of_one_seller_holds_nobody_else(start: Callable[..., Opened]) -> None:
    shop = start(recommendation_per_seller=2)
    shop.acts("click", shop.ids[10])
    shown = shop.shown(seller_id=3)
    assert len(shown) == 10
    assert {1 + one % 6 for one in shown} == {3}


def test_variety_moves_twins_apart(start: Callable[..., Opened]) -> None:
    shop = start(lists=False)
    twins = [(shop.ids[11], shop.ids[12], 1.0), (shop.ids[12], shop.ids[11], 1.0)]
    publish_lists(shop.warehouse, [("", "", shop.ids[0])], alike=twins)
    shop.until(lambda state: state["products_alike"] > 0)
    shop.acts("click", shop.ids[10])
    assert shop.shown()[:2] == shop.ids[11:13]
    assert shop.shown(diversity=0.9)[1] != shop.ids[12]
    assert shop.client.get(f"{PERSONAL}/ann", params={"diversity": 1.5}).status_code == 422


def test_a_category_is_a_filter_whatever_stands_in_it(start: Callable[..., Opened]) -> None:
    shop = start()
    shop.acts("click", shop.ids[10])
    shown = shop.asked(category="baskets", limit=50)["items"]
    assert {item["category"] for item in shown} == {"baskets"}
    for text in ("x' or 1==1", "'; drop table raw.interactions; --", 'dresses" or category != "', "%", "\\"):
        assert shop.asked(category=text)["items"] == []
        assert shop.asked(city=text)["items"] != []
    assert shop.client.get(f"{PERSONAL}/ann", params={"category": "a\x00"}).status_code == 422


def test_a_bot_with_a_hundred_thousand_events_is_answered_from_its_newest(start: Callable[..., Opened]) -> None:
    shop = start()
    with shop.warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "insert into raw.interactions (event_id, user_id, product_id, kind, occurred_at) "
                "select 'bot-' || number, 'bot', :first + number % 30, 'view', now() - number * interval '1 second' "
                "from generate_series(1000, 101000) as number"
            ),
            {"first": shop.ids[0]},
        )
    did(shop.warehouse, "bot", ("click", shop.ids[40]), ago=timedelta(seconds=5))
    assert len(shop.shown("bot")) == 20
    past = shop.client.app_state["shop"].recommender.tastes.past("bot")
    assert len(past.deeds) == 500
    assert shop.ids[41] in shop.shown("bot")


def test_a_place_is_explored_as_often_as_its_propensity_says(start: Callable[..., Opened]) -> None:
    shop = start(recommendation_exploration=0.05)
    new = list(range(5000, 5004))
    add_products(shop.warehouse, new, since=datetime.now(UTC))
    shop.until(lambda state: state["products_on_offer"] == 64)
    shop.acts("click", shop.ids[10])
    shop.acts("view", shop.ids[40])
    drawn: Counter[int] = Counter()
    for turn in range(120):  # the limit is the same, and no answer is kept from before
        answer = shop.asked(limit=10, diversity=0, city=f"{turn}")
        tried = [item for item in answer["items"] if item["source"] == "explored"]
        assert len(tried) <= 1
        for item in tried:
            assert answer["items"].index(item) == 5
            assert item["product_id"] in new
            assert item["propensity"] == pytest.approx(0.5 / 4, abs=1e-5)
            drawn[item["product_id"]] += 1
        others = [item["propensity"] for place, item in enumerate(answer["items"]) if place != 5]
        assert set(others) == {1.0}
        assert tried or answer["items"][5]["propensity"] == 0.5
    assert 35 < drawn.total() < 85
    assert set(drawn) == set(new)


def test_tried_out_products_keep_to_the_cap_of_their_seller(start: Callable[..., Opened]) -> None:
    shop = start(recommendation_exploration=0.5, recommendation_per_seller=1)
    add_products(shop.warehouse, range(5000, 5100), since=datetime.now(UTC), seller=5)  # who has none of the best four
    shop.until(lambda state: state["products_cold"] == 100)
    shop.acts("click", shop.ids[0])
    items = shop.asked(limit=4)["items"]
    assert [item["source"] for item in items].count("explored") == 1
    assert len({item["seller"]["seller_id"] for item in items}) == 4


def test_an_event_about_a_product_that_never_came_hurts_nobody(start: Callable[..., Opened]) -> None:
    shop = start()
    events = [
        {"event_id": f"early-event-{one}", "user_id": "ann", "product_id": one, "kind": "purchase"}
        for one in (1, 2**53 - 1)
    ]
    events.append({"event_id": "known-10", "user_id": "ann", "product_id": shop.ids[10], "kind": "click"})
    done = shop.client.post("/api/recommendations/interactions", json=events).json()
    assert (done["recorded"], done["quarantined"]) == (3, ["early-event-1", f"early-event-{2**53 - 1}"])
    assert shop.shown(limit=1) == [shop.ids[11]]


def test_a_shelf_that_could_not_be_read_is_read_again_though_nothing_more_is_said(
    start: Callable[..., Opened], caplog: pytest.LogCaptureFixture
) -> None:
    shop = start()
    with shop.warehouse.begin() as connection:
        connection.execute(sa.update(products).where(products.c.product_id == shop.ids[0]).values(is_gone=True))
        connection.execute(sa.text("alter table catalog.products rename to mislaid"))
    assert wait_until(lambda: "the market was not read" in caplog.text, 10)
    with shop.warehouse.begin() as connection:
        connection.execute(sa.text("alter table catalog.mislaid rename to products"))
    shop.until(lambda state: state["products_on_offer"] == len(shop.ids) - 1)


def test_one_record_that_fails_does_not_end_recording(
    start: Callable[..., Opened], caplog: pytest.LogCaptureFixture
) -> None:
    shop = start()
    with shop.warehouse.begin() as connection:
        connection.execute(sa.text("alter table raw.exposures rename to mislaid"))
    shop.asked("first")
    assert wait_until(lambda: "answers were not recorded" in caplog.text, 10)
    with shop.warehouse.begin() as connection:
        connection.execute(sa.text("alter table raw.mislaid rename to exposures"))
    answer_id = shop.asked("second")["answer_id"]

    def recorded() -> bool:
        with shop.warehouse.begin() as connection:
            return bool(connection.execute(sa.select(exposures).where(exposures.c.answer_id == answer_id)).all())

    assert wait_until(recorded, 10)


def test_what_is_shown_is_recorded_each_time_it_is(start: Callable[..., Opened]) -> None:
    shop = start()
    shop.acts("click", shop.ids[10])
    answers = [shop.asked(limit=5) for _ in range(3)]
    assert len({answer["answer_id"] for answer in answers}) == 3
    assert [one["items"] for one in answers] == [answers[0]["items"]] * 3

    def recorded() -> list[Any]:
        with shop.warehouse.begin() as connection:
            return list(connection.execute(sa.select(exposures).order_by(exposures.c.rank)).all())

    assert wait_until(lambda: len(recorded()) == 15, 5)
    for answer in answers:
        rows = [row for row in recorded() if row.answer_id == answer["answer_id"]]
        assert [row.product_id for row in rows] == [item["product_id"] for item in answer["items"]]
        assert {(row.user_id, row.surface, row.model_version) for row in rows} == {("ann", "for_you", "1")}
        assert [row.rank for row in rows] == [1, 2, 3, 4, 5]
    kept = shop.client.get("/metrics").text
    assert 'soko_recommendation_answers_total{made="kept"} 2.0' in kept


def test_a_kept_answer_is_forgotten_when_the_shopper_acts(start: Callable[..., Opened]) -> None:
    shop = start()
    for number, kind in ((10, "view"), (20, "click"), (30, "purchase")):
        shop.acts(kind, shop.ids[number])
        assert shop.shown(limit=1) == shop.shown(limit=1) == [shop.ids[number + 1]]


def test_an_experiment_that_is_started_by_the_command_is_in_the_record_of_what_was_shown(
    start: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = start()
    monkeypatch.setenv("SOKO_DATABASE_URL", shop.settings.database_url.get_secret_value())
    told = ["--variant", "as-learned=0.5", "--variant", "as-documented=0.5:weights=documented"]
    assert CliRunner().invoke(soko, ["experiment", "start", "trial", *told]).exit_code == 0
    shop.until(lambda state: state["experiment"] == "trial")
    answers = [shop.asked(f"shopper-{one}", limit=1) for one in range(12)]
    assert {one["variant"] for one in answers} == {"as-learned", "as-documented"}

    def recorded() -> dict[str, Any]:
        with shop.warehouse.begin() as connection:
            rows = connection.execute(sa.select(exposures).where(exposures.c.experiment == "trial"))
            return {row.answer_id: row.variant for row in rows}

    assert wait_until(lambda: recorded().items() >= {one["answer_id"]: one["variant"] for one in answers}.items(), 10)


def test_variants_are_obeyed_and_named(start: Callable[..., Opened]) -> None:
    shop = start()
    publish_model(shop.warehouse, shop.models, chain(shop.ids, backwards=True), "2", name="cf_challenger")
    shop.until(lambda state: state["challenger"] is not None)
    variants = [_variant("backwards", 0.5, model="challenger"), _variant("too", 0.5, model="challenger")]
    _run(shop, variants)
    did(shop.warehouse, "ann", ("click", shop.ids[10]))
    assert wait_until(lambda: shop.asked()["variant"] in ("backwards", "too"), 5)
    answer = shop.asked()
    assert answer["experiment"] == "trial"
    assert answer["items"][0]["product_id"] == shop.ids[9]
    assert answer["versions"]["model"] == "2"


def test_an_interleaved_list_says_who_put_each_product_there(start: Callable[..., Opened]) -> None:
    shop = start()
    publish_model(shop.warehouse, shop.models, chain(shop.ids, backwards=True), "2", name="cf_challenger")
    shop.until(lambda state: state["challenger"] is not None)
    _run(shop, [_variant("on", 0.5), _variant("back", 0.5, model="challenger")], is_interleaved=True)
    did(shop.warehouse, "ann", ("click", shop.ids[10]))
    assert wait_until(lambda: {shop.ids[9], shop.ids[11]} <= set(shop.shown(limit=6)), 5)
    answer = shop.asked(limit=6)

    def teams() -> dict[int, str]:
        with shop.warehouse.begin() as connection:
            rows = connection.execute(sa.select(exposures).where(exposures.c.answer_id == answer["answer_id"]))
            return {row.product_id: row.team for row in rows}

    assert wait_until(lambda: len(teams()) == 6, 5)
    assert teams()[shop.ids[9]] == "back"
    assert teams()[shop.ids[11]] == "on"
    reasons = {item["product_id"]: item["because"] for item in answer["items"]}
    assert reasons[shop.ids[9]] == reasons[shop.ids[11]] == shop.ids[10]


def test_two_interleaved_lists_keep_to_the_cap_of_a_seller_together(start: Callable[..., Opened]) -> None:
    shop = start(recommendation_per_seller=1)
    own = [one for one in shop.ids if one % 6 == 0]
    forth, back = chain([shop.ids[0], *own[1:5]], reach=4), chain([shop.ids[0], *own[5:9]], reach=4)
    publish_model(shop.warehouse, shop.models, forth, "2")
    publish_model(shop.warehouse, shop.models, back, "3", name="cf_challenger")
    shop.until_model("2")
    shop.until(lambda state: (state["challenger"] or {}).get("version") == "3")
    _run(shop, [_variant("on", 0.5), _variant("back", 0.5, model="challenger")], is_interleaved=True)
    shop.acts("click", shop.ids[0])
    items = shop.asked(limit=6)["items"]
    assert max(Counter(item["seller"]["seller_id"] for item in items).values()) == 1


def test_an_experiment_waits_for_its_challenger(start: Callable[..., Opened]) -> None:
    """Whoever would get it, and whoever would not: else those who are left would be the ones that were chosen."""
    shop = start()
    variants = (Variant("now", 0.5), Variant("new", 0.5, {"model": "challenger"}))
    begin_experiment(shop.warehouse, Experiment("trial", "s", variants), now=datetime.now(UTC))
    shop.until(lambda state: state["experiment"] == "trial")
    assert {shop.asked(f"shopper-{one}")["variant"] for one in range(20)} == {None}
    publish_model(shop.warehouse, shop.models, chain(shop.ids, backwards=True), "2", name="cf_challenger")
    shop.until(lambda state: state["challenger"] is not None)
    assert wait_until(lambda: {shop.asked(f"shopper-{one}")["variant"] for one in range(20)} == {"now", "new"}, 5)


def test_the_category_of_nothing_in_particular_is_no_trap(start: Callable[..., Opened]) -> None:
    shop = start()
    assert shop.shown(category="") == []
    assert set(CATEGORIES) == {item["category"] for item in shop.asked(limit=50)["items"]}


def test_a_product_is_recommended_before_anybody_did_anything_with_it(
    nowhere: Settings, market: Market, encoder: Encoder
) -> None:
    """It came a moment ago and no model knows it; the index does, and says what it is like."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    world.settle(warehouse, Images(nowhere.artifacts_folder / "images"), market.drawn)  # the products of that index
    fit = sorted(market.fit)
    near = {one: others[0][0] for one, others in nearest_products(market.vectors, fit).items()}
    new, old = next((one, other) for one, other in near.items() if other in near)
    others = [one for one in fit if one != new]
    with warehouse.begin() as connection:
        connection.execute(sa.update(products).values(first_seen_at=LONG_AGO))
        connection.execute(sa.update(products).where(products.c.product_id == new).values(is_gone=True))
    visual = {"hybrid_weights": [0.0], "hybrid_depths": [0]}
    publish_model(warehouse, nowhere.artifacts_folder / "models", chain(others), "1", more=visual)
    publish_lists(warehouse, [("", "", one) for one in others[:3]])
    changed = {"milvus_uri": market.settings.milvus_uri, "recommendation_exploration": 0.0}
    with TestClient(create_app(nowhere.model_copy(update=changed), load=lambda: encoder)) as client:
        shop = Opened(client, warehouse, nowhere, fit)
        shop.until_model("1")
        shop.acts("click", old)
        assert new not in shop.shown(limit=100)
        with warehouse.begin() as connection:
            arrives = sa.update(products).where(products.c.product_id == new)
            connection.execute(arrives.values(is_gone=False, first_seen_at=datetime.now(UTC)))
        assert wait_until(lambda: new in shop.shown(limit=5), 15)
        item = next(one for one in shop.asked(limit=5)["items"] if one["product_id"] == new)
        assert (item["source"], item["because"]) == ("personal", old)
        assert item["reason"].startswith("Like ")
    warehouse.close()


def _variant(name: str, share: float, **settings: Any) -> dict[str, Any]:
    return {"name": name, "share": share, "settings": settings}


def _run(shop: Opened, variants: list[dict[str, Any]], *, is_interleaved: bool = False) -> None:
    with shop.warehouse.begin() as connection:
        connection.execute(
            sa.insert(experiments).values(
                name="trial",
                salt="s",
                variants=variants,
                is_interleaved=is_interleaved,
                started_at=datetime.now(UTC),
            )
        )
    shop.until(lambda state: state["experiment"] == "trial")
