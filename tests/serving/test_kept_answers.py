"""Answers that are given again are bounded, and forgotten in time."""

from __future__ import annotations

from typing import Any

import pytest

from serving import kept_answers
from serving.identities import new_id
from serving.kept_answers import KeptAnswers
from serving.recommender.asking import Answer, Ask


def answer(user_id: str) -> Answer:
    made: dict[str, Any] = dict.fromkeys(
        ("model_version", "index_version", "lists_version", "lacking", "experiment", "variant")
    )
    ask = Ask(1, user_id=user_id)
    return Answer(new_id(), ask, (), "newest", seconds=0.0, is_lasting=True, **made)


def keep(kept: KeptAnswers, user_id: str, path: str = "/a") -> tuple[bytes, bytes]:
    one, key = answer(user_id), (path.encode(), user_id.encode())
    kept.keep(key, one, b"<" + one.answer_id.encode() + b">", kept.mark(user_id))
    return key


def test_a_shopper_who_acts_loses_their_answers_and_nobody_elses() -> None:
    kept = KeptAnswers()
    mine, too, other = keep(kept, "ann"), keep(kept, "ann", "/b"), keep(kept, "ben")
    kept.hear("user:ann")
    assert kept.get(mine) is kept.get(too) is None
    assert kept.get(other) is not None
    kept.hear("shelf")
    assert kept.get(other) is None
    assert len(kept) == 0


@pytest.mark.parametrize("said", ["user:ann", "shelf", "users", "publication", "snapshot"])
def test_what_was_made_before_a_change_is_not_kept_after_it(said: str) -> None:
    kept, one = KeptAnswers(), answer("ann")
    mark = kept.mark("ann")
    kept.hear(said)
    kept.keep((b"/", b""), one, one.answer_id.encode(), mark)
    assert kept.get((b"/", b"")) is None


def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 34 * 3)
    kept = KeptAnswers()
    keys = [keep(kept, f"user-{number}") for number in range(5)]
    assert [kept.get(key) is not None for key in keys] == [False, False, True, True, True]
    again = keep(kept, "user-4")
    assert len(kept) == 3
    assert kept.get(again) is not None


def test_an_answer_is_given_again_under_another_id() -> None:
    kept = KeptAnswers()
    found = kept.get(keep(kept, "ann"))
    assert found is not None
    assert (found.before, found.after) == (b"<", b">")
    assert len({new_id() for _ in range(1000)}) == 1000
