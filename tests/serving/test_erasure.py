"""A person who asked to be forgotten is in no table, and does not come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from marketplace.cli import app as cli
from marketplace.crm.codes import Codes, Link
from marketplace.errors import NotFound
from marketplace.settings import Settings
from marketplace.storage.accesses import accesses_to
from marketplace.storage.catalog import add_seller
from marketplace.storage.erasures import erase_person, traces
from marketplace.storage.exposures import Exposure, record_exposures
from marketplace.storage.orders import BY_PHONE
from marketplace.storage.people import seal_of
from marketplace.storage.tables import accesses, erasures, interactions, leads, orders, recommendations
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.whatsapp_starts import record_start
from serving.chats import Visitor, started
from tests.serving.conftest import Market

USER, PHONE, NAME = "shopper-to-forget", "+254712345678", "Achieng Otieno"
CONSENT = {"has_consent": True, "consent_text": "Call me."}
# As dbt builds them: tables of people in schemas that migrations know nothing of.
MARTS = f"""
create schema marts;
create schema intermediate;
create table marts.fct_interactions (event_id text, user_id text, session_key text);
create table marts.fct_sessions (session_key text, seconds double precision);
create table marts.fct_orders (order_id text primary key, customer_id text, start_id text, gross_minor bigint);
create table marts.dim_customers (customer_id text primary key, orders bigint);
create table marts.fct_leads (event_id text, seller_id bigint, attribution text);
create table intermediate.int_of_a_later_version (visitor_hash text, user_id text, notes jsonb);
insert into marts.fct_interactions values
    ('view.{USER}', '{USER}', 'session-1'), ('view.bob', 'bob', 'session-2');
insert into marts.fct_sessions values ('session-1', 1), ('session-2', 2);
insert into marts.fct_orders values ('o1', '{USER}', 'start-of-{USER}', 500), ('o2', 'bob', 's2', 700);
insert into marts.dim_customers values ('{USER}', 1), ('bob', 1);
insert into marts.fct_leads values ('lead-0001', 1, 'matched'), ('lead-of-bob', 1, 'unknown');
insert into intermediate.int_of_a_later_version values ('v', '{USER}', '{{"who": "{USER}"}}');
"""


@pytest.fixture
def store(nowhere: Settings, market: Market) -> Iterator[Warehouse]:
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    add_seller(warehouse, market.drawn.sellers[0])
    yield warehouse
    warehouse.close()


def live(client: TestClient, store: Warehouse, market: Market) -> None:
    """Write the person, and bob, into every table there is."""
    seller = market.drawn.sellers[0].seller_id
    given = {"seller_id": seller, "channel": "whatsapp"}
    person = {"name": NAME, "phone": PHONE, "message": f"I am {NAME}, call {PHONE}", **CONSENT}
    for one in (
        {"event_id": "lead-0001", "user_id": USER, **person},
        {"event_id": "lead-0002", **person},
        {"event_id": "lead-of-bob", "user_id": "bob", "phone": "0733345678", **CONSENT},
    ):
        assert client.post("/api/crm/leads", json=given | one).status_code == 201
    note = {"note": f"{NAME} called"}
    assert client.post(f"/api/crm/sellers/{seller}/leads/lead-0001/notes", json=note).status_code == 201
    for number, who in enumerate(({"customer_id": USER}, {"phone": PHONE}, {"customer_id": "bob"})):
        order = {"order_id": f"order-000{number}", "lines": [{"product_name": "Kiondo", "amount": 5}], **who}
        answer = client.post(f"/api/crm/sellers/{seller}/orders", json=order)
        assert answer.status_code == 201, answer.text
    at = datetime.now(UTC)
    seen = [
        Exposure(f"answer-{who}", 1, who, 7, seller, "for_you", "popular", 1.0, None, None, None, None, 0.1, at)
        for who in (USER, "bob")
    ]
    assert record_exposures(store, seen) == 2
    codes = Codes(b"k" * 32)
    for who in (USER, "bob"):
        visitor = Visitor(who, "10.0.0.1", who, "phone", None)
        assert record_start(store, started(codes, Link(seller), who=visitor, at=at), lambda attempt: "")
    with store.begin() as connection:
        for who in (USER, "bob"):
            event = {"event_id": f"view.{who}", "user_id": who, "product_id": 7, "kind": "view", "occurred_at": at}
            connection.execute(sa.insert(interactions).values(**event, session_id=f"session of {who}"))
            shelf = {"version": "v1", "rank": 1, "product_id": 7, "score": 1, "cf_score": 1, "visual_score": 1}
            connection.execute(sa.insert(recommendations).values(**shelf, user_id=who))
            asked = {"subject": who, "role": "shopper", "action": "GET", "resource": "shopper", "outcome": "refused"}
            connection.execute(sa.insert(accesses).values(**asked))
        connection.execute(sa.text(MARTS))


def test_after_an_erasure_no_table_holds_the_person(
    fresh: TestClient, store: Warehouse, market: Market, nowhere: Settings
) -> None:
    live(fresh, store, market)
    hashed = seal_of(nowhere, store).identity(PHONE)
    needles = [USER, NAME, PHONE, PHONE.lstrip("+"), "712345678", hashed, "session-1"]
    before = traces(store, needles)
    assert {"raw.leads.user_id", "raw.leads.message", "raw.exposures.user_id", "crm.lead_events.note"} <= set(before)
    assert {"marts.fct_sessions.session_key", "intermediate.int_of_a_later_version.notes"} <= set(before)
    answer = fresh.delete(f"/api/crm/people/{USER}")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    after = traces(store, needles)
    assert after == {"crm.erasures.person_hash": 1}  # of the number, by which it is known again
    assert {"raw.leads": 2, "raw.orders": 2, "raw.interactions": 1}.items() <= done["rows"].items()
    with store.begin() as connection:
        kept = connection.execute(sa.select(orders.c.customer_id, orders.c.gross_minor)).all()
        marts = connection.execute(sa.text("select customer_id, gross_minor, start_id from marts.fct_orders")).all()
        of_bob = connection.execute(sa.text("select count(*) from marts.fct_sessions")).scalar_one()
        tombstones = connection.execute(sa.select(erasures.c.kind)).scalars().all()
    assert sorted(row.gross_minor for row in kept) == [500, 500, 500]
    gone = {row.customer_id for row in kept} - {"bob"}
    assert len(gone) == 1
    assert next(iter(gone)).startswith("erased:")
    assert {(row.customer_id, row.gross_minor, row.start_id) for row in marts} == {
        (next(iter(gone)), 500, None),
        ("bob", 700, "s2"),
    }
    assert of_bob == 1
    assert sorted(tombstones) == ["phone", "user"]
    assert set(traces(store, ["bob"])) >= {"raw.leads.user_id", "raw.exposures.user_id", "raw.orders.customer_id"}
    audited = [one for tombstone in done["people"] for one in accesses_to(store, f"person:{tombstone}")]
    assert [(one.role, one.outcome) for one in audited] == [("admin", "allowed")]


def test_an_erased_person_is_not_taken_in_again(
    fresh: TestClient, store: Warehouse, market: Market, nowhere: Settings
) -> None:
    live(fresh, store, market)
    seller = market.drawn.sellers[0].seller_id
    assert fresh.delete(f"/api/crm/people/{USER}").status_code == 200
    view = {"user_id": USER, "product_id": 7, "kind": "view"}
    batch = [view | {"event_id": f"event-{n:04d}", "user_id": USER if n % 2 else "carol"} for n in range(200)]
    answer = fresh.post("/api/recommendations/interactions", json=batch).json()
    assert (answer["received"], answer["recorded"]) == (200, 100)
    by_user = fresh.post("/api/crm/leads", json={"event_id": "lead-0009", "seller_id": seller, "user_id": USER})
    by_phone = {"event_id": "lead-0010", "seller_id": seller, "phone": "0712 345678", **CONSENT}
    assert (by_user.status_code, by_user.json()["type"]) == (409, "urn:soko:problem:conflict")
    assert fresh.post("/api/crm/leads", json=by_phone).status_code == 409
    hashed = BY_PHONE + seal_of(nowhere, store).identity(PHONE)
    for who in ({"customer_id": USER}, {"phone": PHONE}, {"customer_id": hashed}):
        order = {"order_id": "order-0009", "lines": [{"product_name": "Kiondo", "amount": 5}], **who}
        assert fresh.post(f"/api/crm/sellers/{seller}/orders", json=order).status_code == 409
    at = datetime.now(UTC)
    shown = Exposure("answer-9", 1, USER, 7, seller, "for_you", "popular", 1.0, None, None, None, None, 0.1, at)
    assert record_exposures(store, [shown]) == 0
    start = started(Codes(b"k" * 32), Link(seller), who=Visitor(USER, "10.0.0.9", "x", None, None), at=at)
    assert not record_start(store, start, lambda attempt: "")
    assert traces(store, [USER]) == {}
    metrics = fresh.get("/metrics").text
    assert 'soko_events_of_erased_total{kind="interaction"} 100.0' in metrics
    assert 'soko_events_of_erased_total{kind="lead"} 2.0' in metrics
    assert 'soko_events_of_erased_total{kind="order"} 3.0' in metrics
    with store.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(leads.c.user_id == "bob")) == 1


def test_a_number_is_enough_to_be_forgotten(
    fresh: TestClient, store: Warehouse, market: Market, nowhere: Settings, monkeypatch, tmp_path
) -> None:
    live(fresh, store, market)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path))
    monkeypatch.setenv("SOKO_DATABASE_URL", nowhere.database_url.get_secret_value())
    done = CliRunner().invoke(cli, ["person", "erase", "--phone", "0712 345 678", "--yes", "--prove"])
    assert done.exit_code == 0, done.output
    assert "2 tombstones" in done.output
    assert "nothing found" in done.output
    assert "712345678" not in done.output
    assert traces(store, [USER, NAME]) == {}
    with pytest.raises(NotFound):
        erase_person(store, requested_by="me", phone_hash="of nobody")
    again = erase_person(store, requested_by="me", user_id=USER)
    assert again.counts == {}


def test_a_key_is_made_shown_once_listed_and_revoked_by_command(
    nowhere: Settings, store: Warehouse, market: Market, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path))
    monkeypatch.setenv("SOKO_DATABASE_URL", nowhere.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")
    seller = market.drawn.sellers[0]
    made = CliRunner().invoke(cli, ["key", "create", "--role", "seller", "--seller", seller.handle, "--days", "30"])
    assert made.exit_code == 0, made.output
    key = made.output.strip()
    key_id = key.split("_")[1]
    listed = CliRunner().invoke(cli, ["key", "list"])
    assert f"seller:{seller.seller_id}" in listed.output
    assert key_id in listed.output
    assert key.split("_", 2)[2] not in listed.output
    assert CliRunner().invoke(cli, ["key", "revoke", key_id]).exit_code == 0
    assert "revoked" in CliRunner().invoke(cli, ["key", "list"]).output
    assert CliRunner().invoke(cli, ["key", "create", "--role", "seller"]).exit_code != 0
