"""Days and instants as people write them, and prices as history keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.changes import price_written
from marketplace.catalog.history import instant_of, price_kept
from marketplace.catalog.products import Price
from marketplace.errors import InputRejected


def test_a_day_is_meant_whole_and_an_instant_as_it_says():
    assert instant_of("2026-11-21") == datetime(2026, 11, 22, tzinfo=UTC) - timedelta(microseconds=1)
    assert instant_of("2026-11-21T08:00Z") == datetime(2026, 11, 21, 8, tzinfo=UTC)
    nairobi = timezone(timedelta(hours=3))
    assert instant_of("2026-11-21T11:00+03:00") == datetime(2026, 11, 21, 11, tzinfo=nairobi)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-11-21T08:00", "20261121", "2026-11-21T25:00Z"])
def test_what_names_no_instant_is_refused_with_an_example(text):
    with pytest.raises(InputRejected, match="2026-11-21T08:00Z"):
        instant_of(text)


@given(st.integers(0, 10**14), st.one_of(st.none(), st.integers(0, 10**14)), st.sampled_from(["KES", "UGX", "XOF"]))
def test_a_price_reads_back_as_it_was_written(low, high, currency):
    price = Price(low, currency, high)
    assert price_kept(price_written(price)) == price


def test_no_price_is_none_and_another_text_is_refused():
    assert price_kept(None) is None
    with pytest.raises(InputRejected, match="'cheap' is no price"):
        price_kept("cheap")
