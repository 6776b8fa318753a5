"""Any web shop: found by its sitemaps or its listing pages, read by what its pages mark up."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import FeedRejected, InputRejected
from marketplace.ingestion.claims import product_from
from marketplace.ingestion.links import source_ref_of
from marketplace.ingestion.listings import page_of_all_products, read_listing
from marketplace.ingestion.markup.html import charset_of
from marketplace.ingestion.markup.schema_org import claim_of
from marketplace.ingestion.pages import product_of, read_page
from marketplace.ingestion.paging import Leaf, named, walk
from marketplace.ingestion.sitemaps import Sitemaps, read_sitemaps, sitemaps_of
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.web import Answer, Web
from marketplace.settings import Settings

MOST_LISTING_PAGES = 500
MOST_UNTOLD = 2_000
SITEMAP_ENDINGS = (".xml", ".xml.gz")


class WebShop:
    """Reads a shop from its address.

    The address of a sitemap is read as one, and that of any other page than the home page as the first listing page.
    From the home page, the host's sitemaps are read, and where they list nothing, the listing of all products that the
    home page links to. The home page itself proves nothing about what it does not show.
    """

    reader = "web-shop-1"
    lists_other_pages = True

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.url = seller.source_url or ""

    async def scout(self, web: Web) -> Scan:
        """What the shop shows, in order of discovery.

        Raises
        ------
        SourceUnavailable, SourceRefused
            If the first page does not answer, or must not be read.
        InputRejected
            If the first page is none, or a login wall.
        """
        path = urlsplit(self.url).path
        if path.lower().endswith(SITEMAP_ENDINGS):
            return _scan_of(await read_sitemaps(web, [self.url], self.url))
        if path.strip("/"):
            return await self._listing(web, self.url)
        sitemaps = await sitemaps_of(web, self.url)
        if sitemaps.products():
            return _scan_of(sitemaps)
        scan = await self._from_home(web)
        note = "; ".join(filter(None, [*sitemaps.flaws, scan.note]))
        return replace(scan, is_complete=scan.is_complete and not sitemaps.flaws, note=note)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product, from what its listing said or from its page.

        Raises
        ------
        InputRejected
            NoProduct if the page shows none: a sitemap may list any page, so that this is no fault of one that was
            never known as a product's.
        """
        url = ref.url or ""
        if ref.harvest is not None:
            claim = claim_of(ref.harvest["product"], ref.harvest["origin"], url=ref.harvest["page"])
            return product_from(
                [claim],
                source_ref=ref.source_ref,
                url=url,
                currency=self.seller.currency,
                url_origin=ref.harvest["origin"],
            )
        if content is None:
            raise InputRejected(f"{url} was neither harvested nor fetched")
        page = read_page(content)
        return product_of(page, source_ref=ref.source_ref, url=url, currency=self.seller.currency, needs_proof=True)

    def picture(self, where: str) -> bytes | None:
        """None: pictures of web shops are fetched."""
        return None

    async def _from_home(self, web: Web) -> Scan:
        home = _found(await web.listing(self.url), self.url)
        everything = page_of_all_products(home.content, home.url, _charset(home))
        if everything is not None:
            return await self._listing(web, everything)
        scan = await self._listing(web, self.url)
        unproven = "the home page does not prove that it lists every product; a listing page as the address would"
        return replace(scan, is_complete=False, note="; ".join(filter(None, [scan.note, unproven])))

    async def _listing(self, web: Web, first: str) -> Scan:
        return await walk(first, partial(_leaf, web), most_pages=MOST_LISTING_PAGES, is_naming_repeats=False)


async def _leaf(web: Web, url: str) -> Leaf:
    answer = _found(await web.listing(url), url)
    return read_listing(answer.content, answer.url, _charset(answer))


def _found(answer: Answer, url: str) -> Answer:
    if answer.is_gone:
        raise FeedRejected(f"{url} answered {answer.status}")
    return answer


def _charset(answer: Answer) -> str | None:
    return charset_of(answer.headers.get("content-type", ""))


def _scan_of(sitemaps: Sitemaps) -> Scan:
    products = sitemaps.products()
    flaws = list(sitemaps.flaws)
    if len(products) > MOST_UNTOLD and not any(listed.is_told for listed in products):
        flaws.append(f"only the first {MOST_UNTOLD} of {len(products)} pages are visited: none is known as a product's")
        products = products[:MOST_UNTOLD]
    found: dict[str, ProductRef] = {}
    repeated = []
    for listed in products:
        ref = ProductRef(source_ref_of(listed.url), listed.url)
        if found.setdefault(ref.source_ref, ref) is not ref:
            repeated.append(listed.url)
    note = "; ".join(filter(None, [*flaws, named("left out because they repeat an earlier product", repeated)]))
    return Scan(tuple(found.values()), is_complete=not flaws, note=note)
