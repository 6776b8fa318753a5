"""What a host's sitemaps list: addresses of its own, with the day each last changed.

Source: https://www.sitemaps.org/protocol.html
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from lxml import etree

from marketplace.catalog.text import fit_text
from marketplace.errors import FeedRejected, MarketplaceError, SourceRefused
from marketplace.ingestion.links import clean, is_same_host, names_product
from marketplace.ingestion.markup.xml import elements_of, local_name, unpacked
from marketplace.ingestion.web import Web

MOST_SITEMAPS = 200
MOST_URLS = 50_000
MOST_DEPTH = 3
LARGEST_SITEMAP = 50_000_000
_OF_PRODUCTS = re.compile(r"product(?![_-]?(?:cat|tag|brand|type|attr|vendor|collection))", re.IGNORECASE)
_OF_OTHERS = re.compile(r"taxonom|categor", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One address of a sitemap; `last_modified` as it says it, empty where it does not."""

    url: str
    last_modified: str = ""
    sitemap: str = ""

    @property
    def is_told(self) -> bool:
        """Whether its path, or the name of the sitemap that lists it, says that it is a product's."""
        return names_product(self.url) or is_of_products(self.sitemap)


@dataclass(slots=True)
class Sitemaps:
    """What all sitemaps of a host list, in order, at most `most_urls`; `flaws` say what was not read."""

    most_urls: int = MOST_URLS
    listed: dict[str, Listed] = field(default_factory=dict)
    flaws: list[str] = field(default_factory=list)

    def products(self) -> list[Listed]:
        """The addresses that are products'.

        Those that sitemaps of products list, but for the home page; or else those whose path is one that shops give
        to products; or else, since nothing tells them apart, all.
        """
        pages = [listed for listed in self.listed.values() if not re.fullmatch(r"https?://[^/]+/?", listed.url)]
        of_products = [listed for listed in pages if is_of_products(listed.sitemap)]
        hinted = [listed for listed in of_products or pages if names_product(listed.url)]
        return hinted or of_products or pages


async def sitemaps_of(web: Web, home: str) -> Sitemaps:
    """What the sitemaps say that robots.txt names, or else `/sitemap.xml`; nothing where there is none.

    Raises
    ------
    SourceUnavailable
        If robots.txt does not answer.
    """
    named = await _named_in_robots(web, urljoin(home, "/robots.txt"))
    return await read_sitemaps(web, named or [urljoin(home, "/sitemap.xml")], home, is_guess=not named)


async def read_sitemaps(
    web: Web, first: Sequence[str], home: str, *, is_guess: bool = False, most_urls: int = MOST_URLS
) -> Sitemaps:
    """What these sitemaps list, and those that they name; only addresses on the host of `home`.

    Where an index names sitemaps of products, its others are left alone. A sitemap that cannot be read, or
    comes after the budget of sitemaps, depth or addresses is spent, is a flaw.

    Parameters
    ----------
    is_guess
        Whether nobody named the first: then it is no flaw that it is not there.
    """
    read = Sitemaps(most_urls)
    waiting = deque((url, 1) for url in first)
    seen: set[str] = set()
    while waiting:
        url, depth = waiting.popleft()
        if url in seen:
            continue
        if len(seen) >= MOST_SITEMAPS or len(read.listed) >= read.most_urls or depth > MOST_DEPTH:
            read.flaws.append(f"{url} and {len(waiting)} more were left: the budget of sitemaps is spent")
            break
        seen.add(url)
        try:
            content = await _content(web, url)
            if content is None:
                read.flaws.extend([] if is_guess and depth == 1 else [f"the sitemap {url} is not there"])
                continue
            inner = list(_read_one(read, content, url, home))
        except MarketplaceError as error:
            read.flaws.append(f"the sitemap {url} could not be read: {error}")
            continue
        waiting.extend((address, depth + 1) for address in _worth_reading(inner))
    return read


def is_of_products(sitemap: str) -> bool:
    """Whether a sitemap's name says that it lists products, as sitemap_products_1.xml and product-sitemap.xml do."""
    name = sitemap.partition("?")[0].rpartition("/")[2]
    return _OF_PRODUCTS.search(name) is not None and _OF_OTHERS.search(name) is None


async def _named_in_robots(web: Web, url: str) -> list[str]:
    try:
        answer = await web.page(url)
    except SourceRefused:
        return []  # RFC 9309, section 2.3.1.3: one that is refused forbids nothing, and here names nothing
    lines = answer.content.decode("utf-8", errors="replace").splitlines() if answer.status == 200 else []
    pairs = (line.partition(":") for line in lines)
    named = [clean(urljoin(url, said.strip())) for name, _, said in pairs if name.strip().lower() == "sitemap"]
    return list(dict.fromkeys(address for address in named if address))


async def _content(web: Web, url: str) -> bytes | None:
    answer = await web.listing(url)
    return None if answer.is_gone else unpacked(answer.content, where=url, most=LARGEST_SITEMAP)


def _read_one(read: Sitemaps, content: bytes, sitemap: str, home: str) -> Iterator[str]:
    """Fills in the addresses of one sitemap; the sitemaps that it names come back."""
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        entries: Iterable[tuple[str, str, str]] = _lines(content)
    else:
        entries = _entries(content, sitemap)
    for kind, said, last_modified in entries:
        url = clean(urljoin(sitemap, said)) if _is_joinable(said) else None
        if url is None or not is_same_host(url, home):
            continue
        if kind == "sitemap":
            yield url
        elif len(read.listed) >= read.most_urls:
            read.flaws.append(f"{sitemap} lists more than the {read.most_urls} addresses that are read")
            return
        else:
            read.listed.setdefault(url, Listed(url, last_modified, sitemap))


def _lines(content: bytes) -> Iterator[tuple[str, str, str]]:
    lines = content.decode("utf-8", errors="replace").split()
    if not all(line.startswith(("http://", "https://")) for line in lines):
        raise FeedRejected("it is neither XML nor a list of addresses")
    return (("url", line, "") for line in lines)


def _entries(content: bytes, where: str) -> Iterator[tuple[str, str, str]]:
    is_sitemap = False
    for element in elements_of(content, {"url", "sitemap", "urlset", "sitemapindex"}, where=where):
        kind = local_name(element)
        is_sitemap = True
        if kind in {"url", "sitemap"}:
            yield kind, _child(element, "loc"), _child(element, "lastmod")
    if not is_sitemap:
        raise FeedRejected("it is XML, but no sitemap")


def _child(element: etree._Element, name: str) -> str:
    return next((fit_text(child.text or "") for child in element if local_name(child) == name), "")


def _worth_reading(sitemaps: Sequence[str]) -> Sequence[str]:
    return [sitemap for sitemap in sitemaps if is_of_products(sitemap)] or sitemaps


def _is_joinable(said: str) -> bool:
    try:
        urljoin("http://host/", said)
    except ValueError:
        return False
    return bool(said)
