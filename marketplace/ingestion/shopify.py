"""Shopify shops, by the `products.json` that each serves: whole products, 250 a page, no visit per product.

Source: https://shopify.dev/docs/api/ajax/reference/product
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from marketplace.catalog.prices import currency_code
from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import FeedRejected, InputRejected, SourceRefused, SourceUnavailable
from marketplace.ingestion.claims import Claim, Offer, product_from, storable, text_of
from marketplace.ingestion.json_pages import json_of
from marketplace.ingestion.markup.html import plain_text
from marketplace.ingestion.paging import Leaf, refs_of, walk
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.web import Web
from marketplace.settings import Settings

PAGE_SIZE = 250
MOST_PAGES = 400
KEPT = ("id", "title", "handle", "body_html", "product_type")
KEPT_OF_VARIANT = ("title", "price", "compare_at_price", "available")


class Shopify:
    """Reads `products.json` of a shop, or of one collection where the address is a collection's."""

    reader = "shopify-1"
    lists_other_pages = False

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.url = (seller.source_url or "").partition("?")[0].removesuffix("/products.json").rstrip("/")

    async def scout(self, web: Web) -> Scan:
        """Every product, in the shop's order; complete when an empty page came.

        Raises
        ------
        SourceUnavailable, SourceRefused
            If the first page does not answer, or must not be read.
        InputRejected
            If it is no list of products.
        """
        currency = await self._currency(web)
        return await walk(self._page(1), partial(self._leaf, web, currency), most_pages=MOST_PAGES)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product, from what the listing said; the variants' prices become one range.

        Raises
        ------
        InputRejected
            If a field breaks the schema.
        """
        if ref.harvest is None:
            raise InputRejected(f"product {ref.source_ref} of {self.url} was not harvested")
        said = ref.harvest
        variants = said["variants"]
        stock = [variant["available"] for variant in variants if isinstance(variant.get("available"), bool)]
        claim = Claim(
            "shopify",
            title=text_of(said.get("title")),
            description=plain_text(str(said.get("body_html") or "")),
            category=text_of(said.get("product_type")),
            image_url=urljoin(self.url, said["image"]) if said.get("image") else "",
            offers=tuple(
                Offer(price, "", said.get("currency") or "")
                for variant in variants
                if (price := text_of(variant.get("price")))
            ),
            in_stock=any(stock) if stock else None,
        )
        if not claim.title:
            raise InputRejected(f"product {ref.source_ref}, title: is empty")
        return product_from(
            [claim], source_ref=ref.source_ref, url=ref.url, currency=self.seller.currency, url_origin="shopify"
        )

    def picture(self, where: str) -> bytes | None:
        """None: pictures of shops are fetched."""
        return None

    def _page(self, number: int) -> str:
        return f"{self.url}/products.json?limit={PAGE_SIZE}&page={number}"

    async def _leaf(self, web: Web, currency: str, url: str) -> Leaf:
        data = json_of(await web.listing(url), system="Shopify shop")
        products = data.get("products") if isinstance(data, dict) else None
        if not isinstance(products, list):
            raise FeedRejected(f"{url} has no list of products")
        number = int(url.rpartition("=")[2])
        refs, flaws = refs_of((self._ref(product, currency) for product in products), page=number)
        return Leaf(refs, self._page(number + 1) if products else None, flaws=flaws)

    def _ref(self, product: Any, currency: str) -> ProductRef | None:
        if not isinstance(product, dict) or not text_of(product.get("id")):
            return None
        variants = [one for one in product.get("variants") or () if isinstance(one, dict)]
        images = [one for one in product.get("images") or () if isinstance(one, dict)]
        harvest = {
            **{name: product.get(name) for name in KEPT},
            "image": text_of(images[0].get("src")) if images else "",
            "variants": [{name: one[name] for name in KEPT_OF_VARIANT if name in one} for one in variants],
            **({"currency": currency} if currency else {}),
        }
        handle = text_of(product.get("handle"))
        parts = urlsplit(self.url)
        url = urlunsplit((parts.scheme, parts.netloc, f"/products/{handle}", "", "")) if handle else None
        return ProductRef(text_of(product["id"]), url, storable(harvest))

    async def _currency(self, web: Web) -> str:
        """The shop's own currency where it says so: `products.json` names none. Empty where nothing does."""
        for path in ("/meta.json", "/cart.js"):
            with contextlib.suppress(SourceRefused, SourceUnavailable, InputRejected):
                said = json_of(await web.page(urljoin(self.url, path)), system="Shopify shop")
                named = text_of(said.get("currency")) if isinstance(said, Mapping) else ""
                if named:
                    return currency_code(named)
        return ""
