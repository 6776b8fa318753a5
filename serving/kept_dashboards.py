"""Dashboards of the whole market, kept for a moment: everybody who runs the market opens the same."""

from __future__ import annotations

from threading import Lock
from time import monotonic

from marketplace.storage.dashboards.reading import Dashboard
from marketplace.storage.dashboards.scope import Asked

KEPT_SECONDS = 30.0  # marts are built less often
MOST_KEPT = 32


class KeptDashboards:
    """What was read in the last seconds, by what was asked."""

    def __init__(self) -> None:
        self._kept: dict[Asked, tuple[float, Dashboard]] = {}
        self._lock = Lock()

    def get(self, asked: Asked) -> Dashboard | None:
        """What was read of it, None if that is too long ago."""
        with self._lock:
            read_at, found = self._kept.get(asked, (float("-inf"), None))
        return found if monotonic() - read_at < KEPT_SECONDS else None

    def put(self, asked: Asked, found: Dashboard) -> Dashboard:
        """The same dashboard, kept from now on; the oldest goes where there are too many."""
        with self._lock:
            self._kept.pop(asked, None)
            self._kept[asked] = (monotonic(), found)
            while len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found
