"""A seller hands over so many feeds in an hour, and others are not their concern."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from marketplace.errors import QuotaSpent
from marketplace.storage.quotas import HOUR, count_upload
from tests.marketplace.storage.kept import NOW, keep_seller

SECOND = timedelta(seconds=1)


def test_an_hour_begins_with_the_first_feed_and_after_it_another_begins(warehouse):
    amina = keep_seller(warehouse)
    for minutes in (0, 10, 20):
        count_upload(warehouse, amina, per_hour=3, now=NOW + timedelta(minutes=minutes))
    for late, wait in ((timedelta(minutes=20), 2400), (HOUR - SECOND / 4, 1)):
        with pytest.raises(QuotaSpent, match="seller amina may hand over 3 feeds") as refused:
            count_upload(warehouse, amina, per_hour=3, now=NOW + late)
        assert refused.value.wait_seconds == wait
    for _ in range(3):
        count_upload(warehouse, amina, per_hour=3, now=NOW + HOUR)
    with pytest.raises(QuotaSpent):
        count_upload(warehouse, amina, per_hour=3, now=NOW + HOUR)


def test_of_many_at_once_no_more_than_the_quota_are_counted(warehouse):
    amina, baraka = keep_seller(warehouse, "amina"), keep_seller(warehouse, "baraka")

    def is_counted(_):
        try:
            count_upload(warehouse, amina, per_hour=7, now=NOW)
        except QuotaSpent:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(is_counted, range(60))) == 7
    count_upload(warehouse, baraka, per_hour=7, now=NOW)
