"""Chats that begin by a link of ours: whom they are with, what their message says, and a record of each beside."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event, Lock, Thread

from marketplace.catalog.chat import whatsapp_url
from marketplace.crm.codes import Codes, Link
from marketplace.errors import MarketplaceError, StoreUnreachable
from marketplace.events.traffic import Device, Source
from marketplace.storage.warehouse import Warehouse
from marketplace.storage.whatsapp_starts import Contact, Start, contact_of, record_start
from serving.metrics import Metrics

log = logging.getLogger(__name__)
FRESH_SECONDS = 60.0
MOST_CONTACTS = 20_000
MOST_WAITING = 10_000
PAUSE_SECONDS = 0.1
TROUBLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who follows a link, as far as their browser says."""

    user_id: str | None
    address: str
    browser: str
    device: Device | None
    source: Source | None


class Chats:
    """Leads shoppers to WhatsApp without a wait for Postgres, and tells Postgres of it as soon as it listens.

    A seller who was asked for before is remembered, and once Postgres is away an old number is better than none.
    """

    def __init__(self, warehouse: Warehouse, codes: Codes, metrics: Metrics) -> None:
        self.codes = codes
        self._warehouse = warehouse
        self._contacts: OrderedDict[tuple[int, int | None], tuple[float, Contact | None]] = OrderedDict()
        self._lock = Lock()
        self._waiting: deque[Start] = deque()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="soko-chats", daemon=True)
        self._fates = {fate: metrics.starts.labels(fate) for fate in ("recorded", "repeated", "lost")}

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def close(self) -> None:
        """Record what waits, then no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def contact(self, link: Link) -> Contact | None:
        """Whom the link leads to, None if they sell here no more.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer, and nobody asked for this seller and product before.
        """
        key = (link.seller_id, link.product_id)
        kept = self._contacts.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        try:
            found = contact_of(self._warehouse, *key)
        except StoreUnreachable:
            if kept is None:
                raise
            return kept[1]
        with self._lock:
            self._contacts[key] = (time.monotonic() + FRESH_SECONDS, found)
            self._contacts.move_to_end(key)
            while len(self._contacts) > MOST_CONTACTS:
                self._contacts.popitem(last=False)
        return found

    def begin(self, start: Start) -> None:
        """Record the start soon; more than the queue holds are lost, and counted."""
        if len(self._waiting) >= MOST_WAITING:
            self._fates["lost"].inc()
            return
        self._waiting.append(start)

    def _run(self) -> None:
        while True:
            is_last = self._stop.is_set()
            while self._waiting and self._record(self._waiting[0]):
                self._waiting.popleft()
            if is_last:
                self._fates["lost"].inc(len(self._waiting))
                return
            self._stop.wait(TROUBLED_SECONDS if self._waiting else PAUSE_SECONDS)

    def _record(self, start: Start) -> bool:
        """Whether nothing more is to be done about the start."""
        try:
            is_new = record_start(self._warehouse, start, partial(self.codes.short, start.start_id))
            self._fates["recorded" if is_new else "repeated"].inc()
        except StoreUnreachable as error:
            log.warning("%d chats wait to be recorded: %s", len(self._waiting), error)
            return False
        except MarketplaceError as error:
            log.warning("a chat was not recorded: %s", error)
            self._fates["lost"].inc()
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with this one, the thread lives on for those after it; what Postgres says quotes rows.
            log.error("a chat was not recorded: %s", type(error).__name__)
            self._fates["lost"].inc()
        return True


def chat_address(contact: Contact, code: str | None, public_url: str) -> str | None:
    """The wa.me address with a first message, None if the seller has no number; made of nothing that a link says."""
    page = f"{public_url.rstrip('/')}/products/{contact.product_id}" if contact.product_id is not None else public_url
    asked = f"Is “{contact.title}” still available?" if contact.title else f"I found {contact.name} on Soko."
    reference = f" (ref {code})" if code else ""
    return whatsapp_url(contact.phone, f"Hello! {asked} {page}{reference}")


def started(codes: Codes, link: Link, *, who: Visitor, at: datetime) -> Start:
    """The chat that a visitor begins by a link; within half an hour it is the same."""
    visitor_hash = codes.visitor(who.address, who.browser, at)
    start_id = codes.start_id(link, f"user:{who.user_id}" if who.user_id else f"visitor:{visitor_hash}", at)
    return Start(
        start_id,
        codes.short(start_id),
        link.seller_id,
        link.product_id,
        who.user_id,
        None,
        link.surface,
        link.answer_id,
        who.device,
        who.source,
        visitor_hash,
        at,
    )
