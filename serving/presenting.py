"""Products of the shelf in the shape that clients receive."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from marketplace.catalog.chat import whatsapp_url
from marketplace.catalog.history import price_kept
from marketplace.catalog.prices import format_price
from marketplace.catalog.products import Price
from marketplace.crm.codes import Codes, Link
from marketplace.errors import InputRejected
from marketplace.events.interactions import Surface
from marketplace.storage.shelf import ShelfProduct, ShelfSeller
from serving.schemas import (
    PriceShown,
    ProductDetail,
    ProductShown,
    SellerShown,
)


def shown_product(product: ShelfProduct) -> ProductShown:
    """The product in a list."""
    return ProductShown(**product_fields(product))


def product_detail(product: ShelfProduct, public_url: str, codes: Codes) -> ProductDetail:
    """The product by itself, with the address of a chat about it."""
    chat = chat_path(codes, product, "product")
    return ProductDetail(
        **product_fields(product),
        description=product.description,
        url=seller_page(product.url),
        whatsapp_url=chat_about(product, public_url),
        chat_url=f"{public_url.rstrip('/')}{chat}" if chat else None,
        quality="approved" if product.verdict == "approved" else "flagged",
        quality_reasons=list(product.reasons),
        first_seen_at=product.first_seen_at,
        updated_at=product.updated_at,
    )


def chat_about(product: ShelfProduct, public_url: str) -> str | None:
    """A wa.me address with a first message about the product, None if the seller has no number."""
    price = f" ({format_price(product.price)})" if product.price else ""
    page = f"{public_url.rstrip('/')}/products/{product.product_id}"
    return whatsapp_url(product.seller.phone, f"Hello! Is “{product.title}”{price} still available? {page}")


def chat_path(codes: Codes, product: ShelfProduct, surface: Surface | None = None) -> str | None:
    """The path that leads to a chat about the product and records it, None if the seller has no number."""
    if whatsapp_url(product.seller.phone, "") is None:
        return None
    return f"/r/{codes.link(Link(product.seller.seller_id, product.product_id, surface))}"


def seller_page(url: str | None) -> str | None:
    """The address if a browser may follow it: http or https, nothing that runs."""
    try:
        return url if url and urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


def kept_price(value: str | None) -> Price | None:
    """The price in a value of history; None without one, or where another version of ours wrote it differently."""
    try:
        return price_kept(value)
    except InputRejected:
        return None


def product_fields(product: ShelfProduct) -> dict[str, Any]:
    """The fields that every shown product has."""
    return {
        "product_id": product.product_id,
        "title": product.title,
        "category": product.category,
        "price": shown_price(product.price),
        "image_url": f"/media/{product.image_sha256}.jpg" if product.image_sha256 else None,
        "in_stock": product.in_stock,
        "seller": shown_seller(product.seller),
    }


def shown_seller(seller: ShelfSeller) -> SellerShown:
    """Who sells a product."""
    return SellerShown(seller_id=seller.seller_id, name=seller.name, city=seller.city, country=seller.country)


def rounded(similarity: float | None) -> float | None:
    """The cosine to four digits: more of it is noise."""
    return None if similarity is None else round(similarity, 4)


def shown_price(price: Price | None) -> PriceShown | None:
    """The price with its text for a reader, None where there is none."""
    if price is None:
        return None
    return PriceShown(
        amount_minor=price.amount_minor,
        up_to_minor=price.up_to_minor,
        currency=price.currency,
        formatted=format_price(price),
    )
