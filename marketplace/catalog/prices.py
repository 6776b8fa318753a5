"""Prices as African sellers write them, read into minor units; and written again for a reader."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from babel.numbers import get_currency_precision, list_currencies

from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

SYMBOLS = {
    "KES": ("ksh", "kshs", "kes", "bob"),
    "TZS": ("tsh", "tshs", "tzs"),
    "UGX": ("ush", "ushs", "ugx"),
    "RWF": ("frw", "rwf"),
    "ETB": ("birr", "etb", "br", "ብር"),
    "GHS": ("gh₵", "ghs", "ghc", "₵", "gh¢"),
    "NGN": ("₦", "ngn", "naira"),
    "ZAR": ("zar", "rand"),
    "USD": ("$", "usd"),
}
# What means another money in each country: the seller's market decides.
LOCAL_WORDS = {
    "KES": ("sh", "shs"),
    "TZS": ("sh", "shs"),
    "UGX": ("sh", "shs"),
    "XOF": ("cfa", "fcfa", "f"),
    "XAF": ("cfa", "fcfa", "f"),
    "MZN": ("mt", "mtn"),
    "ZMW": ("k",),
    "MWK": ("k", "mk"),
    "BWP": ("p",),
    "NAD": ("$", "n$"),
    "ZAR": ("r",),
}
LONGEST_TEXT = 80
SHOWN = {"KES": "KSh", "TZS": "TSh", "UGX": "USh", "ETB": "Br", "GHS": "GH₵", "NGN": "₦", "ZAR": "R", "RWF": "FRw"}
NO_PRICE = {"", "n/a", "na", "none", "null", "-", "ask", "call", "call us", "contact for price", "price on request"}
LARGEST_MINOR = 10**14
_AMOUNT = (
    r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?"
    r"|\d{1,3}(?:\s\d{3})+(?!\d)(?:[.,]\d{1,2}(?!\d))?"
    r"|\d+(?:\.\d+|,\d{1,2}(?!\d))?)"
)
_ISO_CODES = frozenset(list_currencies())
_CURRENCY_WORDS = {word: code for code, words in SYMBOLS.items() for word in words}
_FORM = re.compile(
    rf"^(?P<before>[^\d\s.\-]*)\.?\s*(?P<low>{_AMOUNT})\s*(?P<after>[^\d\s.,/\-=]*)\s*(?:/[=\-]*|\.?-|=)?"
    rf"(?:\s*(?:-|–|to)\s*(?P<before2>[^\d\s.\-]*)\.?\s*(?P<high>{_AMOUNT})\s*(?:/[=\-]*)?)?$",
    re.IGNORECASE,
)


def minor_digits(currency: str | None) -> int:
    """How many digits a currency keeps after the point: 2 for KES, 0 for UGX and RWF.

    Source: Unicode CLDR, through babel.
    """
    return int(get_currency_precision(currency)) if currency else 2


def currency_code(text: str) -> str:
    """The ISO code of a currency, from the code itself in any case or a seller's word for it, such as "KSh".

    Raises
    ------
    PriceUnreadable
        If there is no such currency.
    """
    word = text.strip(". ").casefold()
    code = word.upper() if word.upper() in _ISO_CODES else _CURRENCY_WORDS.get(word)
    if code is None:
        raise PriceUnreadable(f"{text!r} is no currency")
    return code


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
    cleaned = " ".join(text.replace("\u00a0", " ").split())
    if cleaned.casefold() in NO_PRICE:
        return None
    if len(cleaned) > LONGEST_TEXT:
        raise PriceUnreadable(f"{cleaned[:LONGEST_TEXT]!r}... is longer than any price")
    form = _FORM.match(cleaned)
    if form is None:
        raise PriceUnreadable(f"{text!r} is no price")
    named = _currency_of(text, form["before"] or form["after"] or form["before2"] or "", currency)
    low = _minor(text, form["low"], named)
    high = _minor(text, form["high"], named) if form["high"] else None
    if high is not None and high < low:
        raise PriceUnreadable(f"{text!r} is a range that falls")
    return Price(low, named, high if high != low else None)


def format_price(price: Price) -> str:
    """The price for a reader: "KSh 1,299", "USh 45,000", "KSh 646 - 740"; no cents when there are none."""
    sign = SHOWN.get(price.currency, price.currency)
    amounts = [price.amount_minor] if price.up_to_minor is None else [price.amount_minor, price.up_to_minor]
    return f"{sign} {' - '.join(_shown(amount, price.currency) for amount in amounts)}"


def _currency_of(text: str, word: str, market: str) -> str:
    word = word.strip(". ").casefold()
    if not word:
        return market
    if word in LOCAL_WORDS.get(market, ()) or word in SYMBOLS.get(market, ()):
        return market
    if word in _CURRENCY_WORDS:
        return _CURRENCY_WORDS[word]
    raise PriceUnreadable(f"{text!r} names no currency we know: {word!r}")


def _minor(text: str, digits: str, currency: str) -> int:
    try:
        pointed = re.sub(r",(\d{1,2})$", r".\1", digits)  # a decimal comma
        amount = Decimal(re.sub(r"[,\s]", "", pointed)).scaleb(minor_digits(currency))
    except InvalidOperation as error:
        raise PriceUnreadable(f"{text!r} is no price") from error
    whole = amount.to_integral_value()
    if whole != amount:
        raise PriceUnreadable(f"{text!r} has more decimals than {currency} keeps")
    if whole > LARGEST_MINOR:
        raise PriceUnreadable(f"{text!r} is larger than any price")
    return int(whole)


def _shown(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    whole, cents = divmod(minor, 10**digits)
    return f"{whole:,}.{cents:0{digits}d}" if cents else f"{whole:,}"
