"""Hours in which nobody is told of anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from marketplace.errors import ConfigurationError

_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From the hour `begins` to the hour `ends` of the local day, over midnight where it begins later than it ends."""

    begins: int
    ends: int

    def due_at(self, now: datetime, time_zone: str) -> datetime:
        """Now, or where it is quiet in the zone the instant at which it no longer is."""
        local = now.astimezone(ZoneInfo(time_zone))
        spans = self.begins > self.ends
        is_evening = local.hour >= self.begins
        is_quiet = (is_evening or local.hour < self.ends) if spans else (self.begins <= local.hour < self.ends)
        if not is_quiet:
            return now
        day = local.date() + timedelta(days=1) if spans and is_evening else local.date()
        ending = datetime(day.year, day.month, day.day, self.ends, tzinfo=ZoneInfo(time_zone))
        return ending.astimezone(now.tzinfo)


def quiet_hours_from(text: str) -> QuietHours | None:
    """The hours that `21-7` says, None for no text.

    Raises
    ------
    ConfigurationError
        If the text says something else.
    """
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text.strip())
    hours = [int(hour) for hour in found.groups()] if found else []
    if not hours or max(hours) > 23 or hours[0] == hours[1]:
        raise ConfigurationError(f"SOKO_QUIET_HOURS is {text!r}; write two hours of the local day, such as 21-7")
    return QuietHours(hours[0], hours[1])
