"""What search was worth over time: which evaluation counts, and what a person may decide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marketplace.errors import Conflict, InputRejected, NotFound
from marketplace.storage.evaluations import Judged, accept, baseline, evaluation_of, history, newest, record

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def judged(score, golden_hash="g1", golden="sample", scores=None):
    means = {"all": {"ndcg_at_10": [score, score - 0.1, score + 0.1]}}
    scores = scores or {"en: bag": score}
    return Judged(golden, golden_hash, "compact-1", "products_a", {"likeness": 1.0}, score, means, scores)


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


def held_to(warehouse, golden_hash="g1", queries=("en: bag",), **more):
    return baseline(warehouse, golden_hash, queries=queries, **more)


def test_later_ones_are_held_to_the_best_that_was_accepted_so_that_small_falls_do_not_add_up(warehouse, keep):
    assert held_to(warehouse) is None
    best = keep("r1", 0.8)
    keep("r2", 0.79)
    third = keep("r3", 0.78)
    refused = keep("r4", 0.9, status="refused")
    assert held_to(warehouse) == best
    assert held_to(warehouse, not_of="r1").judged.score == 0.79
    assert newest(warehouse, "g1") == refused
    assert evaluation_of(warehouse, third.evaluation_id) == third


def test_what_shares_most_queries_comes_first_and_what_shares_none_does_not_count(warehouse, keep):
    keep("r1", 0.9)
    more = keep("r2", 0.7, scores={"en: bag": 0.7, "en: hat": 0.7})
    assert held_to(warehouse, queries=["en: bag", "en: hat", "en: pot"]) == more
    assert held_to(warehouse, queries=["en: pot"]) is None


def test_other_queries_are_another_story(warehouse, keep):
    keep("r1", 0.8, golden_hash="g0")
    assert held_to(warehouse) is None
    assert newest(warehouse, "g1") is None


def test_a_run_that_is_tried_again_keeps_one_evaluation_of_each_set(warehouse, keep):
    keep("r1", 0.8)
    again = keep("r1", 0.6)
    own = keep("r1", 0.5, golden="own", golden_hash="g2")
    assert [one.judged.score for one in history(warehouse, limit=5)] == [0.5, 0.6]
    assert history(warehouse, limit=5, golden="own") == [own]
    assert held_to(warehouse) == again


def test_a_person_accepts_a_lower_score_and_it_counts_from_then_on(warehouse, keep):
    keep("r1", 0.8)
    refused = keep("r2", 0.6, status="refused")
    accepted = accept(warehouse, refused.evaluation_id, by="Wanjiru", note="half the catalogue is new", now=NOW)
    assert (accepted.status, accepted.decided_by, accepted.decided_at) == ("accepted", "Wanjiru", NOW)
    assert accepted.note == "half the catalogue is new"
    assert held_to(warehouse) == accepted
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
