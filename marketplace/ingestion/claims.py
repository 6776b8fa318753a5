"""What the parts of a source say of a product, and the product that they agree on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.catalog.prices import currency_code, read_price
from marketplace.catalog.products import Price, SourcedProduct
from marketplace.catalog.text import fit_text

MOST_NESTED = 10
MOST_LISTED = 1_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Offer:
    """An amount as a source writes it, or the two ends of a range; `currency` may be a code or a seller's word."""

    low: str
    high: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one part of a source says of a product; what it leaves empty, another may say.

    `origin` names the part, such as "json-ld". No offers mean that no price is named; None for `in_stock`
    that nothing is said.
    """

    origin: str
    title: str = ""
    description: str = ""
    category: str = ""
    image_url: str = ""
    offers: tuple[Offer, ...] = ()
    in_stock: bool | None = None


def product_from(
    claims: Sequence[Claim], *, source_ref: str, url: str | None, currency: str, url_origin: str
) -> SourcedProduct:
    """The product of which, field by field, the first claim that says anything is believed.

    Parameters
    ----------
    currency
        Of the seller's market, where no claim names one.

    Raises
    ------
    InputRejected
        If a price is none or a text too long.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {"url": url_origin} if url else {}
    for claim in reversed(claims):
        for name in ("title", "description", "category", "image_url", "offers", "in_stock"):
            said = getattr(claim, name)
            if said is not None and said not in ("", ()):
                values[name] = said
                origins["price" if name == "offers" else name] = claim.origin
    price = price_of(values.pop("offers", ()), currency)
    return SourcedProduct(source_ref=source_ref, url=url, price=price, origins=origins, **values)


def price_of(offers: Iterable[Offer], market: str) -> Price | None:
    """One price, or the range that several offers span, None where they name none.

    Offers in several currencies are not converted: those in the market's count, or else those in the first one's.

    Raises
    ------
    PriceUnreadable
        If an amount or currency is none.
    """
    prices = [price for offer in offers if (price := _read(offer, market)) is not None]
    if not prices:
        return None
    named = {price.currency for price in prices}
    currency = market if market in named else prices[0].currency
    ends = [
        end
        for price in prices
        if price.currency == currency
        for end in (price.amount_minor, price.up_to_minor or price.amount_minor)
    ]
    low, high = min(ends), max(ends)
    return Price(low, currency, high if high > low else None)


def text_of(value: Any) -> str:
    """A value from outside as one line of text; empty where it is neither a text nor a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return fit_text(str(value))


def storable(value: Any, *, depth: int = MOST_NESTED) -> Any:
    """The value as JSON that Postgres can keep: no NUL, no half of a surrogate pair, bounded in depth and length."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MOST_LISTED] if depth else []
        return {_UNSTORABLE.sub("", str(name)): storable(inner, depth=depth - 1) for name, inner in pairs}
    if isinstance(value, list | tuple):
        return [storable(inner, depth=depth - 1) for inner in value[:MOST_LISTED]] if depth else []
    return value if value is None or isinstance(value, bool | int) else str(value)


def _read(offer: Offer, market: str) -> Price | None:
    currency = currency_code(offer.currency) if offer.currency else market
    return read_price(f"{offer.low} - {offer.high}" if offer.high else offer.low, currency)
