"""What a message says: one alert, or many in a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.storage.alert_outbox import Delivery
from marketplace.storage.alerts import Alert

ENTITLED = {"high": "above", "low": "below"}


@dataclass(frozen=True, slots=True)
class Message:
    """Words for people and a body for programs.

    Parameters
    ----------
    key
        The same each time that these very deliveries are sent, so that a receiver may tell them apart.
    """

    key: str
    subject: str
    text: str
    body: Mapping[str, Any]


def message_of(deliveries: Sequence[Delivery], names: Mapping[int, str]) -> Message:
    """The message that tells these alerts.

    Parameters
    ----------
    names
        Of sellers, by id.
    """
    lines = [line_of(one.alert, names) for one in deliveries]
    subject = lines[0] if len(lines) == 1 else f"{len(lines)} figures are not as expected"
    details = [detail_of(one.alert, names) for one in deliveries]
    body = {"alerts": [_record(one, names) for one in deliveries]}
    return Message(_key(deliveries), subject, "\n\n".join(details) + "\n", body)


def line_of(alert: Alert, names: Mapping[int, str]) -> str:
    """An alert in a line, such as "views of Mama Njeri on 3 May: 12, below 85 to 210"."""
    who = names.get(alert.seller_id, f"seller {alert.seller_id}") if alert.seller_id else "the market"
    band = f"{_figure(alert.low)} to {_figure(alert.high)}"
    what = alert.metric.replace("_", " ")
    when = f"{alert.observed_on.day} {alert.observed_on:%B}"
    return f"{what} of {who} on {when}: {_figure(alert.value)}, {ENTITLED[alert.direction]} {band}"


def detail_of(alert: Alert, names: Mapping[int, str]) -> str:
    """The line of an alert and what its expectation is made of."""
    expected = f"expected {_figure(alert.expected)} ({'; '.join(alert.reasons)}), z = {alert.score:+.1f}"
    return f"{line_of(alert, names)}\n  {expected}"


def _record(one: Delivery, names: Mapping[int, str]) -> dict[str, Any]:
    alert = one.alert
    return {
        "delivery_id": one.delivery_id,
        "alert_id": alert.alert_id,
        "metric": alert.metric,
        "seller_id": alert.seller_id,
        "seller": names.get(alert.seller_id),
        "observed_on": alert.observed_on.isoformat(),
        "direction": alert.direction,
        "value": alert.value,
        "expected": alert.expected,
        "band": [alert.low, alert.high],
        "score": alert.score,
        "reasons": list(alert.reasons),
        "raised_at": alert.raised_at.isoformat(),
    }


def _key(deliveries: Sequence[Delivery]) -> str:
    if len(deliveries) == 1:
        return f"delivery-{deliveries[0].delivery_id}"
    numbers = ",".join(str(one.delivery_id) for one in deliveries)
    return f"digest-{hashlib.sha256(numbers.encode()).hexdigest()[:20]}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"
