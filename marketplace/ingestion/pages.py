"""What a product page says of itself: JSON-LD first, Open Graph where that is silent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from lxml import etree, html

from marketplace.catalog.prices import currency_code, read_price
from marketplace.catalog.products import Price, SourcedProduct
from marketplace.catalog.text import fit_text
from marketplace.errors import InputRejected

OUT_OF_STOCK = ("outofstock", "soldout", "discontinued")


@dataclass(frozen=True, slots=True)
class Page:
    """Open Graph properties and the JSON-LD objects of a page; scripts that do not parse are counted."""

    graph: Mapping[str, str]
    objects: tuple[Mapping[str, Any], ...]
    broken_scripts: int


def read_page(content: bytes) -> Page:
    """The structured data of a page.

    Raises
    ------
    InputRejected
        If the bytes are no HTML.
    """
    try:
        parser = html.HTMLParser(encoding=_encoding_of(content), no_network=True, huge_tree=False)
        tree = html.document_fromstring(content, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise InputRejected(f"a page of {len(content)} bytes is no HTML: {error}") from error
    graph: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or ""
        if name.startswith(("og:", "product:")) and meta.get("content") is not None:
            graph.setdefault(name, _text(meta.get("content")))
    objects: list[Mapping[str, Any]] = []
    broken = 0
    for script in tree.iter("script"):
        if (script.get("type") or "").lower() == "application/ld+json":
            try:
                objects.extend(_flattened(json.loads(script.text or "", strict=False)))
            except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError too
                broken += 1
    return Page(graph, tuple(objects), broken)


def product_of(page: Page, *, source_ref: str, url: str, currency: str) -> SourcedProduct:
    """The product that the page shows.

    Parameters
    ----------
    currency
        Of the seller's market, where the page names none.

    Raises
    ------
    InputRejected
        If the page shows no product, as one that answers with a login or a home page;
        PriceUnreadable if its price is none.
    """
    data = next((found for found in page.objects if _is_product(found)), {})
    kind = page.graph.get("og:type", "")
    if not data and kind and "product" not in kind.lower():
        raise InputRejected(f"{url} shows no product: no JSON-LD Product, and og:type is {kind!r}")
    title = _text(data.get("name")) or page.graph.get("og:title", "")
    if not title:
        broken = f", and {page.broken_scripts} JSON-LD scripts do not parse" if page.broken_scripts else ""
        raise InputRejected(f"{url} names no product: no JSON-LD name and no og:title{broken}")
    image = _first_image(data.get("image")) or page.graph.get("og:image")
    return SourcedProduct(
        source_ref=source_ref,
        title=title,
        url=url,
        description=_text(data.get("description")) or page.graph.get("og:description", ""),
        category=_text(data.get("category")) or page.graph.get("product:category", ""),
        price=_price(data, page.graph, currency),
        image_url=_joined(url, image) if image else None,
        in_stock=_in_stock(data, page.graph),
    )


def _encoding_of(content: bytes) -> str | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None  # let the parser read the page's own declaration
    return "utf-8"


def _flattened(data: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, list):
        for item in data:
            yield from _flattened(item)
    elif isinstance(data, dict):
        yield data
        yield from _flattened(data.get("@graph", []))


def _is_product(data: Mapping[str, Any]) -> bool:
    kinds = data.get("@type", [])
    return "Product" in (kinds if isinstance(kinds, list) else [kinds])


def _offer(data: Mapping[str, Any]) -> Mapping[str, Any]:
    offer = _first(data.get("offers"))
    if "price" not in offer and "lowPrice" not in offer:
        return {**offer, **_first(offer.get("priceSpecification"))}
    return offer


def _first(value: Any) -> Mapping[str, Any]:
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


def _price(data: Mapping[str, Any], graph: Mapping[str, str], currency: str) -> Price | None:
    offer = _offer(data)
    low = _text(offer.get("price", offer.get("lowPrice")))
    if low:
        high = _text(offer.get("highPrice"))
        named = _text(offer.get("priceCurrency"))
        return read_price(f"{low} - {high}" if high else low, currency_code(named) if named else currency)
    amount = graph.get("product:price:amount", graph.get("og:price:amount", ""))
    named = graph.get("product:price:currency", graph.get("og:price:currency", ""))
    return read_price(amount, currency_code(named) if named else currency) if amount else None


def _in_stock(data: Mapping[str, Any], graph: Mapping[str, str]) -> bool:
    said = _text(_offer(data).get("availability")) or graph.get("product:availability", "")
    return said.rsplit("/", 1)[-1].replace(" ", "").lower() not in OUT_OF_STOCK


def _first_image(image: Any) -> str | None:
    if isinstance(image, list):
        return _first_image(image[0]) if image else None
    if isinstance(image, dict):
        return _text(image.get("url")) or None
    return _text(image) or None


def _joined(url: str, onward: str) -> str | None:
    try:
        return urljoin(url, onward)
    except ValueError:
        return onward  # it is refused by name when it is fetched


def _text(value: Any) -> str:
    return fit_text(str(value)) if isinstance(value, str | int | float) else ""
