"""What a product page says of itself: JSON-LD first, then microdata, then Open Graph where those are silent."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from marketplace.catalog.products import SourcedProduct
from marketplace.catalog.text import fit_text
from marketplace.errors import LoginWall, NoProduct
from marketplace.ingestion.claims import Claim, Offer, product_from, text_of
from marketplace.ingestion.links import is_same_host
from marketplace.ingestion.markup.heads import Head, head_of, scanned_head
from marketplace.ingestion.markup.html import as_utf8, tree_of
from marketplace.ingestion.markup.linked_data import Thing, by_id, things_in
from marketplace.ingestion.markup.microdata import items_of
from marketplace.ingestion.markup.schema_org import address_of, claim_of, is_available, is_product, joined

log = logging.getLogger(__name__)
AMOUNTS = ("product:sale_price:amount", "product:price:amount", "og:price:amount")
CURRENCIES = ("product:sale_price:currency", "product:price:currency", "og:price:currency")
AVAILABILITIES = ("product:availability", "og:availability")
_NOT_FOUND = re.compile(
    r"^\W*404\b|\b404\W*(?:not found|error)|\b(?:page|product|item|content)\b.{0,20}\b(?:not found|unavailable)\b"
    r"|\bnot found\b\W*$|no longer (?:available|exists)|does(?: not|n.t) exist|(?:page|produit).{0,12} introuvable"
    r"|haipatikani|haijapatikana",
    re.IGNORECASE,
)
_PASSWORD = etree.XPath("boolean(//input[translate(@type, 'PASWORD', 'pasword') = 'password'])")


@dataclass(frozen=True, slots=True)
class Page:
    """The structured data of a page.

    `objects` come from JSON-LD, `items` from microdata; scripts that do not parse are counted. `metas` are all that
    have a name, `title` the page's own.
    """

    metas: Mapping[str, str]
    objects: tuple[Thing, ...] = ()
    items: tuple[Thing, ...] = ()
    broken_scripts: int = 0
    canonical: str = ""
    title: str = ""
    has_password: bool = False

    @property
    def is_of_product(self) -> bool:
        """Whether the page's Open Graph type is a product."""
        return "product" in self.metas.get("og:type", "").lower()

    @property
    def says_not_found(self) -> bool:
        """Whether the page's title says that there is nothing here, as of a 404 that answers 200."""
        return _NOT_FOUND.search(self.title) is not None

    @property
    def is_unindexed(self) -> bool:
        """Whether the page wants to be in no search engine."""
        return "noindex" in self.metas.get("robots", "").lower()


def read_page(content: bytes, charset: str | None = None) -> Page:
    """The structured data of a page.

    Parameters
    ----------
    charset
        What the content-type header names, if it was kept.

    Raises
    ------
    InputRejected
        If the bytes are no HTML.
    """
    utf8 = as_utf8(content, charset)
    head = scanned_head(utf8)
    if head is not None:
        page = _page_of(head)
        if page.is_of_product or any(map(is_product, page.objects)):
            return page  # the tree would add nothing that counts beside these
    return page_of(tree_of(utf8))


def page_of(tree: etree._Element) -> Page:
    """The structured data of a page's tree."""
    return _page_of(head_of(tree), tuple(items_of(tree)), has_password=bool(_PASSWORD(tree)))


def product_of(page: Page, *, source_ref: str, url: str, currency: str, needs_proof: bool = False) -> SourcedProduct:
    """The product that the page shows.

    Parameters
    ----------
    currency
        Of the seller's market, where the page names none.
    needs_proof
        Whether the address may be of any page: then an Open Graph title counts only with the type product or a price.

    Raises
    ------
    InputRejected
        NoProduct if the page shows none, as a home page, a list or a soft 404, and LoginWall if it wants a password
        first; PriceUnreadable if its price is none.
    """
    claims = [*_claims(page, page.objects, "json-ld", url), *_claims(page, page.items, "microdata", url)]
    if claims and page.says_not_found and page.is_unindexed:
        raise NoProduct(f"{url} shows no product: its title is {page.title!r}")
    if not claims:
        _refuse_other_pages(page, url, needs_proof=needs_proof)
    told = [claim for claim in claims if claim.title.casefold() in {"", claims[0].title.casefold()}]
    told.append(_open_graph(page.metas, url))
    if not any(claim.title for claim in told):
        raise NoProduct(f"{url} names no product: no JSON-LD name and no og:title{_broken(page)}")
    if page.broken_scripts:
        log.warning("%s: %d JSON-LD scripts do not parse; the rest of the page was read", url, page.broken_scripts)
    shown = _address(page, url)
    origin = "address" if shown == url else "canonical"
    return product_from(told, source_ref=source_ref, url=shown, currency=currency, url_origin=origin)


def _page_of(head: Head, items: tuple[Thing, ...] = (), *, has_password: bool = False) -> Page:
    objects: list[Thing] = []
    broken = 0
    for script in head.scripts:
        try:
            objects.extend(things_in(script))
        except ValueError:  # a number of thousands of digits is one too
            broken += 1
    metas = {name: fit_text(said) for name, said in head.metas.items()}
    return Page(metas, tuple(objects), items, broken, fit_text(head.canonical), fit_text(head.title), has_password)


def _claims(page: Page, things: Sequence[Thing], origin: str, url: str) -> list[Claim]:
    known = by_id(things)
    products = [thing for thing in things if is_product(thing)]
    own = _own_product(products, {_path(url), _path(joined(url, page.canonical))}, url)
    if own is None:
        return []
    rest = [thing for thing in products if thing is not own]
    return [claim_of(thing, origin, url=url, known=known) for thing in (own, *rest)]


def _address(page: Page, url: str) -> str:
    """The canonical address where it is another of the same host, and not the home page."""
    shown = joined(url, page.canonical) if page.canonical else url
    return shown if is_same_host(shown, url) and urlsplit(shown).path.strip("/") else url


def _own_product(products: Sequence[Thing], paths: set[str], url: str) -> Thing | None:
    """The product whose page this is: a page may show others beside it, which name their own addresses."""
    if len(products) <= 1:
        return next(iter(products), None)
    addresses = [address_of(product, url) for product in products]
    here = (
        product for product, address in zip(products, addresses, strict=True) if address and _path(address) in paths
    )
    unsaid = (product for product, address in zip(products, addresses, strict=True) if not address)
    return next(here, None) or next(unsaid, None)


def _refuse_other_pages(page: Page, url: str, *, needs_proof: bool) -> None:
    kind = page.metas.get("og:type", "")
    broken = _broken(page)
    if not page.is_of_product and page.has_password:
        raise LoginWall(f"{url} shows no product: it is a login wall, titled {page.title!r}")
    if page.says_not_found:
        raise NoProduct(f"{url} shows no product: its title is {page.title!r}")
    if kind and not page.is_of_product:
        raise NoProduct(f"{url} shows no product: no JSON-LD Product, and og:type is {kind!r}{broken}")
    others = sum(map(is_product, (*page.objects, *page.items)))
    if others:
        raise NoProduct(f"{url} shows no product of its own, but {others} others")
    if needs_proof and not page.is_of_product and not any(page.metas.get(name) for name in AMOUNTS):
        raise NoProduct(f"{url} shows no product: no JSON-LD, microdata or Open Graph price{broken}")


def _broken(page: Page) -> str:
    return f", and {page.broken_scripts} JSON-LD scripts do not parse" if page.broken_scripts else ""


def _open_graph(metas: Mapping[str, str], url: str) -> Claim:
    amount, currency, availability = (
        next((said for name in names if (said := metas.get(name))), "")
        for names in (AMOUNTS, CURRENCIES, AVAILABILITIES)
    )
    image = metas.get("og:image") or metas.get("og:image:url") or metas.get("og:image:secure_url") or ""
    return Claim(
        "open-graph",
        title=metas.get("og:title", ""),
        description=metas.get("og:description", ""),
        category=metas.get("product:category", ""),
        image_url=joined(url, image) if image else "",
        offers=(Offer(text_of(amount), "", currency),) if amount else (),
        in_stock=is_available(availability) if availability else None,
    )


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/").casefold()
    except ValueError:
        return ""
