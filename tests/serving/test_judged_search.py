"""What judges search asks what shoppers ask: the engine of the evaluation and the API give one order."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketplace.local.golden import golden_market
from marketplace.search.golden import GoldenQuery
from models.embedding.encoder import Encoder
from orchestration.searching import Engine
from tests.serving.conftest import Market

LIMIT = 20
EVERY = 12  # of the words, so that each language is among them


@pytest.fixture(scope="module")
def queries(market: Market) -> list[GoldenQuery]:
    golden = golden_market(market.drawn).queries
    words = [query for query in golden if query.modality == "words"]
    photos = [query for query in golden if query.modality == "photo"]
    both = [query for query in golden if query.modality == "photo and words"]
    return [*words[::EVERY], *photos[:3], *both[:4]]


def by_the_api(client: TestClient, query: GoldenQuery) -> list[int]:
    fields: dict[str, Any] = {"limit": LIMIT, "collapse": False}
    if query.text is not None:
        fields["text"] = query.text
    if query.photo is None:
        answer = client.post("/api/search", json=fields)
    else:
        answer = client.post("/api/search", files={"image": query.photo.taken()}, data=fields)
    assert answer.status_code == 200, answer.text
    assert not answer.json()["degraded"]
    return [item["product_id"] for item in answer.json()["items"]]


def test_the_evaluation_searches_as_the_api_does(
    client: TestClient, market: Market, encoder: Encoder, queries: list[GoldenQuery]
) -> None:
    engine = Engine(market.warehouse, market.vectors, encoder)
    assert {query.language for query in queries} >= {"en", "sw", "am", "am-Latn", "mixed", "misspelt", ""}
    found = {query.name: engine.search(query.asked(limit=LIMIT)) for query in queries}
    assert found == {query.name: by_the_api(client, query) for query in queries}
    assert sum(map(len, found.values())) > len(queries)
