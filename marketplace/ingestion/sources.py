"""What every source of a catalogue offers, and which one reads a seller."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import ConfigurationError
from marketplace.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProductRef:
    """A product that a scan found, by the source's own id."""

    source_ref: str
    url: str | None = None
    harvest: Mapping[str, Any] | None = None  # what the listing said, where it says all that a product page would


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found, in order of discovery.

    Only a complete scan proves that a product which it did not find is gone.
    """

    refs: tuple[ProductRef, ...]
    is_complete: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hydration:
    """What became of one product: read, gone, or refused with the reason.

    `image` holds the bytes of the picture as fetched; None where there is none, and then
    `image_refusal` says why if one was promised.
    """

    ref: ProductRef
    product: SourcedProduct | None
    image: bytes | None = None
    is_gone: bool = False
    refusal: str = ""
    image_refusal: str = ""


class CatalogSource(Protocol):
    """Reads one seller's catalogue: first what there is, then each product."""

    def scout(self) -> Scan:
        """What the catalogue shows.

        Raises
        ------
        SourceUnavailable
            If it does not answer; a rerun may find it awake.
        SourceRefused
            If it must not be read.
        """
        ...

    def hydrate(self, refs: Sequence[ProductRef]) -> Iterator[Hydration]:
        """One outcome for each product, in the order asked for; one bad product stops no other."""
        ...


def source_for(seller: Seller, settings: Settings) -> CatalogSource:
    """The source that reads this seller.

    Raises
    ------
    ConfigurationError
        If the seller has no address to read.
    """
    if not seller.source_url:
        raise ConfigurationError(f"seller {seller.handle} has no source_url")
    if seller.source_kind == "feed":
        from marketplace.ingestion.feeds import Feed

        return Feed(Path(seller.source_url), seller, settings)
    from marketplace.ingestion.shop_pages import ShopPages

    return ShopPages(seller, settings)


def hydrated_at_once(
    hydrate: Callable[[ProductRef], Hydration], refs: Sequence[ProductRef], *, threads: int
) -> Iterator[Hydration]:
    """The outcome for each product, in order, worked out by several threads.

    Threads run a little ahead of the reader and no further, so that pictures do not pile up in memory.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="hydrate")
    guarded = partial(_never_raising, hydrate)
    ahead: deque[Future[Hydration]] = deque()
    try:
        for ref in refs:
            ahead.append(pool.submit(guarded, ref))
            if len(ahead) >= 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _never_raising(hydrate: Callable[[ProductRef], Hydration], ref: ProductRef) -> Hydration:
    try:
        return hydrate(ref)
    except Exception as error:  # whatever one page brings about, it must not stop the others
        log.exception("%s could not be read", ref.source_ref)
        return Hydration(ref, None, refusal=f"{type(error).__name__}: {error}")
