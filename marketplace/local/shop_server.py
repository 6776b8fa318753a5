"""A shop server for the sample market: catalogue pages that load more on scroll, product pages, pictures.

`python -m marketplace.local.shop_server --port 8090 --state shop.json` serves it on loopback. What an
administrator changes (a price, a product taken down) is kept in the state file.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import re
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from marketplace.catalog.prices import format_price, minor_digits
from marketplace.catalog.products import Price, Seller
from marketplace.local.market import SampleMarket, SampleProduct, draw_market
from marketplace.local.network import LOOPBACK, ServerThread
from marketplace.local.pictures import draw_picture

PAGE_SIZE = 12
LARGEST_BODY = 10_000
STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#ece5dd;color:#1f2937}
header{background:#075e54;color:#fff;padding:1rem 1.25rem}main{max-width:46rem;margin:1rem auto;padding:0 1rem}
.p{display:flex;gap:1rem;background:#fff;border-radius:.6rem;padding:.75rem;margin:.6rem 0}
.p{text-decoration:none;color:inherit}
.p img{width:88px;height:88px;object-fit:cover;border-radius:.4rem}h1{font-size:1.2rem;margin:0}b{display:block}"""
SCRIPT = """let after=PAGE,busy=false;const list=document.querySelector('#list');
async function more(){if(busy||after===null)return;busy=true;
 const answer=await fetch(location.pathname+'/more?after='+after);const page=await answer.json();
 list.insertAdjacentHTML('beforeend',page.html);after=page.next;busy=false;
 if(after===null)list.insertAdjacentHTML('afterend','<p data-catalog-end>You have seen everything.</p>')}
addEventListener('scroll',()=>{if(innerHeight+scrollY>document.body.scrollHeight-400)more()});
if(after===null)list.insertAdjacentHTML('afterend','<p data-catalog-end>You have seen everything.</p>');"""


@dataclass
class Shelves:
    """What the shops show now: the market, and what was changed since it was drawn."""

    market: SampleMarket
    state: Path | None = None
    prices: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    sold_out: dict[str, bool] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._by_ref = {product.ref: product for product in self.market.products}
        self._sellers = {str(seller.phone).lstrip("+"): seller for seller in self.market.sellers}
        if self.state is not None and self.state.exists():
            kept = json.loads(self.state.read_text())
            self.prices, self.sold_out = dict(kept["prices"]), dict(kept["sold_out"])
            self.titles = dict(kept.get("titles", {}))
            self.removed = set(kept["removed"])

    def seller(self, phone: str) -> Seller | None:
        """The seller of a phone number written without its plus."""
        return self._sellers.get(phone)

    def offered(self, seller: Seller) -> list[SampleProduct]:
        """What the seller shows now, in catalogue order."""
        return [now for product in self.market.of(seller.handle) if (now := self.product(product.ref)) is not None]

    def product(self, ref: str) -> SampleProduct | None:
        """The product as it is shown now, None when it was taken down or never was."""
        product = self._by_ref.get(ref)
        if product is None or ref in self.removed:
            return None
        if ref in self.prices and product.price is not None:
            product = replace(product, price=Price(self.prices[ref], product.price.currency))
        if ref in self.titles:
            product = replace(product, title=self.titles[ref])
        return replace(product, in_stock=not self.sold_out[ref]) if ref in self.sold_out else product

    def change(self, ref: str, wanted: dict[str, Any]) -> None:
        """Change a product: `price` in minor units, `title`, `in_stock`, `gone`.

        Raises
        ------
        KeyError
            If there is no such product, or no such change.
        """
        if ref not in self._by_ref:
            raise KeyError(f"no product {ref}")
        if unknown := set(wanted) - {"price", "title", "in_stock", "gone"}:
            raise KeyError(f"cannot change {', '.join(sorted(unknown))}")
        with self._lock:
            if "price" in wanted:
                self.prices[ref] = int(wanted["price"])
            if "title" in wanted:
                self.titles[ref] = str(wanted["title"])
            if "in_stock" in wanted:
                self.sold_out[ref] = not wanted["in_stock"]
            if "gone" in wanted:
                (self.removed.add if wanted["gone"] else self.removed.discard)(ref)
            self._keep()

    def reset(self) -> None:
        """Show everything as it was drawn."""
        with self._lock:
            self.prices.clear()
            self.titles.clear()
            self.sold_out.clear()
            self.removed.clear()
            self._keep()

    def _keep(self) -> None:
        if self.state is not None:
            kept = {
                "prices": self.prices,
                "titles": self.titles,
                "sold_out": self.sold_out,
                "removed": sorted(self.removed),
            }
            draft = self.state.with_suffix(".draft")
            draft.write_text(json.dumps(kept))
            draft.replace(self.state)


class ShopServer(ServerThread):
    """The shops on a loopback port, for the block of a `with`."""

    def __init__(self, market: SampleMarket, port: int = 0, state: Path | None = None) -> None:
        self.shelves = Shelves(market, state)
        super().__init__(ThreadingHTTPServer((LOOPBACK, port), _handler(self.shelves)))

    @property
    def requests(self) -> Counter[str]:
        """How often each path was asked for."""
        return self.shelves.requests

    def set_price(self, ref: str, amount_minor: int) -> None:
        """Change the price of a product."""
        self.shelves.change(ref, {"price": amount_minor})

    def set_title(self, ref: str, title: str) -> None:
        """Change the title of a product."""
        self.shelves.change(ref, {"title": title})

    def remove(self, ref: str) -> None:
        """Take a product down: its page answers 404 and its catalogue no longer shows it."""
        self.shelves.change(ref, {"gone": True})

    def serve(self) -> None:
        """Serve until the process is told to end."""
        self._server.serve_forever()


def _handler(shelves: Shelves) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            shelves.requests[path] += 1
            for pattern, page in PAGES:
                if match := pattern.fullmatch(path):
                    found = page(shelves, *match.groups(), *([query] if page is _more else []))
                    self._answer(*(found or _missing()))
                    return
            self._answer(*_missing())

        def do_POST(self) -> None:
            if self.path == "/admin/reset":
                shelves.reset()
                self._answer(HTTPStatus.OK, "application/json", b"{}")
                return
            match = re.fullmatch(r"/admin/products/(\d{16})", self.path)
            length = int(self.headers.get("content-length", 0))
            try:
                wanted = json.loads(self.rfile.read(min(length, LARGEST_BODY)) or b"{}")
                shelves.change(match.group(1) if match else "", wanted)
            except (KeyError, ValueError, TypeError) as error:
                self._answer(HTTPStatus.BAD_REQUEST, "application/json", json.dumps({"error": str(error)}).encode())
                return
            self._answer(HTTPStatus.OK, "application/json", b"{}")

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == HTTPStatus.OK and self.headers.get("if-none-match") == tag:
                status, body = HTTPStatus.NOT_MODIFIED, b""
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("etag", tag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            return

    return Handler


Answer = tuple[HTTPStatus, str, bytes]


def _index(shelves: Shelves) -> Answer:
    shops = "".join(
        f'<a class="p" href="/c/{str(seller.phone).lstrip("+")}"><span><b>{html.escape(seller.name)}</b>'
        f"{html.escape(seller.city or '')}, {len(shelves.offered(seller))} products</span></a>"
        for seller in shelves.market.sellers
    )
    return _page("The sample market", f"<main>{shops}</main>")


def _catalog(shelves: Shelves, phone: str) -> Answer | None:
    seller = shelves.seller(phone)
    if seller is None:
        return None
    offered = shelves.offered(seller)
    following = "null" if len(offered) <= PAGE_SIZE else str(PAGE_SIZE)
    cards = "".join(_card(product, phone) for product in offered[:PAGE_SIZE])
    script = SCRIPT.replace("PAGE", following)
    return _page(seller.name, f'<main><div id="list">{cards}</div></main><script>{script}</script>')


def _more(shelves: Shelves, phone: str, query: str) -> Answer | None:
    seller = shelves.seller(phone)
    after = re.search(r"after=(\d{1,6})", query)
    if seller is None or after is None:
        return None
    start = int(after.group(1))
    offered = shelves.offered(seller)
    end = start + PAGE_SIZE
    cards = "".join(_card(product, phone) for product in offered[start:end])
    body = json.dumps({"html": cards, "next": end if end < len(offered) else None})
    return HTTPStatus.OK, "application/json", body.encode()


def _product(shelves: Shelves, ref: str, phone: str) -> Answer | None:
    product, seller = shelves.product(ref), shelves.seller(phone)
    if product is None or seller is None or product.seller_handle != seller.handle:
        return None
    data = json.dumps(_linked_data(product), ensure_ascii=False).replace("<", "\\u003c")
    image = f"/img/{ref}.jpg" if product.has_picture else ""
    graph = {
        "og:type": "product",
        "og:title": product.title,
        "og:description": product.description,
        "og:image": image,
        "product:price:amount": _amount(product.price),
        "product:price:currency": product.price.currency if product.price else "",
    }
    metas = "".join(f'<meta property="{name}" content="{html.escape(said)}">' for name, said in graph.items() if said)
    head = f'{metas}<script type="application/ld+json">{data}</script>'
    return _page(product.title, f"<main>{_card(product, phone)}<p>{html.escape(product.description)}</p></main>", head)


def _linked_data(product: SampleProduct) -> dict[str, Any]:
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": product.title,
        "description": product.description,
        "category": product.category,
    }
    if product.has_picture:
        data["image"] = [f"/img/{product.ref}.jpg"]
    if product.price is not None:
        stock = "InStock" if product.in_stock else "OutOfStock"
        data["offers"] = {
            "@type": "Offer",
            "price": _amount(product.price),
            "priceCurrency": product.price.currency,
            "availability": f"https://schema.org/{stock}",
        }
    return data


def _image(shelves: Shelves, ref: str) -> Answer | None:
    product = shelves.product(ref)
    if product is None or not product.has_picture:
        return None
    return HTTPStatus.OK, "image/jpeg", _drawn(replace(product, price=None, in_stock=True, title=""))


@lru_cache(maxsize=512)
def _drawn(product: SampleProduct) -> bytes:
    return draw_picture(product)


def _robots(shelves: Shelves) -> Answer:
    return HTTPStatus.OK, "text/plain", b"User-agent: *\nDisallow: /admin/\n"


def _missing() -> Answer:
    _, kind, body = _page("Not found", "<main><p>This page does not exist.</p></main>")
    return HTTPStatus.NOT_FOUND, kind, body


def _page(title: str, content: str, head: str = "") -> Answer:
    name = html.escape(title)
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width">{head}<style>{STYLE}</style></head>'
        f"<body><header><h1>{name}</h1></header>{content}</body></html>"
    )
    return HTTPStatus.OK, "text/html; charset=utf-8", body.encode()


def _card(product: SampleProduct, phone: str) -> str:
    picture = f'<img src="/img/{product.ref}.jpg" alt="" loading="lazy">' if product.has_picture else ""
    price = format_price(product.price) if product.price else "Price on request"
    sold_out = "" if product.in_stock else " (sold out)"
    return (
        f'<a class="p" href="/p/{product.ref}/{phone}">{picture}<span><b>{html.escape(product.title)}</b>'
        f"{html.escape(price)}{sold_out}</span></a>"
    )


def _amount(price: Price | None) -> str:
    if price is None:
        return ""
    digits = minor_digits(price.currency)
    whole, cents = divmod(price.amount_minor, 10**digits)
    return f"{whole}.{cents:0{digits}d}" if digits else str(whole)


PAGES = (
    (re.compile("/"), _index),
    (re.compile("/robots.txt"), _robots),
    (re.compile(r"/c/(\d{6,15})"), _catalog),
    (re.compile(r"/c/(\d{6,15})/more"), _more),
    (re.compile(r"/p/(\d{16})/(\d{6,15})"), _product),
    (re.compile(r"/img/(\d{16})\.jpg"), _image),
)


def main() -> None:
    """Serve the sample market until the process is told to end."""
    parser = argparse.ArgumentParser(description="The sample market's shops.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ShopServer(draw_market(), options.port, options.state).serve()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
