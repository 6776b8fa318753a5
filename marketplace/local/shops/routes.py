"""Which page answers at which path, and the rules and pictures that all shops share."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from marketplace.local.market import SampleProduct
from marketplace.local.pictures import draw_picture
from marketplace.local.shops import feeds, shopify, web_shop, whatsapp, woocommerce
from marketplace.local.shops.answers import Answer, html_page, missing
from marketplace.local.shops.damage import login_page
from marketplace.local.shops.shelves import Shelves

MOVED = "/moved"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a path, its query, the address the shop is reached by, and the host that is."""

    path: str
    query: str
    base: str
    host: str


def answer_to(shelves: Shelves, asked: Asked) -> Answer:
    """The page, whatever faults there are; the page of a missing one where there is none."""
    path = asked.path
    if path.startswith(f"{MOVED}/") and whatsapp.PRODUCT.fullmatch(path) is None:
        path = path.removeprefix(MOVED)
    for pattern, page in PAGES:
        if match := pattern.fullmatch(path):
            return page(shelves, asked, *match.groups()) or missing()
    return missing()


def _index(shelves: Shelves, asked: Asked) -> Answer:
    shops = "".join(
        f'<a class="p" href="{shelves.market.source_path(drawn.handle)}"><span><b>{html.escape(seller.name)}</b>'
        f"{html.escape(seller.city or '')}, {len(shelves.listed(drawn.handle))} products</span></a>"
        for drawn in shelves.market.sellers
        if (seller := shelves.seller(drawn.handle))
    )
    return html_page("The sample market", f"<main>{shops}</main>")


def _robots(shelves: Shelves, asked: Asked) -> Answer:
    rules = ["User-agent: *", "Disallow: /admin/"]
    rules += [f"Disallow: {fault.path}" for fault in shelves.faults.named("robots_disallow")]
    delays = [fault.seconds for fault in shelves.faults.named("crawl_delay") if fault.host in {"", asked.host}]
    rules += [f"Crawl-delay: {seconds:g}" for seconds in delays[:1]]
    return Answer("\n".join([*rules, ""]).encode(), "text/plain")


def _image(shelves: Shelves, asked: Asked) -> Answer | None:
    product = shelves.pictured(asked.path.removeprefix(MOVED))
    if product is None or not product.has_picture:
        return None
    drawn = _drawn(replace(product, price=None, in_stock=True, title="", description=""))
    return Answer(drawn, "image/jpeg", modified=shelves.modified(product.ref))


@lru_cache(maxsize=4096)
def _drawn(product: SampleProduct) -> bytes:
    return draw_picture(product)


Page = Callable[..., Answer | None]
PAGES: tuple[tuple[re.Pattern[str], Page], ...] = (
    (re.compile("/"), _index),
    (re.compile(r"/robots\.txt"), _robots),
    (re.compile("/login"), lambda shelves, asked: login_page()),
    (re.compile(r"/img/\d{16}\.jpg"), _image),
    (whatsapp.CATALOG, lambda shelves, asked, phone: whatsapp.catalog(shelves, phone)),
    (whatsapp.MORE, lambda shelves, asked, phone: whatsapp.more(shelves, phone, asked.query)),
    (whatsapp.PRODUCT, lambda shelves, asked, moved, ref, phone: whatsapp.product(shelves, moved, ref, phone)),
    (web_shop.HOME, lambda shelves, asked, handle: web_shop.home(shelves, handle, asked.query, asked.base)),
    (
        web_shop.PRODUCT,
        lambda shelves, asked, path, handle, moved: web_shop.product(shelves, path, handle, moved, asked.base),
    ),
    (web_shop.ABOUT, lambda shelves, asked, handle: web_shop.about(shelves, handle)),
    (web_shop.SITEMAP, lambda shelves, asked, handle: web_shop.sitemap(shelves, handle, asked.base)),
    (web_shop.SITEMAP_PRODUCTS, lambda shelves, asked, handle: web_shop.sitemap_products(shelves, handle, asked.base)),
    (web_shop.SITEMAP_PAGES, lambda shelves, asked, handle: web_shop.sitemap_pages(shelves, handle, asked.base)),
    (shopify.HOME, lambda shelves, asked, handle: shopify.home(shelves, handle)),
    (shopify.PRODUCTS, lambda shelves, asked, handle: shopify.products(shelves, handle, asked.query, asked.base)),
    (shopify.META, lambda shelves, asked, handle: shopify.meta(shelves, handle, asked.base)),
    (shopify.CART, lambda shelves, asked, handle: shopify.cart(shelves, handle)),
    (
        shopify.PRODUCT_JSON,
        lambda shelves, asked, handle, slug: shopify.product_json(shelves, handle, slug, asked.base),
    ),
    (shopify.PRODUCT, lambda shelves, asked, handle, slug: shopify.product(shelves, handle, slug, asked.base)),
    (woocommerce.HOME, lambda shelves, asked, handle: woocommerce.home(shelves, handle, asked.base)),
    (
        woocommerce.PRODUCTS,
        lambda shelves, asked, handle: woocommerce.products(shelves, handle, asked.query, asked.base),
    ),
    (
        woocommerce.PRODUCT_JSON,
        lambda shelves, asked, handle, ref: woocommerce.product_json(shelves, handle, ref, asked.base),
    ),
    (woocommerce.PRODUCT, lambda shelves, asked, handle, slug: woocommerce.product(shelves, handle, slug, asked.base)),
    (feeds.FEED, lambda shelves, asked, handle, form: feeds.feed(shelves, handle, form, asked.base)),
    (feeds.PRODUCT, lambda shelves, asked, handle, slug: feeds.product(shelves, handle, slug, asked.base)),
)
