"""Hostile values at every new route: none is answered by an error of ours."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

VALUES = (
    *("", "0", "-1", "9" * 30, "1e9", "null", "../../etc", "x' or 1==1", "%00", "a" * 5_000, "{{7*7}}", "é🧺", "true"),
)
BODIES = ([], {}, "text", 7, None, [[[[]]]], {"event_id": {}}, {"seller_id": 10**30}, {"lines": [{}] * 300}, {"a": 1})


def paths(client: TestClient) -> list[tuple[str, str, list[str]]]:
    """Method, path and query parameters of every route of the CRM and of authentication."""
    described = client.get("/openapi.json").json()["paths"]
    return [
        (method, path, [one["name"] for one in found.get("parameters", []) if one["in"] == "query"])
        for path, methods in described.items()
        for method, found in methods.items()
        if path.startswith(("/api/crm", "/api/auth"))
    ]


def test_no_value_in_a_path_query_or_body_is_an_error_of_ours(fresh: TestClient) -> None:
    names = ("seller_id", "event_id", "user_id")
    for method, path, parameters in paths(fresh):
        for value in VALUES:
            asked = path
            for name in names:
                asked = asked.replace(f"{{{name}}}", value.replace("/", "%2F").replace("%00", "%2500") or "1")
            query = {name: value.replace("%00", "\x00") for name in parameters}
            answer = fresh.request(method, asked, params=query)
            assert answer.status_code < 500, (method, asked[:80], query, answer.text)
        for body in BODIES:
            asked = path
            for name in names:
                asked = asked.replace(f"{{{name}}}", "12345678")
            answer = fresh.request(method, asked, json=body)
            assert answer.status_code < 500 or "was not built" in answer.text, (method, asked, body, answer.text)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 60_000, b'{"seller_id": NaN}', b'{"a":' * 9_000])
def test_no_body_that_is_no_json_is_an_error_of_ours(fresh: TestClient, content: bytes) -> None:
    for path in ("/api/crm/leads", "/api/crm/sellers/1/orders", "/api/crm/sellers/1/leads/lead-0001/notes"):
        answer = fresh.post(path, content=content, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
