"""A WhatsApp Business catalogue: its page scouted in a browser, its products read over plain HTTP.

`/c/<phone>` is a scripted page that loads more on scroll; `/p/<id>/<phone>` is a product's. Nobody logs in. A
catalogue whose page and data answer exactly as they did at the last complete scan is not opened in the browser again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from lxml import html

from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.addresses import refuse_malformed
from marketplace.ingestion.pages import product_of, read_page
from marketplace.ingestion.sources import ProductRef, Scan, Trace
from marketplace.ingestion.visits import Visit
from marketplace.ingestion.web import Validators
from marketplace.settings import Settings

if TYPE_CHECKING:
    from playwright.async_api import Page, Request, Response

log = logging.getLogger(__name__)
CATALOG_PATH = re.compile(r"/c/(?P<phone>\d{6,15})/?")
PRODUCT_LINK = re.compile(r"/p/(?P<id>\d{16})/(?P<phone>\d{6,15})/?")
END_MARK = "[data-catalog-end]"
LINKS = "links => links.map(link => link.href)"
MOST_SECONDS = 600
SLOW_SECONDS = 20  # without a new product, while an answer is outstanding
STILL_SECONDS = 3  # without a new product or an outstanding answer
ROUND_SECONDS = 0.15
SCRIPTED = {"document", "xhr", "fetch"}


class WhatsAppCatalog:
    """Reads one seller's catalogue page and product pages."""

    reader = "whatsapp-1"
    lists_other_pages = False

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.url = seller.source_url or ""

    async def scout(self, web: Visit) -> Scan:
        """Products in order of discovery; complete when the page itself marked its end.

        Raises
        ------
        SourceUnavailable
            If the page does not open in the browser nor without it.
        SourceRefused
            If robots or address forbid the page.
        """
        from playwright.async_api import Error

        await web.refuse_forbidden(self.url)
        if web.last_scan is not None and await self._answers_as_before(web, web.last_scan.traces):
            return Scan(web.last_scan.refs, is_complete=True, traces=web.last_scan.traces)
        for attempt in (1, 2):
            try:
                async with web.chromium.page() as page:
                    return await self._scan(page)
            except Error as error:
                reason = error.message.splitlines()[0]
                log.warning("%s: the browser failed (attempt %d): %s", self.url, attempt, reason)
        return await self._scan_without_browser(web, reason)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product that its page shows.

        Raises
        ------
        InputRejected
            If the page shows no product.
        """
        if content is None:
            raise InputRejected(f"{ref.url} was not read")
        return product_of(
            read_page(content), source_ref=ref.source_ref, url=ref.url or "", currency=self.seller.currency
        )

    def picture(self, where: str) -> bytes | None:
        """None: pictures are fetched."""

    async def _answers_as_before(self, web: Visit, traces: tuple[Trace, ...]) -> bool:
        for trace in traces:
            try:
                if not (await web.page(trace.url, known=trace.validators)).is_unchanged:
                    return False
            except (SourceRefused, SourceUnavailable):
                return False
        return any(trace.url == self.url for trace in traces)  # none of them is of an address that was given up

    async def _scan(self, page: Page) -> Scan:
        traffic = _Traffic(page)
        await self._open(page)
        found: dict[str, ProductRef] = {}
        began = grew_at = time.monotonic()
        while time.monotonic() < min(began + MOST_SECONDS, grew_at + traffic.patience):
            before = len(found)
            has_ended = await page.query_selector(END_MARK) is not None
            for link in await page.eval_on_selector_all("a[href]", LINKS):
                _collect(link, page.url, found)
            if has_ended:
                return Scan(tuple(found.values()), is_complete=True, traces=await traffic.traces())
            grew_at = time.monotonic() if len(found) > before else grew_at
            await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            await asyncio.sleep(ROUND_SECONDS)
        note = f"the page never marked its end; {len(found)} products were seen"
        return Scan(tuple(found.values()), is_complete=False, note=note)

    async def _open(self, page: Page) -> None:
        limit = 1000 * self.settings.fetch_timeout_seconds
        answer = await page.goto(self.url, wait_until="domcontentloaded", timeout=limit)
        if answer is None or answer.status >= 500:
            raise SourceUnavailable(f"{self.url} answered {answer.status if answer else 'nothing'}")
        if answer.status >= 400:
            raise SourceRefused(f"{self.url} answered {answer.status}")
        refuse_malformed(page.url, allow_private=self.settings.allow_private_hosts)  # it may have redirected

    async def _scan_without_browser(self, web: Visit, reason: str) -> Scan:
        answer = await web.page(self.url)
        if answer.is_gone:
            raise SourceRefused(f"{self.url} answered {answer.status}")
        found: dict[str, ProductRef] = {}
        for link in html.document_fromstring(answer.content or b"<html></html>").iter("a"):
            _collect(urljoin(answer.url, link.get("href") or ""), answer.url, found)
        note = f"the browser failed ({reason}); {len(found)} products were seen without it"
        return Scan(tuple(found.values()), is_complete=False, note=note)


class _Traffic:
    """What a page asked for: what is outstanding, and what its data answered."""

    def __init__(self, page: Page) -> None:
        self.asked: set[Request] = set()
        self.answers: list[Response] = []
        self.only_reads = True
        page.on("request", self.began)
        page.on("requestfinished", self.ended)
        page.on("requestfailed", self.ended)
        page.on("response", self.came)
        page.on("websocket", self.stopped_only_reading)

    @property
    def patience(self) -> float:
        return SLOW_SECONDS if self.asked else STILL_SECONDS

    def began(self, request: Request) -> None:
        self.asked.add(request)
        if request.resource_type == "eventsource" or (request.resource_type in SCRIPTED and request.method != "GET"):
            self.only_reads = False

    def stopped_only_reading(self, _: object) -> None:
        self.only_reads = False

    def ended(self, request: Request) -> None:
        self.asked.discard(request)

    def came(self, response: Response) -> None:
        if response.request.resource_type in SCRIPTED and response.request.method == "GET":
            self.answers.append(response)

    async def traces(self) -> tuple[Trace, ...]:
        """What to ask again next time; nothing when the page does more than read, which cannot be repeated."""
        from playwright.async_api import Error

        if not self.only_reads or any(answer.status != 200 for answer in self.answers):
            return ()
        try:
            return tuple([await _trace(answer) for answer in self.answers])
        except Error:  # Chromium no longer holds a body; the scan stands without
            return ()


async def _trace(answer: Response) -> Trace:
    headers = await answer.all_headers()
    body = hashlib.sha256(await answer.body()).hexdigest()
    return Trace(answer.url, Validators(headers.get("etag"), headers.get("last-modified"), body))


def _collect(link: str, catalog_url: str, found: dict[str, ProductRef]) -> None:
    ref = product_ref(link, catalog_url)
    if ref is not None:
        found.setdefault(ref.source_ref, ref)


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
