"""Feeds: Google Merchant as XML and TSV, and a seller's own CSV, XLSX and JSON.

A reduced product of a Google feed names its old price as `price` and what a shopper pays now as `sale_price`; the
latter is the product's price. The CSV writes prices as people do ("12 500 FCFA"), XLSX as numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook

from marketplace.catalog.prices import minor_digits
from marketplace.catalog.products import Price, Seller, stable_id
from marketplace.local.market import SampleProduct
from marketplace.local.shops.answers import Answer, html_page, json_answer, redirect
from marketplace.local.shops.markup import amount, card, linked_data, open_graph, picture_path, script
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.shelves import Shelves

GOOGLE = "http://base.google.com/ns/1.0"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FEED = re.compile(r"/feeds/([\w-]+)/(?:google|catalog)\.(xml|tsv|csv|xlsx|json)")
PRODUCT = re.compile(r"/feeds/([\w-]+)/product/([\w-]+)")
GOOGLE_COLUMNS = (
    "id", "title", "description", "link", "image_link", "availability", "price", "sale_price", "condition", "brand",
    "product_type",
)  # fmt: skip
OWN_COLUMNS = ("SKU", "Product Name", "Description", "Category", "Price", "In Stock", "Image URL", "Product Link")
Table = list[Mapping[str, Any]]


def feed(shelves: Shelves, handle: str, form: str, base: str) -> Answer | None:
    """The seller's feed, where it is of that form."""
    seller = shelves.seller(handle, form)
    if seller is None:
        return None
    listed = shelves.listed(handle)
    if shelves.faults.has("repeated_rows", handle):
        listed = [*listed, *listed[:1]]
    kind, write = WRITERS[form]
    body = write(seller, listed, lambda one: base + _path(shelves, one), base)
    return Answer(body, kind, modified=shelves.modified(handle))


def product(shelves: Shelves, handle: str, slug: str, base: str) -> Answer | None:
    """The page that a row of the feed leads to, or the way to where it has moved."""
    if shelves.seller(handle) is None:
        return None
    by_path = {_path(shelves, one): one for one in shelves.offered(handle)}
    path = f"/feeds/{handle}/product/{slug}"
    if path not in by_path:
        return redirect(f"{path}-moved") if f"{path}-moved" in by_path else None
    shown = by_path[path]
    head = open_graph(shown, base=base) + script(linked_data(shown, base=base, url=f"{base}{path}"))
    return html_page(shown.title, f"<main>{card(shown, path)}</main>", head, modified=shelves.modified(shown.ref))


Link = Callable[[SampleProduct], str]


def _path(shelves: Shelves, one: SampleProduct) -> str:
    return page_path(shelves.market, shelves.drawn(one.ref), moved=shelves.has_moved(one.ref))


def _google_rows(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> list[dict[str, str]]:
    rows = []
    for one in listed:
        is_reduced = stable_id("reduced", one.ref) % 4 == 0
        now = _money(one.price) if one.price else ""
        before = _money(Price(one.price.amount_minor * 3 // 2, one.price.currency)) if one.price else ""
        rows.append(
            {
                "id": one.ref,
                "title": one.title,
                "description": one.description,
                "link": link(one),
                "image_link": f"{base}{picture_path(one)}" if one.has_picture else "",
                "availability": "in_stock" if one.in_stock else "out_of_stock",
                "price": before if is_reduced else now,
                "sale_price": now if is_reduced else "",
                "condition": "new",
                "brand": seller.name,
                "product_type": one.category,
            }
        )
    return rows


def _xml(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> bytes:
    items = [
        "<item>" + "".join(f"<g:{name}>{escape(text)}</g:{name}>" for name, text in row.items() if text) + "</item>"
        for row in _google_rows(seller, listed, link, base)
    ]
    name, lines = escape(seller.name), "\n".join(items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:g="{GOOGLE}" version="2.0">\n<channel>\n'
        f"<title>{name}</title>\n<link>{base}/</link>\n<description>Products of {name}</description>\n"
        f"{lines}\n</channel>\n</rss>\n"
    ).encode()


def _tsv(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> bytes:
    return _separated(GOOGLE_COLUMNS, _google_rows(seller, listed, link, base), "\t").encode()


def _own_rows(listed: Sequence[SampleProduct], link: Link, base: str) -> list[dict[str, Any]]:
    return [
        {
            "SKU": one.ref,
            "Product Name": one.title,
            "Description": one.description,
            "Category": one.category,
            "Price": _spoken(one.price) if one.price else "",
            "In Stock": "yes" if one.in_stock else "no",
            "Image URL": f"{base}{picture_path(one)}" if one.has_picture else "",
            "Product Link": link(one),
        }
        for one in listed
    ]


def _csv(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> bytes:
    return _separated(OWN_COLUMNS, _own_rows(listed, link, base), ",").encode("utf-8-sig")


def _xlsx(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> bytes:
    lines: list[tuple[Any, ...]] = [(*OWN_COLUMNS, "Currency")]
    for one, row in zip(listed, _own_rows(listed, link, base), strict=True):
        whole = one.price.amount_minor / 10 ** minor_digits(one.price.currency) if one.price else None
        row |= {"SKU": int(one.ref), "Price": whole}
        lines.append((*(row[name] for name in OWN_COLUMNS), seller.currency))
    return _workbook(tuple(lines))


@lru_cache(maxsize=64)
def _workbook(lines: tuple[tuple[Any, ...], ...]) -> bytes:
    """A workbook of one sheet; kept, since it is stamped with the moment it is written."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Products")
    for line in lines:
        sheet.append(line)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _json(seller: Seller, listed: Sequence[SampleProduct], link: Link, base: str) -> bytes:
    rows = [
        {
            "id": one.ref,
            "title": one.title,
            "description": one.description,
            "category": one.category,
            "price": amount(one.price) if one.price else None,
            "currency": seller.currency,
            "in_stock": one.in_stock,
            "image": f"{base}{picture_path(one)}" if one.has_picture else None,
            "url": link(one),
        }
        for one in listed
    ]
    return json_answer({"seller": seller.name, "products": rows}).body


WRITERS: Mapping[str, tuple[str, Callable[[Seller, Sequence[SampleProduct], Link, str], bytes]]] = MappingProxyType(
    {
        "xml": ("application/xml; charset=utf-8", _xml),
        "tsv": ("text/tab-separated-values; charset=utf-8", _tsv),
        "csv": ("text/csv; charset=utf-8", _csv),
        "xlsx": (XLSX, _xlsx),
        "json": ("application/json", _json),
    }
)


def _spoken(price: Price) -> str:
    """The price as people write it in francs: "4 100 FCFA"."""
    return f"{price.amount_minor // 10 ** minor_digits(price.currency):,} FCFA".replace(",", " ")


def _money(price: Price) -> str:
    return f"{amount(price)} {price.currency}"


def _separated(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], delimiter: str) -> str:
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, columns, delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()
