"""Every call that docs/search-api.md shows is made, with real ids in place of its examples."""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import uvicorn
from fastapi.testclient import TestClient

from marketplace.local.network import answers, free_port, wait_until
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving.conftest import Market
from tests.serving.test_search import as_seen_by_a_phone, pictured

PAGE = Path(__file__).resolve().parents[2] / "docs" / "search-api.md"
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
CALLS = [line[2:] for block in BLOCKS for line in block.splitlines()]


@pytest.fixture(scope="module")
def address(market: Market, encoder: Encoder) -> Iterator[str]:
    """The app over the market, listening."""
    port = free_port()
    settings = market.settings.model_copy(update={"search_seconds": 30.0})
    app = create_app(settings, load=lambda: encoder)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: answers(port), 30)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_every_call_of_the_page_is_answered(address: str, market: Market, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(as_seen_by_a_phone(pictured(market)))
    ids = {str(4503599627370496 + number): str(market.fit[number]) for number in range(3)}

    def is_ready() -> bool:
        with urlopen(f"{address}/health/ready") as answer:
            return bool(json.load(answer)["status"] == "ready")

    assert wait_until(is_ready, 30)
    cursor = ""
    assert len(CALLS) >= 9
    for call in CALLS:
        said = call.replace("http://127.0.0.1:8000", address).replace("<next_cursor>", cursor)
        for example, real in ids.items():
            said = said.replace(example, real)
        done = subprocess.run(["bash", "-c", said], cwd=tmp_path, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert answer.get("items"), (call, answer)
        assert not answer["degraded"], (call, answer["reason"])
        cursor = answer.get("next_cursor") or cursor


def test_the_page_of_the_api_shows_the_examples(client: TestClient) -> None:
    body = client.get("/openapi.json").json()["paths"]["/api/search"]["post"]["requestBody"]["content"]
    page = html.unescape(client.get("/docs").text)
    for example in body["application/json"]["examples"].values():
        assert example["summary"] in page
        assert client.post("/api/search", json=example["value"]).status_code in (200, 404, 422)


def test_the_page_names_every_field_that_may_be_asked(client: TestClient) -> None:
    from serving.search_schemas import SearchAsked

    for name in SearchAsked.model_fields:
        assert f"`{name}`" in PAGE.read_text(), name
