"""What every source of a catalogue offers, and which one reads a seller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from marketplace.catalog.products import Seller, SourcedProduct
from marketplace.errors import ConfigurationError
from marketplace.ingestion.web import Validators
from marketplace.settings import Settings

if TYPE_CHECKING:
    from marketplace.ingestion.visits import Visit


@dataclass(frozen=True, slots=True)
class ProductRef:
    """A product that a scan found, by the source's own id."""

    source_ref: str
    url: str | None = None
    harvest: Mapping[str, Any] | None = None  # what the listing said, where it says all that a product page would


@dataclass(frozen=True, slots=True)
class Trace:
    """One answer that a scan rested on; when all are the same again, so is the scan."""

    url: str
    validators: Validators


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found, in order of discovery.

    Only a complete scan proves that a product which it did not find is gone.
    """

    refs: tuple[ProductRef, ...]
    is_complete: bool
    note: str = ""
    traces: tuple[Trace, ...] = ()


class CatalogSource(Protocol):
    """Reads one seller's catalogue: first what there is, then each product."""

    reader: str
    """Name and version of the reader; pages that another one read are read again."""
    lists_other_pages: bool
    """Whether a scan may find pages that were never a product's, as a sitemap does."""

    async def scout(self, web: Visit) -> Scan:
        """What the catalogue shows.

        Raises
        ------
        SourceUnavailable
            If it does not answer; a rerun may find it awake.
        SourceRefused
            If it must not be read.
        FeedRejected
            If it is a feed that cannot be read as a whole.
        """
        ...

    def product_of(self, ref: ProductRef, content: bytes | None) -> SourcedProduct:
        """The product as its page shows it, or as its listing did where `ref.harvest` says all; pure.

        Raises
        ------
        InputRejected
            If that shows no product, naming what is wrong.
        """
        ...

    def picture(self, where: str) -> bytes | None:
        """The bytes of a picture that lies beside a feed, None for one that must be fetched.

        Raises
        ------
        InputRejected
            If it should lie there and does not.
        """
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

        return Feed(seller, settings)
    if seller.source_kind == "shopify":
        from marketplace.ingestion.shopify import Shopify

        return Shopify(seller, settings)
    if seller.source_kind == "woocommerce":
        from marketplace.ingestion.woocommerce import WooCommerce

        return WooCommerce(seller, settings)
    if seller.source_kind == "web_shop":
        from marketplace.ingestion.web_shops import WebShop

        return WebShop(seller, settings)
    from marketplace.ingestion.whatsapp import WhatsAppCatalog

    return WhatsAppCatalog(seller, settings)
