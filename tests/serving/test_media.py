"""Pictures as browsers fetch them."""

from __future__ import annotations

import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image


@pytest.fixture
def address(client: TestClient) -> str:
    items = client.get("/api/products", params={"limit": 20}).json()["items"]
    return next(str(item["image_url"]) for item in items if item["image_url"])


def test_a_picture_is_kept_for_ever_and_not_sent_twice(client: TestClient, address: str) -> None:
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["content-type"] == "image/jpeg"
    assert "immutable" in first.headers["cache-control"]
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_is_shrunk_to_the_width_asked_for(client: TestClient, address: str) -> None:
    whole = Image.open(io.BytesIO(client.get(address).content))
    small = Image.open(io.BytesIO(client.get(address, params={"w": 240}).content))
    assert small.width == 240
    assert abs(small.height / 240 - whole.height / whole.width) < 0.01


def test_a_picture_is_never_made_larger_than_it_is(client: TestClient, address: str) -> None:
    whole = client.get(address).content
    largest = Image.open(io.BytesIO(client.get(address, params={"w": 720}).content))
    assert largest.width <= Image.open(io.BytesIO(whole)).width


@pytest.mark.parametrize("width", [1, 361, 10**9])
def test_only_some_widths_are_made(client: TestClient, address: str, width: int) -> None:
    assert client.get(address, params={"w": width}).status_code == 422


@pytest.mark.parametrize("name", ["../../etc/passwd", "%2e%2e%2fsecret", "A" * 64, "0" * 63])
def test_no_name_leads_out_of_the_folder(client: TestClient, name: str) -> None:
    assert client.get(f"/media/{name}.jpg").status_code in (404, 422)
