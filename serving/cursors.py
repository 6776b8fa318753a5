"""Where a page ends, as a text that clients hand back and never read."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from marketplace.errors import InputRejected
from marketplace.storage.leads import LeadPlace
from marketplace.storage.reviews import QueuePlace
from marketplace.storage.shelf import Place

LARGEST_ID = 2**63 - 1
_FOREIGN = "cursor: not one that this service gave out; begin without one"


def cursor_of(place: Place | None) -> str | None:
    """The text that stands for a place, None for the end."""
    if place is None:
        return None
    return _encoded(int(place.day.timestamp()), place.product_id)


def queue_cursor_of(place: QueuePlace | None) -> str | None:
    """The text that stands for a place of the review queue, None for the end."""
    return None if place is None else _encoded(place.rank, place.product_id)


def queue_place_of(cursor: str | None) -> QueuePlace | None:
    """The place of the review queue that a text stands for, None for the beginning.

    Raises
    ------
    InputRejected
        If the text was not made by `queue_cursor_of`.
    """
    return QueuePlace(*_decoded(cursor)) if cursor else None


def place_of(cursor: str | None) -> Place | None:
    """The place that a text stands for, None for the beginning.

    Raises
    ------
    InputRejected
        If the text was not made by `cursor_of`.
    """
    if not cursor:
        return None
    seconds, product_id = _decoded(cursor)
    try:
        return Place(datetime.fromtimestamp(seconds, UTC), product_id)
    except (ValueError, OverflowError, OSError) as error:
        raise InputRejected(_FOREIGN) from error


def lead_cursor_of(place: LeadPlace) -> str:
    """The text that stands for a place among leads."""
    return base64.urlsafe_b64encode(f"{place.occurred_at.isoformat()} {place.event_id}".encode()).decode().rstrip("=")


def lead_place_of(cursor: str | None) -> LeadPlace | None:
    """The place among leads that a text stands for, None for the beginning.

    Raises
    ------
    InputRejected
        If the text was not made by `lead_cursor_of`.
    """
    if not cursor:
        return None
    try:
        instant, _, event_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        at = datetime.fromisoformat(instant)
    except (binascii.Error, ValueError) as error:
        raise InputRejected(_FOREIGN) from error
    if at.tzinfo is None or "\0" in event_id:
        raise InputRejected(_FOREIGN)
    return LeadPlace(at, event_id)


def _encoded(rank: int, product_id: int) -> str:
    return base64.urlsafe_b64encode(f"{rank}.{product_id}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[int, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        rank, _, product_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(".")
        found = int(rank), int(product_id)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise InputRejected(_FOREIGN) from error
    if _encoded(*found) != cursor or not 0 <= found[1] <= LARGEST_ID or abs(found[0]) > LARGEST_ID:
        raise InputRejected(_FOREIGN)
    return found
