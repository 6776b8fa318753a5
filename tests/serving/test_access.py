"""Who may ask for what: keys, tokens, sign-ins, and every route of the app."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from marketplace.crm.keys import Role, key_from, new_key
from marketplace.errors import ConfigurationError, InputRejected, NotFound
from marketplace.settings import Settings
from marketplace.storage.accesses import accesses_to
from marketplace.storage.api_keys import create_key, find_key, list_keys, revoke_key
from marketplace.storage.catalog import add_seller
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.access_table import ACCESS
from serving.app import create_app
from serving.credentials import Credentials
from tests.serving.conftest import Market

UNLIMITED = {"rate_limit": "", "rate_limit_address": "", "rate_limit_sign_in": "", "rate_limit_leads": ""}


@dataclass(frozen=True)
class Guarded:
    """The app with keys, over a database with two sellers, and a key of every role."""

    app: FastAPI
    client: TestClient
    warehouse: Warehouse
    seller: int
    other: int
    keys: dict[str, str]

    def sent(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}


@pytest.fixture
def guarded(nowhere: Settings, encoder: Encoder, market: Market) -> Iterator[Guarded]:
    settings = nowhere.model_copy(update={"auth": "keys", **UNLIMITED})
    app = create_app(settings, load=lambda: encoder)
    warehouse = Warehouse(settings.database_url.get_secret_value())
    own, other = market.drawn.sellers[:2]
    for one in (own, other):
        add_seller(warehouse, one)
    roles: tuple[Role, ...] = ("analyst", "admin", "shopper")
    keys = {role: str(create_key(warehouse, role, subject=f"the {role}")) for role in roles}
    keys["seller"] = str(create_key(warehouse, "seller", seller_id=own.seller_id))
    keys["other"] = str(create_key(warehouse, "seller", seller_id=other.seller_id))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Guarded(app, client, warehouse, own.seller_id, other.seller_id, keys)
    warehouse.close()


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route, pages included."""
    return sorted(
        (method, route.path)
        for route in iter_route_contexts(app.routes)
        for method in getattr(route, "methods", None) or ()
        if route.path is not None
    )


def filled(path: str, seller: int) -> str:
    """The path with values that lead somewhere."""
    values = {"seller_id": seller, "user_id": "ann", "product_id": 1, "event_id": "lead-of-nobody", "code": "abc"}
    for name, value in (values | {"name": "none", "sha256": "0" * 64}).items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def test_every_route_has_a_declared_access(guarded: Guarded) -> None:
    assert [one for one in (f"{method} {path}" for method, path in routes(guarded.app)) if one not in ACCESS] == []
    described = [
        f"{method.upper()} {path}" for path, found in guarded.app.openapi()["paths"].items() for method in found
    ]
    assert len(described) > 30
    assert [one for one in described if one not in ACCESS] == []


def test_a_route_that_the_table_does_not_name_is_closed_to_all(guarded: Guarded, monkeypatch) -> None:
    monkeypatch.setattr("serving.access.ACCESS", {})
    answer = guarded.client.get("/api/products", headers=guarded.sent("admin"))
    assert answer.status_code == 403
    assert "before its access is declared" in answer.json()["detail"]


def test_without_a_key_only_public_routes_answer(guarded: Guarded) -> None:
    for method, path in routes(guarded.app):
        access = ACCESS[f"{method} {path}"]
        answer = guarded.client.request(method, filled(path, guarded.seller), follow_redirects=False)
        if path == "/api/auth/token":
            assert answer.status_code == 401  # it wants a key to make a token of
        elif access in ("public", "shopper"):
            assert answer.status_code not in (401, 403), (method, path, answer.text)
        else:
            assert answer.status_code in (401, 403), (method, path, answer.status_code)


def test_every_attempt_of_a_seller_on_another_is_refused_and_kept(guarded: Guarded) -> None:
    bodies = {"state": {"state": "lost"}, "notes": {"note": "mine"}, "orders": {"order_id": "order-0001", "lines": []}}
    tried = [(method, path) for method, path in routes(guarded.app) if ACCESS[f"{method} {path}"] == "seller"]
    assert len(tried) >= 9
    before = len(accesses_to(guarded.warehouse, f"seller:{guarded.other}"))
    for method, path in tried:
        body = bodies.get(path.rpartition("/")[2])
        answer = guarded.client.request(
            method, filled(path, guarded.other), headers=guarded.sent("seller"), json=body if method == "POST" else None
        )
        unknown = guarded.client.request(
            method, filled(path, 1), headers=guarded.sent("seller"), json=body if method == "POST" else None
        )
        assert answer.status_code == 404, (method, path, answer.text)
        told, of_nobody = answer.json(), unknown.json()
        assert told["detail"] == f"seller {guarded.other} is not known"
        assert of_nobody["detail"] == "seller 1 is not known"
        assert (told["type"], told["title"]) == (of_nobody["type"], of_nobody["title"])
    kept = accesses_to(guarded.warehouse, f"seller:{guarded.other}")
    assert len(kept) - before == len(tried)
    assert {one.action for one in kept} == {f"{method} {path}" for method, path in tried}
    assert {(one.subject, one.role, one.outcome) for one in kept} == {(f"seller:{guarded.seller}", "seller", "refused")}
    assert all(one.request_id for one in kept)


@pytest.mark.parametrize("spelt", ["+{}", "{}.0", " {}", "{}_", "0_{}", "00{}", "-{}", "{}%20"])
def test_another_spelling_of_a_sellers_number_opens_nothing(guarded: Guarded, spelt: str) -> None:
    for path in ("/api/crm/sellers/{}/leads", "/api/crm/sellers/{}/export", "/api/sellers/{}", "/dashboard/sellers/{}"):
        asked = path.format(spelt.format(guarded.other))
        answer = guarded.client.get(asked, headers=guarded.sent("seller"))
        assert answer.status_code == 404, (asked, answer.status_code)
    asked = spelt.replace("%20", " ").format(guarded.other)
    assert len(accesses_to(guarded.warehouse, f"seller:{asked}")) == 4


def test_every_refusal_of_somebody_with_a_key_is_kept(guarded: Guarded) -> None:
    alerts = "/api/analytics/alerts"
    tried = [
        ("seller", "GET", f"{alerts}?seller_id={guarded.other}", 404, f"seller:{guarded.other}"),
        ("seller", "GET", f"{alerts}?seller_id=0", 404, "seller:0"),
        ("shopper", "GET", alerts, 403, "alerts"),
        ("seller", "GET", f"/api/analytics/dashboard/{guarded.other}", 404, f"seller:{guarded.other}"),
        ("seller", "GET", "/api/analytics/dashboard/market", 403, "/api/analytics/dashboard/market"),
        ("seller", "PUT", f"/api/sellers/{guarded.other}/feed", 404, f"seller:{guarded.other}"),
        ("analyst", "PUT", f"/api/sellers/{guarded.seller}/feed", 403, f"/api/sellers/{guarded.seller}/feed"),
    ]
    for role, method, path, status, resource in tried:
        before = accesses_to(guarded.warehouse, resource)
        answer = guarded.client.request(method, path, headers=guarded.sent(role))
        assert answer.status_code == status, (role, method, path, answer.text)
        kept = accesses_to(guarded.warehouse, resource)
        assert len(kept) == len(before) + 1, (role, method, path)
        assert (kept[0].role, kept[0].outcome) == (role, "refused")


def test_a_seller_hands_over_their_own_feed_by_their_key(guarded: Guarded) -> None:
    path, feed = f"/api/sellers/{guarded.seller}/feed", {"content": b"id,title\n1,Basket\n"}
    of_kind = {"Content-Type": "text/csv"}
    answer = guarded.client.put(path, headers=guarded.sent("seller") | of_kind, **feed)
    assert answer.status_code == 409, answer.text  # theirs to hand over, but they are read from WhatsApp
    assert guarded.client.put(path, headers=guarded.sent("other") | of_kind, **feed).status_code == 404
    assert guarded.client.put(path, headers=of_kind, **feed).status_code == 403


def test_figures_of_the_business_are_in_metrics_for_who_may_see_them(guarded: Guarded) -> None:
    told = {role: guarded.client.get("/metrics", headers=guarded.sent(role)).text for role in guarded.keys}
    assert {role for role, text in told.items() if "soko_business_up" in text} == {"analyst", "admin"}
    nobody = guarded.client.get("/metrics").text
    assert "soko_business" not in nobody
    assert "soko_requests_total" in nobody
    assert guarded.client.get("/metrics", headers={"X-Soko-Key": str(new_key())}).status_code == 401


def test_a_seller_neither_steers_nor_sees_the_whole_market(guarded: Guarded) -> None:
    for role in ("seller", "shopper"):
        for method, path in routes(guarded.app):
            if ACCESS[f"{method} {path}"] in ("analyst", "admin", "operator"):
                answer = guarded.client.request(
                    method, filled(path, guarded.seller), headers=guarded.sent(role), follow_redirects=False
                )
                assert answer.status_code in (401, 403), (role, method, path, answer.status_code)


def test_each_role_sees_what_is_its_own(guarded: Guarded) -> None:
    leads = f"/api/crm/sellers/{guarded.seller}/leads"
    seen = {role: guarded.client.get(leads, headers=guarded.sent(role)).status_code for role in guarded.keys}
    assert seen == {"seller": 200, "other": 404, "analyst": 200, "admin": 200, "shopper": 404}
    market = {role: guarded.client.get("/api/sellers", headers=guarded.sent(role)).status_code for role in guarded.keys}
    assert market == {"seller": 403, "other": 403, "analyst": 200, "admin": 200, "shopper": 403}


def test_an_admins_key_steers_and_no_other_does(guarded: Guarded) -> None:
    path, body = f"/api/sellers/{guarded.seller}/state", {"state": "paused"}
    for role in ("seller", "analyst", "shopper"):
        assert guarded.client.patch(path, json=body, headers=guarded.sent(role)).status_code == 403
    assert guarded.client.patch(path, json=body).status_code == 403
    assert guarded.client.patch(path, json=body, headers=guarded.sent("admin")).status_code == 200
    assert guarded.client.get("/api/quality/queue", headers=guarded.sent("admin")).status_code == 200


def test_a_shoppers_key_is_for_one_shopper(guarded: Guarded) -> None:
    path = "/api/recommendations/personalized/"
    sent = {"X-Soko-Key": guarded.keys["shopper"]}
    assert guarded.client.get(f"{path}bob").status_code == 200
    for _ in range(2):  # the second comes when the answer is kept already
        assert guarded.client.get(f"{path}bob", headers=sent).status_code == 403
    own = str(create_key(guarded.warehouse, "shopper", subject="bob"))
    assert guarded.client.get(f"{path}bob", headers={"X-Soko-Key": own}).status_code == 200


def test_a_key_is_kept_as_a_hash_and_opens_until_it_expires_or_is_revoked(warehouse: Warehouse) -> None:
    credentials = Credentials(warehouse, token_seconds=60)
    good = create_key(warehouse, "analyst", subject="Njeri", note="books")
    old = create_key(warehouse, "analyst", subject="Njeri", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    found = find_key(warehouse, good.key_id)
    assert found is not None
    assert found.secret_hash == hashlib.sha256(good.secret.encode()).digest()
    with warehouse.begin() as connection:
        everything = str(connection.execute(sa.text("select * from crm.api_keys")).all())
    assert good.secret not in everything
    assert repr(good) == f"Key('{good.key_id}')"
    assert found.last_used_at is None or found.last_used_at.minute == 0
    assert list_keys(warehouse)[0].last_used_at is not None or list_keys(warehouse)[1].last_used_at is not None
    holder = credentials.holder_of(str(good))
    assert holder is not None
    assert (holder.subject, holder.role) == ("Njeri", "analyst")
    assert credentials.holder_of(str(old)) is None
    assert credentials.holder_of(f"soko_{good.key_id}_{new_key().secret}") is None
    token = credentials.token_for(holder)
    revoke_key(warehouse, good.key_id, now=datetime.now(UTC))
    afresh = Credentials(warehouse, token_seconds=60)
    assert afresh.holder_of(str(good)) is None
    assert afresh.holder_of(token) is None
    with pytest.raises(NotFound):
        revoke_key(warehouse, "nobodyskey00", now=datetime.now(UTC))


def test_a_key_that_is_used_costs_one_look_at_the_database(warehouse: Warehouse) -> None:
    credentials, key = Credentials(warehouse, token_seconds=60), create_key(warehouse, "admin", subject="Njeri")
    asked: list[str] = []
    sa.event.listen(warehouse.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for _ in range(50):
        assert credentials.holder_of(str(key)) is not None
    assert len(asked) == 2  # the key, and once an hour that it was used


def test_keys_are_made_for_somebody(warehouse: Warehouse) -> None:
    for role, given in (("seller", {}), ("admin", {}), ("admin", {"subject": "x", "seller_id": 1})):
        with pytest.raises(InputRejected):
            create_key(warehouse, role, **given)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        create_key(warehouse, "seller", seller_id=1)
    for text in ("", "soko_", "soko_abc_def", str(new_key()) + "x", str(new_key()).upper(), "x" * 10_000):
        assert key_from(text) is None


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_forged_tokens_are_refused_quickly(guarded: Guarded) -> None:
    answer = guarded.client.post("/api/auth/token", headers=guarded.sent("admin"))
    assert answer.headers["cache-control"] == "no-store"
    good = answer.json()["access_token"]
    secret = shared_secret(guarded.warehouse, "tokens")
    claims = jwt.decode(good, secret, algorithms=["HS256"], audience="soko-api")
    now = int(time.time())
    head, body, _ = good.split(".")

    def signed(header: dict[str, object], content: dict[str, object], key: bytes = secret) -> str:
        text = f"{part(header)}.{part(content)}"
        mac = hmac.digest(key, text.encode(), hashlib.sha256)
        return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    usual = {"alg": "HS256", "typ": "JWT"}
    forged = {
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "alg None": f"{part({'alg': 'None'})}.{body}.",
        "signature left out": f"{head}.{body}.",
        "RS256 with our secret": signed({"alg": "RS256"}, claims),
        "HS512": signed({"alg": "HS512"}, claims),
        "a public key as the secret": signed(usual, claims, b"-----BEGIN PUBLIC KEY-----"),
        "an empty secret": signed(usual, claims, b""),
        "expired": signed(usual, claims | {"exp": now - 1}),
        "for somebody else": signed(usual, claims | {"aud": "other-api"}),
        "by somebody else": signed(usual, claims | {"iss": "other"}),
        "without an end": signed(usual, {name: value for name, value in claims.items() if name != "exp"}),
        "another role than its key": signed(usual, claims | {"role": "seller", "seller_id": guarded.other}),
        "of a key nobody has": signed(usual, claims | {"key": "nobodyskey00"}),
        "kid that climbs": signed(usual | {"kid": "../../../../dev/null"}, claims, b""),
        "kid that injects": signed(usual | {"kid": "x' union select 'a"}, claims, b"a"),
        "key in its own header": signed(usual | {"jwk": {"kty": "oct", "k": "YQ"}}, claims, b"a"),
        "deep": f"{head}.{base64.urlsafe_b64encode(b'[' * 1400).decode()}.x",
        "a million letters": "a" * 1_000_000,
        "no letters": "....",
        "another alphabet": "ключ",
    }
    path = "/api/sellers"
    assert guarded.client.get(path, headers={"Authorization": f"Bearer {good}"}).status_code == 200
    for name, token in forged.items():
        sent = {"Authorization": f"Bearer {token}".encode()}
        assert guarded.client.get(path, headers=sent).status_code == 401, name
    credentials = Credentials(guarded.warehouse, token_seconds=60)
    assert credentials.holder_of(good) is not None
    for name, token in forged.items():
        began = time.thread_time()
        assert credentials.holder_of(token) is None, name
        assert time.thread_time() - began < 0.05, name  # no megabyte is parsed


def test_a_token_is_no_key_to_another_token(guarded: Guarded) -> None:
    token = guarded.client.post("/api/auth/token", headers={"X-Soko-Key": guarded.keys["seller"]}).json()
    assert (token["role"], token["seller_id"]) == ("seller", guarded.seller)
    sent = {"Authorization": f"Bearer {token['access_token']}"}
    assert guarded.client.get(f"/api/crm/sellers/{guarded.seller}/leads", headers=sent).status_code == 200
    assert guarded.client.get(f"/api/crm/sellers/{guarded.other}/leads", headers=sent).status_code == 404
    assert guarded.client.post("/api/auth/token", headers=sent).status_code == 401


def test_a_browser_signs_in_and_no_other_site_acts_for_it(guarded: Guarded) -> None:
    page = {"Accept": "text/html"}
    sent_away = guarded.client.get("/heartbeat", headers=page, follow_redirects=False)
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/sign-in?back=%2Fheartbeat")
    assert 'name="key"' in guarded.client.get("/sign-in?back=/heartbeat").text
    wrong = guarded.client.post("/sign-in", data={"key": "soko_x_y"}, follow_redirects=False)
    assert wrong.status_code == 401
    form = {"key": guarded.keys["admin"], "back": "/heartbeat"}
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert guarded.client.post("/sign-in", data=form, headers=foreign, follow_redirects=False).status_code == 403
    done = guarded.client.post("/sign-in", data=form, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/heartbeat")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.keys["admin"] not in cookie
    assert guarded.client.get("/heartbeat", headers=page).status_code == 200
    state = f"/api/sellers/{guarded.seller}/state"
    for headers in (foreign, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {}):
        assert guarded.client.patch(state, json={"state": "paused"}, headers=headers).status_code in (401, 403)
    same = {"Sec-Fetch-Site": "same-origin"}
    assert guarded.client.patch(state, json={"state": "paused"}, headers=same).status_code == 200
    guarded.client.post("/sign-out", follow_redirects=False)
    assert guarded.client.get("/heartbeat", headers=page, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "\\\\evil"],
)
def test_signing_in_leads_nowhere_else(guarded: Guarded, back: str) -> None:
    done = guarded.client.post("/sign-in", data={"key": guarded.keys["admin"], "back": back}, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/")


def test_open_doors_are_for_development_and_say_so(
    fresh: TestClient, nowhere: Settings, encoder: Encoder, caplog
) -> None:
    answer = fresh.get("/api/analytics/metrics")
    assert answer.status_code == 200
    assert answer.headers["x-soko-auth"] == "open"
    assert "x-soko-auth" not in fresh.get("/api/products").headers
    with caplog.at_level(logging.WARNING), TestClient(create_app(nowhere, load=lambda: encoder)):
        pass
    assert "SOKO_AUTH is open" in caplog.text


def test_production_refuses_open_doors_known_passwords_and_no_key_for_people() -> None:
    url = "postgresql://soko:e6f1c9@db/soko"
    safe = {
        "environment": "production",
        "database_url": url,
        "dagster_database_url": url,
        "pii_key": "k3" * 20,
    }
    assert Settings(_env_file=None, **safe).environment == "production"  # type: ignore[arg-type]
    for wrong in (
        {"auth": "open"},
        {"pii_key": ""},
        {"pii_key": "short"},
        {"operator_token": "changeme"},
        {"database_url": "postgresql://postgres:postgres@db/soko"},
        {"database_url": "postgresql://postgres@db/soko"},
        {"dagster_database_url": "postgresql://soko:@db/dagster"},
    ):
        with pytest.raises(ConfigurationError):
            Settings(_env_file=None, **(safe | wrong))  # type: ignore[arg-type]
    for wrong in ({"cors_origins": "*"}, {"cors_origins": "https://a.example/path"}, {"rate_limit": "often"}):
        with pytest.raises(ValueError, match="is no"):
            Settings(_env_file=None, **wrong)  # type: ignore[arg-type]


def test_who_asks_too_often_waits(nowhere: Settings, encoder: Encoder, market: Market) -> None:
    limits = {"rate_limit": "3/minute", "rate_limit_sign_in": "4/minute", "rate_limit_leads": "2/minute"}
    settings = nowhere.model_copy(update={"auth": "keys", **limits, "rate_limit_address": "100/minute"})
    warehouse = Warehouse(settings.database_url.get_secret_value())
    key = str(create_key(warehouse, "admin", subject="Njeri"))
    warehouse.close()
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        asked = [client.get("/api/sellers", headers={"X-Soko-Key": key}) for _ in range(4)]
        assert [one.status_code for one in asked] == [200, 200, 200, 429]
        assert 1 <= int(asked[-1].headers["retry-after"]) <= 61
        assert asked[-1].json()["type"] == "urn:soko:problem:too-many-requests"
        guessed = [client.get("/api/sellers", headers={"X-Soko-Key": str(new_key())}) for _ in range(5)]
        assert [one.status_code for one in guessed] == [401, 401, 401, 401, 429]
        assert client.post("/sign-in", data={"key": key}).status_code == 429
        leads = [client.post("/api/crm/leads", json={"seller_id": 1}).status_code for _ in range(3)]
        assert leads == [404, 404, 429]
        assert client.get("/health/live").status_code == 200
        most = [client.get("/api/categories").status_code for _ in range(100)]
        assert (most[0], most[-1]) == (200, 429)


def test_only_named_sites_may_call_from_a_browser(nowhere: Settings, encoder: Encoder) -> None:
    settings = nowhere.model_copy(update={"cors_origins": "https://shop.example"})
    with TestClient(create_app(settings, load=lambda: encoder)) as client:
        ours = client.get("/api/products", headers={"Origin": "https://shop.example"})
        assert ours.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-credentials" not in ours.headers
        for origin in ("https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"):
            assert "access-control-allow-origin" not in client.get("/api/products", headers={"Origin": origin}).headers
    with TestClient(create_app(nowhere, load=lambda: encoder)) as client:
        closed = client.get("/api/products", headers={"Origin": "https://shop.example"})
        assert "access-control-allow-origin" not in closed.headers
