"""Search judged in the graph: kept, shown, logged, and held against the last evaluation that was accepted."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as sa
from mlflow import MlflowClient

from marketplace.local.golden import golden_market
from marketplace.local.market import draw_market
from marketplace.search.fusion import TUNED, FusionWeights
from marketplace.search.golden import GoldenSet
from marketplace.settings import Settings
from marketplace.storage.evaluations import accept, history
from marketplace.storage.images import Images
from marketplace.storage.tables import search_evaluations
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from models.embedding.vectors import Vectors as Rows
from models.embedding.vectors import normalised
from orchestration.assets.evaluation import search_quality
from orchestration.judging import Judgements
from orchestration.registry import ModelRegistry
from tests.serving import world

EVERY = 7  # of the judged queries; photos and every language are among them
PHOTOS_UNHEARD = replace(TUNED, likeness=0.0, photo_likeness=0.0)


class Remembering:
    """The default encoder, which is asked each query once, however often a test judges it."""

    def __init__(self) -> None:
        encoder = load_encoder("compact", threads=2, siglip_model="", siglip_pretrained="")
        self.version, self.has_shared_space = encoder.version, encoder.has_shared_space
        self.embed_products = encoder.embed_products
        self.embed_query = cache(encoder.embed_query)


class Guesser:
    """An encoder that knows nothing: unit vectors drawn from a hash of what it is shown."""

    version = "guesser-1"
    has_shared_space = False

    def embed_products(self, images: Sequence[bytes | None], texts: Sequence[str]) -> Rows:
        return np.stack([self._drawn(text.encode()) for text in texts])

    def embed_query(self, image: bytes | None, text: str | None, *, image_weight: float | None = None) -> Rows:
        return self._drawn((image or b"") + (text or "").encode())

    def _drawn(self, content: bytes) -> Rows:
        seed = int.from_bytes(hashlib.sha256(content).digest()[:8])
        return normalised(np.random.default_rng(seed).standard_normal(768).astype(np.float32))


@dataclass
class Chosen:
    """The encoder of a test, as a resource gives it."""

    encoder: Encoder

    def load(self) -> Encoder:
        return self.encoder


@dataclass
class Judge:
    """A small market in real stores, and the asset over it."""

    warehouse: Warehouse
    vectors: Vectors
    images: Images
    registry: ModelRegistry
    golden: GoldenSet

    def __call__(
        self,
        encoder: Encoder,
        *,
        weights: FusionWeights = TUNED,
        golden: GoldenSet | None = None,
        own: Path | None = None,
    ) -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation | None]:
        """What a run of the asset gave, and its check, None where it did not come so far."""
        settings = Settings(_env_file=None, search_judgements=str(own or ""))
        resources = {
            "warehouse": self.warehouse,
            "vectors": self.vectors,
            "encoders": Chosen(encoder),
            "judgements": Judgements(settings, weights=weights, sample=golden or self.golden),
            "registry": self.registry,
        }
        done = dg.materialize([search_quality], resources=resources, raise_on_error=False)
        checks = done.get_asset_check_evaluations()
        return done, checks[0] if checks else None

    def index(self, encoder: Encoder) -> None:
        world.index(self.warehouse, self.images, self.vectors, encoder)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Remembering()


@pytest.fixture(scope="module")
def market():
    return draw_market(sellers=3, products_per_seller=8)


@pytest.fixture(scope="module")
def stores(postgres, milvus_uri, mlflow_uri, tmp_path_factory, market):
    """The market, sold and judged, with nothing embedded yet."""
    images = Images(tmp_path_factory.mktemp("judged") / "images")
    warehouse = Warehouse(postgres.create_database("judged_market", template="template_soko"))
    world.settle(warehouse, images, market)
    vectors = Vectors(milvus_uri, alias="judged_search")
    golden = golden_market(market)
    thin = replace(golden, queries=golden.queries[::EVERY])
    yield Judge(warehouse, vectors, images, ModelRegistry(mlflow_uri), thin)
    vectors.close()
    warehouse.close()


@pytest.fixture
def judge(stores, encoder):
    """The market indexed by the default encoder, and never judged."""
    with stores.warehouse.begin() as connection:
        connection.execute(sa.delete(search_evaluations))
    stores.index(encoder)
    return stores


def shown(done: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = done.asset_materializations_for_node("search_quality")
    return {name: entry.value for name, entry in event.metadata.items()}


def test_the_first_evaluation_passes_is_shown_logged_and_kept(judge, encoder, mlflow_uri):
    done, check = judge(encoder)
    assert done.success
    assert check.passed
    [kept] = history(judge.warehouse, limit=5)
    assert (kept.status, kept.compared_with, kept.judged.encoder) == ("accepted", None, encoder.version)
    assert kept.judged.collection == judge.vectors.current()
    assert kept.judged.golden_hash == judge.golden.hash
    told = shown(done)
    assert told["sample: queries"] == f"{len(kept.judged.scores)} of {len(judge.golden.queries)}"
    assert told["sample: score"] == pytest.approx(kept.judged.score, abs=1e-4)
    assert told["sample: nDCG"].startswith("![plot](data:image/png;base64,")
    groups = {line.split(" | ")[0].removeprefix("| ") for line in told["sample: figures"].splitlines()[2:]}
    assert {"all", "words", "photo", "photo and words", "words, sw", "words, am"} <= groups
    in_mlflow(mlflow_uri, told["sample: mlflow"].rpartition("/")[2], kept)


def in_mlflow(uri, run_id, kept):
    client = MlflowClient(uri)
    run = client.get_run(run_id)
    assert client.get_experiment(run.info.experiment_id).name == "search"
    assert run.data.params["golden_hash"] == kept.judged.golden_hash
    assert run.data.params["weight_keyword"] == str(TUNED.keyword)
    assert run.data.metrics["words/sw/ndcg_at_10"] == pytest.approx(kept.judged.means["words, sw"]["ndcg_at_10"][0])
    assert {file.path for file in client.list_artifacts(run_id)} == {"queries.csv", "report.md", "ndcg.png"}
    text = client.download_artifacts(run_id, "queries.csv")
    with open(text, encoding="utf-8", newline="") as content:  # noqa: PTH123
        rows = {row["query"]: float(row["ndcg_at_10"]) for row in csv.DictReader(content)}
    assert rows == pytest.approx(dict(kept.judged.scores), abs=1e-4)


def test_an_unchanged_search_is_not_judged_again_until_a_week_has_passed(judge, encoder):
    judge(encoder)
    done, check = judge(encoder)
    assert done.success
    assert check.passed
    assert "sample: figures" not in shown(done)
    assert len(history(judge.warehouse, limit=5)) == 1
    with judge.warehouse.begin() as connection:
        connection.execute(sa.update(search_evaluations).values(evaluated_at=datetime.now(UTC) - timedelta(days=8)))
    judge(encoder)
    assert len(history(judge.warehouse, limit=5)) == 2


def test_worse_weights_do_not_pass_until_a_person_accepts_them(judge, encoder):
    judge(encoder)
    for _ in range(2):  # nor does judging them again help
        done, check = judge(encoder, weights=PHOTOS_UNHEARD)
        assert not done.success
        assert not check.passed
        assert check.severity is dg.AssetCheckSeverity.ERROR
    refused, first = history(judge.warehouse, limit=5)
    assert (refused.status, refused.compared_with) == ("refused", first.evaluation_id)
    assert refused.judged.score < first.judged.score
    assert check.metadata["sample: what to do"].value.endswith(f"soko search accept {refused.evaluation_id}")
    assert check.description.startswith("sample fell in all")  # told from what is kept, the second time
    done, check = judge(encoder)
    assert done.success  # what was good before still is

    with judge.warehouse.begin() as connection:  # as if the good weights had not been judged in between
        again = sa.delete(search_evaluations).where(search_evaluations.c.evaluation_id > refused.evaluation_id)
        connection.execute(again)
    accept(judge.warehouse, refused.evaluation_id, by="Wanjiru", note="a trial", now=datetime.now(UTC))
    done, check = judge(encoder, weights=PHOTOS_UNHEARD)
    assert done.success
    assert check.passed


def remember(judge, scores):
    """Make the last evaluation a week old and its scores these."""
    mean = float(np.mean(list(scores.values())))
    then = datetime.now(UTC) - timedelta(days=8)
    with judge.warehouse.begin() as connection:
        connection.execute(sa.update(search_evaluations).values(scores=scores, score=mean, evaluated_at=then))


def test_a_language_that_fell_does_not_pass_although_the_whole_gained(judge, encoder, market):
    words = tuple(one for one in golden_market(market).queries if one.modality == "words")
    golden = replace(judge.golden, queries=tuple(one for one in words if one.language in ("en", "sw")))
    judge(encoder, golden=golden)
    remember(judge, {name: float(name.startswith("sw")) for name in history(judge.warehouse, limit=1)[0].judged.scores})
    done, check = judge(encoder, golden=golden)
    assert not done.success
    assert not check.passed
    assert check.description == "sample fell in words, sw"
    assert check.metadata["sample: fell in words, sw"].value.startswith("-0.")
    assert check.metadata["sample: gain"].value.startswith("+0.")
    assert check.metadata["sample: groups compared"].value == "words, words, en, words, sw"


def test_a_shelf_that_has_turned_over_wholly_is_judged_as_if_for_the_first_time(judge, encoder):
    judge(encoder)
    remember(judge, {"en: what was sold then": 1.0})
    done, check = judge(encoder)
    assert done.success
    assert check.passed
    assert [one.compared_with for one in history(judge.warehouse, limit=5)] == [None, None]


def test_an_encoder_that_knows_nothing_does_not_pass(judge, encoder):
    judge(encoder)
    judge.index(Guesser())
    done, check = judge(Guesser())
    assert not done.success
    assert not check.passed
    assert float(check.metadata["sample: score"].value) < float(check.metadata["sample: before"].value) - 0.05
    assert "sample: beside the one it is held to" in shown(done)
    assert [one.judged.encoder for one in history(judge.warehouse, limit=5)] == ["guesser-1", encoder.version]


def test_without_judged_products_the_check_warns_and_says_what_to_do(judge, encoder):
    others = dict.fromkeys(judge.golden.titles, "Something else that has this id")
    done, check = judge(encoder, golden=replace(judge.golden, titles=others))
    assert done.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "SOKO_SEARCH_JUDGEMENTS" in check.metadata["why"].value
    assert history(judge.warehouse, limit=5) == []


def test_a_markets_own_judgements_may_not_be_called_as_the_samples_are(judge, encoder, tmp_path):
    file = tmp_path / "sample.csv"
    file.write_text("query,language,product_id,grade\nbag,en,7,3\n")
    done, check = judge(encoder, own=file)
    assert (done.success, check) == (False, None)
    (failure,) = [event.step_failure_data.error.message for event in done.get_step_failure_events()]
    assert "two sets of judged queries are called 'sample'; rename" in failure
    assert history(judge.warehouse, limit=5) == []


def test_files_and_folders_of_judged_queries_are_read_side_by_side(tmp_path):
    (tmp_path / "ours.csv").write_text("query,language,product_id,grade\nbag,en,7,3\n")
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "one.jpg").write_bytes(b"a photo")
    apple = {"sku": "gala", "title": "Gala", "category": "Apple", "description": "", "image": "gala.jpg"}
    (tmp_path / "catalog.json").write_text(json.dumps([apple]))
    (tmp_path / "queries" / "queries.json").write_text(json.dumps([{"image": "one.jpg", "sku": "gala"}]))
    named = f"{tmp_path / 'ours.csv'}, grocer={tmp_path}"
    sets = Judgements(Settings(_env_file=None, home=tmp_path, search_judgements=named)).load()
    assert [one.name for one in sets] == ["sample", "ours", "grocer"]
    assert [query.modality for query in sets[-1].queries] == ["words", "photo", "photo and words"]


def test_a_markets_own_judgements_are_judged_beside_the_samples(judge, encoder, market, tmp_path):
    product = next(one for one in market.products if one.in_stock and not one.is_junk)
    file = tmp_path / "ours.csv"
    file.write_text(
        f"query,language,product_id,grade\n{product.title.replace(',', '')},en,{market.product_id(product)},3\n"
    )
    done, check = judge(encoder, own=file)
    assert check.passed
    assert shown(done)["ours: queries"] == "1 of 1"
    assert {one.judged.golden for one in history(judge.warehouse, limit=5)} == {"sample", "ours"}
    file.write_text("query,language,product_id,grade\nbag,en,7,9\n")
    done, check = judge(encoder, own=file)
    assert (done.success, check) == (False, None)
    (failure,) = [event.step_failure_data.error.message for event in done.get_step_failure_events()]
    assert "ours.csv line 2: a grade is 0 to 3, not '9'" in failure
