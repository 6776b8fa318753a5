"""Links into chats: signed, recorded once, and leading nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from marketplace.crm.codes import LONGEST_LINK, Codes, Link
from marketplace.errors import InputRejected
from marketplace.local.network import wait_until
from marketplace.settings import Settings
from marketplace.storage.catalog import add_seller
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.tables import sellers, whatsapp_starts
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving.conftest import Market

KEY = b"k" * 32
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148 Safari/604.1"}
IDS = st.integers(0, 2**53 - 1)
LINKS = st.builds(
    Link,
    IDS,
    st.none() | IDS,
    st.sampled_from([None, "grid", "search", "similar", "for_you", "seller", "product"]),
    st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex),
)


@given(LINKS)
def test_a_links_code_says_what_it_was_made_of(link: Link) -> None:
    code = Codes(KEY).link(link)
    assert Codes(KEY).read_link(code) == link
    assert Codes(b"another" * 5).read_link(code) is None
    assert re.fullmatch(r"[A-Za-z0-9_-]+", code)
    assert len(code) <= LONGEST_LINK


@given(LINKS, st.data())
def test_a_link_that_was_changed_anywhere_is_none(link: Link, data: st.DataObject) -> None:
    code = Codes(KEY).link(link)
    at = data.draw(st.integers(0, len(code) - 1))
    letter = data.draw(st.sampled_from("ABab01_-=. é").filter(lambda one: one != code[at]))
    assert Codes(KEY).read_link(code[:at] + letter + code[at + 1 :]) is None
    assert Codes(KEY).read_link(code[:at]) is None
    assert Codes(KEY).read_link(code + letter) is None


@given(st.text(max_size=200))
def test_any_text_can_be_read_as_a_code(text: str) -> None:
    assert Codes(KEY).read_link(text) is None
    Codes(KEY).read_short(text)


@given(st.binary(min_size=16, max_size=16).map(bytes.hex), st.integers(0, 7))
def test_a_short_code_is_read_however_it_is_typed(start_id: str, attempt: int) -> None:
    codes = Codes(KEY)
    code = codes.short(start_id, attempt)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert codes.read_short(code) == codes.read_short(typed) == code
    assert codes.short(start_id, attempt + 1) != code


def test_hardly_any_slip_of_the_pen_is_another_code() -> None:
    codes = Codes(KEY)
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    code = codes.short("ab" * 16)
    slips = [code[:at] + one + code[at + 1 :] for at in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10) for one in letters]
    assert sum(codes.read_short(one) is not None for one in slips if one != code) <= 1
    assert codes.read_short(codes.short("ab" * 16)[:-1]) is None
    assert Codes(b"other" * 8).read_short(code) is None


def test_only_answers_of_ours_stand_in_a_link() -> None:
    with pytest.raises(InputRejected):
        Codes(KEY).link(Link(1, answer_id="../etc"))


@pytest.fixture
def store(nowhere: Settings, market: Market) -> Iterator[Warehouse]:
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    add_seller(warehouse, market.drawn.sellers[0])
    yield warehouse
    warehouse.close()


@pytest.fixture
def codes(store: Warehouse) -> Codes:
    return Codes(shared_secret(store, "links"))


def starts(store: Warehouse) -> list[sa.Row[tuple[object, ...]]]:
    with store.begin() as connection:
        return list(connection.execute(sa.select(whatsapp_starts)).all())


def test_a_tap_leads_to_the_sellers_chat_and_is_kept_once(
    fresh: TestClient, store: Warehouse, codes: Codes, market: Market
) -> None:
    seller = market.drawn.sellers[0]
    path = f"/r/{codes.link(Link(seller.seller_id, None, 'product', 'ab' * 16))}"
    fresh.cookies.set("shopper", "ann")
    answers = [fresh.get(path, headers=BROWSER, follow_redirects=False) for _ in range(3)]
    assert {one.status_code for one in answers} == {303}
    assert answers[0].headers["cache-control"] == "no-store"
    (where,) = {one.headers["location"] for one in answers}
    address = urlsplit(where)
    assert (address.scheme, address.netloc) == ("https", "wa.me")
    assert address.path == f"/{seller.phone.lstrip('+')}"
    (message,) = parse_qs(address.query)["text"]
    assert wait_until(lambda: len(starts(store)) == 1, 10)
    (kept,) = starts(store)
    assert f"(ref {kept.code})" in message
    assert codes.read_short(kept.code) == kept.code
    assert (kept.user_id, kept.surface, kept.answer_id, kept.device) == ("ann", "product", "ab" * 16, "phone")
    fresh.cookies.set("shopper", "bob")
    assert fresh.get(path, headers=BROWSER, follow_redirects=False).headers["location"] != where
    assert wait_until(lambda: len(starts(store)) == 2, 10)


def test_half_an_hour_later_it_is_another_chat() -> None:
    codes, at = Codes(KEY), datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
    first = codes.start_id(Link(1), "user:ann", at)
    assert codes.start_id(Link(1), "user:ann", at + timedelta(minutes=29)) == first
    assert codes.start_id(Link(1), "user:ann", at + timedelta(minutes=30)) != first
    assert codes.start_id(Link(2), "user:ann", at) != first
    assert codes.start_id(Link(1), "user:bob", at) != first
    assert codes.visitor("10.0.0.1", "x", at) != codes.visitor("10.0.0.1", "x", at + timedelta(days=1))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", BROWSER),
        ("GET", BROWSER | {"Sec-Purpose": "prefetch"}),
        ("GET", BROWSER | {"Purpose": "prefetch"}),
        ("GET", {"User-Agent": "WhatsApp/2.24.13.77 A"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"}),
        ("GET", {"User-Agent": "TelegramBot (like TwitterBot)"}),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
        ("GET", {"User-Agent": ""}),
    ],
)
def test_who_only_looks_ahead_begins_no_chat(
    fresh: TestClient, store: Warehouse, codes: Codes, market: Market, method: str, headers: dict[str, str]
) -> None:
    path = f"/r/{codes.link(Link(market.drawn.sellers[0].seller_id))}"
    answer = fresh.request(method, path, headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"][:14]) == (303, "https://wa.me/")
    assert "ref" not in answer.headers["location"]
    fresh.get(path, headers=BROWSER, follow_redirects=False)  # recorded after it, so that both were looked at
    assert wait_until(lambda: len(starts(store)) == 1, 10)


def test_a_forged_link_leads_nowhere(fresh: TestClient, store: Warehouse, codes: Codes, market: Market) -> None:
    seller_id = market.drawn.sellers[0].seller_id
    forged = [
        Codes(b"x" * 32).link(Link(seller_id)),
        codes.link(Link(999)),
        "https:%2F%2Fevil.example",
        "..%2F..%2Fetc",
        "a",
        "%00",
        "é",
    ]
    for code in forged:
        answer = fresh.get(f"/r/{code}", headers=BROWSER | {"Accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 404, code
        assert "location" not in answer.headers
    turned = fresh.get(
        f"/r/{codes.link(Link(seller_id))}?text=x&phone=1&url=https://evil.example",
        headers=BROWSER | {"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
        follow_redirects=False,
    )
    assert turned.headers["location"].startswith(f"https://wa.me/{market.drawn.sellers[0].phone.lstrip('+')}?text=")
    assert "evil" not in turned.headers["location"]


def test_without_a_number_a_link_leads_to_the_sellers_page(
    fresh: TestClient, store: Warehouse, codes: Codes, market: Market
) -> None:
    seller_id = market.drawn.sellers[0].seller_id
    with store.begin() as connection:
        connection.execute(sa.update(sellers).values(phone=None))
    answer = fresh.get(f"/r/{codes.link(Link(seller_id))}", headers=BROWSER, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sellers/{seller_id}")
    with store.begin() as connection:
        connection.execute(sa.update(sellers).values(state="suspended"))


def test_while_postgres_is_away_a_shopper_still_gets_to_a_seller_who_is_remembered(
    nowhere: Settings, encoder: Encoder, store: Warehouse, codes: Codes, market: Market, monkeypatch
) -> None:
    app = create_app(nowhere, load=lambda: encoder)
    path = f"/r/{codes.link(Link(market.drawn.sellers[0].seller_id))}"
    monkeypatch.setattr("serving.chats.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("serving.chats.TROUBLED_SECONDS", 0.1)
    with TestClient(app) as client:
        assert client.get(path, headers=BROWSER, follow_redirects=False).status_code == 303
        assert wait_until(lambda: len(starts(store)) == 1, 10)
        with Away(store.url.database, nowhere):
            answer = client.get(path, headers=BROWSER | {"Cookie": "shopper=bob"}, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"][:14]) == (303, "https://wa.me/")
            assert "ref" in answer.headers["location"]
        assert wait_until(lambda: len(starts(store)) == 2, 20)


class Away:
    """Postgres takes no connections to one database until the block ends."""

    def __init__(self, database: str | None, settings: Settings) -> None:
        url = sa.make_url(settings.database_url.get_secret_value()).set(database="postgres")
        self._engine = sa.create_engine(url.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
        self._database = database

    def __enter__(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(sa.text(f'alter database "{self._database}" allow_connections false'))
            kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
            connection.execute(sa.text(kill), {"name": self._database})

    def __exit__(self, *_: object) -> None:
        with self._engine.connect() as connection:
            connection.execute(sa.text(f'alter database "{self._database}" allow_connections true'))
        self._engine.dispose()
