"""WooCommerce shops, by the Store API that each serves to anyone: whole products, 100 a page, no visit per product.

Source: https://developer.woocommerce.com/docs/apis/store-api/resources-endpoints/products/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urljoin

from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import FeedRejected, InputRejected, PriceUnreadable
from marketplace.ingestion.claims import Claim, Offer, product_from, storable, text_of
from marketplace.ingestion.json_pages import json_of
from marketplace.ingestion.markup.html import plain_text
from marketplace.ingestion.paging import Leaf, refs_of, walk
from marketplace.ingestion.sources import ProductRef, Scan
from marketplace.ingestion.web import Web
from marketplace.settings import Settings

PAGE_SIZE = 100
MOST_PAGES = 1_000
MOST_DIGITS = 15
ENDPOINT = "/wp-json/wc/store/v1/products"
KEPT = ("id", "name", "description", "short_description", "is_in_stock", "price_html")
KEPT_OF_PRICES = ("price", "regular_price", "price_range", "currency_code", "currency_minor_unit")


class WooCommerce:
    """Reads the products of the Store API under the shop's address."""

    reader = "woocommerce-1"
    lists_other_pages = False

    def __init__(self, seller: Seller, settings: Settings) -> None:
        self.seller = seller
        self.settings = settings
        self.url = (seller.source_url or "").partition("?")[0].removesuffix(ENDPOINT).rstrip("/")

    async def scout(self, web: Web) -> Scan:
        """Every product, in the shop's order; complete when as many were seen as its headers promise.

        Raises
        ------
        SourceUnavailable, SourceRefused
            If the first page does not answer, or must not be read.
        InputRejected
            If it is no list of products.
        """
        return await walk(self._page(1), partial(self._leaf, web), most_pages=MOST_PAGES)

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product, from what the listing said; a variable product's price is the range of its variations.

        Raises
        ------
        InputRejected
            If a field breaks the schema.
        """
        if ref.harvest is None:
            raise InputRejected(f"product {ref.source_ref} of {self.url} was not harvested")
        said = ref.harvest
        stock = said.get("is_in_stock")
        claim = Claim(
            "woocommerce",
            title=plain_text(text_of(said.get("name"))),
            description=_text(said.get("description")) or _text(said.get("short_description")),
            category=plain_text(text_of(said.get("category"))),
            image_url=urljoin(self.url, said["image"]) if said.get("image") else "",
            offers=_offers(said["prices"], said.get("price_html")),
            in_stock=stock if isinstance(stock, bool) else None,
        )
        if not claim.title:
            raise InputRejected(f"product {ref.source_ref}, name: is empty")
        return product_from(
            [claim], source_ref=ref.source_ref, url=ref.url, currency=self.seller.currency, url_origin="woocommerce"
        )

    def picture(self, where: str) -> bytes | None:
        """None: pictures of shops are fetched."""
        return None

    def _page(self, number: int) -> str:
        return f"{self.url}{ENDPOINT}?per_page={PAGE_SIZE}&page={number}"

    async def _leaf(self, web: Web, url: str) -> Leaf:
        answer = await web.listing(url)
        products = json_of(answer, system="WooCommerce shop")
        if not isinstance(products, list):
            raise FeedRejected(f"{url} has no list of products")
        number = int(url.rpartition("=")[2])
        pages, promised = _number(answer.headers.get("x-wp-totalpages")), _number(answer.headers.get("x-wp-total"))
        refs, flaws = refs_of(map(_ref, products), page=number)
        leads_on = number < pages if pages is not None else bool(products)
        return Leaf(refs, self._page(number + 1) if leads_on else None, promised, flaws)


def _ref(product: Any) -> ProductRef | None:
    if not isinstance(product, dict) or not text_of(product.get("id")):
        return None
    prices = product.get("prices")
    harvest = {
        **{name: product.get(name) for name in KEPT},
        "prices": {name: prices.get(name) for name in KEPT_OF_PRICES} if isinstance(prices, dict) else {},
        "category": _first(product.get("categories")).get("name"),
        "image": text_of(_first(product.get("images")).get("src")),
    }
    return ProductRef(text_of(product["id"]), text_of(product.get("permalink")) or None, storable(harvest))


def _first(value: Any) -> Mapping[str, Any]:
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) else {}


def _text(value: Any) -> str:
    return plain_text(value) if isinstance(value, str) else ""


def _offers(prices: Mapping[str, Any], price_html: Any) -> tuple[Offer, ...]:
    """The amounts, moved from the shop's minor units; none where the shop shows no price, which it also writes as 0."""
    said = text_of(prices.get("price"))
    if not said or (said == "0" and price_html == ""):
        return ()
    spanned = prices.get("price_range")
    ends = (spanned.get("min_amount"), spanned.get("max_amount")) if isinstance(spanned, Mapping) else (said, None)
    low, high = (_amount(text_of(end), prices.get("currency_minor_unit")) for end in ends)
    return (Offer(low, high, text_of(prices.get("currency_code"))),)


def _amount(minor: str, digits: Any) -> str:
    if not minor:
        return ""
    places = text_of(digits) or "2"
    if not minor.isdecimal() or len(minor) > MOST_DIGITS or places not in "0123456":
        raise PriceUnreadable(f"{minor!r} in {places!r} decimals is no price")
    return f"{Decimal(minor).scaleb(-int(places)):f}"


def _number(said: str | None) -> int | None:
    return int(said) if said is not None and said.isdecimal() and len(said) < 10 else None
