"""Alerts as programs ask for them: whose they may see, and what they may settle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from marketplace.storage.alert_outbox import lag
from marketplace.storage.alerts import Observed, keep_alerts
from marketplace.storage.warehouse import Warehouse
from serving.access import Principal, principal_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = date(2026, 5, 3)
LOW = Observed("views", 7, DAY, "low", 12, 140, 85, 210, -6.1, ("Saturday: +20 %",))
URL = "/api/analytics/alerts"


@pytest.fixture
def asked(fresh, nowhere):
    """Asks the app as somebody, with alerts of sellers 7 and 8 and of the market kept."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    found = [replace(LOW, seller_id=seller_id) for seller_id in (0, 7, 8)]
    keep_alerts(warehouse, found, (DAY, DAY), channels=["log"], due_at=lambda _: NOW, now=NOW)

    def ask(role, seller_id=None):
        fresh.app.dependency_overrides[principal_of] = lambda: Principal(f"{role}:{seller_id}", role, seller_id)
        return fresh

    yield ask, warehouse
    fresh.app.dependency_overrides.clear()
    warehouse.close()


def sellers_in(answer):
    assert answer.status_code == 200, answer.text
    return sorted(one["seller_id"] for one in answer.json()["alerts"])


def id_of(asked, seller_id):
    ask, _ = asked
    return ask("analyst").get(URL, params={"seller_id": seller_id}).json()["alerts"][0]["alert_id"]


def test_an_analyst_sees_every_alert_with_its_band_and_reasons_and_how_far_the_telling_is_behind(asked):
    ask, _ = asked
    answer = ask("analyst").get(URL)
    assert sellers_in(answer) == [0, 7, 8]
    shown = answer.json()["alerts"][0]
    assert (shown["value"], shown["low"], shown["high"], shown["state"]) == (12, 85, 210, "new")
    assert shown["reasons"] == ["Saturday: +20 %"]
    assert answer.json()["delivery"]["waiting"] == 3
    assert sellers_in(ask("analyst").get(URL, params={"seller_id": 0})) == [0]
    assert sellers_in(ask("analyst").get(URL, params={"state": "seen"})) == []


def test_a_seller_sees_their_own_alone_and_another_is_as_if_not_there(asked):
    ask, _ = asked
    answer = ask("seller", 7).get(URL)
    assert sellers_in(answer) == [7]
    assert answer.json()["delivery"] is None
    for other in (0, 8, 99):
        assert ask("seller", 7).get(URL, params={"seller_id": other}).status_code == 404


def test_a_seller_settles_their_own_alone(asked):
    ask, warehouse = asked
    mine, others, market = (id_of(asked, seller_id) for seller_id in (7, 8, 0))
    for alert_id in (others, market, 10_000):
        answer = ask("seller", 7).post(f"{URL}/{alert_id}/state", json={"state": "seen"})
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"alert {alert_id} is not known"
    settled = ask("seller", 7).post(f"{URL}/{mine}/state", json={"state": "seen"}).json()
    assert (settled["state"], settled["state_by"]) == ("seen", "seller:7")
    assert lag(warehouse, now=NOW).waiting == 2


def test_a_shopper_sees_none(asked):
    ask, _ = asked
    alert_id = id_of(asked, 7)
    assert ask("shopper").get(URL).status_code == 403
    assert ask("shopper").post(f"{URL}/{alert_id}/state", json={"state": "seen"}).status_code == 404


def test_what_is_muted_is_muted_with_its_figure_until_an_end_that_is_to_come(asked):
    ask, warehouse = asked
    alert_id = id_of(asked, 8)
    until = "2126-01-01T00:00:00+00:00"
    answer = ask("analyst").post(f"{URL}/{alert_id}/state", json={"state": "muted", "until": until})
    assert answer.json()["state"] == "muted"
    again = replace(LOW, seller_id=8, observed_on=date(2026, 5, 4))
    kept = keep_alerts(warehouse, [again], (again.observed_on,) * 2, channels=["log"], due_at=lambda _: NOW, now=NOW)
    assert kept.to_tell == 0
    for sent in (
        {"state": "muted", "until": "2020-01-01T00:00:00Z"},
        {"state": "muted", "until": "2126-01-01T00:00:00"},
        {"state": "seen", "until": until},
        {"state": "gone"},
        {"state": "seen", "by": "somebody else"},
    ):
        assert ask("analyst").post(f"{URL}/{alert_id}/state", json=sent).status_code == 422, sent
