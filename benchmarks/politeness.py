"""How close to what ten hosts allow their pages are read, while some answers fail; and whether any host was wronged.

`python -m benchmarks.politeness` serves a shop on ten loopback hosts whose robots.txt names a crawl-delay. One
answer in ten fails (429 with Retry-After, 500 or 503). The cap is what the hosts allow: one request per crawl-delay
each, less the seconds for which they asked to be left alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
import urllib.request
from typing import Any

from benchmarks.fixture_shop import running
from marketplace.errors import MarketplaceError
from marketplace.ingestion.fetching import LARGEST_PAGE, Errand, Fetcher
from marketplace.ingestion.politeness import Tally
from marketplace.settings import Settings

TOLERANCE = 0.05  # of a second: what a busy machine puts between our sending and the host's clock


async def read_all(urls: list[str], pages: int) -> tuple[float, int]:
    """Seconds that it took to read every page of every host, and how many could not be read."""
    settings = Settings(_env_file=None, allow_private_hosts=True)
    began, failed = time.perf_counter(), 0
    async with Fetcher(settings) as fetcher:

        async def read(url: str, numbers: Any) -> None:
            nonlocal failed
            for number in numbers:
                try:
                    await fetcher.get(Errand(f"{url}/p/{number}", LARGEST_PAGE, Tally()))
                except MarketplaceError as error:
                    failed += 1
                    print(error)

        shared = [(url, iter(range(pages))) for url in urls]
        await asyncio.gather(*(read(url, numbers) for url, numbers in shared for _ in range(8)))
    return time.perf_counter() - began, failed


def judged(log: list[list[Any]], crawl_delay: float) -> tuple[float, int]:
    """The share of what the hosts allowed that was used, and how often one was asked too early."""
    used, allowed, early = 0.0, 0.0, 0
    for _, of_host in itertools.groupby(sorted(log), key=lambda row: row[0]):
        asked = list(of_host)
        times = [at for _, at, _ in asked]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        quiet = sum(1.0 for _, _, status in asked if status == 429)
        early += sum(gap < crawl_delay - TOLERANCE for gap in gaps)
        used += len(asked) - 1
        allowed += (times[-1] - times[0] - quiet) / crawl_delay
    return used / allowed, early


def main() -> None:
    """Print the share of the cap that was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--pages", type=int, default=150, help="of each host")
    parser.add_argument("--crawl-delay", type=float, default=0.2)
    parser.add_argument("--faults", type=float, default=0.1)
    chosen = parser.parse_args()
    options = {"delay": 0.05, "faults": chosen.faults, "hosts": chosen.hosts, "crawl_delay": chosen.crawl_delay}
    with running(chosen.pages, **options) as urls:
        seconds, failed = asyncio.run(read_all(urls, chosen.pages))
        with urllib.request.urlopen(f"{urls[0]}/log") as answer:
            log = json.load(answer)
    share, early = judged(log, chosen.crawl_delay)
    print(f"{len(log)} requests for {chosen.hosts * chosen.pages} pages in {seconds:.0f} s, {failed} not read")
    print(f"achieved / cap: {share:.3f}, hosts asked too early: {early}")


if __name__ == "__main__":
    main()
