"""A seller's catalogue page: scouted in a browser, its products hydrated over plain HTTP, 20 at once."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from marketplace.catalog.products import Seller
from marketplace.errors import ConfigurationError, InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import connected, refuse_unsafe
from marketplace.ingestion.egress import EgressProxy
from marketplace.ingestion.fetching import GONE, Fetcher
from marketplace.ingestion.pages import product_of, read_page
from marketplace.ingestion.sources import Hydration, ProductRef, Scan, hydrated_at_once
from marketplace.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Route

log = logging.getLogger(__name__)
CATALOG_PATH = re.compile(r"/c/(?P<phone>\d{6,15})/?")
PRODUCT_LINK = re.compile(r"/p/(?P<id>\d{16})/(?P<phone>\d{6,15})/?")
END_MARK = "[data-catalog-end]"
MOST_SECONDS = 600
SLOW_SECONDS = 20  # without a new product, while an answer is outstanding
STILL_SECONDS = 3  # without a new product or an outstanding answer
ROUND_MILLISECONDS = 150
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
UNNEEDED = {"image", "font", "media", "stylesheet"}


class ShopPages:
    """Reads `/c/<phone>`, a scripted page that loads more on scroll, and `/p/<id>/<phone>` for each product."""

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.url = seller.source_url or ""

    def scout(self) -> Scan:
        """Products in order of discovery; complete when the page itself marked its end.

        Raises
        ------
        SourceUnavailable
            If the page does not open, or the browser fails.
        SourceRefused
            If robots or address forbid the page.
        """
        with contextlib.closing(Fetcher(self.settings)) as fetcher:
            refuse_unsafe(self.url, allow_private=self.settings.allow_private_hosts)
            fetcher.refuse_forbidden(self.url)
        from playwright.sync_api import Error, sync_playwright

        try:
            with EgressProxy(self._connect) as way_out, sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium(self.settings.chromium_path),
                    args=list(FLAGS),
                    proxy={"server": way_out.url, "bypass": "<-loopback>"},  # nothing goes around it
                )
                with contextlib.closing(browser):
                    return self._scan(browser)
        except Error as error:
            raise SourceUnavailable(f"{self.url} could not be scouted: {error.message.splitlines()[0]}") from error

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        """Every product read from its page, 20 at once."""
        with contextlib.closing(Fetcher(self.settings)) as fetcher:
            yield from hydrated_at_once(
                partial(self._hydrated, fetcher), refs, threads=self.settings.hydrate_concurrency
            )

    def _connect(self, url: str) -> socket.socket:
        return connected(url, allow_private=self.settings.allow_private_hosts)

    def _scan(self, browser: Browser) -> Scan:
        page = browser.new_context(user_agent=self.settings.user_agent, service_workers="block").new_page()
        page.route("**/*", self._let_through)
        traffic = _Traffic(page)
        self._open(page)
        found: dict[str, ProductRef] = {}
        began = grew_at = time.monotonic()
        while time.monotonic() < min(began + MOST_SECONDS, grew_at + traffic.patience):
            before = len(found)
            has_ended = page.query_selector(END_MARK) is not None
            self._collect(page, found)
            if has_ended:
                return Scan(tuple(found.values()), is_complete=True)
            grew_at = time.monotonic() if len(found) > before else grew_at
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            page.wait_for_timeout(ROUND_MILLISECONDS)
        note = f"the page never marked its end; {len(found)} products were seen"
        return Scan(tuple(found.values()), is_complete=False, note=note)

    def _open(self, page: Page) -> None:
        answer = page.goto(self.url, wait_until="domcontentloaded", timeout=1000 * self.settings.fetch_timeout_seconds)
        if answer is None or answer.status >= 500:
            raise SourceUnavailable(f"{self.url} answered {answer.status if answer else 'nothing'}")
        if answer.status >= 400:
            raise SourceRefused(f"{self.url} answered {answer.status}")
        refuse_unsafe(page.url, allow_private=self.settings.allow_private_hosts)  # it may have redirected

    def _collect(self, page: Page, found: dict[str, ProductRef]) -> None:
        links: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        for link in links:
            ref = product_ref(link, page.url)
            if ref is not None:
                found.setdefault(ref.source_ref, ref)

    def _let_through(self, route: Route) -> None:
        try:
            refuse_unsafe(route.request.url, allow_private=self.settings.allow_private_hosts)
        except (SourceRefused, SourceUnavailable):
            route.abort()
            return
        if route.request.resource_type in UNNEEDED:
            route.abort()
        else:
            route.continue_()

    def _hydrated(self, fetcher: Fetcher, ref: ProductRef) -> Hydration:
        url = ref.url or ""
        try:
            answer = fetcher.page(url)
            if answer.status in GONE:
                return Hydration(ref, None, is_gone=True)
            page = read_page(answer.content)
            product = product_of(page, source_ref=ref.source_ref, url=url, currency=self.seller.currency)
        except (SourceRefused, SourceUnavailable, InputRejected) as error:
            return Hydration(ref, None, refusal=f"{type(error).__name__}: {error}")
        if product.image_url is None:
            return Hydration(ref, product)
        try:
            return Hydration(ref, product, image=fetcher.image(product.image_url))
        except (SourceRefused, SourceUnavailable) as error:
            return Hydration(ref, product, image_refusal=f"{type(error).__name__}: {error}")


class _Traffic:
    """What a page asked for and has not been answered yet."""

    def __init__(self, page: Page) -> None:
        self.asked: set[Request] = set()
        page.on("request", self.began)
        page.on("requestfinished", self.ended)
        page.on("requestfailed", self.ended)

    @property
    def patience(self) -> float:
        return SLOW_SECONDS if self.asked else STILL_SECONDS

    def began(self, request: Request) -> None:
        self.asked.add(request)

    def ended(self, request: Request) -> None:
        self.asked.discard(request)


def product_ref(link: str, catalog_url: str) -> ProductRef | None:
    """The product that a link on a catalogue page leads to, None for another seller's, another host's or no product."""
    try:
        there, here = urlsplit(link), urlsplit(catalog_url)
    except ValueError:
        return None
    product, catalog = PRODUCT_LINK.fullmatch(there.path), CATALOG_PATH.fullmatch(here.path)
    if product is None or there.netloc != here.netloc:
        return None
    if catalog is not None and catalog["phone"] != product["phone"]:
        return None
    return ProductRef(product["id"], urlunsplit((there.scheme, there.netloc, there.path, "", "")))


def chromium(path: str) -> str:
    """The Chromium to drive: the one that is set, or the first on PATH.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    if path and os.access(path, os.X_OK):
        return path
    names = (path,) if path else ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((where for name in names if (where := shutil.which(name))), None)
    if found is None:
        raise ConfigurationError(
            "no Chromium was found to scout catalogue pages; install the system's package (apt-get install chromium) "
            "or set SOKO_CHROMIUM_PATH"
        )
    return found
