"""One seller's view of the network during a sync: the run's client, what is known of the pages, and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from marketplace.ingestion.browser import Chromium
from marketplace.ingestion.fetching import LARGEST_IMAGE, LARGEST_LISTING, LARGEST_PAGE, Errand, Fetcher
from marketplace.ingestion.politeness import Tally
from marketplace.ingestion.sources import Scan
from marketplace.ingestion.web import Answer, Validators
from marketplace.storage.kept_pages import KeptPages


@dataclass(slots=True)
class Visit:
    """What a source asks of the network; `learned` holds what the listings said, to be asked conditionally next time.

    Parameters
    ----------
    last_scan
        The seller's last scan, where it was complete and its sync ended well.
    """

    fetcher: Fetcher
    chromium: Chromium
    kept: KeptPages
    known: Mapping[str, Validators] = field(default_factory=dict)
    last_scan: Scan | None = None
    tally: Tally = field(default_factory=Tally)
    learned: dict[str, Validators] = field(default_factory=dict)

    async def page(self, url: str, *, known: Validators | None = None) -> Answer:
        """As `Web.page`."""
        return await self.fetcher.get(Errand(url, LARGEST_PAGE, self.tally, known))

    async def picture(self, url: str, *, known: Validators | None = None) -> Answer:
        """As `page`, for a picture."""
        return await self.fetcher.get(Errand(url, LARGEST_IMAGE, self.tally, known))

    async def listing(self, url: str) -> Answer:
        """As `Web.listing`."""
        known = self.known.get(url)
        kept = self.kept.get(url, known.content_sha256) if known else None
        answer = await self.fetcher.get(Errand(url, LARGEST_LISTING, self.tally, known if kept is not None else None))
        if answer.is_gone or answer.validators is None:
            return answer
        self.learned[url] = answer.validators
        if answer.is_unchanged and kept is not None:
            content, headers = kept
            return Answer(answer.status, content, answer.url, {**headers, **answer.headers}, answer.validators)
        self.kept.put(url, answer.content, answer.headers)
        return answer

    async def refuse_forbidden(self, url: str) -> None:
        """Returns for an address that robots.txt lets us read; raises as `Fetcher.refuse_forbidden`."""
        await self.fetcher.refuse_forbidden(url, self.tally)
