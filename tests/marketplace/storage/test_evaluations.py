"""What search was worth over time: which evaluation counts, and what a person may decide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.evaluations import Judged, accept, baseline, history, newest, record

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def judged(score, golden_hash="g1", golden="sample"):
    means = {"all": {"ndcg_at_10": [score, score - 0.1, score + 0.1]}}
    return Judged(golden, golden_hash, "compact-1", "products_a", {"likeness": 1.0}, score, means, {"en: bag": score})


@pytest.fixture
def keep(warehouse):
    """Records an evaluation of a run."""

    def one(run_id, score, status="accepted", **more):
        kept = judged(score, **more)
        return record(warehouse, kept, run_id=run_id, status=status, compared_with=None, now=NOW)

    return one


def test_what_was_judged_comes_back_whole(warehouse, keep):
    kept = keep("r1", 0.8)
    assert kept.judged == judged(0.8)
    assert history(warehouse, limit=5) == [kept]


def test_later_ones_are_compared_with_the_last_that_was_accepted(warehouse, keep):
    assert baseline(warehouse, "g1") is None
    keep("r1", 0.8)
    second = keep("r2", 0.7)
    refused = keep("r3", 0.2, status="refused")
    assert baseline(warehouse, "g1") == second
    assert baseline(warehouse, "g1", not_of="r2").judged.score == 0.8
    assert newest(warehouse, "g1") == refused


def test_other_queries_are_another_story(warehouse, keep):
    keep("r1", 0.8, golden_hash="g0")
    assert baseline(warehouse, "g1") is None
    assert newest(warehouse, "g1") is None


def test_a_run_that_is_tried_again_keeps_one_evaluation_of_each_set(warehouse, keep):
    keep("r1", 0.8)
    again = keep("r1", 0.6)
    own = keep("r1", 0.5, golden="own", golden_hash="g2")
    assert [one.judged.score for one in history(warehouse, limit=5)] == [0.5, 0.6]
    assert history(warehouse, limit=5, golden="own") == [own]
    assert baseline(warehouse, "g1") == again


def test_a_person_accepts_a_lower_score_and_it_counts_from_then_on(warehouse, keep):
    keep("r1", 0.8)
    refused = keep("r2", 0.6, status="refused")
    accepted = accept(warehouse, refused.evaluation_id, by="Wanjiru", note="half the catalogue is new", now=NOW)
    assert (accepted.status, accepted.decided_by, accepted.decided_at) == ("accepted", "Wanjiru", NOW)
    assert accepted.note == "half the catalogue is new"
    assert baseline(warehouse, "g1") == accepted
    assert keep("r2", 0.1, status="refused") == accepted  # a retry does not undo what a person decided


def test_what_cannot_be_accepted_is_said(warehouse, keep):
    first, refused = keep("r1", 0.8), keep("r2", 0.6, status="refused")
    with pytest.raises(NotFound, match="evaluation 999 is not known"):
        accept(warehouse, 999, by="Wanjiru", note="", now=NOW)
    with pytest.raises(Conflict, match="is accepted already"):
        accept(warehouse, first.evaluation_id, by="Wanjiru", note="", now=NOW)
    with pytest.raises(InputRejected, match="name who"):
        accept(warehouse, refused.evaluation_id, by=" ", note="", now=NOW)
    later = keep("r3", 0.8)
    with pytest.raises(Conflict, match=f"evaluation {later.evaluation_id}, which is later"):
        accept(warehouse, refused.evaluation_id, by="Wanjiru", note="", now=NOW)
