"""Emptying the outbox: channel by channel, in order, until nothing is due or a channel does not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplace.alerting.channels import Channel
from marketplace.alerting.messages import message_of
from marketplace.errors import DeliveryFailed
from marketplace.storage import alert_outbox
from marketplace.storage.catalog import sellers
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
MOST = 200  # alerts in one message


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one look at the outbox did: alerts told, messages sent, what is tried again and what was given up."""

    told: int
    messages: int
    put_back: int
    given_up: int
    errors: tuple[str, ...]


def deliver(
    warehouse: Warehouse,
    channels: Sequence[Channel],
    *,
    digest_from: int,
    attempts: int,
    clock: Callable[[], datetime],
) -> Delivered:
    """Everything that is due, told; a channel that fails is left alone until its next attempt, and no other waits.

    Parameters
    ----------
    digest_from
        How many alerts must be due to be told in one message.
    attempts
        How often one is tried before it is given up.
    """
    names = {one.seller_id: one.name for one in sellers(warehouse, active_only=False)}
    done = [_drain(warehouse, channel, names, digest_from, attempts, clock) for channel in channels]
    told, messages, back, given_up = (sum(getattr(one, name) for one in done) for name in _COUNTS)
    return Delivered(told, messages, back, given_up, tuple(error for one in done for error in one.errors))


_COUNTS = ("told", "messages", "put_back", "given_up")


def _drain(
    warehouse: Warehouse,
    channel: Channel,
    names: dict[int, str],
    digest_from: int,
    attempts: int,
    clock: Callable[[], datetime],
) -> Delivered:
    told = messages = 0
    while taken := alert_outbox.claim(warehouse, channel.name, digest_from=digest_from, most=MOST, now=clock()):
        try:
            channel.send(message_of(taken, names))
        except DeliveryFailed as error:
            log.warning("%d alerts wait for %s: %s", len(taken), channel.name, error)
            lost = alert_outbox.put_back(warehouse, taken, str(error), attempts=attempts, now=clock())
            return Delivered(told, messages, len(taken) - lost, lost, (str(error),))
        alert_outbox.settle(warehouse, [one.delivery_id for one in taken], now=clock())
        told, messages = told + len(taken), messages + 1
    return Delivered(told, messages, 0, 0, ())
