"""A plain reader of every form of catalogue: standard parsers, no manners, nothing of ours but the addresses.

It asks again at once where it is told to wait, follows redirects on loopback only, and reads five million bytes.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urljoin, urlsplit

import requests
from lxml import etree
from lxml.html import HTMLParser, document_fromstring
from openpyxl import load_workbook

MINOR_DIGITS = {"XOF": 0, "XAF": 0, "UGX": 0, "RWF": 0}
GOOGLE = "{http://base.google.com/ns/1.0}"
LARGEST = 5_000_000
ATTEMPTS = 4


class Unread(Exception):
    """There is nothing to be had at an address, and nothing is proven by it."""


@dataclass
class Reader:
    """Reads the sellers of a shop server into the rows that a truth is compared with."""

    shop: object
    session: requests.Session = field(default_factory=requests.Session)
    unread: dict[str, str] = field(default_factory=dict)

    def rows(self):
        """Every product of every seller that can be read, each ref once."""
        found = {}
        for seller in self.shop.shelves.market.sellers:
            try:
                for row in READERS[self.shop.shelves.market.form(seller.handle)](self, seller):
                    found.setdefault((row["seller"], row["source_ref"]), row)
            except (Unread, ValueError, LookupError, etree.Error) as error:
                self.unread[seller.handle] = str(error)
        for row in found.values():
            row["has_image"] = row["image"] is not None and self._is_picture(row.pop("image"))
        return list(found.values())

    def get(self, url):
        """The bytes at an address, None where they are gone."""
        for _ in range(6):
            answer = self._once(url)
            if not answer.is_redirect:
                break
            url = urljoin(url, answer.headers["location"])
            if not url.startswith("http://127.") or "@" in url or urlsplit(url).port != urlsplit(self.shop.url).port:
                raise Unread(f"redirects to {url}")
        else:
            raise Unread("redirects for ever")
        if answer.status_code == 404:
            return None
        return answer.body

    def _once(self, url):
        for _ in range(ATTEMPTS):
            try:
                answer = self.session.get(url, timeout=5, stream=True, allow_redirects=False)
                body = answer.raw.read(LARGEST + 1, decode_content=True)
            except (requests.RequestException, OSError, requests.packages.urllib3.exceptions.HTTPError):
                continue
            if len(body) > LARGEST:
                raise Unread("too large")
            answer.body = body
            if answer.status_code not in {429, 500, 503}:
                return answer
        raise Unread("no answer")

    def _is_picture(self, url):
        try:
            return (self.get(url) or b"").startswith(b"\xff\xd8\xff")
        except Unread:
            return False


def row(seller, ref, title, amount, currency, in_stock, image):
    return {
        "seller": seller.handle,
        "source_ref": ref,
        "title": title,
        "price_minor": int(Decimal(str(amount)).scaleb(MINOR_DIGITS.get(currency, 2))),
        "currency": currency,
        "in_stock": in_stock,
        "is_gone": False,
        "image": image or None,
    }


def whatsapp(reader, seller):
    url, after = reader.shop.source_url(seller.handle), 0
    if not re.search(r"let after=\d+|data-catalog-end", (reader.get(url) or b"").decode()):
        raise Unread("no catalogue")
    while after is not None:
        more = json.loads(reader.get(f"{url}/more?after={after}"))
        after = more["next"]
        for path, ref in re.findall(r'href="(/p/(\d{16})/\d+)"', more["html"]):
            yield from _page(reader, seller, urljoin(url, path), ref)


def sitemap(reader, seller):
    [products, pages] = _locations(reader.get(reader.shop.source_url(seller.handle)))
    for url in [*_locations(gzip.decompress(reader.get(products))), *_locations(reader.get(pages))]:
        yield from _page(reader, seller, url, urlsplit(url).path)


def listing(reader, seller):
    for _, page in _pages(reader, seller):
        [data] = page.xpath("//script[@type='application/ld+json']/text()")
        for entry in json.loads(data)["itemListElement"]:
            item = entry["item"]
            yield _linked(seller, urlsplit(item["url"]).path, item, item["url"])


def microdata(reader, seller):
    for url, page in _pages(reader, seller):
        for path in page.xpath("//a[@class='p']/@href"):
            yield from _page(reader, seller, urljoin(url, path), path)


def shopify(reader, seller):
    root, page = reader.shop.source_url(seller.handle), 1
    currency = json.loads(reader.get(f"{root}meta.json"))["currency"]
    while products := json.loads(reader.get(f"{root}products.json?limit=7&page={page}"))["products"]:
        page += 1
        for one in products:
            prices = [Decimal(variant["price"]) for variant in one["variants"]]
            in_stock = any(variant["available"] for variant in one["variants"])
            image = one["images"][0]["src"] if one["images"] else None
            yield row(seller, str(one["id"]), one["title"], min(prices), currency, in_stock, image)


def woocommerce(reader, seller):
    root, page = reader.shop.source_url(seller.handle), 1
    while products := json.loads(reader.get(f"{root}wp-json/wc/store/v1/products?per_page=7&page={page}")):
        page += 1
        for one in products:
            prices = one["prices"]
            amount = Decimal(prices["price"]).scaleb(-prices["currency_minor_unit"])
            image = one["images"][0]["src"] if one["images"] else None
            title = html.unescape(one["name"])
            yield row(seller, str(one["id"]), title, amount, prices["currency_code"], one["is_in_stock"], image)


def google_xml(reader, seller):
    root = etree.fromstring(reader.get(reader.shop.source_url(seller.handle)))
    for item in root.iter("item"):
        yield _google(seller, {child.tag.removeprefix(GOOGLE): child.text for child in item})


def google_tsv(reader, seller):
    text = reader.get(reader.shop.source_url(seller.handle)).decode()
    for one in csv.DictReader(io.StringIO(text), delimiter="\t"):
        yield _google(seller, one)


def own_csv(reader, seller):
    text = reader.get(reader.shop.source_url(seller.handle)).decode("utf-8-sig")
    for one in csv.DictReader(io.StringIO(text)):
        amount = one["Price"].removesuffix(" FCFA").replace(" ", "")
        in_stock = one["In Stock"] == "yes"
        yield row(seller, one["SKU"], one["Product Name"], amount, seller.currency, in_stock, one["Image URL"])


def own_xlsx(reader, seller):
    book = load_workbook(io.BytesIO(reader.get(reader.shop.source_url(seller.handle))), read_only=True)
    header, *lines = book.worksheets[0].iter_rows(values_only=True)
    for line in lines:
        one = dict(zip(header, line, strict=True))
        in_stock = one["In Stock"] == "yes"
        ref, title = str(one["SKU"]), one["Product Name"]
        yield row(seller, ref, title, one["Price"], one["Currency"], in_stock, one["Image URL"])


def own_json(reader, seller):
    for one in json.loads(reader.get(reader.shop.source_url(seller.handle)))["products"]:
        yield row(seller, one["id"], one["title"], one["price"], one["currency"], one["in_stock"], one["image"])


READERS = {
    "whatsapp": whatsapp,
    "sitemap": sitemap,
    "listing": listing,
    "microdata": microdata,
    "shopify": shopify,
    "woocommerce": woocommerce,
    "xml": google_xml,
    "tsv": google_tsv,
    "csv": own_csv,
    "xlsx": own_xlsx,
    "json": own_json,
}


def _pages(reader, seller):
    url, seen = reader.shop.source_url(seller.handle), set()
    while url not in seen:
        seen.add(url)
        page = _parsed(reader.get(url))
        yield url, page
        url = urljoin(url, (page.xpath("//link[@rel='next']/@href") or [url])[0])


def _page(reader, seller, url, ref):
    try:
        body = None if _is_forbidden(reader, url) else reader.get(url)
    except Unread:
        return
    if body is not None:
        page = _parsed(body)
        data = _linked_product(page)
        if data is not None:
            yield _linked(seller, ref, data, url)
        elif (graph := _graph(page)).get("og:type") == "product":
            amount, currency = graph["product:price:amount"], graph["product:price:currency"]
            in_stock = graph["product:availability"] == "in stock"
            yield row(seller, ref, graph["og:title"], amount, currency, in_stock, _joined(url, graph.get("og:image")))
        elif page.xpath("//*[@itemtype='https://schema.org/Product']"):
            yield _from_microdata(seller, ref, page, url)


def _is_forbidden(reader, url):
    rules = reader.get(urljoin(url, "/robots.txt")).decode()
    return f"Disallow: {urlsplit(url).path}\n" in rules


def _linked_product(page):
    for text in page.xpath("//script[@type='application/ld+json']/text()"):
        try:
            data = json.loads(text)
        except ValueError:
            continue
        for node in data.get("@graph", [data]):
            if node["@type"] == "Product":
                return {**node, "name": html.unescape(node["name"])}
    return None


def _linked(seller, ref, data, url):
    offer = data["offers"]
    in_stock = offer["availability"] == "https://schema.org/InStock"
    image = _joined(url, data.get("image", [None])[0])
    return row(seller, ref, data["name"], offer["price"], offer["priceCurrency"], in_stock, image)


def _from_microdata(seller, ref, page, url):
    said = {node.get("itemprop"): node for node in page.xpath("//*[@itemprop]")}
    in_stock = said["availability"].get("href") == "https://schema.org/InStock"
    image = _joined(url, said["image"].get("src") if "image" in said else None)
    amount, currency = said["price"].get("content"), said["priceCurrency"].get("content")
    return row(seller, ref, said["name"].text_content(), amount, currency, in_stock, image)


def _google(seller, one):
    amount, currency = (one.get("sale_price") or one["price"]).split()
    in_stock = one["availability"] == "in_stock"
    return row(seller, one["id"], one["title"], amount, currency, in_stock, one.get("image_link"))


def _graph(page):
    return {meta.get("property"): meta.get("content") for meta in page.xpath("//meta[@property]")}


def _locations(content):
    return etree.fromstring(content).xpath("//*[local-name()='loc']/text()")


def _parsed(content):
    return document_fromstring(content, parser=HTMLParser(encoding="utf-8"))


def _joined(url, path):
    return urljoin(url, path) if path else None
