"""A Shopify shop: `products.json` in pages, `meta.json` for its currency, and product pages.

`products.json` names no currency and writes prices as texts. A third of the products come in sizes: the first variant
is the cheapest, and the last may be sold out alone. The product's price is that of its cheapest variant.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from marketplace.catalog.products import Price, stable_id
from marketplace.local.market import SampleProduct
from marketplace.local.shops.answers import Answer, html_page, json_answer, redirect
from marketplace.local.shops.markup import amount, card, linked_data, open_graph, picture_path, script
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.shelves import Shelves

ROOT = r"/shopify/([\w-]+)"
HOME = re.compile(rf"{ROOT}/?")
PRODUCTS = re.compile(rf"{ROOT}/(?:collections/all/)?products\.json")
META = re.compile(rf"{ROOT}/meta\.json")
CART = re.compile(rf"{ROOT}/cart\.js(?:on)?")
PRODUCT_JSON = re.compile(rf"{ROOT}/products/([\w-]+)\.json")
PRODUCT = re.compile(rf"{ROOT}/products/([\w-]+)")
FEW, MOST = 30, 250  # products in a page: when nothing is asked, and at most
SIZES = ("S", "M", "L")


def products(shelves: Shelves, handle: str, query: str, base: str) -> Answer | None:
    """A page of the shop's products; one behind the last is empty."""
    if shelves.seller(handle, "shopify") is None:
        return None
    asked = parse_qs(query)
    limit, page = min(_number(asked, "limit", FEW), MOST), _number(asked, "page", 1)
    listed = shelves.listed(handle)
    if shelves.faults.has("repeated_rows", handle):
        listed = [*listed, *listed[:1]]
    shown = listed[(page - 1) * limit : page * limit]
    return json_answer({"products": [_product(shelves, one, base) for one in shown]}, modified=shelves.modified(handle))


def product_json(shelves: Shelves, handle: str, slug: str, base: str) -> Answer | None:
    """One product, as the page of that address shows it."""
    shown = _shown(shelves, handle, slug)
    if shown is None:
        return None
    return json_answer({"product": _product(shelves, shown, base)}, modified=shelves.modified(shown.ref))


def product(shelves: Shelves, handle: str, slug: str, base: str) -> Answer | None:
    """The page of a product, or the way to where it has moved."""
    shown = _shown(shelves, handle, slug)
    if shown is None:
        moved = _shown(shelves, handle, f"{slug}-moved")
        return redirect(_path(shelves, moved)) if moved else None
    path = _path(shelves, shown)
    head = f'<link rel="canonical" href="{base}{path}">' + open_graph(shown, base=base)
    data = linked_data(shown, base=base, url=f"{base}{path}")
    content = f"<main>{card(shown, path)}</main>"
    return html_page(shown.title, content, head + script(data), modified=shelves.modified(shown.ref))


def home(shelves: Shelves, handle: str) -> Answer | None:
    """The front page."""
    seller = shelves.seller(handle, "shopify")
    if seller is None:
        return None
    cards = "".join(card(one, _path(shelves, one)) for one in shelves.listed(handle)[:12])
    return html_page(seller.name, f"<main>{cards}</main>", '<meta name="shopify-checkout-api-token" content="0">')


def meta(shelves: Shelves, handle: str, base: str) -> Answer | None:
    """What the shop says of itself, its currency among it."""
    seller = shelves.seller(handle, "shopify")
    if seller is None:
        return None
    said = {
        "id": seller.seller_id % 10**11,
        "name": seller.name,
        "city": seller.city,
        "province": "",
        "country": seller.country,
        "currency": seller.currency,
        "domain": base.partition("//")[2],
        "url": f"{base}/shopify/{handle}",
        "myshopify_domain": f"{handle}.myshopify.com",
        "description": None,
        "ships_to_countries": [seller.country],
        "money_format": "R {{amount}}",
        "published_collections_count": 1,
        "published_products_count": len(shelves.listed(handle)),
        "shopify_pay_enabled_card_brands": [],
        "offers_shop_pay_installments": False,
    }
    return json_answer(said, modified=shelves.modified(handle))


def cart(shelves: Shelves, handle: str) -> Answer | None:
    """An empty cart, which names the currency too."""
    seller = shelves.seller(handle, "shopify")
    if seller is None:
        return None
    return json_answer(
        {"token": "0", "note": "", "item_count": 0, "items": [], "total_price": 0, "currency": seller.currency}
    )


def _number(asked: dict[str, list[str]], name: str, otherwise: int) -> int:
    value = asked.get(name, [""])[0]
    return int(value) if re.fullmatch(r"[1-9]\d{0,5}", value) else otherwise


def _path(shelves: Shelves, one: SampleProduct) -> str:
    return page_path(shelves.market, shelves.drawn(one.ref), moved=shelves.has_moved(one.ref))


def _shown(shelves: Shelves, handle: str, slug: str) -> SampleProduct | None:
    if shelves.seller(handle, "shopify") is None:
        return None
    path = f"/shopify/{handle}/products/{slug}"
    return next((one for one in shelves.offered(handle) if _path(shelves, one) == path), None)


def _product(shelves: Shelves, one: SampleProduct, base: str) -> dict[str, Any]:
    seller = shelves.seller(one.seller_handle)
    assert seller is not None
    created, updated = "2025-11-03T09:00:00+02:00", _instant(shelves.modified(one.ref))
    images = []
    if one.has_picture:
        image = {
            "id": stable_id("image", one.ref) % 10**14,
            "created_at": created,
            "position": 1,
            "updated_at": updated,
        }
        source = f"{base}{picture_path(one)}?v={shelves.modified(one.ref)}"
        images = [{**image, "product_id": int(one.ref), "variant_ids": [], "src": source, "width": 640, "height": 720}]
    variants = _variants(one, created, updated)
    return {
        "id": int(one.ref),
        "title": one.title,
        "handle": _path(shelves, one).rpartition("/")[2],
        "body_html": f"<p>{html.escape(one.description)}</p>",
        "published_at": created,
        "created_at": created,
        "updated_at": updated,
        "vendor": seller.name,
        "product_type": one.category,
        "tags": [one.colour, one.pattern],
        "variants": variants,
        "images": images,
        "options": [_option(variants)],
    }


def _option(variants: list[dict[str, Any]]) -> dict[str, Any]:
    name = "Title" if len(variants) == 1 else "Size"
    return {"name": name, "position": 1, "values": [variant["option1"] for variant in variants]}


def _variants(one: SampleProduct, created: str, updated: str) -> list[dict[str, Any]]:
    key = stable_id("variants", one.ref)
    names = SIZES if key % 3 == 0 else ("Default Title",)
    return [
        {
            "id": key % 10**13 + number,
            "title": name,
            "option1": name,
            "option2": None,
            "option3": None,
            "sku": f"{one.ref[-6:]}-{number}",
            "requires_shipping": True,
            "taxable": True,
            "featured_image": None,
            "available": one.in_stock and (number == 0 or key % 2 == 0),
            "price": _price(one.price, 100 + 25 * number),
            "grams": 400,
            "compare_at_price": _price(one.price, 150) if key % 5 == 0 else None,
            "position": number + 1,
            "product_id": int(one.ref),
            "created_at": created,
            "updated_at": updated,
        }
        for number, name in enumerate(names)
    ]


def _price(price: Price | None, percent: int) -> str:
    return amount(Price(price.amount_minor * percent // 100, price.currency)) if price else "0.00"


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
