"""Events delivered as they may be: once, or duplicated, shuffled and replayed, which makes no difference."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from marketplace.events.interactions import Interaction
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.storage.events import record_interactions
from marketplace.storage.warehouse import Warehouse
from models.collaborative.blending import HybridWeights
from models.collaborative.features import interaction_matrix, interest
from models.collaborative.serving_rows import Offered, personal_rows, popular_rows, together_rows
from models.collaborative.training import CANDIDATES, fit
from orchestration.learning import FEEDBACK, events_of, version_of
from tests.warehouse import world
from tests.warehouse.dbt_command import Dbt

SHOPPERS = ("amina", "juma", "zawadi", "kofi")
KINDS = ("view", "click", "wishlist", "purchase", "hide", "report")


def events() -> list[Interaction]:
    """A few hundred, some fired twice under two ids, some of a product that nobody sells."""
    drawn, found = random.Random(4), []
    for number in range(300):
        at = world.NOON + timedelta(minutes=drawn.randrange(3000))
        product = drawn.choice([world.BASKET, world.MAT, world.SHOES, world.UNKNOWN])
        one = (drawn.choice(SHOPPERS), product, drawn.choice(KINDS), None, "grid", at)
        found += [Interaction(f"event-{number}", *one), *([Interaction(f"again-{number}", *one)] * (number % 9 == 0))]
    return found


@pytest.fixture(scope="module")
def delivered(postgres: EmbeddedPostgres, scratch: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Two equal markets: one was sent each event once, the other three times in any order and all of it again."""
    opened = []
    once = events()
    thrice = once * 3
    random.Random(5).shuffle(thrice)
    for name, batches in (("once", [once]), ("thrice", [thrice[:200], thrice[200:], thrice])):
        warehouse = Warehouse(postgres.create_database(f"delivered_{name}", template="template_soko"))
        world.insert(warehouse, world.tables.sellers, world.SELLERS)
        world.insert(warehouse, world.tables.products, world.PRODUCTS)
        world.insert(warehouse, world.tables.exposures, world.EXPOSURES)
        for batch in batches:
            record_interactions(warehouse, batch)
        url = warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False)
        Dbt(url, scratch / f"dbt-{name}")("build", "--exclude", "test_type:unit")
        opened.append(warehouse)
    yield opened[0], opened[1]
    for warehouse in opened:
        warehouse.close()


def rows(warehouse: Warehouse, query: str) -> Counter[tuple[Any, ...]]:
    return Counter(world.rows_of(warehouse, query))


def test_raw_events_are_the_same_however_they_came(delivered: tuple[Warehouse, Warehouse]) -> None:
    query = "select event_id, user_id, product_id, kind, session_id, surface, occurred_at from raw.interactions"
    once, thrice = (rows(one, query) for one in delivered)
    assert (once - thrice, thrice - once) == (Counter(), Counter())
    assert once.total() == len(events())


def test_marts_are_the_same_however_events_came(delivered: tuple[Warehouse, Warehouse]) -> None:
    tables = [
        name for (name,) in world.rows_of(delivered[0], "select tablename from pg_tables where schemaname = 'marts'")
    ]
    assert {"fct_interactions", "fct_funnel_daily", "fct_recommendation_exposure"} <= set(tables)
    for table in tables:
        # The copy that was received first is kept; which of two equal ones that is, says only their id.
        # Sellers were created with their market, which received its events in its own time.
        own = "- 'event_id' - 'created_at' - 'received_at' - 'known_at'"
        once, thrice = (rows(one, f"select (to_jsonb(t) {own})::text from marts.{table} as t") for one in delivered)
        assert (once - thrice, thrice - once) == (Counter(), Counter()), table


def test_the_matrix_and_its_version_are_the_same_however_events_came(delivered: tuple[Warehouse, Warehouse]) -> None:
    once, thrice = (events_of(one) for one in delivered)
    assert version_of(once) == version_of(thrice)
    here, there = interaction_matrix(once, FEEDBACK), interaction_matrix(thrice, FEEDBACK)
    assert (interest(once, FEEDBACK) < 0).any()
    assert np.array_equal(here.users, there.users)
    assert np.array_equal(here.items, there.items)
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(here.matrix, name), getattr(there.matrix, name)), name


@pytest.mark.parametrize("kind", CANDIDATES)
def test_answers_are_the_same_however_events_came(delivered: tuple[Warehouse, Warehouse], kind: str) -> None:
    once, thrice = (answers(one, kind) for one in delivered)
    assert once == thrice
    assert once["popular"]


def answers(warehouse: Warehouse, kind: str) -> dict[str, list[Any]]:
    """All that a model of that kind, learned from this market, scores and would have published."""
    events = events_of(warehouse)
    interactions = interaction_matrix(events, FEEDBACK)
    model = fit(interactions, CANDIDATES[kind])
    numbers = interactions.items.tolist()
    alone = HybridWeights(np.array([0]), np.array([1.0]), {})
    nothing_alike = sp.csr_matrix((len(numbers), len(numbers)), dtype=np.float32)
    offered = [Offered(number, "", "") for number in numbers]
    return {
        "scores": model.scores(interactions.matrix).tolist(),
        "personal": list(personal_rows(model, interactions, nothing_alike, alone, numbers)),
        "together": list(together_rows(model, numbers)),
        "popular": list(popular_rows(events, offered, events["occurred_at"].max())),
    }
