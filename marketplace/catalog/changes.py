"""What differs between a stored product and what its source shows now."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.catalog.products import ChangeKind, Price, Product, SourcedProduct


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; `field` is None for a product that is new or gone."""

    kind: ChangeKind
    field: str | None = None
    old: str | None = None
    new: str | None = None


def changes_between(known: Product, shown: SourcedProduct, image_sha256: str | None) -> list[Change]:
    """Every field a shopper sees that differs, the price first; nothing for an unchanged product.

    A product that was gone and is shown again has the change `status`, from gone to live.
    """
    fields = [
        ("title", known.title, shown.title),
        ("description", known.description, shown.description),
        ("category", known.category, shown.category),
        ("url", known.url, shown.url),
        ("image_url", known.image_url, shown.image_url),
        ("image", known.image_sha256, image_sha256),
        ("in_stock", _yes_no(known.in_stock), _yes_no(shown.in_stock)),
        ("status", "gone" if known.is_gone else "live", "live"),
    ]
    found = [Change("other", name, old, new) for name, old, new in fields if old != new]
    if known.price != shown.price:
        found.insert(0, Change("price", "price", _written(known.price), _written(shown.price)))
    return found


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _written(price: Price | None) -> str | None:
    if price is None:
        return None
    upper = f"-{price.up_to_minor}" if price.up_to_minor is not None else ""
    return f"{price.amount_minor}{upper} {price.currency}"
