"""Reading many products at once: pages fetched on the event loop, read and re-encoded off it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from marketplace.catalog.products import Product, SourcedProduct
from marketplace.errors import (
    ImageRejected,
    InputRejected,
    LoginWall,
    MarketplaceError,
    NoProduct,
    SourceRefused,
    SourceUnavailable,
)
from marketplace.ingestion.sources import CatalogSource, ProductRef
from marketplace.ingestion.visits import Visit
from marketplace.ingestion.web import Validators
from marketplace.storage.images import Images

log = logging.getLogger(__name__)
READERS = 2  # threads that read pages and pictures


@dataclass(frozen=True, slots=True)
class PageSeen:
    """What is to be kept of a page, so that the next sync may ask whether it changed."""

    url: str
    role: str
    validators: Validators
    read_as: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something could not be read: the stage (fetch, read or picture), the class of the error, and its words."""

    stage: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hydration:
    """What became of one product: read, unchanged, gone, or refused with the reason.

    `image_sha256` names the stored picture, None without one. `product` is None for what is gone, refused, passed
    over (a page that never was a product's) or unchanged; of the last, `image_sha256` is still told.
    """

    ref: ProductRef
    product: SourcedProduct | None = None
    image_sha256: str | None = None
    evidence: str | None = None
    is_gone: bool = False
    is_unchanged: bool = False
    is_passed_over: bool = False
    refusals: tuple[Refusal, ...] = ()
    pages: tuple[PageSeen, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether the product itself could not be read; a picture that could not leaves it standing."""
        return not (self.product or self.is_gone or self.is_unchanged or self.is_passed_over)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a seller before a sync: its products by source id, and each page's validators and reading."""

    products: Mapping[str, Product]
    pages: Mapping[str, PageSeen]


class Hydrator:
    """Reads the products of one seller.

    Parameters
    ----------
    at_once
        How many products are on their way at any time.
    currency
        Of the seller: a page that names none is another one in another currency.
    """

    def __init__(
        self,
        source: CatalogSource,
        web: Visit,
        images: Images,
        known: Knowledge,
        *,
        at_once: int,
        currency: str,
    ) -> None:
        self.source = source
        self.web = web
        self.images = images
        self.known = known
        self.at_once = at_once
        self.reader = f"{source.reader} {currency}"
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")

    async def read(self, refs: Sequence[ProductRef]) -> AsyncGenerator[Hydration]:
        """One outcome for each product, as they come; one bad product stops no other."""
        waiting = iter(refs)
        done: asyncio.Queue[Hydration] = asyncio.Queue(2 * self.at_once)

        async def work() -> None:
            for ref in waiting:
                await done.put(await self._never_raising(ref))

        workers = [asyncio.create_task(work()) for _ in range(min(self.at_once, len(refs)))]
        try:
            for _ in refs:
                yield await done.get()
        finally:
            for worker in workers:
                worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*workers, return_exceptions=True)
            self._pool.shutdown(wait=False, cancel_futures=True)

    def harvested(self, ref: ProductRef) -> str:
        """The hash of what the listing said of a product; of the reader where the product's own page is read."""
        if ref.harvest is not None:
            return _of_harvest(ref, self.reader).validators.content_sha256
        return hashlib.sha256(self.reader.encode()).hexdigest()

    async def _never_raising(self, ref: ProductRef) -> Hydration:
        try:
            return await self._read(ref)
        except MarketplaceError as error:
            stage = "read" if isinstance(error, InputRejected) else "fetch"
            return Hydration(ref, refusals=(Refusal(stage, type(error).__name__, str(error)),))
        except Exception as error:  # whatever one page brings about, it must not stop the others
            log.exception("%s could not be read", ref.source_ref)
            stage = "fetch" if isinstance(error, OSError) else "read"  # a full disk says nothing of the product
            return Hydration(ref, refusals=(Refusal(stage, type(error).__name__, str(error)),))

    async def _read(self, ref: ProductRef) -> Hydration:
        known = self.known.products.get(ref.source_ref)
        if ref.harvest is not None:
            page = _of_harvest(ref, self.reader)
            if known is not None and not known.is_gone and self.known.pages.get(page.url) == page:
                return await self._as_known(ref, known, page)
            return await self._as_read(ref, None, page)
        before = self.known.pages.get(ref.url or "")
        is_usable = before is not None and before.read_as == self.reader and known and not known.is_gone
        was_none = before is not None and known is None and before.read_as == self._as_none
        is_asked = is_usable or was_none
        answer = await self.web.page(ref.url or "", known=before.validators if before and is_asked else None)
        if answer.is_gone:
            return Hydration(ref, is_gone=True)
        if answer.validators is None:
            raise SourceRefused(f"{ref.url} answered {answer.status} without a body")
        page = PageSeen(ref.url or "", "product", answer.validators, self.reader)
        if answer.is_unchanged and known is not None:
            return await self._as_known(ref, known, page)
        none = Hydration(ref, is_passed_over=True, pages=(replace(page, read_as=self._as_none),))
        if answer.is_unchanged:
            return none
        try:
            return await self._as_read(ref, answer.content, page)
        except LoginWall:
            raise
        except NoProduct:
            if known is not None or not self.source.lists_other_pages:
                raise
            return none

    @property
    def _as_none(self) -> str:
        return f"{self.reader}: no product"

    async def _as_known(self, ref: ProductRef, known: Product, page: PageSeen) -> Hydration:
        """Of a page that is unchanged only the picture may have changed."""
        picture = await self._picture(known.image_url, known)
        return Hydration(
            ref,
            image_sha256=picture.sha256,
            evidence=page.validators.content_sha256,
            is_unchanged=True,
            refusals=picture.refusals,
            pages=(page, *picture.pages),
        )

    async def _as_read(self, ref: ProductRef, content: bytes | None, page: PageSeen) -> Hydration:
        product = await self._off_loop(self.source.product_of, ref, content)
        picture = await self._picture(product.image_url, self.known.products.get(ref.source_ref))
        return Hydration(
            ref,
            product,
            image_sha256=picture.sha256,
            evidence=page.validators.content_sha256,
            refusals=picture.refusals,
            pages=(page, *picture.pages),
        )

    async def _picture(self, where: str | None, known: Product | None) -> _Picture:
        """The stored picture; one that does not answer today leaves the one we have, one that is broken does not."""
        if where is None:
            return _Picture(None)
        stands = known.image_sha256 if known is not None and known.image_url == where else None
        before = self.known.pages.get(where)
        is_kept = stands is not None and self.images.path(stands).exists()
        is_usable = before is not None and is_kept and before.read_as == stands
        try:
            content = self.source.picture(where)
            if content is not None:
                return _Picture(await self._off_loop(self.images.put, content))
            answer = await self.web.picture(where, known=before.validators if before and is_usable else None)
            if answer.is_gone or answer.validators is None:
                raise SourceRefused(f"the picture {where} answered {answer.status}")
            sha256 = stands if answer.is_unchanged else await self._off_loop(self.images.put, answer.content)
            return _Picture(sha256, pages=(PageSeen(where, "picture", answer.validators, sha256 or ""),))
        except (ImageRejected, InputRejected) as error:
            return _Picture(None, (_refused_picture(error),))
        except (SourceRefused, SourceUnavailable) as error:
            return _Picture(stands, (_refused_picture(error),))

    async def _off_loop(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


@dataclass(frozen=True, slots=True)
class _Picture:
    sha256: str | None
    refusals: tuple[Refusal, ...] = ()
    pages: tuple[PageSeen, ...] = ()


def _refused_picture(error: MarketplaceError) -> Refusal:
    return Refusal("picture", type(error).__name__, f"image: {error}")


def _of_harvest(ref: ProductRef, reader: str) -> PageSeen:
    said = json.dumps(ref.harvest, sort_keys=True, ensure_ascii=False, default=str)
    validators = Validators(None, None, hashlib.sha256(said.encode()).hexdigest())
    return PageSeen(f"harvest:{ref.source_ref}", "harvest", validators, reader)
