"""What is due is told once and in order, many at once, and one dead channel holds up no other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from marketplace.alerting.delivering import deliver
from marketplace.alerting.messages import Message
from marketplace.alerting.quiet import QuietHours, quiet_hours_from
from marketplace.errors import ConfigurationError, DeliveryFailed
from marketplace.storage.alert_outbox import lag
from marketplace.storage.alerts import Observed, keep_alerts

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = date(2026, 5, 3)
LOW = Observed("views", 7, DAY, "low", 12, 140, 85, 210, -6.1, ("Saturday: +20 %",))


@dataclass
class Phone:
    """Somebody who listens, unless nobody is there."""

    name: str = "phone"
    is_there: bool = True
    heard: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if not self.is_there:
            raise DeliveryFailed("nobody picks up")
        self.heard.append(message)


def keep(warehouse, count, channels=("phone",)):
    found = [replace(LOW, seller_id=number + 1) for number in range(count)]
    keep_alerts(warehouse, found, (DAY, DAY), channels=channels, due_at=lambda _: NOW, now=NOW)


def told(warehouse, *phones, now=NOW):
    return deliver(warehouse, phones, digest_from=5, attempts=3, clock=lambda: now)


def test_few_alerts_are_a_message_each_and_are_told_once(warehouse):
    keep(warehouse, 3)
    phone = Phone()
    assert (told(warehouse, phone).told, told(warehouse, phone).told) == (3, 0)
    assert [one.body["alerts"][0]["seller_id"] for one in phone.heard] == [1, 2, 3]
    assert phone.heard[0].subject == "views of seller 1 on 3 May: 12, below 85 to 210"
    assert "expected 140 (Saturday: +20 %), z = -6.1" in phone.heard[0].text
    assert len({one.key for one in phone.heard}) == 3


def test_many_alerts_are_one_message(warehouse):
    keep(warehouse, 6)
    phone = Phone()
    done = told(warehouse, phone)
    assert (done.told, done.messages) == (6, 1)
    assert phone.heard[0].subject == "6 figures are not as expected"
    assert len(phone.heard[0].body["alerts"]) == 6


def test_a_dead_channel_holds_up_no_other_and_hears_all_when_it_is_back(warehouse):
    keep(warehouse, 2, channels=("phone", "radio"))
    dead, radio = Phone(is_there=False), Phone(name="radio")
    done = told(warehouse, dead, radio)
    assert (done.told, done.put_back, done.errors) == (2, 1, ("nobody picks up",))
    dead.is_there = True
    assert told(warehouse, dead, radio).told == 0  # it is left alone for a minute
    assert told(warehouse, dead, radio, now=NOW + timedelta(minutes=2)).told == 2
    assert [one.body["alerts"][0]["seller_id"] for one in dead.heard] == [1, 2]


def test_after_the_last_attempt_it_is_given_up(warehouse):
    keep(warehouse, 1)
    lost = [told(warehouse, Phone(is_there=False), now=NOW + timedelta(hours=hour)).given_up for hour in range(4)]
    assert lost == [0, 0, 1, 0]
    assert lag(warehouse, now=NOW).given_up == 1


@pytest.mark.parametrize(
    ("local", "due"),
    [("20:59", "20:59"), ("21:00", "07:00 next"), ("23:30", "07:00 next"), ("00:10", "07:00"), ("07:00", "07:00")],
)
def test_quiet_hours_end_in_the_morning_of_each_market(local, due):
    for zone in ("Africa/Nairobi", "Africa/Accra"):
        at = datetime.fromisoformat(f"2026-05-04T{local}").replace(tzinfo=ZoneInfo(zone))
        hour, _, is_next = due.partition(" ")
        day = "2026-05-05" if is_next else "2026-05-04"
        expected = datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=ZoneInfo(zone))
        assert QuietHours(21, 7).due_at(at.astimezone(UTC), zone) == expected


def test_quiet_hours_may_lie_within_a_day():
    noon = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    assert QuietHours(12, 14).due_at(noon, "Africa/Accra") == datetime(2026, 5, 4, 14, tzinfo=UTC)
    assert QuietHours(13, 14).due_at(noon, "Africa/Accra") == noon


def test_quiet_hours_are_two_hours_or_none():
    assert quiet_hours_from("") is None
    assert quiet_hours_from(" 21-7 ") == QuietHours(21, 7)
    for text in ("21", "21-24", "7-7", "9pm-7am"):
        with pytest.raises(ConfigurationError, match="SOKO_QUIET_HOURS"):
            quiet_hours_from(text)
