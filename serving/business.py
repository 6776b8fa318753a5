"""The business as Prometheus is told it: read from the marts at most once a minute, never while it asks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Lock, Thread
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from marketplace.errors import MarketplaceError
from marketplace.storage.dashboards.indicators import Indicators, read_indicators
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
EVERY_SECONDS = 60.0
GAUGES = {
    "active_shoppers": "Shoppers who did anything on the newest local day.",
    "impressions": "Times a product was shown on the newest local day.",
    "views": "Products viewed on the newest local day.",
    "clicks": "Product pages opened on the newest local day.",
    "whatsapp_starts": "WhatsApp chats begun on the newest local day.",
    "orders": "Orders of the newest local day.",
    "revenue_usd": "Revenue of the newest local day in US dollars, as far as it could be converted.",
    "leads_waiting": "Leads nobody has done anything with.",
    "alerts_new": "Alerts nobody has looked at.",
    "marts_age_seconds": "Seconds since the newest event that the marts hold was received.",
}


class Business(Collector):
    """What was read last, and a thread of its own that reads again when that is older than a minute."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = Lock()
        self._thread: Thread | None = None
        self._read_at = float("-inf")
        self._last: Indicators | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names, for the registry, without a value."""
        return iter(_families(None, is_up=False))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What was read last; nothing before that, and `soko_business_up` 0 while it cannot be read."""
        self._read_again()
        yield from _families(self._last, is_up=self._last is not None)

    def wait(self, seconds: float) -> None:
        """Returns when the reading under way is done, or after so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _read_again(self) -> None:
        with self._lock:
            is_busy = self._thread is not None and self._thread.is_alive()
            if is_busy or monotonic() - self._read_at < EVERY_SECONDS:
                return
            self._read_at = monotonic()
            self._thread = Thread(target=self._read, name="business", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        try:
            self._last = read_indicators(self._warehouse)
        except MarketplaceError as error:
            self._last = None
            log.info("no business figures for Prometheus: %s", error)


def _families(found: Indicators | None, *, is_up: bool) -> list[GaugeMetricFamily]:
    up = GaugeMetricFamily("soko_business_up", "1 when the figures below could be read from the marts.", float(is_up))
    families = [up]
    for name, meaning in GAUGES.items():
        family = GaugeMetricFamily(f"soko_business_{name}", meaning)
        value = getattr(found, name) if found else None
        if value is not None:
            family.add_metric([], float(value))
        families.append(family)
    return families
