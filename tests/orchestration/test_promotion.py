"""Models put before shoppers and taken back, by functions and by `soko model`, over real stores."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.errors import ArtifactUnavailable, Conflict, InputRejected
from marketplace.storage.model_decisions import decisions, keep_decision
from marketplace.storage.model_files import ModelCache
from marketplace.storage.publications import MODEL, publish_model, published
from models.collaborative.evidence import Contender, Evidence, hashed, rounded
from models.collaborative.gate import Rules, decide
from models.collaborative.model import PopularModel
from orchestration import promotion
from orchestration.registry import CF_MODEL, CHAMPION, ModelRegistry

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
MEANS = {"map_at_20": 0.1, "coverage": 0.4, "novelty": 6.0, "popularity_bias": 0.2, "seller_gini": 0.3}


@pytest.fixture
def registry(mlflow_uri):
    return ModelRegistry(mlflow_uri)


@pytest.fixture
def cache(tmp_path):
    return ModelCache(tmp_path / "artifacts" / "models")


def contender(name, gain, count=60):
    gains = rounded(np.full(count, gain))
    return Contender(name, "als", MEANS | {"recall_at_20": gain, "ndcg_at_20": gain}, gains, gains, 2.0)


def judged(warehouse, version, gain, champion=None, sha256="a" * 64):
    """The gate's ruling about a version whose every shopper has this gain."""
    count = 60
    rival = contender("1", champion) if champion is not None else None
    segments = {"depth": ("light",) * count}
    shoppers = hashed([str(number) for number in range(count)])
    evidence = Evidence(contender(version, gain), rival, contender("popularity", 0.1), shoppers, segments, "d1", "s1")
    ruling = promotion.ruled(
        evidence, decide(evidence), Rules(), version=version, sha256=sha256, champion=None, run_id=None
    )
    return keep_decision(warehouse, ruling, now=NOW)


def trained(registry, interest, arrays=None):
    """The version of a new model."""
    model = PopularModel(np.array([5, 7, 9]), np.array(interest, dtype=np.float32))
    told = {"parameters": {"factors": 3}, "metrics": {**MEANS, "recall_at_20": 0.5}, "description": "for a test"}
    recipe = json.dumps({"kinds": ["popular"], "parameters": [{}], "weights": [1.0]})
    tags = {"data_version": "d1", "kind": "popular", "recipe": recipe}
    return registry.register(CF_MODEL, arrays or model.to_arrays(), title="t", tags=tags, **told).version


def digest_of(registry, version):
    return registry.version(CF_MODEL, version).tags["sha256"]


def test_arrays_that_the_gate_did_not_judge_are_refused_whatever_the_register_says(warehouse, registry, cache):
    first, second = trained(registry, [1, 2, 3]), trained(registry, [3, 2, 1])
    judged(warehouse, first, 0.5, sha256=digest_of(registry, second))
    with pytest.raises(ArtifactUnavailable, match="not those that the gate judged"):
        promotion.put_before_shoppers(warehouse, registry, cache, first, now=NOW)
    assert published(warehouse, MODEL) is None


def test_the_file_lies_ready_before_the_row_names_it_and_the_alias_follows(warehouse, registry, cache):
    version = trained(registry, [1, 2, 3])
    done = promotion.put_before_shoppers(warehouse, registry, cache, version, now=NOW)
    assert published(warehouse, MODEL) == done
    assert cache.holds(done.details["sha256"])
    assert (done.details["kind"], done.details["recipe"]["kinds"]) == ("popular", ["popular"])
    assert registry.aliased(CF_MODEL, CHAMPION) == version


def test_a_crash_before_the_alias_moved_is_mended_by_the_next_command(warehouse, registry, cache):
    first, second = trained(registry, [1, 2, 3]), trained(registry, [3, 2, 1])
    promotion.put_before_shoppers(warehouse, registry, cache, first, now=NOW)
    publish_model(warehouse, second, details={"sha256": "a" * 64}, now=NOW)  # as a process that died then left it
    assert registry.aliased(CF_MODEL, CHAMPION) == first
    assert promotion.mend_alias(warehouse, registry) == second
    assert registry.aliased(CF_MODEL, CHAMPION) == second


def test_an_artifact_with_one_byte_changed_is_refused_and_what_is_served_stays(warehouse, registry, cache, scratch):
    first, second = trained(registry, [1, 2, 3]), trained(registry, [3, 2, 1])
    served = promotion.put_before_shoppers(warehouse, registry, cache, first, now=NOW)
    (file,) = (scratch / "mlflow").rglob(f"{registry.version(CF_MODEL, second).run_id}/**/arrays.npz")
    content = bytearray(file.read_bytes())
    content[-30] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactUnavailable, match="not those"):
        promotion.put_before_shoppers(warehouse, registry, cache, second, now=NOW)
    manifest = file.with_name("manifest.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(ArtifactUnavailable, match="not those that were registered"):
        promotion.put_before_shoppers(warehouse, registry, cache, second, now=NOW)
    assert published(warehouse, MODEL) == served


def test_arrays_that_are_no_model_are_refused(warehouse, registry, cache):
    version = trained(registry, [1, 2, 3], {"items": np.array([3, 1]), "kind": np.array("als")})
    with pytest.raises(ArtifactUnavailable, match="cannot be read"):
        promotion.put_before_shoppers(warehouse, registry, cache, version, now=NOW)
    assert published(warehouse, MODEL) is None


def test_a_version_that_the_gate_refused_is_promoted_only_by_force_and_with_a_reason(warehouse, registry, cache):
    version = trained(registry, [1, 2, 3])
    asked = {"by": "asha", "because": "", "force": False, "now": NOW}
    with pytest.raises(Conflict, match="never judged"):
        promotion.promote_by_hand(warehouse, registry, cache, version, **asked)
    judged(warehouse, version, 0.05, sha256=digest_of(registry, version))
    with pytest.raises(Conflict, match=r"refused version .* beside popularity"):
        promotion.promote_by_hand(warehouse, registry, cache, version, **asked)
    with pytest.raises(InputRejected, match="needs a reason"):
        promotion.promote_by_hand(warehouse, registry, cache, version, **{**asked, "force": True})
    promotion.promote_by_hand(
        warehouse, registry, cache, version, **{**asked, "force": True, "because": "the judged weeks were a strike"}
    )
    assert published(warehouse, MODEL).version == version
    last = decisions(warehouse, limit=1)[0].ruling
    assert (last.kind, last.decided_by, last.reasons[0]["sentence"]) == (
        "promotion",
        "asha",
        "the judged weeks were a strike",
    )


def test_rollback_needs_a_whole_file_but_no_registry_if_it_is_here(warehouse, registry, cache):
    first, second = trained(registry, [1, 2, 3]), trained(registry, [3, 2, 1])
    before = promotion.put_before_shoppers(warehouse, registry, cache, first, now=NOW)
    promotion.put_before_shoppers(warehouse, registry, cache, second, now=NOW)
    away = ModelRegistry("http://127.0.0.1:9")
    told = {"by": "asha", "because": "odd lists", "now": NOW}
    assert promotion.roll_back(warehouse, away, cache, **told).version == first
    assert promotion.roll_back(warehouse, away, cache, **told).version == second
    (cache.folder / f"{before.details['sha256']}.npz").write_bytes(b"rotten")
    assert promotion.roll_back(warehouse, registry, cache, **told).details == before.details
    assert cache.holds(before.details["sha256"])


def test_a_decision_is_replayed_with_its_bounds_and_a_changed_record_is_noticed(warehouse):
    kept = judged(warehouse, "2", 0.5, champion=0.4)
    assert promotion.is_same(kept, promotion.replayed(kept))
    wrong = replace(kept, ruling=replace(kept.ruling, verdict="refused"))
    assert not promotion.is_same(wrong, promotion.replayed(wrong))


@pytest.fixture
def soko(database_url, mlflow_uri, tmp_path, monkeypatch):
    """Runs a command as a person would, over the stores of this test."""
    monkeypatch.chdir(tmp_path)
    for key, value in {"HOME": tmp_path, "DATABASE_URL": database_url, "MLFLOW_TRACKING_URI": mlflow_uri}.items():
        monkeypatch.setenv(f"SOKO_{key}", str(value))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["model", *words])


def test_the_commands_list_compare_promote_roll_back_and_replay(warehouse, registry, soko):
    first, second = trained(registry, [1, 2, 3]), trained(registry, [3, 2, 1])
    one = judged(warehouse, first, 0.4, sha256=digest_of(registry, first))
    other = judged(warehouse, second, 0.5, champion=0.4, sha256=digest_of(registry, second))
    assert soko("promote", first).exit_code == 0
    told = soko("promote", second)
    assert f"version {second} is served; before it was {first}" in told.output
    listed = soko("list").output
    assert "served, champion" in next(line for line in listed.splitlines() if f"│ {second} " in line)
    compared = soko("compare", first, second).output
    assert "nDCG@20: +0.1000 (+0.1000 to +0.1000) over 60 shoppers" in compared
    back = soko("rollback", "--because", "odd lists")
    assert f"version {first} is served; version {second} is kept" in back.output
    assert registry.aliased(CF_MODEL, CHAMPION) == first
    table = soko("decisions").output
    assert "odd lists" in table
    assert "every rule held" in table
    replayed = soko("replay", str(other.decision_id))
    assert replayed.exit_code == 0, replayed.output
    assert "promoted, as it was decided" in replayed.output
    assert json.loads(soko("replay", str(one.decision_id), "--json").output)["is_same"] is True


def test_the_commands_say_what_is_wrong_in_one_line(warehouse, registry, soko):
    version = trained(registry, [1, 2, 3])
    cases = {
        ("rollback",): "no earlier version of cf_model",
        ("promote", version): "the gate never judged version",
        ("promote", version, "--force"): "--because TEXT",
        ("compare", version, "99"): "has no version 99",
        ("replay", "7"): "decision 7 is not known",
    }
    for words, message in cases.items():
        done = soko(*words)
        assert done.exit_code == 1
        assert message in done.output + done.stderr, words
    assert published(warehouse, MODEL) is None
