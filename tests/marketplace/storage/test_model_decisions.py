"""Rulings about models, the publication of a model, and the files it is loaded from, in the real database."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.errors import NotFound, PublicationRefused
from marketplace.storage.model_decisions import Ruling, decision, decisions, gate_decision_of, keep_decision
from marketplace.storage.model_files import ModelCache
from marketplace.storage.publications import MODEL, publish_model, published, roll_back_model

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
REASON = {"rule": "beats_popularity", "passed": False, "sentence": "it does not", "value": -0.1, "bound": 0.0}


def ruling(challenger="2", **changed):
    told = {"model": "cf_als", "challenger": challenger, "champion": "1", "kind": "gate", "verdict": "refused"}
    told |= {"reasons": [REASON], "evidence": {"shoppers": ["a", "b"]}, "rules_version": "1", "data_version": "d1"}
    return Ruling(**{**told, **changed})


def test_a_ruling_is_read_as_it_was_kept(warehouse):
    kept = keep_decision(warehouse, ruling(), now=NOW)
    assert decision(warehouse, kept.decision_id) == kept
    assert kept.ruling.decided_by == "gate"
    with pytest.raises(NotFound, match="decision 99"):
        decision(warehouse, 99)


def test_rulings_are_listed_newest_first_without_their_evidence(warehouse):
    for challenger in ("1", "2", "3"):
        keep_decision(warehouse, ruling(challenger), now=NOW)
    keep_decision(warehouse, ruling("2", kind="promotion", verdict="promoted", decided_by="asha"), now=NOW)
    assert [one.ruling.challenger for one in decisions(warehouse, limit=3)] == ["2", "3", "2"]
    assert [one.ruling.kind for one in decisions(warehouse, limit=9, challenger="2")] == ["promotion", "gate"]
    assert all(one.ruling.evidence == {} for one in decisions(warehouse, limit=9))
    assert gate_decision_of(warehouse, "cf_als", "2").ruling.evidence == {"shoppers": ["a", "b"]}
    assert gate_decision_of(warehouse, "cf_als", "7") is None


def details(number):
    return {"sha256": f"{number}" * 64, "kind": "als", "run_id": f"r{number}"}


def test_a_model_is_published_and_taken_back_by_one_version(warehouse):
    assert published(warehouse, MODEL) is None
    with pytest.raises(PublicationRefused, match="no earlier version of cf_model"):
        roll_back_model(warehouse, now=NOW)
    publish_model(warehouse, "1", details=details(1), now=NOW)
    publish_model(warehouse, "2", details=details(2), now=NOW + timedelta(hours=1))
    assert published(warehouse, MODEL).previous_version == "1"
    back = roll_back_model(warehouse, now=NOW + timedelta(hours=2))
    assert (back.version, back.previous_version, back.details) == ("1", "2", details(1))
    assert published(warehouse, MODEL) == back
    forth = roll_back_model(warehouse, now=NOW + timedelta(hours=3))
    assert (forth.version, forth.details) == ("2", details(2))


def test_publishing_the_same_model_again_keeps_what_can_be_gone_back_to(warehouse):
    for number in (1, 2, 2):
        publish_model(warehouse, str(number), details=details(number), now=NOW)
    assert published(warehouse, MODEL).previous_version == "1"
    assert roll_back_model(warehouse, now=NOW).details == details(1)


@pytest.mark.parametrize("digest", ["", "abc", "Z" * 64])
def test_a_model_without_its_hash_is_not_published(warehouse, digest):
    with pytest.raises(PublicationRefused, match="no SHA-256"):
        publish_model(warehouse, "1", details={"sha256": digest}, now=NOW)
    assert published(warehouse, MODEL) is None


def test_a_model_file_lies_under_the_hash_of_its_content_and_nothing_else_does(tmp_path):
    folder = tmp_path / "models"
    for _ in range(2):
        assert ModelCache(folder).keep(b"arrays") == hashlib.sha256(b"arrays").hexdigest()
    (file,) = folder.iterdir()
    assert file.name == f"{hashlib.sha256(b'arrays').hexdigest()}.npz"
    assert file.read_bytes() == b"arrays"
    assert file.stat().st_mode & 0o444 == 0o444  # who serves may be another user
