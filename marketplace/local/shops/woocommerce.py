"""A WooCommerce shop: its Store API in pages, and product pages.

The shop shows prices without decimals (`currency_minor_unit` 0) though its currency has two, and names are written
with HTML entities, as WordPress does. A reduced product's price is what a shopper pays now.
"""

from __future__ import annotations

import html
import math
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from marketplace.catalog.prices import SHOWN, minor_digits
from marketplace.catalog.products import Price, Seller, stable_id
from marketplace.local.forms import slug
from marketplace.local.market import SampleProduct
from marketplace.local.shops.answers import JSON, Answer, html_page, json_answer, redirect
from marketplace.local.shops.markup import card, linked_data, open_graph, picture_path, script
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.shelves import Shelves

ROOT = r"/woo/([\w-]+)"
HOME = re.compile(rf"{ROOT}/?")
PRODUCTS = re.compile(rf"{ROOT}/wp-json/wc/store/(?:v1/)?products/?")
PRODUCT_JSON = re.compile(rf"{ROOT}/wp-json/wc/store/(?:v1/)?products/(\d{{1,12}})")
PRODUCT = re.compile(rf"{ROOT}/product/([\w-]+)/?")
FEW, MOST = 10, 100


def products(shelves: Shelves, handle: str, query: str, base: str) -> Answer | None:
    """A page of the shop's products, with the totals in its headers; one behind the last is empty."""
    seller = shelves.seller(handle, "woocommerce")
    if seller is None:
        return None
    asked = parse_qs(query)
    size, page = asked.get("per_page", [str(FEW)])[0], asked.get("page", ["1"])[0]
    if not (re.fullmatch(r"\d{1,3}", size) and 1 <= int(size) <= MOST):
        return _refused("rest_invalid_param", "Invalid parameter(s): per_page", HTTPStatus.BAD_REQUEST)
    if not re.fullmatch(r"[1-9]\d{0,5}", page):
        return _refused("rest_invalid_param", "Invalid parameter(s): page", HTTPStatus.BAD_REQUEST)
    listed = shelves.listed(handle)
    if shelves.faults.has("repeated_rows", handle):
        listed = [*listed, *listed[:1]]
    pages, number = math.ceil(len(listed) / int(size)), int(page)
    headers = [("X-WP-Total", str(len(listed))), ("X-WP-TotalPages", str(pages))]
    if number < pages:
        here = f"{base}/woo/{handle}/wp-json/wc/store/v1/products?per_page={size}"
        headers.append(("Link", f'<{here}&page={number + 1}>; rel="next"'))
    shown = listed[(number - 1) * int(size) : number * int(size)]
    data = [_product(shelves, seller, one, base) for one in shown]
    return json_answer(data, headers=tuple(headers), modified=shelves.modified(handle))


def product_json(shelves: Shelves, handle: str, ref: str, base: str) -> Answer | None:
    """One product."""
    seller, shown = shelves.seller(handle, "woocommerce"), shelves.product(ref)
    if seller is None:
        return None
    if shown is None or shown.seller_handle != handle:
        return _refused("woocommerce_rest_product_invalid_id", "Invalid product ID.", HTTPStatus.NOT_FOUND)
    return json_answer(_product(shelves, seller, shown, base), modified=shelves.modified(ref))


def product(shelves: Shelves, handle: str, name: str, base: str) -> Answer | None:
    """The page of a product, or the way to where it has moved."""
    if shelves.seller(handle, "woocommerce") is None:
        return None
    by_path = {_path(shelves, one): one for one in shelves.offered(handle)}
    path = f"/woo/{handle}/product/{name}"
    if path not in by_path:
        return redirect(f"{path}-moved") if f"{path}-moved" in by_path else None
    shown = by_path[path]
    head = f'<link rel="canonical" href="{base}{path}">' + open_graph(shown, base=base)
    data = linked_data(shown, base=base, url=f"{base}{path}")
    content = f"<main>{card(shown, path)}</main>"
    return html_page(shown.title, content, head + script(data), modified=shelves.modified(shown.ref))


def home(shelves: Shelves, handle: str, base: str) -> Answer | None:
    """The front page, which names the REST API."""
    seller = shelves.seller(handle, "woocommerce")
    if seller is None:
        return None
    head = '<meta name="generator" content="WooCommerce 10.3.5">'
    head += f'<link rel="https://api.w.org/" href="{base}/woo/{handle}/wp-json/">'
    cards = "".join(card(one, _path(shelves, one)) for one in shelves.listed(handle)[:12])
    return html_page(seller.name, f"<main>{cards}</main>", head)


def _refused(code: str, message: str, status: HTTPStatus) -> Answer:
    body = json_answer({"code": code, "message": message, "data": {"status": int(status)}}).body
    return Answer(body, JSON, status)


def _path(shelves: Shelves, one: SampleProduct) -> str:
    return page_path(shelves.market, shelves.drawn(one.ref), moved=shelves.has_moved(one.ref))


def _product(shelves: Shelves, seller: Seller, one: SampleProduct, base: str) -> dict[str, Any]:
    path = _path(shelves, one)
    key = stable_id("woo", one.ref)
    reduced = key % 4 == 0
    stock = {"text": "", "class": "in-stock"} if one.in_stock else {"text": "Out of stock", "class": "out-of-stock"}
    return {
        "id": int(one.ref),
        "name": _escaped(one.title),
        "slug": path.rpartition("/")[2],
        "parent": 0,
        "type": "simple",
        "variation": "",
        "permalink": f"{base}{path}/",
        "sku": f"AL-{one.ref}",
        "short_description": "",
        "description": f"<p>{_escaped(one.description)}</p>\n",
        "on_sale": reduced,
        "prices": _prices(seller.currency, one.price, reduced),
        "price_html": "",
        "average_rating": "0",
        "review_count": 0,
        "images": [_image(one, base)] if one.has_picture else [],
        "categories": [_category(one.category, seller.handle, base)] if one.category else [],
        "tags": [],
        "brands": [],
        "attributes": [],
        "variations": [],
        "grouped_products": [],
        "has_options": False,
        "is_purchasable": True,
        "is_in_stock": one.in_stock,
        "is_on_backorder": False,
        "low_stock_remaining": None,
        "stock_availability": stock,
        "sold_individually": False,
        "add_to_cart": {
            "text": "Add to cart" if one.in_stock else "Read more",
            "description": f"Add to cart: “{_escaped(one.title)}”",
            "url": f"?add-to-cart={one.ref}",
            "single_text": "Add to cart",
            "minimum": 1,
            "maximum": 9999,
            "multiple_of": 1,
        },
        "extensions": {},
    }


def _prices(currency: str, price: Price | None, reduced: bool) -> dict[str, Any]:
    now = price.amount_minor // 10 ** minor_digits(currency) if price else 0
    before = now * 5 // 4 if reduced else now
    sign = SHOWN.get(currency, currency)
    return {
        "price": str(now) if price else "",
        "regular_price": str(before) if price else "",
        "sale_price": str(now) if price else "",
        "price_range": None,
        "currency_code": currency,
        "currency_symbol": sign,
        "currency_minor_unit": 0,
        "currency_decimal_separator": ".",
        "currency_thousand_separator": ",",
        "currency_prefix": sign,
        "currency_suffix": "",
    }


def _image(one: SampleProduct, base: str) -> dict[str, Any]:
    source = f"{base}{picture_path(one)}"
    number = stable_id("image", one.ref) % 10**5
    return {"id": number, "src": source, "thumbnail": source, "srcset": "", "sizes": "", "name": one.ref, "alt": ""}


def _category(name: str, handle: str, base: str) -> dict[str, Any]:
    number, part = stable_id("category", name) % 100, slug(name)
    return {"id": number, "name": _escaped(name), "slug": part, "link": f"{base}/woo/{handle}/product-category/{part}/"}


def _escaped(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#039;")  # as PHP writes it
