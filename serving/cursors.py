"""Where a page ends, as a text that clients hand back and never read."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from marketplace.errors import InputRejected
from marketplace.storage.shelf import Place

LARGEST_ID = 2**63 - 1


def cursor_of(place: Place | None) -> str | None:
    """The text that stands for a place, None for the end."""
    if place is None:
        return None
    plain = f"{int(place.day.timestamp())}.{place.product_id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> Place | None:
    """The place that a text stands for, None for the beginning.

    Raises
    ------
    InputRejected
        If the text was not made by `cursor_of`.
    """
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        day, _, product_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(".")
        place = Place(datetime.fromtimestamp(int(day), UTC), int(product_id))
    except (binascii.Error, UnicodeError, ValueError, OverflowError, OSError) as error:
        raise InputRejected("cursor: not one that this service gave out; begin without one") from error
    if cursor_of(place) != cursor or not 0 <= place.product_id <= LARGEST_ID:
        raise InputRejected("cursor: not one that this service gave out; begin without one")
    return place
