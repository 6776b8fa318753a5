"""What a seller offers: the types that every package speaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from marketplace.errors import InputRejected

SourceKind = Literal["whatsapp", "web_shop", "shopify", "woocommerce", "feed"]
SellerState = Literal["pending", "active", "paused", "suspended"]
ChangeKind = Literal[
    "new", "gone", "back", "price", "stock", "title", "description", "image", "category", "link", "seller"
]
PriceKind = Literal["single", "from", "range"]
Verdict = Literal["approved", "flagged", "rejected"]
UPLOADED = "upload:"  # before the name of a feed that a seller handed over
# Characters; what is longer fits neither an index of Postgres nor a page.
LONGEST: Mapping[str, int] = MappingProxyType(
    {"source_ref": 200, "title": 1_000, "category": 200, "description": 20_000, "url": 2_000, "image_url": 2_000}
)


def stable_id(*parts: object) -> int:
    """A number that is the same for the same parts, on every machine and in every run.

    53 bits of BLAKE2b, so that JavaScript can hold it: at a million products
    the chance of any collision is about 6 in 100,000, and a collision fails on the
    primary key instead of mixing two products.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 11


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in minor units (cents) of an ISO currency, or a range of amounts, and what it buys.

    A price with `up_to_minor` is a range; "from" is a lowest amount without a highest. `quantity` and `unit`
    are what the amount is for: 1 of no named unit unless the seller says "per kg" or "3 for 1000".
    """

    amount_minor: int
    currency: str
    up_to_minor: int | None = None
    kind: PriceKind = "single"
    quantity: Decimal = Decimal(1)
    unit: str | None = None

    def __post_init__(self) -> None:
        if self.up_to_minor is not None and self.kind == "single":
            object.__setattr__(self, "kind", "range")


def is_polled(source_kind: SourceKind, source_url: str | None) -> bool:
    """Whether the heartbeat reads this catalogue: every page, and a feed that has an address or was uploaded."""
    return source_kind != "feed" or (source_url or "").startswith(("http://", "https://", UPLOADED))


@dataclass(frozen=True, slots=True)
class Seller:
    """Someone whose catalogue is kept here."""

    seller_id: int
    handle: str
    name: str
    phone: str | None
    city: str | None
    country: str
    currency: str
    source_kind: SourceKind
    source_url: str | None
    state: SellerState = "active"

    @property
    def is_polled(self) -> bool:
        """Whether the catalogue can be read at any time."""
        return is_polled(self.source_kind, self.source_url)


@dataclass(frozen=True, slots=True)
class SourcedProduct:
    """A product as its source shows it, before it is stored.

    `source_ref` is the source's own id, unique within the seller. `price` is
    None where the source shows none; nothing is guessed. `origins` says in which part of
    the source a field was read, such as "json-ld" or "open-graph".

    Raises
    ------
    InputRejected
        If a text is longer than products have them, naming it.
    """

    source_ref: str
    title: str
    url: str | None = None
    description: str = ""
    category: str = ""
    price: Price | None = None
    image_url: str | None = None
    in_stock: bool = True
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)

    def __post_init__(self) -> None:
        for name, most in LONGEST.items():
            length = len(getattr(self, name) or "")
            if length > most:
                raise InputRejected(f"the {name} has {length} characters, more than {most}")

    def content_hash(self, image_sha256: str | None) -> str:
        """Sixty-four hex digits that change when anything a shopper sees changes."""
        price = self.price
        seen: list[object] = [
            self.title,
            self.description,
            self.category,
            self.url,
            self.image_url,
            image_sha256,
            self.in_stock,
            _seen_price(price) if price else None,
        ]
        return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode()).hexdigest()


def _seen_price(price: Price) -> list[object]:
    """The parts of a price that a hash covers: kind, quantity and unit only where they say something."""
    amounts: list[object] = [price.amount_minor, price.up_to_minor, price.currency]
    if price.kind == "from" or price.quantity != 1 or price.unit is not None:
        amounts += [price.kind, str(price.quantity.normalize()), price.unit]
    return amounts


@dataclass(frozen=True, slots=True)
class Product:
    """A stored product: what its source shows, who sells it, and when it was seen."""

    product_id: int
    seller_id: int
    source_ref: str
    title: str
    url: str | None
    description: str
    category: str
    price: Price | None
    image_url: str | None
    image_sha256: str | None
    in_stock: bool
    content_hash: str
    is_gone: bool
    first_seen_at: datetime
    last_seen_at: datetime
    last_hydrated_at: datetime

    def as_sourced(self) -> SourcedProduct:
        """The product as its source last showed it."""
        return SourcedProduct(
            source_ref=self.source_ref,
            title=self.title,
            url=self.url,
            description=self.description,
            category=self.category,
            price=self.price,
            image_url=self.image_url,
            in_stock=self.in_stock,
        )
