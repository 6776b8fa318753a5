"""A retryable error tries the step again; any other ends it at once."""

from __future__ import annotations

import dagster as dg
import pytest

from marketplace.errors import InputRejected, StoreUnreachable
from orchestration import failures
from orchestration.failures import failing_by_class


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(failures, "SECONDS_BETWEEN", 0)


def materialised(error, *, after):
    tries = []

    @dg.asset
    @failing_by_class
    def shaky() -> None:
        tries.append(1)
        if len(tries) <= after:
            raise error

    result = dg.materialize([shaky], raise_on_error=False)
    return result.success, len(tries)


def test_a_store_that_wakes_up_is_asked_again():
    assert materialised(StoreUnreachable("asleep"), after=2) == (True, 3)


def test_a_store_that_stays_away_ends_the_step_after_three_retries():
    assert materialised(StoreUnreachable("asleep"), after=99) == (False, 4)


def test_bad_data_is_not_tried_again():
    assert materialised(InputRejected("row 7, price: 'abc'"), after=99) == (False, 1)
