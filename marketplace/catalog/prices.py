"""Prices as African sellers write them, read into minor units; and written again for a reader."""

from __future__ import annotations

from marketplace.catalog.pricing.currencies import currency_code, minor_digits
from marketplace.catalog.pricing.offers import read_offer
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

__all__ = ["currency_code", "format_price", "minor_digits", "read_price"]

SHOWN = {"KES": "KSh", "TZS": "TSh", "UGX": "USh", "ETB": "Br", "GHS": "GH₵", "NGN": "₦", "ZAR": "R", "RWF": "FRw"}
THREE_DIGITS = 3


def read_price(text: str, currency: str) -> Price | None:
    """The amount or range that the text names, None where it says that there is no price.

    Parameters
    ----------
    text
        As the seller wrote it: "KSh 1,299", "2500/=", "KSh 646 - KSh 740", "N/A".
    currency
        ISO code of the seller's market, used where the text names none.

    Raises
    ------
    PriceUnreadable
        If the text is no price, or names a currency that is not known.
    """
    try:
        return read_offer(text, currency).price
    except PriceUnreadable as error:
        if error.reason == "no_price":
            return None
        raise


def format_price(price: Price) -> str:
    """The price for a reader: "KSh 1,299", "KSh 646 - 740", "from KSh 500", "KSh 450 / kg", "KSh 1,000 for 3"."""
    sign = SHOWN.get(price.currency, price.currency)
    amounts = [price.amount_minor] if price.up_to_minor is None else [price.amount_minor, price.up_to_minor]
    shown = f"{sign} {' - '.join(_shown(amount, price.currency) for amount in amounts)}"
    return f"{'from ' if price.kind == 'from' else ''}{shown}{_goods(price)}"


def _goods(price: Price) -> str:
    """What the price is for, "" where nothing was said."""
    if price.quantity == 1:
        return f" / {price.unit}" if price.unit else ""
    return f" for {price.quantity.normalize():f}{f' {price.unit}' if price.unit else ''}"


def _shown(minor: int, currency: str) -> str:
    """The amount without cents where there are none, but always with them where thousandths could be thousands."""
    digits = minor_digits(currency)
    whole, cents = divmod(minor, 10**digits)
    return f"{whole:,}.{cents:0{digits}d}" if cents or digits == THREE_DIGITS else f"{whole:,}"
