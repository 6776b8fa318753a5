"""What a product page says to machines: JSON-LD, Open Graph and microdata; and its card for people."""

from __future__ import annotations

import html
import json
from typing import Any

from marketplace.catalog.prices import format_price, minor_digits
from marketplace.catalog.products import Price, stable_id
from marketplace.local.market import SampleProduct


def amount(price: Price) -> str:
    """The amount in whole units, with as many decimals as the currency keeps: "1299.00", "45000"."""
    digits = minor_digits(price.currency)
    whole, cents = divmod(price.amount_minor, 10**digits)
    return f"{whole}.{cents:0{digits}d}" if digits else str(whole)


def picture_path(product: SampleProduct) -> str:
    """Where the product's picture lies: 16 digits, those of its page where it has them."""
    if len(product.ref) == 16 and product.ref.isdecimal():
        return f"/img/{product.ref}.jpg"
    number = stable_id("picture of", product.ref) % 10**16
    return f"/img/{number:016d}.jpg"


def linked_data(product: SampleProduct, *, base: str = "", url: str = "", kind: str = "Product") -> dict[str, Any]:
    """The product as schema.org has it."""
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": kind,
        "name": product.title,
        "description": product.description,
        "category": product.category,
    }
    if url:
        data |= {"url": url, "sku": f"{stable_id('sku', product.ref) % 10**8:08d}"}
    if product.has_picture:
        data["image"] = [f"{base}{picture_path(product)}"]
    if product.price is not None:
        stock = "InStock" if product.in_stock else "OutOfStock"
        data["offers"] = {
            "@type": "Offer",
            "price": amount(product.price),
            "priceCurrency": product.price.currency,
            "availability": f"https://schema.org/{stock}",
        }
    return data


def script(data: Any) -> str:
    """The data as a JSON-LD script."""
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'


def open_graph(product: SampleProduct, *, base: str = "") -> str:
    """The product as Open Graph has it."""
    price = product.price
    said = {
        "og:type": "product",
        "og:title": product.title,
        "og:description": product.description,
        "og:image": f"{base}{picture_path(product)}" if product.has_picture else "",
        "product:price:amount": amount(price) if price else "",
        "product:price:currency": price.currency if price else "",
        "product:availability": "in stock" if product.in_stock else "out of stock",
    }
    return "".join(f'<meta property="{name}" content="{html.escape(text)}">' for name, text in said.items() if text)


def microdata(product: SampleProduct) -> str:
    """The product as microdata, in the page's own body."""
    picture = f'<img itemprop="image" src="{picture_path(product)}" alt="">' if product.has_picture else ""
    offer = ""
    if product.price is not None:
        shown = html.escape(format_price(product.price))
        stock = "InStock" if product.in_stock else "OutOfStock"
        offer = (
            '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
            f'<meta itemprop="priceCurrency" content="{product.price.currency}">'
            f'<span itemprop="price" content="{amount(product.price)}">{shown}</span>'
            f'<link itemprop="availability" href="https://schema.org/{stock}"></div>'
        )
    return (
        '<div itemscope itemtype="https://schema.org/Product">'
        f'<h2 itemprop="name">{html.escape(product.title)}</h2>{picture}'
        f'<p itemprop="description">{html.escape(product.description)}</p>'
        f'<meta itemprop="category" content="{html.escape(product.category)}">{offer}</div>'
    )


def card(product: SampleProduct, path: str) -> str:
    """The product in a list of products, leading to its page."""
    picture = f'<img src="{picture_path(product)}" alt="" loading="lazy">' if product.has_picture else ""
    price = format_price(product.price) if product.price else "Price on request"
    sold_out = "" if product.in_stock else " (sold out)"
    return (
        f'<a class="p" href="{path}">{picture}<span><b>{html.escape(product.title)}</b>'
        f"{html.escape(price)}{sold_out}</span></a>"
    )
