"""A shop for benchmarks: product pages of a usual size, rendered once and served by a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from marketplace.local.network import free_port, wait_until

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta property="og:type" content="product"><meta property="og:title" content="{name}">
<meta property="og:description" content="{words}"><meta name="viewport" content="width=device-width">
<script type="application/ld+json">{data}</script><style>{style}</style></head><body>
<nav>{menu}</nav><main><h1>{name}</h1><p>{words}</p><section>{related}</section></main><footer>{menu}</footer></body></html>"""
STYLE = "".join(f".c{number}{{margin:{number}px;padding:{number}px;color:#{number:06x}}}" for number in range(150))
MENU = "".join(f'<a class="c{number}" href="/category/{number}">Category {number}</a>' for number in range(80))


def product_page(number: int) -> bytes:
    """A product page of some 25 kB, as web shops make them."""
    name = f"Kiondo handbag {number}"
    words = f"Sisal basket number {number}, made by hand in Machakos; message us for delivery. " * 4
    offer = {"@type": "Offer", "price": f"{1000 + number}.00", "priceCurrency": "KES", "availability": "InStock"}
    data = {"@type": "Product", "name": name, "description": words, "category": "Bags", "offers": offer}
    related = "".join(
        f'<article class="card"><a href="/p/{other}"><h3>Basket {other}</h3><span>KSh {other}</span></a></article>'
        for other in range(number, number + 60)
    )
    page = PAGE.format(name=name, words=words, data=json.dumps(data), style=STYLE, menu=MENU, related=related)
    return page.encode()


def shop(pages: int, delay: float, faults: float, crawl_delay: float = 0.0, seed: int = 7) -> web.Application:
    """The shop's application; of every path the first answer may fail, the same ones in every run.

    `/log` tells when each page was asked for, on which host, and with what status.
    """
    bodies = [product_page(number) for number in range(pages)]
    luck = random.Random(seed)
    failing = {number: luck.choice([429, 500, 503]) for number in range(pages) if luck.random() < faults}

    async def page(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        key = (request.host, number)
        is_failing = number in failing and key not in failed
        log.append([request.host, time.monotonic(), failing[number] if is_failing else 200])
        if delay:
            await asyncio.sleep(delay)
        if is_failing:
            failed.add(key)
            return web.Response(status=failing[number], headers={"Retry-After": "1"} if failing[number] == 429 else {})
        tag = f'"{number}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=bodies[number], content_type="text/html", charset="utf-8", headers={"ETag": tag})

    async def robots(request: web.Request) -> web.Response:
        asked = f"Crawl-delay: {crawl_delay}\n" if crawl_delay else ""
        return web.Response(text=f"User-agent: *\nDisallow: /admin/\n{asked}")

    async def tell(request: web.Request) -> web.Response:
        return web.json_response(log)

    log: list[list[Any]] = []
    failed: set[tuple[Any, int]] = set()
    application = web.Application()
    application.add_routes([web.get("/robots.txt", robots), web.get("/p/{number}", page), web.get("/log", tell)])
    return application


@contextlib.contextmanager
def running(
    pages: int, *, delay: float = 0.0, faults: float = 0.0, hosts: int = 1, crawl_delay: float = 0.0
) -> Iterator[list[str]]:
    """The addresses of the shop, on as many loopback hosts, served by a process of its own."""
    port = free_port()
    options = ["--port", str(port), "--pages", str(pages), "--delay", str(delay), "--faults", str(faults)]
    options += ["--hosts", str(hosts), "--crawl-delay", str(crawl_delay)]
    command = [sys.executable, "-m", "benchmarks.fixture_shop", *options]
    with subprocess.Popen(command) as process:
        urls = [f"http://127.0.0.{host + 1}:{port}" for host in range(hosts)]
        try:
            assert wait_until(lambda: _answers(urls[-1]), 60)
            yield urls
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/robots.txt", timeout=1):
            return True
    except OSError:
        time.sleep(0.05)
        return False


def main() -> None:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--crawl-delay", type=float, default=0.0)
    chosen = parser.parse_args()
    addresses = [f"127.0.0.{host + 1}" for host in range(chosen.hosts)]
    application = shop(chosen.pages, chosen.delay, chosen.faults, chosen.crawl_delay)
    web.run_app(application, host=addresses, port=chosen.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
