"""When a seller's catalogue is due, and when what is known of it is stale."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EVERY = timedelta(hours=6)  # from midnight UTC, as the schedule of the graph has it
STALE = timedelta(hours=7)  # a beat was missed, or took an hour


def due_after(instant: datetime) -> datetime:
    """The next beat: 00:00, 06:00, 12:00 or 18:00 UTC."""
    midnight = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + EVERY * ((instant - midnight) // EVERY + 1)


def is_stale(read_at: datetime, now: datetime) -> bool:
    """Whether a catalogue that was last read then should have been read again by now."""
    return now - read_at > STALE
