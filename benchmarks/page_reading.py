"""Product pages per second with the same fields read from each, Soko beside Scrapy.

`python -m benchmarks.page_reading` serves a shop on loopback and reads it with both in turn, 20 at once, robots on,
no delay; each reads in a process of its own and counts the CPU of that process. Scrapy is no package of ours:
`.venv/bin/pip install scrapy==2.19.0` first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.fixture_shop import running

FIELDS = ("title", "description", "category", "price", "currency", "in_stock")
AT_ONCE = 20


def read_with_soko(url: str, pages: int) -> list[tuple[Any, ...]]:
    """The fields of every page, read by the engine that hydrates products."""
    from marketplace.catalog.products import Seller
    from marketplace.ingestion.browser import Chromium
    from marketplace.ingestion.fetching import Fetcher
    from marketplace.ingestion.hydrating import Hydrator, Knowledge
    from marketplace.ingestion.sources import ProductRef
    from marketplace.ingestion.visits import Visit
    from marketplace.ingestion.whatsapp import WhatsAppCatalog
    from marketplace.settings import Settings
    from marketplace.storage.images import Images
    from marketplace.storage.kept_pages import KeptPages

    folder = Path(tempfile.mkdtemp())
    settings = Settings(
        _env_file=None, allow_private_hosts=True, per_host_concurrency=AT_ONCE, hydrate_concurrency=AT_ONCE
    )
    seller = Seller(1, "bench", "Bench", None, None, "KE", "KES", "whatsapp", url)

    async def read() -> list[tuple[Any, ...]]:
        found = []
        async with Fetcher(settings) as fetcher:
            web = Visit(fetcher, Chromium(settings), KeptPages(folder))
            source, images = WhatsAppCatalog(seller, settings), Images(folder)
            hydrator = Hydrator(source, web, images, Knowledge({}, {}), at_once=AT_ONCE, currency="KES")
            async for one in hydrator.read([ProductRef(str(n), f"{url}/p/{n}") for n in range(pages)]):
                assert one.product is not None, one.refusals
                product, price = one.product, one.product.price
                assert price is not None
                major = price.amount_minor / 100
                found.append(
                    (product.title, product.description, product.category, major, price.currency, product.in_stock)
                )
        return found

    return asyncio.run(read())


def read_with_scrapy(url: str, pages: int) -> list[tuple[Any, ...]]:
    """The same fields, read by a Scrapy spider as its tutorial would have it."""
    import scrapy
    from scrapy.crawler import CrawlerProcess

    found = []

    class Shop(scrapy.Spider):
        name = "shop"

        async def start(self) -> Any:
            for number in range(pages):
                yield scrapy.Request(f"{url}/p/{number}")

        def parse(self, response: Any) -> None:
            data = json.loads(response.xpath('//script[@type="application/ld+json"]/text()').get())
            offer = data["offers"]
            is_there = offer["availability"] == "InStock"
            price = float(offer["price"])
            found.append(
                (data["name"], data["description"].strip(), data["category"], price, offer["priceCurrency"], is_there)
            )

    settings = {"CONCURRENT_REQUESTS": AT_ONCE, "CONCURRENT_REQUESTS_PER_DOMAIN": AT_ONCE, "DOWNLOAD_DELAY": 0}
    quiet = {"ROBOTSTXT_OBEY": True, "LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False}
    process = CrawlerProcess({**settings, **quiet})
    process.crawl(Shop)
    process.start()
    return found


def measure(reader: str, url: str, pages: int) -> dict[str, float]:
    """Pages per second and per CPU second of one reader in this process, imports not counted."""
    read = {"soko": read_with_soko, "scrapy": read_with_scrapy}[reader]
    if reader == "scrapy":
        import scrapy.crawler  # noqa: F401
    else:
        import marketplace.ingestion.sync  # noqa: F401
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    found = read(url, pages)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    assert len(found) == pages, f"{reader} read {len(found)} of {pages}"
    assert min(found)[0] == "Kiondo handbag 0"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"per_second": pages / seconds, "per_cpu_second": pages / cpu}


def main() -> None:
    """Print each round and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reader", choices=["soko", "scrapy"])
    parser.add_argument("--url")
    chosen = parser.parse_args()
    if chosen.reader:
        print(json.dumps(measure(chosen.reader, chosen.url, chosen.pages)))
        return
    figures: dict[str, list[dict[str, float]]] = {"soko": [], "scrapy": []}
    with running(chosen.pages) as [url]:
        for number in range(chosen.rounds):
            for reader, kept in figures.items():
                command = [sys.executable, "-m", "benchmarks.page_reading", "--reader", reader, "--url", url]
                done = subprocess.run(
                    [*command, "--pages", str(chosen.pages)], capture_output=True, text=True, check=True
                )
                kept.append(json.loads(done.stdout))
                print(f"round {number + 1}  {reader:7} {kept[-1]['per_second']:7.0f} pages/s", flush=True)
    for name, words in (("per_second", "pages/s"), ("per_cpu_second", "pages per CPU second")):
        ours, theirs = (statistics.median(one[name] for one in figures[who]) for who in ("soko", "scrapy"))
        print(f"{words}: soko {ours:.0f}, scrapy {theirs:.0f}, ratio {ours / theirs:.1f}")


if __name__ == "__main__":
    main()
