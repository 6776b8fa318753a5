"""What recommendations showed, stored once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from marketplace.storage.exposures import Exposure, record_exposures
from marketplace.storage.landing import FEWEST_COPIED
from marketplace.storage.warehouse import Warehouse
from tests.warehouse.world import rows_of

NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)


def shown(answer: int, rank: int, **others: Any) -> Exposure:
    named = {"user_id": "amina", "product_id": 1, "seller_id": 10, "surface": "for_you", "source": "personal"}
    model = {"propensity": 1.0, "model_version": "7", "experiment": None, "variant": None, "team": None}
    return Exposure(f"answer-{answer}", rank, **{**named, **model, "seconds": 0.0125, "served_at": NOON, **others})


@pytest.mark.parametrize("answers", [1, FEWEST_COPIED])
def test_an_answers_products_are_stored_once_with_what_put_them_there(warehouse: Warehouse, answers: int) -> None:
    explored = shown(0, 2, user_id=None, propensity=0.1, experiment="e", variant="b", team="a", surface="session")
    sent = [shown(0, 1), explored, *(shown(one, 1) for one in range(1, answers))]
    assert record_exposures(warehouse, [*sent, *sent]) == answers + 1
    assert record_exposures(warehouse, [*sent, shown(answers, 3)]) == 1
    assert record_exposures(warehouse, []) == 0
    names = "user_id, surface, propensity, model_version, experiment, variant, team, seconds, served_at"
    query = f"select {names} from raw.exposures where answer_id = 'answer-0' order by rank"
    assert rows_of(warehouse, query) == [
        ("amina", "for_you", 1.0, "7", None, None, None, 0.0125, NOON),
        (None, "session", 0.1, "7", "e", "b", "a", 0.0125, NOON),
    ]
