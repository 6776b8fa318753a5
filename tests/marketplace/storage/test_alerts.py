"""Alerts are kept once, follow corrected days, are told once and in order, and fall silent when they are muted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.errors import InputRejected, NotFound
from marketplace.storage import alert_outbox
from marketplace.storage.alerts import Observed, alert_of, keep_alerts, list_alerts, mute, set_state, unmute

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = date(2026, 5, 3)
LOW = Observed("views", 7, DAY, "low", 12, 140, 85, 210, -6.1, ("Saturday: +20 %",))


def keep(warehouse, *found, now=NOW, channels=("log",), due_at=None):
    return keep_alerts(
        warehouse, found, (DAY - timedelta(days=6), DAY), channels=channels, due_at=due_at or (lambda _: now), now=now
    )


def claim(warehouse, now=NOW, digest_from=5):
    return alert_outbox.claim(warehouse, "log", digest_from=digest_from, most=100, now=now)


def test_a_day_that_is_judged_again_is_one_alert_with_its_newest_figures_and_the_state_it_was_given(warehouse):
    assert keep(warehouse, LOW).raised == 1
    [kept] = list_alerts(warehouse)
    set_state(warehouse, kept.alert_id, "seen", by="amina", now=NOW)
    again = keep(warehouse, replace(LOW, value=20, score=-5.0))
    assert (again.raised, again.still, again.to_tell) == (0, 1, 0)
    [alert] = list_alerts(warehouse)
    assert (alert.alert_id, alert.value, alert.state, alert.state_by) == (kept.alert_id, 20, "seen", "amina")


def test_a_corrected_day_withdraws_its_alert_and_what_was_not_told_of_it_is_not(warehouse):
    keep(warehouse, LOW)
    assert keep(warehouse).withdrawn == 1
    assert list_alerts(warehouse) == []
    [alert] = list_alerts(warehouse, with_withdrawn=True)
    assert alert.withdrawn_at == NOW
    assert claim(warehouse) == []


def test_an_alert_that_returns_is_withdrawn_no_longer_and_days_that_were_not_judged_stay(warehouse):
    old = replace(LOW, observed_on=DAY - timedelta(days=30))
    keep(warehouse, LOW, old)
    keep(warehouse)
    assert [one.observed_on for one in list_alerts(warehouse)] == [old.observed_on]
    keep(warehouse, LOW)
    assert [one.observed_on for one in list_alerts(warehouse)] == [DAY, old.observed_on]


def test_a_day_that_only_goes_on_being_odd_is_kept_and_not_told(warehouse):
    kept = keep(warehouse, replace(LOW, is_first=False))
    assert (kept.raised, kept.to_tell) == (1, 0)
    assert claim(warehouse) == []


def test_what_is_muted_is_kept_in_silence_until_the_mute_ends(warehouse):
    keep(warehouse, LOW)
    assert mute(warehouse, "views", 7, until=NOW + timedelta(days=1), by="amina", now=NOW) == 1
    keep(warehouse, LOW, replace(LOW, direction="high"))
    assert {one.state for one in list_alerts(warehouse)} == {"muted"}
    assert claim(warehouse) == []
    later = NOW + timedelta(days=2)
    assert keep(warehouse, LOW, replace(LOW, observed_on=DAY - timedelta(days=1)), now=later).to_tell == 1


def test_a_mute_needs_a_person_and_an_end_to_come_and_only_what_is_muted_is_unmuted(warehouse):
    with pytest.raises(InputRejected, match="has passed"):
        mute(warehouse, "views", 7, until=NOW, by="amina", now=NOW)
    with pytest.raises(InputRejected, match="name who"):
        mute(warehouse, "views", 7, until=None, by=" ", now=NOW)
    with pytest.raises(NotFound, match="views of seller 7 is not muted"):
        unmute(warehouse, "views", 7)
    mute(warehouse, "views", 7, until=None, by="amina", now=NOW)
    unmute(warehouse, "views", 7)
    assert keep(warehouse, LOW).to_tell == 1


def test_an_alert_that_is_not_there_has_no_state(warehouse):
    with pytest.raises(NotFound, match="alert 99"):
        alert_of(warehouse, 99)
    with pytest.raises(NotFound, match="alert 99"):
        set_state(warehouse, 99, "seen", by="amina", now=NOW)


def test_filters_are_by_seller_state_and_day(warehouse):
    keep(warehouse, LOW, replace(LOW, seller_id=8), replace(LOW, observed_on=DAY - timedelta(days=3)))
    assert len(list_alerts(warehouse, seller_ids=[8])) == 1
    assert len(list_alerts(warehouse, since=DAY)) == 2
    assert list_alerts(warehouse, state="seen") == []


def test_one_alert_is_taken_by_one_of_many_consumers(warehouse):
    keep(warehouse, LOW)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: claim(warehouse), range(8)))
    assert sorted(len(one) for one in taken) == [0] * 7 + [1]


def test_few_are_told_one_by_one_in_order_and_many_at_once(warehouse):
    found = [replace(LOW, seller_id=number) for number in range(1, 5)]
    keep(warehouse, *found)
    [first] = claim(warehouse)
    assert claim(warehouse) == []  # the first is not told yet
    alert_outbox.settle(warehouse, [first.delivery_id], now=NOW)
    [second] = claim(warehouse)
    assert (first.alert.seller_id, second.alert.seller_id) == (1, 2)
    alert_outbox.settle(warehouse, [second.delivery_id], now=NOW)
    assert [one.alert.seller_id for one in claim(warehouse, digest_from=2)] == [3, 4]


def test_what_a_killed_consumer_took_is_taken_again_after_a_while(warehouse):
    keep(warehouse, LOW)
    [taken] = claim(warehouse)
    assert claim(warehouse, NOW + timedelta(minutes=4)) == []
    [again] = claim(warehouse, NOW + timedelta(minutes=6))
    assert (again.delivery_id, again.attempts) == (taken.delivery_id, 2)


def test_a_consumer_that_was_dead_for_six_hours_gets_everything_in_order_and_the_lag_says_how_long(warehouse):
    found = [replace(LOW, seller_id=number) for number in range(1, 4)]
    for number in range(len(found)):
        keep(warehouse, *found[: number + 1], now=NOW + timedelta(minutes=number))
    now, tried = NOW + timedelta(minutes=5), 0
    while now < NOW + timedelta(hours=6):
        if taken := claim(warehouse, now):
            assert taken[0].alert.seller_id == 1
            assert alert_outbox.put_back(warehouse, taken, "connection refused", attempts=24, now=now) == 0
            tried += 1
        now += timedelta(minutes=1)
    assert 10 < tried < 24
    behind = alert_outbox.lag(warehouse, now=now)
    assert behind.waiting == 3
    assert behind.oldest_seconds == (now - NOW).total_seconds()
    told = []
    while taken := claim(warehouse, now + timedelta(hours=1)):
        alert_outbox.settle(warehouse, [one.delivery_id for one in taken], now=now)
        told += [one.alert.seller_id for one in taken]
    assert told == [1, 2, 3]
    assert alert_outbox.lag(warehouse, now=now).waiting == 0


def test_after_the_last_attempt_an_alert_is_given_up_and_the_next_one_has_its_turn(warehouse):
    keep(warehouse, LOW, replace(LOW, seller_id=8))
    now = NOW
    for attempt in range(3):
        [taken] = claim(warehouse, now)
        lost = alert_outbox.put_back(warehouse, [taken], "410", attempts=3, now=now)
        assert lost == (attempt == 2)
        now += timedelta(hours=1)
    assert alert_outbox.lag(warehouse, now=now).given_up == 1
    assert claim(warehouse, now)[0].alert.seller_id == 8


def test_nothing_is_due_in_quiet_hours_and_what_is_does_not_wait_for_it(warehouse):
    keep(
        warehouse,
        LOW,
        replace(LOW, seller_id=8),
        due_at=lambda seller: NOW + timedelta(hours=9) if seller == 7 else NOW,
    )
    assert [one.alert.seller_id for one in claim(warehouse)] == [8]
    assert alert_outbox.lag(warehouse, now=NOW).waiting == 1
