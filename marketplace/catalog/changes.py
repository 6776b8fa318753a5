"""What differs between a stored product and what its source shows now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marketplace.catalog.products import ChangeKind, Price, Product, SourcedProduct

KINDS: Mapping[str, ChangeKind] = MappingProxyType(
    {
        "price": "price",
        "in_stock": "stock",
        "title": "title",
        "description": "description",
        "category": "category",
        "url": "link",
        "image_url": "image",
        "image": "image",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; `field` is None for a product that is new, gone or back."""

    kind: ChangeKind
    field: str | None = None
    old: str | None = None
    new: str | None = None


def changes_between(known: Product, shown: SourcedProduct, image_sha256: str | None) -> list[Change]:
    """Every field a shopper sees that differs, the price first; nothing for an unchanged product.

    A product that was gone and is shown again is back, with what differs from when it went.
    """
    before, now = written(known, known.image_sha256), written(shown, image_sha256)
    found = [Change(KINDS[name], name, before[name], now[name]) for name in now if before[name] != now[name]]
    return [Change("back"), *found] if known.is_gone else found


def written(product: Product | SourcedProduct, image_sha256: str | None) -> dict[str, str | None]:
    """Each field a shopper sees, as history keeps it: text, or None where there is none."""
    return {
        "price": price_written(product.price),
        "in_stock": "yes" if product.in_stock else "no",
        "title": product.title,
        "description": product.description,
        "category": product.category,
        "url": product.url,
        "image_url": product.image_url,
        "image": image_sha256,
    }


def price_written(price: Price | None) -> str | None:
    """A price as history keeps it, in minor units: "129900 KES", "64600-74000 KES", "45000 KES from for 2 kg"."""
    if price is None:
        return None
    upper = f"-{price.up_to_minor}" if price.up_to_minor is not None else ""
    lowest = " from" if price.kind == "from" else ""
    goods = [] if price.quantity == 1 and price.unit is None else [f"{price.quantity.normalize():f}", price.unit or ""]
    return f"{price.amount_minor}{upper} {price.currency}{lowest}" + (
        f" for {' '.join(goods).strip()}" if goods else ""
    )
