"""Listing pages of web shops: products that they describe in full, links to the others, and the page that follows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from lxml import etree

from marketplace.errors import LoginWall
from marketplace.ingestion.claims import storable
from marketplace.ingestion.links import clean, is_same_host, names_product, source_ref_of
from marketplace.ingestion.markup.html import as_utf8, elements_by, text_within, tree_of
from marketplace.ingestion.markup.linked_data import Thing, by_id
from marketplace.ingestion.markup.schema_org import (
    address_of,
    claim_of,
    is_product,
    joined,
    listed_in,
    promised_in,
    trimmed,
)
from marketplace.ingestion.pages import Page, page_of
from marketplace.ingestion.paging import Leaf
from marketplace.ingestion.sources import ProductRef

ALL_PRODUCTS = re.compile(
    r"/(?:shop|store|products|catalog(?:ue)?|all-products|collections/all|boutique|duka)/?", re.IGNORECASE
)
PAGE_NUMBERS = ("page", "p", "paged", "pg", "product-page")
MORE_BUTTON = re.compile(
    r"^\W*(?:load more|(?:show|view|see) more (?:products|items|results)|(?:afficher|voir) plus de produits)\b",
    re.IGNORECASE,
)
COUNTED = re.compile(
    r"\b(?:of|sur|kati ya)\s+(\d{1,3}(?:[,.\s]\d{3})*|\d{1,7})\s+(?:results|products|items|résultats|produits)"
)
_NEXT = elements_by(
    "//link[@href][contains(concat(' ', translate(@rel, 'NEXT', 'next'), ' '), ' next ')]"
    " | //a[@href][contains(concat(' ', translate(@rel, 'NEXT', 'next'), ' '), ' next ')]"
    " | //a[@href][contains(concat(' ', @class, ' '), ' next ')]"
    " | //*[contains(concat(' ', @class, ' '), ' next ')]//a[@href]"
    " | //a[@href][starts-with(translate(@aria-label, 'NEXT', 'next'), 'next')]"
)
_LINKS = elements_by("//a[@href]")
_CARD_LINKS = elements_by("//*[contains(@class, 'product')]//a[@href][.//img]")
_BUTTONS = elements_by("//button | //a[not(@href) or starts-with(@href, '#') or starts-with(@href, 'javascript:')]")


def read_listing(content: bytes, url: str, charset: str | None = None) -> Leaf:
    """What a listing page shows.

    A product is harvested where JSON-LD or microdata give its name, its offers and its address; the others are
    links, to be visited. Which links are products' is told by their path, or else by standing with a picture in
    something that is called a product.

    Raises
    ------
    InputRejected
        If it is no HTML; LoginWall if it wants a password and shows no product.
    """
    tree = tree_of(as_utf8(content, charset))
    page = page_of(tree)
    found: dict[str, ProductRef] = {}
    described = list(_described(page, url))
    for ref in (*described, *_linked(tree, url, is_described=bool(described))):
        found.setdefault(ref.source_ref, ref)
    if not found and page.has_password:
        raise LoginWall(f"{url} shows no products: it is a login wall, titled {page.title!r}")
    onward = _next_page(tree, url)
    flaws = [] if onward or not _has_more_button(tree) else [f"{url} has a button for more that only a script answers"]
    return Leaf(list(found.values()), onward, _promised(tree, page), flaws)


def page_of_all_products(content: bytes, url: str, charset: str | None = None) -> str | None:
    """The address of the page that lists all products, if a home page links to one.

    Raises
    ------
    InputRejected
        If it is no HTML.
    """
    links = _addresses(_LINKS(tree_of(as_utf8(content, charset))), url)
    return next((link for link in links if ALL_PRODUCTS.fullmatch(urlsplit(link).path)), None)


def _described(page: Page, url: str) -> Iterator[ProductRef]:
    for origin, things in (("json-ld", page.objects), ("microdata", page.items)):
        known = by_id(things)
        on_their_own = [(thing, "") for thing in things if is_product(thing)]
        for thing, said in (*listed_in(things), *on_their_own):
            address = _own_address(thing, said, url)
            if address is None:
                continue
            claim = claim_of(thing, origin, url=url, known=known) if thing is not None else None
            if claim is None or not claim.title or not claim.offers:
                if thing is None or names_product(address):
                    yield ProductRef(source_ref_of(address), address)
                continue
            harvest = {"origin": origin, "page": url, "product": storable(_resolved(thing or {}, known))}
            yield ProductRef(source_ref_of(address), address, harvest)


def _own_address(thing: Thing | None, said: str, url: str) -> str | None:
    address = clean(joined(url, said) if said else address_of(thing or {}, url))
    if address is None or not is_same_host(address, url):
        return None
    return None if source_ref_of(address) == source_ref_of(url) else address  # the list itself, or a part of it


def _resolved(thing: Thing, known: dict[str, Thing]) -> dict[str, Any]:
    """The product with what it points to on the page put in its place, so that it stands without the page."""
    return {
        name: known.get(str(value.get("@id")), value) if isinstance(value, dict) and value.keys() == {"@id"} else value
        for name, value in trimmed(thing).items()
    }


def _linked(tree: etree._Element, url: str, *, is_described: bool) -> Iterator[ProductRef]:
    links = [link for link in _addresses(_LINKS(tree), url) if names_product(link)]
    for link in links or ([] if is_described else _addresses(_CARD_LINKS(tree), url)):
        yield ProductRef(source_ref_of(link), link)


def _addresses(links: Sequence[etree._Element], url: str) -> list[str]:
    found = (clean(joined(url, link.get("href") or "")) for link in links)
    here = source_ref_of(url)
    return [link for link in found if link and is_same_host(link, url) and source_ref_of(link) != here]


def _next_page(tree: etree._Element, url: str) -> str | None:
    marked = [clean(joined(url, link.get("href") or "")) for link in _NEXT(tree)]
    for link in marked:
        if link and link != url and is_same_host(link, url):
            return link
    number, base = _numbered(url)
    links = (clean(joined(url, link.get("href") or "")) for link in _LINKS(tree))
    following = (link for link in links if link and is_same_host(link, url) and _numbered(link) == (number + 1, base))
    return next(following, None)


def _numbered(url: str) -> tuple[int, str]:
    """The number of a listing's page, 1 where it bears none, and the address without it."""
    parts = urlsplit(url)
    path, number = parts.path, 1
    if in_path := re.search(r"/page/(\d{1,6})/?$", path):
        path, number = path[: in_path.start()], int(in_path[1])
    rest = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in PAGE_NUMBERS and value.isdecimal() and len(value) < 7:
            number = int(value)
        else:
            rest.append((name, value))
    return number, urlunsplit(("", parts.netloc, path.rstrip("/"), urlencode(sorted(rest)), ""))


def _has_more_button(tree: etree._Element) -> bool:
    return any(MORE_BUTTON.search(text_within(button)) for button in _BUTTONS(tree)[:2_000])


def _promised(tree: etree._Element, page: Page) -> int | None:
    """How many products there are: by WooCommerce's count above a listing, or else by the list itself."""
    for shown in tree.iterfind(".//p[@class]"):
        if "result-count" in (shown.get("class") or ""):
            counted = COUNTED.search(text_within(shown))
            return int(re.sub(r"\D", "", counted[1])) if counted else None
    return promised_in((*page.objects, *page.items))
