"""What shoppers do: interest in a product, and the wish to talk to its seller."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from marketplace.errors import InputRejected
from marketplace.events.traffic import Device, Source
from marketplace.events.weights import InteractionKind

Surface = Literal["grid", "search", "similar", "for_you", "seller", "product"]
Channel = Literal["whatsapp", "phone", "email"]
CLOCK_TOLERANCE = timedelta(minutes=5)
LONGEST_DELAY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What one shopper did with one product, or asked of it; `event_id` makes a repetition harmless.

    `has_own_time` says whether the sender told when; a repetition that does not is not compared by its time.
    """

    event_id: str
    user_id: str
    product_id: int
    kind: InteractionKind
    session_id: str | None
    surface: Surface | None
    occurred_at: datetime
    has_own_time: bool = True
    # What the browser told of itself; the same event may be sent again by another part of the page.
    device: Device | None = field(default=None, compare=False)
    source: Source | None = field(default=None, compare=False)

    def repeats(self, first: Interaction) -> bool:
        """Whether this is what `first` says already."""
        is_timed = self.has_own_time and first.has_own_time
        told = self if is_timed else replace(self, occurred_at=first.occurred_at)
        return replace(told, has_own_time=first.has_own_time) == first


@dataclass(frozen=True, slots=True)
class Lead:
    """A shopper who turned to a seller; `user_id` and `product_id` are None where they are not known.

    Name and number are there only with consent, sealed; `phone_hash` tells whether two leads are of one person.
    """

    event_id: str
    seller_id: int
    product_id: int | None
    user_id: str | None
    channel: Channel
    message: str | None
    occurred_at: datetime
    start_code: str | None = None
    device: Device | None = None
    source: Source | None = None
    name_sealed: bytes | None = None
    phone_sealed: bytes | None = None
    phone_hash: str | None = None
    has_consent: bool | None = None
    consent_text: str | None = None
    consented_at: datetime | None = None


def occurred(said: datetime | None, received: datetime) -> datetime:
    """When an event happened: as its sender said, or when it arrived if nothing was said.

    Raises
    ------
    InputRejected
        If the sender's clock is more than five minutes ahead of ours, or the event is older than 30 days.
    """
    if said is None:
        return received
    if said > received + CLOCK_TOLERANCE:
        raise InputRejected(f"occurred_at {said.isoformat()} lies in the future; here it is {received.isoformat()}")
    if said < received - LONGEST_DELAY:
        raise InputRejected(f"occurred_at {said.isoformat()} is more than {LONGEST_DELAY.days} days old")
    return said
