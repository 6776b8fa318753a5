"""A seller's catalogue page: scouted in a browser, its products hydrated over plain HTTP, 20 at once."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from marketplace.catalog.products import Seller
from marketplace.errors import ConfigurationError, InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.fetching import Fetcher, refuse_unsafe
from marketplace.ingestion.pages import product_of, read_page
from marketplace.ingestion.sources import Hydration, ProductRef, Scan
from marketplace.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

log = logging.getLogger(__name__)
PRODUCT_LINK = re.compile(r"/p/(?P<id>\d{16})/(?P<phone>\d{6,15})/?$")
END_MARK = "[data-catalog-end]"
MOST_ROUNDS = 400
STILL_ROUNDS = 8
ROUND_MILLISECONDS = 150
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
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
        fetcher = Fetcher(self.settings)
        try:
            refuse_unsafe(self.url, allow_private=self.settings.allow_private_hosts)
            if not fetcher.robots(self.url).can_fetch(self.url, self.settings.user_agent):
                raise SourceRefused(f"robots.txt forbids {self.url}")
        finally:
            fetcher.close()
        from playwright.sync_api import Error, sync_playwright

        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium(self.settings.chromium_path), args=list(FLAGS)
                )
                with contextlib.closing(browser):
                    return self._scan(browser)
        except Error as error:
            raise SourceUnavailable(f"{self.url} could not be scouted: {error.message.splitlines()[0]}") from error

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        """Every product read from its page, 20 at once, in the order they are done."""
        fetcher = Fetcher(self.settings)
        try:
            with ThreadPoolExecutor(self.settings.hydrate_concurrency, thread_name_prefix="hydrate") as pool:
                waiting = [pool.submit(self._hydrated, fetcher, ref) for ref in refs]
                for done in as_completed(waiting):
                    yield done.result()
        finally:
            fetcher.close()

    def _scan(self, browser: Browser) -> Scan:
        page = browser.new_context(user_agent=self.settings.user_agent, service_workers="block").new_page()
        page.route("**/*", self._let_through)
        answer = page.goto(self.url, wait_until="domcontentloaded", timeout=1000 * self.settings.fetch_timeout_seconds)
        if answer is None or answer.status >= 500:
            raise SourceUnavailable(f"{self.url} answered {answer.status if answer else 'nothing'}")
        if answer.status >= 400:
            raise SourceRefused(f"{self.url} answered {answer.status}")
        found: dict[str, ProductRef] = {}
        still = 0
        for _ in range(MOST_ROUNDS):
            before = len(found)
            self._collect(page, found)
            if page.query_selector(END_MARK):
                self._collect(page, found)
                return Scan(tuple(found.values()), is_complete=True)
            still = still + 1 if len(found) == before else 0
            if still > STILL_ROUNDS:
                break
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            page.wait_for_timeout(ROUND_MILLISECONDS)
        note = f"the page never marked its end; {len(found)} products were seen"
        return Scan(tuple(found.values()), is_complete=False, note=note)

    def _collect(self, page: Page, found: dict[str, ProductRef]) -> None:
        links: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
        for link in links:
            match = PRODUCT_LINK.search(urlsplit(link).path)
            if match:
                found.setdefault(match["id"], ProductRef(match["id"], urljoin(self.url, link)))

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
            if answer.status in {404, 410}:
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
