"""Where things lie on the shop server."""

from __future__ import annotations

from marketplace.catalog.products import stable_id
from marketplace.local.forms import KIND_OF, slug
from marketplace.local.market import SampleMarket, SampleProduct

PAGED = frozenset({"whatsapp", "sitemap", "microdata"})  # the forms whose products are read from pages of their own
PAGE_PATH = {
    "shopify": "/shopify/{handle}/products/{slug}",
    "woocommerce": "/woo/{handle}/product/{slug}",
}
CATALOGUE_PATH = {
    "sitemap": "{root}sitemap-products-1.xml.gz",
    "shopify": "{root}products.json",
    "woocommerce": "{root}wp-json/wc/store/v1/products",
}


def slug_of(drawn: SampleProduct) -> str:
    """The product's part of its page's address, from the product as it was drawn: a new title does not change it."""
    return f"{slug(drawn.title)}-{stable_id('slug', drawn.seller_handle, drawn.ref) % 10_000:04d}"


def page_path(market: SampleMarket, drawn: SampleProduct, *, moved: bool = False) -> str:
    """Where the product's own page lies, and where it lies once it has moved."""
    form = market.form(drawn.seller_handle)
    if form == "whatsapp":
        phone = market.source_path(drawn.seller_handle).removeprefix("/c/")
        return f"{'/moved' if moved else ''}/p/{drawn.ref}/{phone}"
    if KIND_OF[form] == "web_shop":
        path = drawn.ref
    else:
        where = PAGE_PATH.get(form, "/feeds/{handle}/product/{slug}")
        path = where.format(handle=drawn.seller_handle, slug=slug_of(drawn))
    return f"{path}-moved" if moved else path


def catalogue_path(market: SampleMarket, handle: str) -> str:
    """Where the seller's products are listed, which is not always where a reader begins."""
    begin = market.source_path(handle)
    root = begin[: begin.rindex("/") + 1]
    return CATALOGUE_PATH.get(market.form(handle), begin).format(root=root)
