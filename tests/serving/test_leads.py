"""Leads: sent with consent, worked on, exported; and the orders that sellers record."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from marketplace.crm.codes import Codes, Link
from marketplace.crm.masking import MASK, masked
from marketplace.settings import Settings
from marketplace.storage.accesses import accesses_to
from marketplace.storage.catalog import add_seller
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.tables import interactions, leads, order_lines, orders, products
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.whatsapp_starts import record_start
from serving.chats import Visitor, started
from tests.serving.conftest import Market

PHONE = "+254712345678"
CONSENT = {"has_consent": True, "consent_text": "The shop may call me back."}
ANDROID = {
    "User-Agent": "Mozilla/5.0 (Linux; Android 13; SM-A047F) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
}
HOSTILE = (
    '=HYPERLINK("http://evil.example","click")',
    "+254712345678",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠a",
    "−1",
    "\u200b=1",
    "  =1",
    "|calc",
    'say "no", twice\r\n=1+1',
    "Wanjikũ ወይዘሮ 🧺",
    "\u202e=1",
)


@pytest.fixture
def store(nowhere: Settings, market: Market) -> Iterator[Warehouse]:
    """The database of `fresh` with two sellers in it."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    for one in market.drawn.sellers[:2]:
        add_seller(warehouse, one)
    yield warehouse
    warehouse.close()


@pytest.fixture
def seller(market: Market) -> int:
    return market.drawn.sellers[0].seller_id


@pytest.fixture
def other(market: Market) -> int:
    return market.drawn.sellers[1].seller_id


def lead(seller: int, number: int = 1, **given: object) -> dict[str, object]:
    return {"event_id": f"lead-{number:04d}", "seller_id": seller, "user_id": "ann", **given}


def test_a_name_and_number_are_sealed_and_only_the_seller_reads_them(
    fresh: TestClient, store: Warehouse, seller: int, caplog
) -> None:
    given = lead(seller, name="Achieng Otieno", phone="0712 345678", message="Is it there?", **CONSENT)
    with caplog.at_level(logging.DEBUG):
        answer = fresh.post("/api/crm/leads", json=given, headers=ANDROID)
        shown = fresh.get(f"/api/crm/sellers/{seller}/leads").json()["items"]
    assert answer.status_code == 201, answer.text
    with store.begin() as connection:
        row = connection.execute(sa.select(leads)).one()
    assert b"Achieng" not in bytes(row.name_sealed)
    assert PHONE[1:].encode() not in bytes(row.phone_sealed)
    assert "712345678" not in str(row)
    assert row.has_consent
    assert row.consented_at is not None
    assert (row.device, row.source) == ("phone", None)
    assert (shown[0]["name"], shown[0]["phone"], shown[0]["state"]) == ("Achieng Otieno", PHONE, "new")
    assert "712345678" not in caplog.text
    assert "345678" not in caplog.text


def test_the_same_person_has_the_same_hash_however_the_number_is_written(
    fresh: TestClient, store: Warehouse, seller: int
) -> None:
    for number, phone in enumerate(("0712345678", "+254 712 345 678", "254712345678", "0733 345678")):
        assert fresh.post("/api/crm/leads", json=lead(seller, number, phone=phone, **CONSENT)).status_code == 201
    with store.begin() as connection:
        hashes = connection.scalars(sa.select(leads.c.phone_hash).order_by(leads.c.event_id)).all()
    assert len(set(hashes[:3])) == 1
    assert hashes[3] != hashes[0]


def test_nobody_is_named_without_consent_and_no_error_repeats_a_number(
    fresh: TestClient, store: Warehouse, seller: int, caplog
) -> None:
    wrong = (
        {"phone": "0712345678"},
        {"name": "Achieng"},
        {"phone": "0712345678", "has_consent": False, "consent_text": "Call me?"},
        {"phone": "0712345678", "has_consent": True},
        {"phone": "071234567890123", **CONSENT},
        {"phone": "071234", **CONSENT},
        {"phone": "0712345678\u0000", **CONSENT},
        {"seller_rating": 5},
        {"start_code": "AAAAA-AAAAA"},
        {"device": "fridge"},
    )
    with caplog.at_level(logging.DEBUG):
        for given in wrong:
            answer = fresh.post("/api/crm/leads", json=lead(seller, **given))
            assert answer.status_code == 422, given
            assert "07123" not in answer.text
    assert "07123" not in caplog.text
    declined = fresh.post("/api/crm/leads", json=lead(seller, has_consent=False, consent_text="Call me?"))
    assert declined.status_code == 201


def test_another_lead_under_the_same_id_is_refused(fresh: TestClient, store: Warehouse, seller: int) -> None:
    given = lead(seller, name="Achieng", phone="0712345678", message="Hi", **CONSENT)
    assert [fresh.post("/api/crm/leads", json=given).status_code for _ in range(2)] == [201, 200]
    for change in ({"message": "Ho"}, {"name": "Otieno"}, {"phone": "0733345678"}, {"user_id": "bob"}):
        answer = fresh.post("/api/crm/leads", json=given | change)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:soko:problem:conflict")


def test_a_lead_goes_from_state_to_state_and_collects_notes(
    fresh: TestClient, store: Warehouse, seller: int, other: int
) -> None:
    fresh.post("/api/crm/leads", json=lead(seller, message="Hi"))
    path = f"/api/crm/sellers/{seller}/leads"
    one = f"{path}/lead-0001"
    for state in ("contacted", "contacted", "interested"):
        assert fresh.post(f"{one}/state", json={"state": state}).status_code == 200
    assert fresh.post(f"{one}/notes", json={"note": "Wants two"}).status_code == 201
    detail = fresh.get(one).json()
    assert [(event["kind"], event["state"] or event["note"]) for event in detail["log"]] == [
        ("state", "contacted"),
        ("state", "interested"),
        ("note", "Wants two"),
    ]
    assert (detail["state"], detail["notes"]) == ("interested", 1)
    assert [item["event_id"] for item in fresh.get(path, params={"state": "interested"}).json()["items"]] == [
        "lead-0001"
    ]
    assert fresh.get(path, params={"state": "new"}).json()["items"] == []
    for wrong in ({"state": "sold"}, {"state": "lost", "seller_id": other}, {}):
        assert fresh.post(f"{one}/state", json=wrong).status_code == 422
    assert fresh.post(f"{one}/notes", json={"note": ""}).status_code == 422
    stolen = f"/api/crm/sellers/{other}/leads/lead-0001"
    assert fresh.get(stolen).status_code == 404
    assert fresh.post(f"{stolen}/notes", json={"note": "mine"}).status_code == 404


def test_leads_come_in_pages_that_do_not_shift(fresh: TestClient, store: Warehouse, seller: int) -> None:
    for number in range(7):
        at = datetime.now(UTC).replace(microsecond=number).isoformat()
        fresh.post("/api/crm/leads", json=lead(seller, number, occurred_at=at))
    path, seen, cursor = f"/api/crm/sellers/{seller}/leads", [], None
    while True:
        page = fresh.get(path, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["event_id"] for item in page["items"]]
        fresh.post("/api/crm/leads", json=lead(seller, 100 + len(seen)))
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"lead-{number:04d}" for number in reversed(range(7))]
    assert fresh.get(path, params={"cursor": "bm90IG91cnM"}).status_code == 422
    assert fresh.get(path, params={"since": "2999-01-01T00:00:00Z"}).json()["items"] == []
    assert fresh.get(path, params={"since": "2026-01-01"}).status_code == 422  # an instant needs a zone


def test_no_cell_of_an_export_is_a_formula(fresh: TestClient, store: Warehouse, seller: int, tmp_path) -> None:
    for number, text in enumerate(HOSTILE):
        answer = fresh.post("/api/crm/leads", json=lead(seller, number, name=text, message=text, **CONSENT))
        assert answer.status_code == 201, text
    answer = fresh.get(f"/api/crm/sellers/{seller}/export", params={"bom": True})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="leads-{seller}.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbfevent_id,")
    assert answer.content.count(b"\r\n") >= len(HOSTILE) + 1
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(HOSTILE) + 1
    assert {len(row) for row in rows} == {len(rows[0])}
    at = rows[0].index("name")
    named = {row[0]: row[at] for row in rows[1:]}
    assert named["lead-0015"] == HOSTILE[15]
    dangerous = "=+-@\t\r|＝＋－＠−"
    for row in rows[1:]:
        for cell in row:
            assert not cell.strip(" \u200b\u202e\ufeff").startswith(tuple(dangerous)), cell
    frame = pd.read_csv(io.BytesIO(answer.content), encoding="utf-8-sig")
    assert len(frame) == len(HOSTILE)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(["".join(letter for letter in cell if letter >= " " or letter in "\n\r\t") for cell in row])
    book.save(tmp_path / "leads.xlsx")
    opened = openpyxl.load_workbook(tmp_path / "leads.xlsx").active
    assert not any(cell.data_type == "f" for line in opened.iter_rows() for cell in line)
    asked = [one for one in accesses_to(store, f"seller:{seller}") if "export" in one.action]
    assert [one.rows for one in asked] == [len(HOSTILE), None]


def test_an_export_of_nobody_is_a_line_of_names(fresh: TestClient, store: Warehouse, seller: int) -> None:
    answer = fresh.get(f"/api/crm/sellers/{seller}/export")
    assert answer.text.startswith("event_id,occurred_at,state,channel,name,phone")
    assert answer.text.count("\r\n") == 1
    assert fresh.get("/api/crm/sellers/1/export").status_code == 404


def test_an_order_is_kept_once_and_quotes_the_chat_that_led_to_it(
    fresh: TestClient, store: Warehouse, seller: int, other: int, market: Market
) -> None:
    codes = Codes(shared_secret(store, "links"))
    who = Visitor("ann", "10.0.0.1", "Firefox", "phone", "facebook")
    ours = started(codes, Link(seller), who=who, at=datetime.now(UTC))
    theirs = started(codes, Link(other), who=who, at=datetime.now(UTC))
    for one in (ours, theirs):
        assert record_start(store, one, lambda attempt: "")
    path = f"/api/crm/sellers/{seller}/orders"
    order = {
        "order_id": "order-0001",
        "start_code": ours.code.lower().replace("-", " "),
        "currency": "KES",
        "lines": [
            {"product_name": "Kiondo", "quantity": 2, "amount": "2400.50"},
            {"product_name": "Basket", "amount": 99.5},
        ],
    }
    assert [fresh.post(path, json=order).status_code for _ in range(2)] == [201, 200]
    with store.begin() as connection:
        kept = connection.execute(sa.select(orders)).one()
        lines = connection.execute(sa.select(order_lines).order_by(order_lines.c.line_number)).all()
    assert (kept.customer_id, kept.gross_minor, kept.items, kept.start_code) == ("ann", 250_000, 3, ours.code)
    assert (kept.device, kept.source, kept.origin) == ("phone", "facebook", "api")
    assert [line.amount_minor for line in lines] == [240_050, 9_950]
    assert fresh.post(path, json=order | {"total": "1"}).status_code == 409
    for wrong in (
        {"start_code": theirs.code},
        {"start_code": "AAAAA-AAAAA"},
        {"total": "1.005"},
        {"total": "NaN"},
        {"total": "1e400"},
        {"currency": "XXL"},
        {"seller_id": other},
        {"price_paid": 1},
        {"lines": []},
        {"lines": [{"quantity": 1, "amount": 1}]},
        {"lines": [{"product_name": "a", "quantity": 0, "amount": 1}]},
        {"lines": [{"product_name": "a"}]},
        {"start_code": None},
        {"phone": "12", "start_code": None},
    ):
        assert fresh.post(path, json=order | {"order_id": "order-0002"} | wrong).status_code == 422, wrong
    assert (
        fresh.post(path, json=order | {"order_id": "order-0003", "lines": [{"product_id": 1, "amount": 1}]}).status_code
        == 404
    )
    called = fresh.post(path, json=order | {"order_id": "order-0004", "phone": "0712345678", "start_code": None})
    assert called.status_code == 201
    with store.begin() as connection:
        by_phone = connection.scalar(sa.select(orders.c.customer_id).where(orders.c.order_id.endswith("0004")))
    assert by_phone.startswith("phone:")
    assert "712345678" not in by_phone


def test_what_a_browser_tells_is_kept_beside_events(fresh: TestClient, store: Warehouse, market: Market) -> None:
    product = 77
    row = {"product_id": product, "seller_id": market.drawn.sellers[0].seller_id, "source_ref": "77", "title": "Kiondo"}
    row |= {"description": "", "category": "Bags", "content_hash": "h", "in_stock": True, "is_gone": False}
    instants = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), datetime.now(UTC))
    with store.begin() as connection:
        connection.execute(sa.insert(products).values(**row, **instants))
    sent = {"user_id": "ann", "product_id": product, "kind": "view"}
    told = {"event_id": "event-0001", "referrer": "https://l.facebook.com/?u=x"}
    said = {"event_id": "event-0002", "device": "tablet", "source": "sms"}
    for one in (told, said):
        assert fresh.post("/api/recommendations/interaction", json=sent | one, headers=ANDROID).status_code == 201
    again = fresh.post("/api/recommendations/interaction", json=sent | told, headers={"User-Agent": "iPad"})
    assert again.status_code == 200
    statement = sa.select(interactions.c.device, interactions.c.source).order_by(interactions.c.event_id)
    with store.begin() as connection:
        kept = [tuple(row) for row in connection.execute(statement)]
    assert kept == [("phone", "facebook"), ("tablet", "sms")]


def test_numbers_are_masked_wherever_they_are_written(caplog) -> None:
    log = logging.getLogger("somebody.else")
    try:
        raise ValueError("cannot call +254 712 345 678")
    except ValueError:
        log.exception("lead of %s failed, again %s", "0712345678", {"phone": PHONE})
    assert "712345678" not in caplog.text
    assert "712 345 678" not in caplog.text
    assert caplog.text.count(MASK) >= 3
    untouched = "product 4503599627370496 of 2251799813685248 at 2026-11-22 04:04:11 took 0.123456789 s, 12345678 rows"
    assert masked(untouched) == untouched
