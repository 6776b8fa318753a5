"""Models through the graph over real stores: tried, gated, promoted, refused, taken back and drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as sa

from marketplace.errors import ArtifactUnavailable
from marketplace.events.weights import WEIGHTS
from marketplace.experiments.assignment import Experiment, Variant
from marketplace.storage.embeddings import pending, store
from marketplace.storage.experiments import end, start
from marketplace.storage.index_builds import rebuild_index
from marketplace.storage.model_decisions import decision, decisions
from marketplace.storage.model_files import ModelCache
from marketplace.storage.publications import CHALLENGER as PUBLISHED_CHALLENGER
from marketplace.storage.publications import MODEL, published
from marketplace.storage.tables import (
    popular_products,
    product_neighbours,
    product_quality,
    products,
    recommendations,
    sellers,
)
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.collaborative.factors import AlsParameters
from models.collaborative.gate import CHECKS
from models.collaborative.selection import Recipe
from models.collaborative.training import LOCAL, Als
from models.embedding.vectors import normalised
from orchestration import promotion
from orchestration.assets.candidates import cf_candidates, interaction_matrix_asset
from orchestration.assets.collaborative import cf_champion, cf_model
from orchestration.assets.recommended import recommended
from orchestration.learning import MOST_EVENTS, champion_of, events_of, version_of
from orchestration.registry import CF_MODEL, CHALLENGER, CHAMPION, ModelRegistry

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PRODUCTS = 40
LEARNING = [interaction_matrix_asset, cf_candidates, cf_model, cf_champion]
MART = """
create schema if not exists marts;
create table marts.fct_interactions (
    event_id text, user_id text, product_id bigint, kind text, weight float8, surface text, occurred_at timestamptz
)
"""


def tastes(seed=3, shoppers=90, days=60, swap=0):
    """Even shoppers like the first half of the products, odd ones the second; each looks at one every other day."""
    generator = np.random.default_rng(seed)
    rows = []
    for shopper in range(shoppers):
        half = PRODUCTS // 2
        liked = 1 + np.arange(half) + half * ((shopper + swap) % 2)
        for day in range(0, days, 2):
            at = NOW - timedelta(days=days - day - float(generator.random()))
            kind = str(generator.choice(list(WEIGHTS), p=[0.6, 0.25, 0.1, 0.05]))
            rows.append((f"u{shopper:03d}", int(generator.choice(liked)), kind, WEIGHTS[kind], "grid", at))
    return rows


@dataclass
class Market:
    """Stores with products, events and an index; runs assets over them."""

    warehouse: Warehouse
    registry: ModelRegistry
    cache: ModelCache
    vectors: Vectors
    als: Als = LOCAL

    def events(self, rows):
        with self.warehouse.begin() as connection:
            connection.execute(sa.text("delete from marts.fct_interactions"))
            names = ("user_id", "product_id", "kind", "weight", "surface", "occurred_at")
            values = [dict(zip(names, row, strict=True), event_id=str(number)) for number, row in enumerate(rows)]
            columns = ", ".join(values[0])
            marks = ", ".join(f":{name}" for name in values[0])
            connection.execute(sa.text(f"insert into marts.fct_interactions ({columns}) values ({marks})"), values)

    def run(self, *assets, **config):
        resources = {
            "warehouse": self.warehouse,
            "registry": self.registry,
            "model_cache": self.cache,
            "vectors": self.vectors,
            "als": self.als,
        }
        told = {"ops": {"cf_candidates": {"config": config}}} if config else None
        return dg.materialize(list(assets), resources=resources, run_config=told, raise_on_error=False)

    def checks(self, done):
        return {check.check_name: check for check in done.get_asset_check_evaluations()}

    def served(self):
        return published(self.warehouse, MODEL)


@pytest.fixture
def market(warehouse, mlflow_uri, milvus_uri, tmp_path):
    vectors = Vectors(milvus_uri, alias="test_learning")
    seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_hydrated_at", "updated_at"), NOW)
    with warehouse.begin() as connection:
        connection.execute(sa.text(MART))
        for number, country in ((1, "KE"), (2, "NG")):
            named = {"seller_id": number, "handle": f"s{number}", "name": f"S{number}", "country": country}
            row = {**named, "currency": "KES", "source_kind": "whatsapp", "city": "Nakuru" if number == 1 else None}
            connection.execute(sa.insert(sellers).values(**row))
        for number in range(1, PRODUCTS + 1):
            row = {
                "product_id": number,
                "seller_id": 1 + number % 2,
                "source_ref": str(number),
                "title": f"Kanga {number}",
            }
            row |= {"content_hash": f"h{number}", "category": "Fabrics", "description": ""}
            connection.execute(sa.insert(products).values(**row, **seen))
            judged = {"product_id": number, "content_hash": f"h{number}", "verdict": "approved", "language": "sw"}
            judged |= {"reasons": [], "rules_version": "1", "judged_at": NOW}
            connection.execute(sa.insert(product_quality).values(**judged))
    waiting = pending(warehouse, "m1")
    drawn = normalised(np.random.default_rng(1).standard_normal((len(waiting), 768)).astype(np.float32))
    store(warehouse, "m1", waiting, drawn, now=NOW)
    rebuild_index(warehouse, vectors, "m1", index_type="FLAT", now=NOW)
    made = Market(warehouse, ModelRegistry(mlflow_uri), ModelCache(tmp_path / "models"), vectors)
    made.events(tastes())
    yield made
    vectors.milvus.ask("drop_alias", vectors.alias)
    for collection in vectors.collections():
        vectors.drop(collection)
    vectors.close()


def test_the_first_model_is_tried_gated_promoted_and_drawn(market):
    done = market.run(*LEARNING, recommended, scope="search", trials=2)
    assert done.success
    checks = market.checks(done)
    assert {name for name in CHECKS if checks[name].passed} == set(CHECKS)
    assert "beside popularity" in str(checks["beats_popularity"].metadata["reasons"].value)
    served = market.served()
    assert (
        market.registry.aliased(CF_MODEL, CHAMPION) == served.version == market.registry.aliased(CF_MODEL, CHALLENGER)
    )
    assert market.cache.holds(served.details["sha256"])
    assert published(market.warehouse, PUBLISHED_CHALLENGER).details["sha256"] == served.details["sha256"]
    known = market.registry.version(CF_MODEL, served.version)
    assert (known.tags["verdict"], known.tags["against"]) == ("promoted", "nothing")
    assert known.metrics["recall_at_20"] > known.metrics["popularity_recall_at_20"]
    champion = champion_of(market.warehouse, market.registry, market.cache)
    assert champion.recipe.as_dict() == served.details["recipe"]
    assert len(champion.hybrid.depths) == len(champion.hybrid.weights) > 1
    with market.warehouse.begin() as connection:
        shown = connection.execute(sa.select(recommendations.c.user_id).distinct()).all()
        kinds = set(connection.scalars(sa.select(product_neighbours.c.kind)))
        cities = set(connection.scalars(sa.select(popular_products.c.city)))
    assert len(shown) == 90
    assert kinds == {"together", "alike"}
    assert cities == {"", "Nakuru"}
    matrix = done.asset_materializations_for_node("interaction_matrix")[0].metadata
    assert (matrix["dagster/row_count"].value, matrix["products"].value) == (90, PRODUCTS)


def test_a_day_of_nothing_new_teaches_nothing_and_the_old_model_stays(market):
    assert market.run(*LEARNING).success
    before = market.served()
    zeros = [(user, product, "view", 0.0, "grid", at) for user, product, _, _, _, at in tastes(days=30)]
    market.events(zeros)
    assert not market.run(*LEARNING).success
    market.events([(f"u{number}", 1, "view", 1.0, "grid", row[-1]) for number, row in enumerate(tastes())])
    assert not market.run(*LEARNING).success
    assert market.served() == before


def test_a_worse_challenger_is_refused_with_reasons_in_checks_and_mlflow_and_nothing_moves(market):
    assert market.run(*LEARNING, scope="families").success
    before = market.served()
    generator = np.random.default_rng(5)
    noise = [(user, int(generator.integers(1, PRODUCTS + 1)), *rest) for user, _, *rest in tastes()]
    market.events(noise)  # what shoppers do says nothing any more
    done = market.run(*LEARNING)
    assert not done.success
    checks = market.checks(done)
    assert not checks["beats_popularity"].passed
    assert "the least must be above 0" in checks["beats_popularity"].description
    assert checks["fast_enough"].passed
    assert not done.asset_materializations_for_node("cf_champion")
    assert market.served() == before
    assert market.registry.aliased(CF_MODEL, CHAMPION) == before.version
    refused = market.registry.aliased(CF_MODEL, CHALLENGER)
    known = market.registry.version(CF_MODEL, refused)
    assert known.tags["verdict"] == "refused"
    assert "beats_popularity" in known.tags["against"]
    assert "**did not hold**: beats_popularity: nDCG@20" in known.description
    kept = decisions(market.warehouse, limit=1)[0]
    assert (kept.ruling.challenger, kept.ruling.verdict) == (refused, "refused")
    whole = decision(market.warehouse, kept.decision_id)
    assert promotion.is_same(whole, promotion.replayed(whole))
    alone = market.run(cf_champion)
    assert not alone.success
    assert market.served() == before


def test_a_weak_champion_gives_way_to_a_better_one_and_comes_back_by_one_command(market):
    weak = Recipe(("als",), (AlsParameters(factors=1, iterations=1, regularization=1e6),), (1.0,))
    assert market.run(*LEARNING).success
    first = market.served()
    with market.warehouse.begin() as connection:
        details = {**first.details, "recipe": weak.as_dict()}
        connection.execute(
            sa.text("update serving.publications set details = cast(:told as jsonb) where name = 'cf_model'"),
            {"told": json.dumps(details)},
        )
    done = market.run(*LEARNING)
    assert done.success
    won = str(market.checks(done)["not_worse_than_the_champion"].metadata["reasons"].value)
    assert "beside the champion's" in won
    second = market.served()
    assert (second.previous_version, int(second.version)) == (first.version, int(first.version) + 1)
    told = {"by": "asha", "because": "odd lists", "now": NOW}
    assert promotion.roll_back(market.warehouse, market.registry, market.cache, **told).version == first.version


def test_a_challenger_that_an_experiment_compares_stays_until_it_ends(market):
    assert market.run(*LEARNING).success
    compared = published(market.warehouse, PUBLISHED_CHALLENGER).version
    variants = (Variant("control", 0.5), Variant("other", 0.5, {"model": "challenger"}))
    start(market.warehouse, Experiment("models", "salt", variants), now=NOW)
    market.events([*tastes(), *tastes(seed=9, shoppers=20, days=2)])
    assert market.run(*LEARNING).success
    assert published(market.warehouse, PUBLISHED_CHALLENGER).version == compared
    end(market.warehouse, "models", now=NOW)
    market.events([*tastes(), *tastes(seed=11, shoppers=20, days=2)])
    assert market.run(*LEARNING).success
    assert int(published(market.warehouse, PUBLISHED_CHALLENGER).version) == int(compared) + 2


def test_a_warm_retrain_keeps_the_recipe_and_its_weights(market):
    assert market.run(*LEARNING).success
    before = champion_of(market.warehouse, market.registry, market.cache)
    market.events([*tastes(), *tastes(seed=9, shoppers=20, days=2)])
    done = market.run(*LEARNING, scope="champion")
    assert done.success
    after = champion_of(market.warehouse, market.registry, market.cache)
    assert after.version != before.version
    assert after.recipe == before.recipe
    assert np.array_equal(after.hybrid.weights, before.hybrid.weights)
    checks = market.checks(done)
    assert checks["looks_as_the_champion_knew_it"].passed
    assert checks["scores_are_as_they_were"].passed


def test_a_model_is_not_judged_by_trials_that_left_out_the_champion(market):
    assert market.run(interaction_matrix_asset, cf_candidates).success  # before there is a champion
    assert market.run(cf_model, cf_champion).success
    before = market.served()
    assert not market.run(cf_model, cf_champion).success
    assert market.served() == before


def test_a_robot_weighs_no_more_than_a_busy_shopper(market):
    robot = [("robot", 1 + number % 9, "view", 1.0, "grid", NOW - timedelta(seconds=number)) for number in range(5000)]
    market.events([*tastes(), *robot])
    events = events_of(market.warehouse)
    mine = events.loc[events["user_id"] == "robot"]
    assert len(mine) == MOST_EVENTS
    assert mine["occurred_at"].min() == NOW - timedelta(seconds=MOST_EVENTS - 1)
    assert len(events) == len(tastes()) + MOST_EVENTS


def test_events_are_the_same_data_whatever_their_ids_and_their_order(market):
    rows = [(*row[:-1], NOW - timedelta(days=number % 20)) for number, row in enumerate(tastes())]
    market.events(rows)
    before = version_of(events_of(market.warehouse))
    market.events(rows[::-1])
    assert version_of(events_of(market.warehouse)) == before
    market.events(rows[1:])
    assert version_of(events_of(market.warehouse)) != before


def test_a_shopper_who_only_refused_is_known_and_shown_what_is_popular(market):
    refused = [("sour", number, kind, 0.0, "grid", NOW) for number, kind in ((1, "hide"), (2, "hide"), (3, "report"))]
    market.events([*tastes(), *refused])
    done = market.run(*LEARNING, recommended)
    assert done.success
    assert market.checks(done)["every_shopper_is_served"].passed
    matrix = done.asset_materializations_for_node("interaction_matrix")[0].metadata
    assert (matrix["dagster/row_count"].value, matrix["negative"].value) == (91, 3)
    with market.warehouse.begin() as connection:
        listed = set(connection.scalars(sa.select(recommendations.c.user_id)))
    assert len(listed) == 90
    assert "sour" not in listed


def test_drift_is_told_and_stops_nothing(market):
    assert market.run(*LEARNING).success
    market.events([(user, product, "purchase", 3.0, None, at) for user, product, _, _, _, at in tastes()])
    done = market.run(interaction_matrix_asset)
    assert done.success
    check = market.checks(done)["looks_as_the_champion_knew_it"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "kind moved" in check.description
    assert "surface moved" in check.description


def test_a_champion_whose_file_was_changed_is_fetched_again_or_refused(market, scratch):
    assert market.run(*LEARNING).success
    digest = market.served().details["sha256"]
    file = market.cache.folder / f"{digest}.npz"
    file.write_bytes(b"rotten")
    assert champion_of(market.warehouse, market.registry, market.cache) is not None
    file.write_bytes(b"rotten")
    run_id = market.served().details["run_id"]
    (stored,) = (scratch / "mlflow").rglob(f"{run_id}/**/arrays.npz")
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactUnavailable):
        champion_of(market.warehouse, market.registry, market.cache)
