"""Alerts as the API tells them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from marketplace.storage.alert_outbox import Lag
from marketplace.storage.alerts import Alert, AlertState


class AlertShown(BaseModel):
    """A day that was not as expected."""

    alert_id: int
    metric: str
    seller_id: int = Field(description="0 for the whole market")
    observed_on: date = Field(description="a day in the zone of the seller's market")
    direction: Literal["high", "low"]
    value: float
    expected: float
    low: float = Field(description="lower end of the expected band")
    high: float = Field(description="upper end of the expected band")
    score: float = Field(description="robust z-score")
    reasons: list[str] = Field(description="what the expectation is made of, in words")
    state: AlertState
    state_by: str | None
    state_at: datetime | None
    raised_at: datetime
    withdrawn_at: datetime | None = Field(description="when later figures of the day showed that it was as expected")


class DeliveryLag(BaseModel):
    """How far the telling is behind."""

    waiting: int
    oldest_seconds: float
    given_up: int


class AlertList(BaseModel):
    """Alerts, the newest first, and for who sees the whole market how far the telling is behind."""

    alerts: list[AlertShown]
    delivery: DeliveryLag | None


class AlertStateSent(BaseModel):
    """What somebody made of an alert; muted, its figure of that seller is not told until then, null for ever."""

    model_config = ConfigDict(extra="forbid")

    state: AlertState
    until: datetime | None = Field(None, description="with `muted`: the end of it, with its zone")


def alert_shown(alert: Alert) -> AlertShown:
    """The alert for the API."""
    return AlertShown(**{**asdict(alert), "reasons": list(alert.reasons)})


def lag_shown(lag: Lag) -> DeliveryLag:
    """The lag for the API."""
    return DeliveryLag(**asdict(lag))
