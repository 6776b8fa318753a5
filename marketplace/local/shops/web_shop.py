"""Web shops: one with a sitemap, one whose listing pages tell everything, one whose pages carry microdata only.

Below `/shop/<handle>/` lie the listing (`?page=2` ...), `sitemap.xml` (an index of a packed sitemap of products and
one of other pages), `product/<slug>` and `pages/about`. A product that has moved is listed where it is now,
and redirects from where it was.
"""

from __future__ import annotations

import gzip
import html
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from marketplace.catalog.products import Seller
from marketplace.local.market import SampleProduct
from marketplace.local.shops.answers import Answer, html_page, redirect
from marketplace.local.shops.markup import card, linked_data, microdata, open_graph, script
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.shelves import Shelves

PAGE_SIZE = 12
XML = "application/xml; charset=utf-8"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
HOME = re.compile(r"/shop/([\w-]+)/")
PRODUCT = re.compile(r"(/shop/([\w-]+)/product/[\w-]+?)(-moved)?")
ABOUT = re.compile(r"/shop/([\w-]+)/pages/about")
SITEMAP = re.compile(r"/shop/([\w-]+)/sitemap\.xml")
SITEMAP_PRODUCTS = re.compile(r"/shop/([\w-]+)/sitemap-products-1\.xml\.gz")
SITEMAP_PAGES = re.compile(r"/shop/([\w-]+)/sitemap-pages\.xml")
FORMS = ("sitemap", "listing", "microdata")


def home(shelves: Shelves, handle: str, query: str, base: str) -> Answer | None:
    """A page of the shop's listing; pages are numbered from 1."""
    seller = _seller(shelves, handle)
    named = parse_qs(query).get("page", ["1"])[0]
    if seller is None or not re.fullmatch(r"[1-9]\d{0,5}", named):
        return None
    listed, number = shelves.listed(handle), int(named)
    pages = max(1, math.ceil(len(listed) / PAGE_SIZE))
    if number > pages:
        return None
    shown = listed[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    form = shelves.market.form(handle)
    if form == "sitemap" and number == 1:
        shown, pages = shown[:4], 1  # a front page of favourites: the sitemap has the rest
    following = number % pages + 1 if shelves.faults.has("looping_pages", handle) else number + 1
    head = _links(handle, number, following if following <= pages else None, form)
    if form == "listing":
        head += script(_item_list(shelves, shown, base))
    cards = "".join(card(product, _path(shelves, product)) for product in shown)
    onward = f'<a rel="next" href="/shop/{handle}/?page={following}">Next</a>' if following <= pages else ""
    return html_page(seller.name, f"<main>{cards}{onward}</main>", head, modified=shelves.modified(handle))


def product(shelves: Shelves, path: str, handle: str, moved: str | None, base: str) -> Answer | None:
    """The page of a product, or the way to where it has moved."""
    seller, shown = _seller(shelves, handle), shelves.product(path)
    if seller is None or shown is None or shown.seller_handle != handle:
        return None
    now = _path(shelves, shown)
    if now != f"{path}{moved or ''}":
        return None if moved else redirect(now)
    canonical = f'<link rel="canonical" href="{base}{now}">'
    modified = shelves.modified(shown.ref)
    if shelves.market.form(handle) == "microdata":
        return html_page(shown.title, f"<main>{microdata(shown)}</main>", canonical, modified=modified)
    head = canonical + open_graph(shown, base=base) + script(linked_data(shown, base=base, url=f"{base}{now}"))
    content = f"<main>{card(shown, now)}<p>{html.escape(shown.description)}</p></main>"
    return html_page(shown.title, content, head, modified=modified)


def about(shelves: Shelves, handle: str) -> Answer | None:
    """A page that shows no product."""
    seller = _seller(shelves, handle)
    if seller is None:
        return None
    head = f'<meta property="og:type" content="website"><meta property="og:title" content="{html.escape(seller.name)}">'
    return html_page("About us", f"<main><p>{html.escape(seller.name)}, {seller.city}</p></main>", head)


def sitemap(shelves: Shelves, handle: str, base: str) -> Answer | None:
    """The index of the shop's sitemaps."""
    if shelves.seller(handle, "sitemap") is None:
        return None
    names = ("sitemap-products-1.xml.gz", "sitemap-pages.xml")
    entries = [(f"{base}/shop/{handle}/{name}", shelves.modified(handle)) for name in names]
    body = _xml("sitemapindex", "sitemap", entries)
    return Answer(body, XML, modified=shelves.modified(handle))


def sitemap_products(shelves: Shelves, handle: str, base: str) -> Answer | None:
    """The shop's products, packed: a file that is a gzip, not a packed transfer."""
    if shelves.seller(handle, "sitemap") is None:
        return None
    entries = [(f"{base}{_path(shelves, one)}", shelves.modified(one.ref)) for one in shelves.listed(handle)]
    body = gzip.compress(_xml("urlset", "url", entries), mtime=0)
    return Answer(body, "application/gzip", modified=shelves.modified(handle))


def sitemap_pages(shelves: Shelves, handle: str, base: str) -> Answer | None:
    """The shop's other pages."""
    if shelves.seller(handle, "sitemap") is None:
        return None
    entries = [(f"{base}/shop/{handle}/{page}", shelves.modified(handle)) for page in ("", "pages/about")]
    return Answer(_xml("urlset", "url", entries), XML, modified=shelves.modified(handle))


def _seller(shelves: Shelves, handle: str) -> Seller | None:
    return next((seller for form in FORMS if (seller := shelves.seller(handle, form))), None)


def _path(shelves: Shelves, product: SampleProduct) -> str:
    return page_path(shelves.market, shelves.drawn(product.ref), moved=shelves.has_moved(product.ref))


def _links(handle: str, number: int, following: int | None, form: str) -> str:
    links = {"prev": number - 1 if number > 1 else None, "next": following}
    head = "".join(f'<link rel="{rel}" href="/shop/{handle}/?page={to}">' for rel, to in links.items() if to)
    if form == "sitemap":
        head += f'<link rel="sitemap" type="application/xml" href="/shop/{handle}/sitemap.xml">'
    return head


def _item_list(shelves: Shelves, shown: Iterable[SampleProduct], base: str) -> dict[str, object]:
    items = []
    for place, one in enumerate(shown, 1):
        item = linked_data(one, base=base, url=f"{base}{_path(shelves, one)}")
        del item["@context"]
        items.append({"@type": "ListItem", "position": place, "item": item})
    return {
        "@context": "https://schema.org",
        "@type": "ItemList",
        "numberOfItems": len(items),
        "itemListElement": items,
    }


def _xml(root: str, name: str, entries: Iterable[tuple[str, int]]) -> bytes:
    lines = "\n".join(
        f"<{name}><loc>{html.escape(address)}</loc><lastmod>{datetime.fromtimestamp(changed, UTC).isoformat()}"
        f"</lastmod></{name}>"
        for address, changed in entries
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">\n{lines}\n</{root}>\n'.encode()
